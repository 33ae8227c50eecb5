package send

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"syscall"
	"time"

	"carteiro/internal/egress"
)

const (
	// maxIdle is how many connections are kept for later, over all receivers.
	maxIdle = 2048
	// maxIdleTime is how long one is kept.
	maxIdleTime = time.Minute
)

// origin is where connections lead to; webhooks of one origin share them.
type origin struct {
	address string // host and port, as they are dialled
	secured string // the name that the certificate must be for; empty without TLS
}

// pool keeps idle connections, and makes new ones. It has a timer only while it keeps any.
type pool struct {
	guard *egress.Guard

	mu     sync.Mutex
	idle   map[origin][]*conn // the one used last at the end
	count  int
	sweep  *time.Timer
	closed bool
}

func newPool(guard *egress.Guard) *pool {
	return &pool{guard: guard, idle: make(map[origin][]*conn)}
}

// get gives a connection, kept or new. HTTP/1.1 is all that is asked for: a lane has a handful of requests in flight,
// and each wants a timeout and an end of its own.
func (p *pool) get(ctx context.Context, to origin, deadline time.Time) (*conn, error) {
	for c := p.take(to); c != nil; c = p.take(to) {
		if c.quiet() {
			return c, nil
		}
		_ = c.Close()
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	dialled, err := p.guard.Dial(ctx, to.address)
	if lack(err) != nil && p.letGo() {
		dialled, err = p.guard.Dial(ctx, to.address)
	}
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: dialled}
	if s, ok := below(dialled).(syscall.Conn); ok {
		if c.socket, err = s.SyscallConn(); err != nil {
			_ = dialled.Close()
			return nil, err
		}
	}
	if to.secured == "" {
		return c, nil
	}
	secured := tls.Client(dialled, p.guard.TLS(to.secured))
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = dialled.Close()
		return nil, err
	}
	c.Conn = secured
	return c, nil
}

// below gives what carries a connection: TCP, where a proxy that is spoken to in TLS stands between.
func below(c net.Conn) net.Conn {
	if secured, ok := c.(*tls.Conn); ok {
		return secured.NetConn()
	}
	return c
}

// take takes the kept connection that was used last, if there is one.
func (p *pool) take(to origin) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.idle[to]
	if len(kept) == 0 {
		return nil
	}
	last := len(kept) - 1
	c := kept[last]
	kept[last] = nil
	p.idle[to] = kept[:last]
	p.count--
	return c
}

// put keeps a connection for later. When there are too many, the one that was not used for the longest goes.
func (p *pool) put(to origin, c *conn) {
	c.idleSince = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return
	}
	if p.count == maxIdle {
		p.closeOldest()
	}
	p.idle[to] = append(p.idle[to], c)
	p.count++
	if p.sweep == nil {
		p.sweep = time.AfterFunc(maxIdleTime, p.closeOld)
	}
}

// closeOldest closes the connection that has been idle for the longest. The mutex is held.
func (p *pool) closeOldest() {
	var from origin
	var oldest *conn
	for to, kept := range p.idle {
		if len(kept) > 0 && (oldest == nil || kept[0].idleSince.Before(oldest.idleSince)) {
			from, oldest = to, kept[0]
		}
	}
	_ = oldest.Close()
	p.idle[from] = p.idle[from][1:]
	p.count--
}

// closeOld closes what has been idle for too long, and comes again when there is something left.
func (p *pool) closeOld() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for to, kept := range p.idle {
		old := 0
		for old < len(kept) && now.Sub(kept[old].idleSince) >= maxIdleTime {
			_ = kept[old].Close()
			old++
		}
		p.count -= old
		if p.idle[to] = kept[old:]; len(kept) == old {
			delete(p.idle, to)
		}
	}
	p.sweep = nil
	if len(p.idle) > 0 {
		p.sweep = time.AfterFunc(maxIdleTime/4, p.closeOld)
	}
}

// letGo closes what is kept, so that others may have its descriptors, and says whether there was anything.
func (p *pool) letGo() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	had := p.count > 0
	p.closeAll()
	return had
}

// close closes what is kept, and whatever comes back.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.closeAll()
	if p.sweep != nil {
		p.sweep.Stop()
	}
}

// closeAll closes what is kept. The mutex is held.
func (p *pool) closeAll() {
	for _, kept := range p.idle {
		for _, c := range kept {
			_ = c.Close()
		}
	}
	clear(p.idle)
	p.count = 0
}
