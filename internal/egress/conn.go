package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// Conn is a TCP connection with any number of TLS sessions on top: none, one with the proxy or the receiver, or one with the
// receiver inside one with the proxy. It can prove that no layer holds unread bytes; see [Conn.Clean].
type Conn struct {
	net.Conn // the top layer
	socket   *socket
	records  []*records // the input of each TLS session, outermost first
	probe    [1]byte    // Clean reads into it
}

func newConn(c net.Conn) (*Conn, error) {
	s := &socket{Conn: c}
	if raw, ok := c.(syscall.Conn); ok {
		var err error
		if s.raw, err = raw.SyscallConn(); err != nil {
			return nil, err
		}
	}
	return &Conn{Conn: s, socket: s}, nil
}

// Secure starts a TLS session on top of the connection.
func (c *Conn) Secure(ctx context.Context, config *tls.Config) error {
	r := &records{Conn: c.Conn}
	session := tls.Client(r, config)
	if err := session.HandshakeContext(ctx); err != nil {
		return err
	}
	c.Conn, c.records = session, append(c.records, r)
	return nil
}

// ErrUnsolicited is what [Conn.Clean] returns when the peer sent bytes that nobody has read.
var ErrUnsolicited = errors.New("unread bytes on an idle connection")

// Clean returns nil if the connection is open and no layer holds unread bytes: not the socket, not a TLS record that has
// arrived whole or in part, not a record inside another one. It returns [ErrUnsolicited] if the peer has sent something, and
// another error if the connection is closed, cannot be checked, or holds a part of a TLS record. Session tickets and key
// updates are part of TLS: Clean processes them, and they do not count.
//
// Clean never blocks. It changes the deadlines, and nobody else may use the connection meanwhile. After an error the
// connection must be closed.
func (c *Conn) Clean() error {
	if c.socket == nil || c.socket.raw == nil {
		return errors.New("the connection cannot be polled")
	}
	// Polling fails after the read deadline. TLS may want to write, which could block: a write fails at once instead.
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if err := c.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		return err
	}
	c.socket.polling = true
	defer func() { c.socket.polling = false }()
	n, err := c.Read(c.probe[:])
	switch {
	case n > 0:
		return ErrUnsolicited
	case err != errNothingToRead: //nolint:errorlint // the very error of the socket, which every layer hands on
		return fmt.Errorf("idle connection: %w", err)
	}
	for _, r := range c.records {
		if !r.atBoundary() {
			return errors.New("idle connection: a part of a TLS record has arrived")
		}
	}
	return nil
}

// socket is a TCP connection that can be polled. While it is, Read fails with errNothingToRead instead of waiting.
type socket struct {
	net.Conn
	raw     syscall.RawConn // nil: cannot be polled
	polling bool
	poll    poll
}

// Read implements [io.Reader].
func (s *socket) Read(p []byte) (int, error) {
	if s.polling {
		return s.poll.read(s.raw, p)
	}
	return s.Conn.Read(p)
}

// errNothingToRead is temporary, so that crypto/tls does not keep it.
var errNothingToRead error = nothingToRead{}

type nothingToRead struct{}

func (nothingToRead) Error() string   { return "nothing to read" }
func (nothingToRead) Timeout() bool   { return true }
func (nothingToRead) Temporary() bool { return true }

// records hands bytes to a TLS session and follows the framing of records in them (RFC 8446, section 5.1: a type, two bytes
// of version, two bytes of length, the content). A session that wants more input at a record boundary has consumed everything; one
// that wants more inside a record holds a part of it.
type records struct {
	net.Conn
	header int // bytes seen of the header
	length int // of the content, once the header is complete; then what is left of it
}

const recordHeader = 5

// Read implements [io.Reader].
func (r *records) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.follow(p[:n])
	return n, err
}

func (r *records) follow(p []byte) {
	for len(p) > 0 {
		if r.header < recordHeader {
			if r.header >= recordHeader-2 {
				r.length = r.length<<8 | int(p[0])
			}
			r.header++
			p = p[1:]
		} else {
			n := min(r.length, len(p))
			r.length -= n
			p = p[n:]
		}
		if r.header == recordHeader && r.length == 0 {
			r.header = 0
		}
	}
}

func (r *records) atBoundary() bool { return r.header == 0 }
