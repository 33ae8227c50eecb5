package send

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
)

// probedConn is an idle connection and whether the pool has closed it.
type probedConn struct {
	net.Conn
	closed bool
}

// Close implements net.Conn.
func (c *probedConn) Close() error {
	c.closed = true
	return nil
}

// keep puts a new connection into the pool.
func keep(p *pool, to origin, keepFor time.Duration) *probedConn {
	c := new(probedConn)
	p.put(to, carteiro.ID{1}, &conn{Conn: &egress.Conn{Conn: c}}, keepFor)
	return c
}

func host(n int) origin { return origin{address: fmt.Sprintf("192.0.2.%d:443", n)} }

// A full pool closes the connection that has been idle longest, whatever its origin is, and counts on.
func TestAFullPoolClosesTheConnectionThatWasIdleLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(egress.New(true))
		defer p.close()
		var kept []*probedConn
		for n := range maxIdle {
			kept = append(kept, keep(p, host(n%5), maxIdleTime))
			<-time.After(time.Microsecond)
		}
		for n := range 7 {
			kept = append(kept, keep(p, host(1), maxIdleTime))
			if p.count != maxIdle {
				t.Fatalf("%d are counted as idle, want %d", p.count, maxIdle)
			}
			for i, c := range kept {
				if want := i <= n; c.closed != want {
					t.Fatalf("%d beyond the maximum: connection %d is closed: %v", n+1, i, c.closed)
				}
			}
		}
		total := 0
		for _, idle := range p.idle {
			total += len(idle)
		}
		if total != maxIdle {
			t.Errorf("%d are kept, want %d", total, maxIdle)
		}
	})
}

// Idle connections are closed when their time is over, without anybody asking for one, and then the pool has no timer.
func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(egress.New(true))
		defer p.close()
		short, long, other := keep(p, host(1), 5*time.Second), keep(p, host(1), time.Hour), keep(p, host(2), 5*time.Second)
		check := func(after time.Duration, count int, closed ...bool) {
			t.Helper()
			<-time.After(after)
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			for i, c := range []*probedConn{short, long, other} {
				if c.closed != closed[i] {
					t.Errorf("connection %d is closed: %v", i, c.closed)
				}
			}
			if p.count != count {
				t.Errorf("%d are counted as idle, want %d", p.count, count)
			}
		}
		check(4*time.Second, 3, false, false, false)
		check(sweepInterval, 1, true, false, true)
		check(maxIdleTime+sweepInterval, 0, true, true, true)
		if p.sweep != nil || len(p.idle) != 0 {
			t.Errorf("an empty pool remembers %d origins; it has a timer: %v", len(p.idle), p.sweep != nil)
		}
		again := keep(p, host(1), 5*time.Second)
		<-time.After(2 * sweepInterval)
		synctest.Wait()
		if !again.closed {
			t.Error("a connection that was kept later is not closed in time")
		}
	})
}

// To let go closes every idle connection, and says whether that has freed any descriptor: if not, another try is of no use.
func TestLettingGoTellsWhetherItFreedAnything(t *testing.T) {
	p := newPool(egress.New(true))
	defer p.close()
	if p.closeOneIdle() {
		t.Error("an empty pool says that it freed descriptors")
	}
	one, other := keep(p, host(1), maxIdleTime), keep(p, host(2), maxIdleTime)
	if !p.closeOneIdle() || !one.closed || !other.closed || p.count != 0 || p.closeOneIdle() {
		t.Errorf("closed: %v, %v; %d are counted as idle", one.closed, other.closed, p.count)
	}
}

// A connection that comes back to a closed pool is closed.
func TestAClosedPoolKeepsNothing(t *testing.T) {
	p := newPool(egress.New(true))
	before := keep(p, host(1), maxIdleTime)
	p.close()
	if after := keep(p, host(1), maxIdleTime); !before.closed || !after.closed || p.count != 0 {
		t.Errorf("closed: %v, %v; %d are counted as idle", before.closed, after.closed, p.count)
	}
}

// The connections of an origin that is distrusted are closed and no longer counted, those of others stay.
func TestDistrustClosesTheConnectionsOfTheOrigin(t *testing.T) {
	p := newPool(egress.New(true))
	defer p.close()
	one, two, other := keep(p, host(1), maxIdleTime), keep(p, host(1), maxIdleTime), keep(p, host(2), maxIdleTime)
	p.markMisbehaving(host(1))
	if !one.closed || !two.closed || other.closed || p.count != 1 {
		t.Errorf("closed: %v, %v, of another origin %v; %d are counted as idle", one.closed, two.closed, other.closed, p.count)
	}
}

// A sender that is closed leaves no connection to a receiver open.
func TestAClosedSenderLeavesNoConnection(t *testing.T) {
	s := New(egress.New(true), "1.2.3")
	c := keep(s.pool, host(1), maxIdleTime)
	s.Close()
	if !c.closed {
		t.Error("an idle connection is still open")
	}
}
