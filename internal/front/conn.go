package front

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// States of a connection. Who would close one that is idle, and it itself when a request comes, race for the state.
const (
	idle int32 = iota
	busy
	done
)

// conn is one connection, with a goroutine of its own.
type conn struct {
	net.Conn
	front   *Listener
	r       *bufio.Reader
	address string
	state   atomic.Int32
	gone    bool // nothing more will come that could be answered
	answer  answer
	// When reading and writing end unless that is put off. Doing so for each request would cost more than reading it.
	readBy, writeBy time.Time
}

// serve answers requests until the connection ends or is handed over.
func (c *conn) serve() {
	defer c.front.forget(c)
	for c.await() {
		request, body := c.read()
		if request == nil && !c.gone {
			c.handOver()
			return
		}
		if request == nil || !c.handle(request, body) || !c.goOn() {
			break
		}
	}
	_ = c.Close()
}

// await waits for the next request to begin.
func (c *conn) await() bool {
	now := time.Now()
	switch {
	case c.readBy.IsZero(): // who connects has something to ask
		c.readUntil(now.Add(c.front.config.HeadTimeout))
	case c.readBy.Sub(now) < c.front.config.IdleTimeout/2:
		c.readUntil(now.Add(c.front.config.IdleTimeout))
	}
	_, err := c.r.Peek(1)
	return err == nil && c.state.CompareAndSwap(idle, busy)
}

func (c *conn) readUntil(t time.Time) {
	c.readBy = t
	_ = c.SetReadDeadline(t) // fails for connections that are closed, which reading tells
}

// hurry bounds the rest of a head that has not come whole.
func (c *conn) hurry() {
	if by := time.Now().Add(c.front.config.HeadTimeout); by.Before(c.readBy) {
		c.readUntil(by)
	}
}

// handle has a request answered, and says whether the connection is still good.
func (c *conn) handle(request *http.Request, body *body) (ok bool) {
	defer putBody(body)
	defer func() {
		if p := recover(); p != nil {
			ok = false
			if p != http.ErrAbortHandler { //nolint:errorlint // it is never wrapped
				c.front.config.Logger.Error("a handler panicked", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			}
		}
	}()
	c.answer.reset()
	c.front.config.Handler.ServeHTTP(&c.answer, request)
	now := time.Now()
	if c.writeBy.Sub(now) < c.front.config.WriteTimeout/2 {
		c.writeBy = now.Add(c.front.config.WriteTimeout)
		_ = c.SetWriteDeadline(c.writeBy) // as above
	}
	return c.answer.send(c.Conn, now, c.front.draining.Load()) == nil && body.broken == nil
}

// goOn makes the connection wait for the next request, unless the front is shutting down.
func (c *conn) goOn() bool {
	c.state.Store(idle)
	return !c.front.draining.Load() || !c.state.CompareAndSwap(idle, done)
}

// handOver gives the connection to net/http, with what was read of it and not used.
func (c *conn) handOver() {
	_ = c.SetDeadline(time.Time{}) // net/http sets its own
	select {
	case c.front.handed <- &handedOver{c.Conn, c.r}:
	case <-c.front.closed:
		_ = c.Close()
	}
}

// handedOver is a connection whose beginning was read already.
type handedOver struct {
	net.Conn
	r *bufio.Reader
}

// Read implements net.Conn.
func (h *handedOver) Read(p []byte) (int, error) { return h.r.Read(p) }

// CloseWrite lets net/http close one way first, as placed does.
func (h *handedOver) CloseWrite() error {
	if c, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
