package dispatch

import (
	"errors"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
)

// proxyState knows whether the egress proxy can be used. While it cannot, attempts that need it are held: each keeps its slot and
// tries again with a backoff, and no attempt is consumed. Every delivery needs the proxy, so no other one waits for those slots.
type proxyState struct {
	mu        sync.Mutex
	downSince time.Time // zero: it works, as far as is known
	worked    time.Time // when it last made a connection to some receiver
}

// maxStrikes is how often the proxy may fail one attempt while it makes connections for others. After that, the target must be
// the reason, and the attempt fails: a receiver that the proxy chokes on is not held forever.
const maxStrikes = 5

// heldByProxy is what an attempt remembers while the proxy is unavailable.
type heldByProxy struct {
	failed  time.Time // the last time
	strikes int
}

// watchProxy notes what an outcome says about the proxy. If the proxy was unavailable, the attempt is held, or fails: a test
// fails at once, since someone waits for it.
func (d *Dispatcher) watchProxy(delivery *carteiro.Delivery, held *heldByProxy, o *carteiro.Outcome) {
	if !errors.Is(o.NotSent, carteiro.ErrProxy) {
		d.proxyWorked(o)
		return
	}
	if d.proxyFailed(held, o.NotSent) || delivery.Trigger == carteiro.TriggerTest {
		o.NotSent = nil
	}
}

// proxyFailed notes that the proxy was unavailable to an attempt, and reports whether the attempt must fail.
func (d *Dispatcher) proxyFailed(held *heldByProxy, err error) (giveUp bool) {
	now := time.Now()
	p := &d.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if !held.failed.IsZero() && p.worked.After(held.failed) {
		held.strikes++
	}
	held.failed = now
	if held.strikes >= maxStrikes {
		return true
	}
	if p.downSince.IsZero() {
		p.downSince = now
		d.Logger.Error("egress proxy unavailable; holding deliveries", "error", err)
	}
	return false
}

// proxyWorked notes that the proxy has made a connection, if it has.
func (d *Dispatcher) proxyWorked(o *carteiro.Outcome) {
	if o.Tunneled.IsZero() {
		return
	}
	p := &d.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	p.worked = o.Tunneled
	if !p.downSince.IsZero() && o.Tunneled.After(p.downSince) {
		d.Logger.Info("egress proxy recovered; resuming deliveries", "outage", o.Tunneled.Sub(p.downSince).Round(time.Millisecond))
		p.downSince = time.Time{}
	}
}

// ProxyDown reports whether this node holds deliveries because the egress proxy is unavailable.
func (d *Dispatcher) ProxyDown() bool {
	d.proxy.mu.Lock()
	defer d.proxy.mu.Unlock()
	return !d.proxy.downSince.IsZero()
}
