package send

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
)

// conn is an HTTP/1.1 connection to a receiver, used by one exchange at a time. The goroutine that sends also writes and
// reads; there is no other goroutine for a connection.
type conn struct {
	*egress.Conn
	room     int64 // bytes of a response's head that may still be read
	failed   error // why nothing more can be read
	answered bool  // a byte has arrived since the current request began

	// Set by the pool when the connection becomes idle.
	usedBy    carteiro.ID // webhook that used it last
	idleSince time.Time
	useBefore time.Time
}

// Bounds of an exchange, in bytes.
const (
	// maxReadAhead is the largest request that is written before the response is read: it fits into the sockets' buffers, so
	// that writing it does not wait for a receiver that responds before it reads, or instead.
	maxReadAhead = 64 << 10
	// headBuffer holds the head of a usual response.
	headBuffer = 4 << 10
	// unlimited is more than any response has.
	unlimited = 1 << 62
)

// unused returns how long a connection that was taken from the pool and not used may be kept; a new one, so long.
func (c *conn) unused(fresh time.Duration) time.Duration {
	if c.useBefore.IsZero() {
		return fresh
	}
	return time.Until(c.useBefore)
}

// Read implements [io.Reader] for the parser of responses. It bounds their heads.
func (c *conn) Read(p []byte) (int, error) {
	if c.room <= 0 {
		return 0, errHeadTooLong
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.room)])
	c.room -= int64(n)
	c.answered = c.answered || n > 0
	if n > 0 {
		return n, nil // a failure comes again
	}
	c.failed = err
	return 0, err
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, headBuffer) }}

// exchange sends a request and passes the response to read, which reports whether it has read the whole body. It ends by the
// deadline, and at once when ctx ends. keepFor is how long the connection may be kept for another exchange; 0: it must
// be closed. It returns [egress.ErrUnsolicited] if the receiver sent more than a response; read has succeeded then.
func (c *conn) exchange(
	ctx context.Context, deadline time.Time, request request, read func(r *http.Response, body io.Reader) (whole bool, err error),
) (keepFor time.Duration, err error) {
	if err := c.SetDeadline(deadline); err != nil {
		return 0, err
	}
	undisturbed := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer undisturbed()
	c.answered, c.failed = false, nil
	out := c.write(request)
	r := readers.Get().(*bufio.Reader)
	r.Reset(c)
	defer func() {
		r.Reset(nil) // the pool must not keep the connection
		readers.Put(r)
	}()
	response, err := c.readHead(r) //nolint:bodyclose // closing it would read on; the connection is closed instead
	if err != nil {
		return 0, out.or(err)
	}
	sent := out.done() // before the response, or it came early: the receiver may not read the rest
	whole, err := read(response, bodyOf(response, r))
	switch {
	case err != nil || !whole:
		return 0, err
	case r.Buffered() > 0:
		return 0, egress.ErrUnsolicited
	case reusable(response) && sent && undisturbed():
		return keepAlive(response), nil
	default:
		return 0, nil
	}
}

// readHead reads the head of the final response and skips interim ones.
func (c *conn) readHead(r *bufio.Reader) (*http.Response, error) {
	c.room = maxResponseHeaders
	for {
		response, err := http.ReadResponse(r, nil)
		switch {
		case err != nil && errors.Is(c.failed, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil && c.failed != nil: // the parser may call the part that has arrived malformed
			return nil, c.failed
		case err != nil:
			return nil, invalidHead(err)
		case response.ProtoMajor != 1:
			return nil, invalidf("version %s", response.Proto)
		case response.StatusCode < 100:
			return nil, invalidf("status %03d", response.StatusCode)
		case response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols:
			continue
		}
		c.room = unlimited
		return response, nil
	}
}

// bodyOf returns the body of a response whose head was read from r.
func bodyOf(response *http.Response, r *bufio.Reader) io.Reader {
	if len(response.TransferEncoding) > 0 && response.Body != http.NoBody {
		return &chunked{r: r}
	}
	return response.Body
}

// requestWriter is a request on its way.
type requestWriter struct {
	err  error
	rest chan error // of a request that is written while its response is awaited; nil if it has been written
}

// write sends a request: at once, or if it is large, while its response is awaited.
func (c *conn) write(r request) requestWriter {
	if r.size() <= maxReadAhead {
		return requestWriter{err: c.writeAll(r)}
	}
	out := requestWriter{rest: make(chan error, 1)}
	go func() { out.rest <- c.writeAll(r) }()
	return out
}

func (c *conn) writeAll(r request) error {
	if _, err := c.Write(*r.wire); err != nil || len(r.body) == 0 {
		return err
	}
	_, err := c.Write(r.body)
	return err
}

// done reports whether the whole request has been written.
func (o requestWriter) done() bool {
	if o.rest == nil {
		return o.err == nil
	}
	select {
	case err := <-o.rest:
		return err == nil
	default:
		return false
	}
}

// or returns the cause to report when reading the response failed with err: why the request could not be written, if it
// could not. The receiver's own word goes first: with TLS 1.3 it may reject the client in an alert that arrives after the
// handshake, and close the connection under the request.
func (o requestWriter) or(err error) error {
	if o.err != nil && !isTLS(err) {
		return o.err
	}
	return err
}
