package app

import (
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
)

// tooManyConnections is the body of the response to a connection over the limit.
const tooManyConnections = `{"success":false,"message":"Too many connections are open. Please try again later.","code":"TOO_MANY_CONNECTIONS"}`

// refuseTimeout is how long a refused client has to read its response. Closing a connection while bytes from the client are
// unread would discard the response.
const refuseTimeout = 2 * time.Second

// limitListener accepts at most max connections at a time (0: no limit). It answers 503 on every further connection, so
// that the client can back off. netutil.LimitListener would leave that client waiting without a response.
type limitListener struct {
	net.Listener
	max    int
	ids    *carteiro.IDSource
	logger *slog.Logger

	mu      sync.Mutex
	open    int
	refused int // connections over the limit that still read their 503
}

// Accept implements [net.Listener].
func (l *limitListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			l.logger.Warn("cannot accept connections; retrying", "error", err)
			return nil, err
		}
		switch admitted, tell := l.admit(); {
		case admitted:
			return &limitedConn{Conn: c, release: sync.OnceFunc(l.release)}, nil
		case tell:
			go l.refuse(c)
		default:
			_ = c.Close()
		}
	}
}

// admit counts a new connection. Over the limit, tell reports whether the client gets a 503; under a flood most do not.
func (l *limitListener) admit() (admitted, tell bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.max == 0 || l.open < l.max:
		l.open++
		return true, false
	case l.refused <= l.max/8:
		l.refused++
		return false, true
	}
	return false, false
}

func (l *limitListener) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

// refuse answers 503 and closes the connection.
func (l *limitListener) refuse(c net.Conn) {
	defer func() {
		_ = c.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.refused--
	}()
	id := l.ids.New(l.ids.Now()).String()
	l.logger.Debug("connection refused: too many are open", "request_id", id, "address", c.RemoteAddr().String())
	_ = c.SetDeadline(time.Now().Add(refuseTimeout)) // fails only on a closed connection, as Write then does
	_, err := c.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nX-Request-Id: " + id +
		"\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: " + strconv.Itoa(len(tooManyConnections)) + "\r\n\r\n" + tooManyConnections))
	if err != nil || closeWrite(c) != nil {
		return
	}
	var unread [1 << 10]byte
	for range 64 {
		if _, err := c.Read(unread[:]); err != nil {
			return
		}
	}
}

// limitedConn counts against the limit until it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

// Close implements [net.Conn].
func (c *limitedConn) Close() error {
	c.release()
	return c.Conn.Close()
}

// CloseWrite lets net/http close only its side first, so that the client receives the response to a request that the server
// did not read to the end.
func (c *limitedConn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if c, ok := c.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
