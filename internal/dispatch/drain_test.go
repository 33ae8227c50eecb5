package dispatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/store"
)

// drain stops a node that may take several leases for it, and reports when it has stopped.
func (n *node) drain() <-chan struct{} {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ctx, cancel := context.WithTimeout(context.Background(), 4*dispatch.DefaultLease)
		defer cancel()
		n.Stop(ctx)
	}()
	return stopped
}

// sentOnce fails the test unless each event of the webhook was sent exactly once by one of the nodes, and succeeded.
func sentOnce(t *testing.T, w *carteiro.Webhook, events int, nodes ...*node) {
	t.Helper()
	requests := make(map[carteiro.ID]int)
	for _, n := range nodes {
		for _, s := range n.receivers.of(w) {
			requests[s.eventID]++
		}
	}
	for event, n := range requests {
		if n != 1 {
			t.Errorf("event %s was sent %d times", event, n)
		}
	}
	if got := nodes[0].statuses(w); len(requests) != events || got[carteiro.StatusSuccess] != events {
		t.Errorf("%d of %d events sent, log %v", len(requests), events, got)
	}
}

func TestADrainingNodeKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := start(t, shared)
		w := one.webhook(takes(3*dispatch.DefaultLease, 200))
		two := one.beside(t, w, takes(time.Second, 200))
		for range 4 { // all in flight
			one.publish(w)
		}
		elapse(time.Second)
		stopped := one.drain()
		elapse(4 * dispatch.DefaultLease)
		<-stopped
		sentOnce(t, w, 4, one, two)
		if sent := len(two.receivers.of(w)); sent != 0 {
			t.Errorf("the other node sent %d", sent)
		}
	})
}

// The database is away for part of the drain. The node keeps its session and records the outcomes afterwards.
func TestADrainingNodeKeepsItsLeaseThroughAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		w := n.webhook(takes(dispatch.DefaultLease, 200))
		n.publish(w)
		elapse(time.Second)
		stopped := n.drain()
		n.store.setDown(true)
		elapse(2 * dispatch.DefaultLease)
		n.store.setDown(false)
		<-stopped
		sentOnce(t, w, 1, n)
	})
}

// A node that loses its lease while it drains can record nothing more: it stops instead of waiting for its receivers.
func TestANodeThatLosesItsLeaseWhileDrainingStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := start(t, shared)
		w := one.webhook(takes(3*dispatch.DefaultLease, 200))
		one.publish(w)
		elapse(time.Second)
		begun := time.Now()
		stopped := one.drain()
		_, err := one.store.EndSessions(t.Context(), store.EndSessions{Now: time.Now().Add(time.Hour)})
		must(t, err)
		<-stopped
		if took := time.Since(begun); took > dispatch.DefaultLease/2 {
			t.Errorf("stopping took %v", took)
		}
		two := one.beside(t, w, takes(time.Second, 200))
		elapse(time.Minute)
		if got := two.statuses(w); len(two.receivers.of(w)) != 1 || got[carteiro.StatusSuccess] != 1 {
			t.Errorf("the other node sent %d, log %v", len(two.receivers.of(w)), got)
		}
	})
}

// What waits in a draining node's lanes goes to the other nodes at once, and not at the end of the drain.
func TestADrainingNodeReleasesWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := start(t, shared)
		w := one.webhook(takes(3*dispatch.DefaultLease, 200))
		for range 10 { // four in flight
			one.publish(w)
		}
		elapse(time.Second)
		two := one.beside(t, w, takes(time.Second, 200))
		elapse(time.Second)
		stopped := one.drain()
		elapse(dispatch.DefaultLease)
		if sent := len(two.receivers.of(w)); sent != 6 {
			t.Errorf("the other node sent %d of the 6 queued deliveries during the drain", sent)
		}
		<-stopped
		sentOnce(t, w, 10, one, two)
	})
}
