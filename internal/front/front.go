// Package front takes the requests that come by the thousand, events being published, off their connections itself, and
// leaves every other connection to net/http. What it leaves out is what makes it quick: a goroutine a request that watches
// for the client to hang up, contexts, timers for each phase of a request, headers copied and sorted.
//
// It reads only what is plain, HTTP/1.1 with a Content-Length and a small head and body, through net/http's own parser.
// Whatever is not plain or not valid about a request hands its connection over untouched, so that net/http answers it as
// ever. docs/decisions/0025-http-of-our-own.md says what it brings.
package front

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds, in bytes, of what is plain. What is larger costs so much that net/http's share of it is small.
const (
	maxHead = 4 << 10
	maxBody = 64 << 10
)

// Config is what a front is made of; all of it but MaxConnections and Name must be set.
type Config struct {
	Handler http.Handler
	// Takes says by method and path, as they stand in the first line, which requests are the front's. Their handler must
	// not need the request's context, nor a response that is more than a header and a body.
	Takes func(method, path string) bool
	// IdleTimeout is how long a connection may be unused: between half of it and all. HeadTimeout is how long a request's
	// head may take to arrive once begun, or the first one to begin; ReadTimeout its body, WriteTimeout its answer to leave.
	IdleTimeout, HeadTimeout, ReadTimeout, WriteTimeout time.Duration
	Logger                                              *slog.Logger
	// Name makes a name for an answer that no handler gives: its X-Request-Id. It is asked only with MaxConnections.
	Name func() string
	// MaxConnections is how many connections may be open at once, those of net/http among them; 0: any number. One more is
	// answered 503.
	MaxConnections int
}

// Listener stands before net/http's server and gives it the connections that are not the front's. A connection that was
// handed over stays there.
type Listener struct {
	config Config
	inner  net.Listener
	handed chan net.Conn // to net/http
	faults chan error    // of accepting, likewise
	close  func() error
	closed chan struct{} // no new connections

	places   places
	draining atomic.Bool
	mu       sync.Mutex
	conns    map[*conn]struct{}
	serving  sync.WaitGroup
}

// New puts a front before a listener.
func New(inner net.Listener, c Config) *Listener {
	l := &Listener{
		config: c, inner: inner,
		handed: make(chan net.Conn), faults: make(chan error), closed: make(chan struct{}), conns: make(map[*conn]struct{}),
		places: places{most: c.MaxConnections, name: c.Name, logger: c.Logger},
	}
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		return l.inner.Close()
	})
	go l.take()
	return l
}

// take is the loop that begins to serve connections. After a fault it waits for net/http to take it, which pauses.
func (l *Listener) take() {
	for {
		c, err := l.inner.Accept()
		switch {
		case err != nil:
		case l.places.take():
			l.serve(&placed{Conn: c, free: sync.OnceFunc(l.places.free)})
			continue
		default:
			l.places.refuse(c)
			continue
		}
		if !errors.Is(err, net.ErrClosed) {
			l.config.Logger.Warn("cannot accept connections; trying again", "error", err)
		}
		select {
		case l.faults <- err:
		case <-l.closed:
			return
		}
	}
}

func (l *Listener) serve(raw net.Conn) {
	c := &conn{
		Conn: raw, front: l, r: bufio.NewReaderSize(raw, maxHead),
		address: raw.RemoteAddr().String(), answer: answer{header: make(http.Header)},
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining.Load() {
		_ = raw.Close()
		return
	}
	l.conns[c] = struct{}{}
	l.serving.Go(c.serve)
}

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// Accept implements [net.Listener] for net/http.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.handed:
		return c, nil
	case err := <-l.faults:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Addr implements [net.Listener].
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close implements [net.Listener]: it takes no new connections. Those that the front serves go on until Shutdown.
func (l *Listener) Close() error { return l.close() }

// Shutdown takes no new connections, closes those that are idle, and waits for the requests under way until ctx ends, when
// it cuts them off. Connections that were handed over are net/http's.
func (l *Listener) Shutdown(ctx context.Context) error {
	err := l.Close()
	l.draining.Store(true)
	l.each(func(c *conn) {
		if c.state.CompareAndSwap(idle, done) {
			_ = c.Close()
		}
	})
	cut := context.AfterFunc(ctx, func() { l.each(func(c *conn) { _ = c.Close() }) })
	defer cut()
	l.serving.Wait()
	return err
}

func (l *Listener) each(do func(*conn)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		do(c)
	}
}
