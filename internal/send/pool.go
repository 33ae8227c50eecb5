package send

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
)

const (
	// maxIdle is how many idle connections the pool keeps, over all receivers.
	maxIdle = 2048
	// maxIdleTime is how long it keeps one, unless the receiver asks for less.
	maxIdleTime = time.Minute
	// sweepInterval is how often it closes those that have been kept for too long.
	sweepInterval = maxIdleTime / 4
	// settling is how long a connection must have been idle before another webhook may use it. A receiver that sends
	// more than its response usually does so at once.
	settling = 20 * time.Millisecond
)

// origin is where a connection leads, and whose it is. Webhooks of one environment share connections to an origin.
// Environments never do: whatever a receiver of one sends, it cannot reach a delivery of another.
type origin struct {
	environment carteiro.ID
	address     string // host and port to dial
	secured     string // name that the certificate must be valid for; empty without TLS
}

// pool keeps idle connections and dials new ones. It has a timer only while it keeps any.
type pool struct {
	guard *egress.Guard

	mu     sync.Mutex
	idle   map[origin][]*conn // in the order of their last use
	count  int
	unruly misbehaving
	sweep  *time.Timer
	closed bool
}

func newPool(guard *egress.Guard) *pool {
	return &pool{guard: guard, idle: make(map[origin][]*conn), unruly: make(misbehaving)}
}

// get returns an idle connection that is provably clean, or a new one.
func (p *pool) get(ctx context.Context, to origin, webhook carteiro.ID, deadline time.Time) (c *conn, reused bool, err error) {
	for c := p.take(to, webhook); c != nil; c = p.take(to, webhook) {
		err := c.Clean()
		if err == nil {
			return c, true, nil
		}
		_ = c.Close()
		if errors.Is(err, egress.ErrUnsolicited) {
			p.markMisbehaving(to)
		}
	}
	c, err = p.dial(ctx, to, deadline)
	return c, false, err
}

// dial makes a new connection. It speaks HTTP/1.1 only: a lane has a handful of requests in flight, and each needs its own
// timeout.
func (p *pool) dial(ctx context.Context, to origin, deadline time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	dialed, err := p.guard.Dial(ctx, to.address)
	if resourceExhaustion(err) != nil && p.closeOneIdle() {
		dialed, err = p.guard.Dial(ctx, to.address)
	}
	if err != nil {
		return nil, err
	}
	if to.secured != "" {
		if err := dialed.Secure(ctx, p.guard.TLS(to.secured)); err != nil {
			_ = dialed.Close()
			return nil, err
		}
	}
	return &conn{Conn: dialed}, nil
}

// take removes the connection from the pool that was used last, among those that the webhook may use.
func (p *pool) take(to origin, webhook carteiro.ID) *conn {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range slices.Backward(p.idle[to]) {
		if c.usedBy != webhook && now.Sub(c.idleSince) < settling {
			continue
		}
		p.idle[to] = slices.Delete(p.idle[to], i, i+1)
		p.count--
		if now.Before(c.useBefore) {
			return c
		}
		_ = c.Close()
	}
	return nil
}

// put keeps a connection that the webhook has used. If there are too many, the one that was idle longest is closed.
func (p *pool) put(to origin, webhook carteiro.ID, c *conn, keepFor time.Duration) {
	now := time.Now()
	c.usedBy, c.idleSince, c.useBefore = webhook, now, now.Add(min(keepFor, maxIdleTime))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || keepFor <= 0 || p.unruly.has(to, now) {
		_ = c.Close()
		return
	}
	if p.count == maxIdle {
		p.closeOldest()
	}
	p.idle[to] = append(p.idle[to], c)
	p.count++
	if p.sweep == nil {
		p.sweep = time.AfterFunc(sweepInterval, p.closeOld)
	}
}

// markMisbehaving closes the idle connections to an origin that sent more than its responses, and keeps none for a while.
func (p *pool) markMisbehaving(to origin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unruly.add(to, time.Now())
	for _, c := range p.idle[to] {
		_ = c.Close()
	}
	p.count -= len(p.idle[to])
	delete(p.idle, to)
}

// misbehaving maps origins that sent bytes outside of a response to the time until which their connections are not reused.
// Such bytes can arrive while the next request is on its way, when nobody can tell them from its response.
type misbehaving map[origin]time.Time

const (
	misbehavingFor = 10 * time.Minute
	maxMisbehaving = 1024
)

func (u misbehaving) has(to origin, now time.Time) bool {
	until, ok := u[to]
	return ok && now.Before(until)
}

func (u misbehaving) add(to origin, now time.Time) {
	for other, until := range u {
		if len(u) >= maxMisbehaving || !now.Before(until) {
			delete(u, other)
		}
	}
	u[to] = now.Add(misbehavingFor)
}

// closeOldest closes the connection that has been idle longest. The mutex is held.
func (p *pool) closeOldest() {
	var from origin
	var oldest *conn
	for to, kept := range p.idle {
		if len(kept) > 0 && (oldest == nil || kept[0].idleSince.Before(oldest.idleSince)) {
			from, oldest = to, kept[0]
		}
	}
	_ = oldest.Close()
	p.idle[from] = slices.Delete(p.idle[from], 0, 1)
	p.count--
}

// closeOld closes connections that have been idle for too long, and runs again later if any are left.
func (p *pool) closeOld() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for to, kept := range p.idle {
		before := len(kept)
		kept = slices.DeleteFunc(kept, func(c *conn) bool {
			old := !now.Before(c.useBefore)
			if old {
				_ = c.Close()
			}
			return old
		})
		p.count -= before - len(kept)
		if p.idle[to] = kept; len(kept) == 0 {
			delete(p.idle, to)
		}
	}
	p.sweep = nil
	if len(p.idle) > 0 {
		p.sweep = time.AfterFunc(sweepInterval, p.closeOld)
	}
}

// closeOneIdle closes all idle connections to free their descriptors, and reports whether there were any.
func (p *pool) closeOneIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	had := p.count > 0
	p.closeAll()
	return had
}

// close closes all idle connections, and those in use when they come back.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.closeAll()
	if p.sweep != nil {
		p.sweep.Stop()
	}
}

// closeAll closes all idle connections. The mutex is held.
func (p *pool) closeAll() {
	for _, kept := range p.idle {
		for _, c := range kept {
			_ = c.Close()
		}
	}
	clear(p.idle)
	p.count = 0
}
