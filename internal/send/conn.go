package send

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// conn is an HTTP/1.1 connection to a receiver, used by one exchange at a time. The goroutine that sends is also the one
// that writes and reads; none waits beside it.
type conn struct {
	net.Conn                  // TCP, or TLS over it
	socket    syscall.RawConn // below TLS; nil where there is no telling
	room      int64           // how much more may be read of an answer's head, in bytes
	idleSince time.Time
}

// Bounds of an exchange, in bytes.
const (
	// maxAhead is how much is written before anybody reads: what the sockets' buffers hold, so that writing it does not
	// wait for a receiver that answers before it reads, or instead.
	maxAhead = 64 << 10
	// headBuffer holds the head of a usual answer.
	headBuffer = 4 << 10
	// unlimited is more than any answer has.
	unlimited = 1 << 62
)

var errHeadTooLong = errors.New("the answer's headers are too long")

// Read is for the parser of answers: it keeps the bound on their heads.
func (c *conn) Read(p []byte) (int, error) {
	if c.room <= 0 {
		return 0, errHeadTooLong
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.room)])
	c.room -= int64(n)
	return n, err
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, headBuffer) }}

// exchange sends a request and hands the answer to read, which tells whether it read the body to its end. It is over by
// the deadline, and at once when ctx ends. reusable says whether the connection is fit for another exchange.
func (c *conn) exchange(
	ctx context.Context, deadline time.Time, request request, read func(*http.Response) (whole bool, err error),
) (reusable bool, err error) {
	if err := c.SetDeadline(deadline); err != nil {
		return false, err
	}
	undisturbed := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer undisturbed()
	out := c.write(request)
	r := readers.Get().(*bufio.Reader)
	r.Reset(c)
	defer func() {
		r.Reset(nil) // the pool must not keep the connection
		readers.Put(r)
	}()
	response, err := c.readHead(r) //nolint:bodyclose // closing it would read on; the connection is what is closed
	if err != nil {
		return false, out.or(err)
	}
	whole, err := read(response)
	fit := whole && !response.Close && r.Buffered() == 0 && out.done() && undisturbed()
	return fit, err
}

// readHead reads the head of the final answer, past those that only inform.
func (c *conn) readHead(r *bufio.Reader) (*http.Response, error) {
	c.room = maxResponseHeaders
	for {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return nil, err
		}
		informs := response.StatusCode <= 199 && response.StatusCode != http.StatusSwitchingProtocols
		if !informs {
			c.room = unlimited
			return response, nil
		}
	}
}

// outgoing is a request on its way.
type outgoing struct {
	err  error
	rest chan error // of a request that goes out while its answer is awaited; nil when all has gone out
}

// write sends a request: at once, or if it is large, while its answer is awaited.
func (c *conn) write(r request) outgoing {
	if r.size() <= maxAhead {
		return outgoing{err: c.writeAll(r)}
	}
	out := outgoing{rest: make(chan error, 1)}
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

// done says whether all of the request has gone out.
func (o outgoing) done() bool {
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

// or gives what is to be told when no answer came: why the request could not be sent, if it could not.
func (o outgoing) or(err error) error {
	if o.err != nil {
		return o.err
	}
	return err
}

// quiet says whether an idle connection is as it was left. One that the receiver has closed, or on which it speaks
// unasked, must not be used again: whether a request that goes out on it was received, nobody could tell.
func (c *conn) quiet() bool {
	if c.socket == nil {
		return true
	}
	quiet := false
	err := c.socket.Read(func(fd uintptr) bool {
		quiet = nothingToRead(fd)
		return true
	})
	return err == nil && quiet
}
