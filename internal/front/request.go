package front

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
)

var endOfHead = []byte("\r\n\r\n")

// read reads a request with its body. It is nil, and nothing of the connection used up, when the request is not the
// front's to answer.
func (c *conn) read() (*http.Request, *body) {
	if !c.writeBy.IsZero() {
		c.skipBreaks()
	}
	head := c.peekHead()
	request := c.parse(head)
	if request == nil {
		return nil, nil
	}
	request.RemoteAddr = c.address
	_, _ = c.r.Discard(len(head)) // it was peeked at
	b := c.readBody(int(request.ContentLength))
	request.Body = b
	return request, b
}

// skipBreaks passes over line breaks that some clients send behind a body, as net/http does (RFC 9112, section 2.2).
func (c *conn) skipBreaks() {
	seen, _ := c.r.Peek(min(4, c.r.Buffered()))
	_, _ = c.r.Discard(len(seen) - len(bytes.TrimLeft(seen, "\r\n")))
}

// peekHead gives a request's head; nil when it is too long, or ends early.
func (c *conn) peekHead() []byte {
	for {
		seen, _ := c.r.Peek(c.r.Buffered()) // what is buffered can be peeked at
		if at := bytes.Index(seen, endOfHead); at >= 0 {
			return seen[:at+len(endOfHead)]
		}
		if len(seen) == maxHead {
			return nil
		}
		c.hurry()
		if _, err := c.r.Peek(len(seen) + 1); err != nil {
			// net/http has nothing to say either to who is late, nor to a few bytes left over behind an answered request.
			c.gone = errors.Is(err, os.ErrDeadlineExceeded) || len(seen) < 4 && !c.writeBy.IsZero()
			return nil
		}
	}
}

// parser is net/http's, over a head.
type parser struct {
	head bytes.Reader
	r    *bufio.Reader
}

var parsers = sync.Pool{New: func() any {
	p := new(parser)
	p.r = bufio.NewReaderSize(&p.head, maxHead)
	return p
}}

// parse reads a head. It gives nil for all that is left to net/http: what is someone else's, special, or invalid.
func (c *conn) parse(head []byte) *http.Request {
	method, rest, _ := bytes.Cut(head, []byte{' '})
	path, _, _ := bytes.Cut(rest, []byte{' '})
	if !c.front.config.Takes(string(method), string(path)) {
		return nil
	}
	p := parsers.Get().(*parser)
	defer parsers.Put(p)
	p.head.Reset(head)
	p.r.Reset(&p.head)
	request, err := http.ReadRequest(p.r)
	// A head may end in line feeds alone, before the end that was looked for: what is left would be another request.
	whole := p.r.Buffered()+p.head.Len() == 0
	if err != nil || !whole || !isPlain(request) || !hasValidHeaders(request) {
		return nil
	}
	return request
}

// isPlain says whether a request is framed in the one way that is read here.
func isPlain(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.ProtoMinor == 1 && !r.Close && len(r.TransferEncoding) == 0 &&
		0 <= r.ContentLength && r.ContentLength <= maxBody && r.Header["Expect"] == nil && r.Header["Upgrade"] == nil
}

// hasValidHeaders makes the checks that net/http's server makes and its parser leaves out.
func hasValidHeaders(r *http.Request) bool {
	if r.Host == "" || !httpguts.ValidHostHeader(r.Host) {
		return false
	}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return false
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return false
			}
		}
	}
	return true
}

// body is a request's body, read before its handler begins.
type body struct {
	unread  bytes.Reader
	content []byte
	broken  error // why it is not whole
}

var bodies = sync.Pool{New: func() any { return new(body) }}

func putBody(b *body) {
	b.unread.Reset(nil)
	bodies.Put(b)
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.unread.Read(p)
	if err != nil && b.broken != nil {
		err = b.broken
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error { return nil }

func (c *conn) readBody(size int) *body {
	b := bodies.Get().(*body)
	if cap(b.content) < size {
		b.content = make([]byte, size)
	}
	b.content = b.content[:size]
	if c.r.Buffered() < size {
		c.readUntil(time.Now().Add(c.front.config.ReadTimeout))
	}
	n, err := io.ReadFull(c.r, b.content)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	b.content, b.broken = b.content[:n], err
	b.unread.Reset(b.content)
	return b
}
