package dispatch_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

func allRecords(store.Record) bool { return true }

// times picks the first n records.
func times(n int32) func(store.Record) bool {
	var seen atomic.Int32
	return func(store.Record) bool { return seen.Add(1) <= n }
}

// The database is away, and refuses the outcome when it is back. That must not leave sending paused.
func TestSendingResumesWhenAnOutcomeIsRefusedAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		w := n.webhook(takes(time.Second, 200))
		n.publish(w)
		n.store.setDown(true)
		elapse(5 * time.Second)
		n.store.refuse(times(1))
		n.store.setDown(false)
		elapse(5 * time.Second)
		n.publish(w)
		elapse(10 * time.Second)
		if got := n.statuses(w); len(n.receivers.of(w)) != 2 || got[carteiro.StatusSuccess] != 2 {
			t.Errorf("%d sent, log %v", len(n.receivers.of(w)), got)
		}
		if err := n.Ready(); err != nil {
			t.Error("not ready:", err)
		}
	})
}

// While the database refuses all outcomes, few more are sent and the node says that it is not ready. Nothing is sent again.
func TestRefusedOutcomesAreKeptUntilTheyCanBeRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		w := n.webhook(takes(10*time.Millisecond, 200))
		n.store.refuse(allRecords)
		for range 60 {
			n.publish(w)
			elapse(time.Second)
		}
		if sent := len(n.receivers.of(w)); sent > 10 {
			t.Errorf("%d sent although no outcome could be recorded", sent)
		}
		if d := n.Depth(); n.Ready() == nil || !d.Paused || d.Refused != len(n.receivers.of(w)) {
			t.Errorf("ready: %v; %+v", n.Ready(), d)
		}
		n.store.refuse(nil)
		elapse(10 * time.Second)
		sentOnce(t, w, 60, n)
		if d := n.Depth(); n.Ready() != nil || d.Paused || d.Refused != 0 {
			t.Errorf("ready: %v; %+v", n.Ready(), d)
		}
	})
}

// One outcome that is refused for what it contains stops no other, and is recorded without that in the end.
func TestAnOutcomeThatIsRefusedForItsContentIsRecordedWithoutIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		w := n.webhook(func(context.Context, *carteiro.Delivery) *carteiro.Outcome {
			return &carteiro.Outcome{Success: true, HTTPStatus: 202, ResponseBody: []byte("poison")}
		})
		other := n.webhook(takes(10*time.Millisecond, 200))
		n.store.refuse(func(p store.Record) bool {
			for _, r := range p.Results {
				if strings.Contains(string(r.Outcome.ResponseBody), "poison") {
					return true
				}
			}
			return false
		})
		n.publish(w, other)
		elapse(time.Second)
		if got := n.statuses(other); got[carteiro.StatusSuccess] != 1 {
			t.Errorf("log of the other webhook %v", got)
		}
		elapse(time.Minute)
		if log := n.log(w); len(n.receivers.of(w)) != 1 || len(log) != 1 || log[0].Status != carteiro.StatusSuccess || log[0].Outcome.HTTPStatus != 202 {
			t.Errorf("%d sent, log %+v", len(n.receivers.of(w)), log)
		}
	})
}

// A probe whose outcome is refused once is still the one that closes the circuit.
func TestARefusedProbeDoesNotKeepItsCircuitOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		var well atomic.Bool
		w := n.webhook(until(&well, 10*time.Millisecond), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		for range 20 {
			n.publish(w)
		}
		elapse(200 * time.Millisecond)
		if n.status(w) != carteiro.WebhookError {
			t.Fatalf("status %s", n.status(w))
		}
		well.Store(true)
		n.store.refuse(times(1))
		elapse(time.Minute)
		if got := n.statuses(w); n.status(w) != carteiro.WebhookActive || got[carteiro.StatusPending] != 0 {
			t.Errorf("status %s, log %v", n.status(w), got)
		}
	})
}

// A node that stops while outcomes are refused does not wait for the database. Their attempts are sent after the next start.
func TestStoppingWithRefusedOutcomesLeavesTheirAttemptsToTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		w := n.webhook(takes(10*time.Millisecond, 200))
		n.store.refuse(allRecords)
		n.publish(w)
		elapse(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		n.Stop(ctx)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("stopping took %v", took)
		}
		n.store.refuse(nil)
		again := startOn(t, n.store)
		defer again.stop()
		again.receivers.set(w.ID, takes(0, 200))
		elapse(time.Minute)
		if got := again.statuses(w); got[carteiro.StatusSuccess] != 1 || len(again.receivers.of(w)) != 1 {
			t.Errorf("%d sent, log %v", len(again.receivers.of(w)), got)
		}
	})
}
