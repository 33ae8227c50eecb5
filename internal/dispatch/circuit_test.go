package dispatch_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// until is a receiver that fails until it is told that it is well.
func until(well *atomic.Bool, took time.Duration) receiver {
	return func(ctx context.Context, d *carteiro.Delivery) *carteiro.Outcome {
		if well.Load() {
			return takes(took, 200)(ctx, d)
		}
		return takes(took, 500)(ctx, d)
	}
}

func (n *node) status(w *carteiro.Webhook) carteiro.WebhookStatus {
	n.t.Helper()
	return n.now(w).Status()
}

func (n *node) now(w *carteiro.Webhook) *carteiro.Webhook {
	n.t.Helper()
	now, err := n.store.GetWebhook(n.t.Context(), w.ID)
	must(n.t, err)
	return now
}

func TestAReceiverThatKeepsFailingIsAskedByOneProbeAtATimeAtGrowingIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(10*time.Millisecond, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		for range 300 {
			n.publish(w)
		}
		elapse(time.Second)
		if n.status(w) != carteiro.WebhookError {
			t.Fatalf("status %s after %d requests", n.status(w), len(n.receivers.of(w)))
		}
		before := len(n.receivers.of(w))
		if before > 4*carteiro.FailuresForError {
			t.Errorf("%d requests until it opened", before)
		}
		elapse(24 * time.Hour)
		probes := n.receivers.of(w)[before:]
		wait := carteiro.FirstProbeWait
		for i := 1; i < len(probes); i++ {
			got := probes[i].at.Sub(probes[i-1].at)
			wait = min(2*wait, carteiro.MaxProbeWait)
			if got < wait*9/10 || got > wait+2*time.Second {
				t.Errorf("probe %d came %v after the one before, want %v", i+1, got, wait)
			}
		}
		if len(probes) < 24 || len(probes) > 24+14 {
			t.Errorf("%d probes in a day", len(probes))
		}
		if got := n.statuses(w); got[carteiro.StatusPending] != 300-before-len(probes) {
			t.Errorf("log %v after %d requests", got, before+len(probes))
		}
	})
}

// What comes in while it is down waits too, whoever asks meanwhile.
func TestWaitingCostsADeliveryNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		var well atomic.Bool
		w := n.webhook(until(&well, 10*time.Millisecond), func(w *carteiro.Webhook) { w.MaxRetries = 3 })
		for range 20 {
			n.publish(w)
		}
		elapse(time.Second)
		for range 48 {
			n.publish(w)
			elapse(time.Hour)
		}
		well.Store(true)
		elapse(2 * time.Hour)
		if n.status(w) != carteiro.WebhookActive {
			t.Errorf("status %s", n.status(w))
		}
		// Each has as many attempts as the contract grants it, and not one is failed for having waited.
		attempts, delivered := make(map[carteiro.ID]int), make(map[carteiro.ID]bool)
		for _, a := range n.log(w) {
			attempts[a.EventID]++
			delivered[a.EventID] = delivered[a.EventID] || a.Status == carteiro.StatusSuccess
		}
		lost := 0
		for event, made := range attempts {
			if !delivered[event] {
				lost++
			}
			if !delivered[event] && made != 4 {
				t.Errorf("event %s was given up after %d attempts", event, made)
			}
		}
		if n.statuses(w)[carteiro.StatusPending] != 0 || lost > 20 {
			t.Errorf("log %v, %d given up", n.statuses(w), lost)
		}
	})
}

func TestTheBacklogOfAReceiverThatIsWellAgainRampsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		var well atomic.Bool
		w := n.webhook(until(&well, time.Millisecond), func(w *carteiro.Webhook) { w.MaxRetries = 10 })
		for range 1000 {
			n.publish(w)
		}
		elapse(time.Minute)
		well.Store(true)
		before := len(n.receivers.of(w))
		elapse(2 * time.Minute)
		sent := n.receivers.of(w)[before:]
		if len(sent) == 0 {
			t.Fatal("nothing was sent")
		}
		begun := sent[0].at
		within := func(d time.Duration) (count int) {
			for _, s := range sent {
				if s.at.Sub(begun) <= d {
					count++
				}
			}
			return count
		}
		for _, c := range []struct {
			after       time.Duration
			least, most int
		}{{time.Second, 5, 15}, {4 * time.Second, 25, 45}, {8 * time.Second, 100, 160}, {16 * time.Second, 900, 1100}} {
			if got := within(c.after); got < c.least || got > c.most {
				t.Errorf("%d were sent within %v, want %d to %d", got, c.after, c.least, c.most)
			}
		}
		elapse(time.Hour) // those that had failed have waits of their own
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1000 {
			t.Errorf("log %v", got)
		}
		n.publish(w)
		elapse(time.Second)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1001 {
			t.Errorf("what comes later: %v", got)
		}
	})
}

func TestARestartKeepsTheCircuitOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(0, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		for range 50 {
			n.publish(w)
		}
		elapse(30 * time.Minute) // the next probe is minutes away
		due := n.now(w).Circuit.ProbeAt
		n.stop()
		again := startOn(t, n.store)
		defer again.stop()
		again.owner = n.owner
		again.receivers.set(w.ID, takes(0, 500))
		for range 10 {
			again.publish(w) // in memory, of a node that does not know
		}
		elapse(time.Until(due) - time.Second)
		if got := again.receivers.of(w); len(got) != 0 {
			t.Errorf("%d were sent before the next probe was due", len(got))
		}
		elapse(2 * time.Second)
		if got := again.receivers.of(w); len(got) != 1 {
			t.Errorf("%d were sent when it was due", len(got))
		}
	})
}

func TestTwoNodesMakeOneProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := start(t, shared)
		var well atomic.Bool
		w := one.webhook(until(&well, 20*time.Second), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		two := one.beside(t, w, until(&well, 20*time.Second))
		for range 100 {
			one.publish(w)
			two.publish(w)
		}
		elapse(5 * time.Minute)
		requests := func() []sent { return append(one.receivers.of(w), two.receivers.of(w)...) }
		before := len(requests())
		elapse(40 * time.Minute)
		probes := requests()[before:]
		if len(probes) < 2 || len(probes) > 10 {
			t.Errorf("%d probes in 40 minutes", len(probes))
		}
		for i, a := range probes {
			for _, b := range probes[i+1:] {
				if apart := a.at.Sub(b.at).Abs(); apart < 20*time.Second {
					t.Errorf("two probes %v apart", apart)
				}
			}
		}
		well.Store(true)
		elapse(50 * time.Minute)
		if got := one.statuses(w); got[carteiro.StatusPending] != 0 || one.status(w) != carteiro.WebhookActive {
			t.Errorf("log %v, status %s", got, one.status(w))
		}
	})
}

func TestWhatSomeoneAsksForGoesOutAtOnceAndClosesTheCircuit(t *testing.T) {
	for _, trigger := range []carteiro.Trigger{carteiro.TriggerManual, carteiro.TriggerTest} {
		t.Run(string(trigger), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := start(t)
				var well atomic.Bool
				w := n.webhook(until(&well, 10*time.Millisecond), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
				for range 30 {
					n.publish(w)
				}
				elapse(30 * time.Minute)
				well.Store(true)
				before := len(n.receivers.of(w))
				n.ask(w, trigger)
				elapse(time.Second)
				if got := n.receivers.of(w)[before:]; len(got) < 2 || n.status(w) != carteiro.WebhookActive {
					t.Errorf("%d sent, status %s", len(got), n.status(w))
				}
			})
		})
	}
}

// ask does what the publisher does when someone wants an attempt now.
func (n *node) ask(w *carteiro.Webhook, trigger carteiro.Trigger) {
	n.t.Helper()
	now := time.Now()
	places := []carteiro.Place{{WebhookID: w.ID, Urgent: true}}
	session := n.Reserve(places)
	e := &carteiro.Event{
		ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID,
		Type: "event_action", Payload: []byte(`{}`), OccurredAt: now, Test: trigger == carteiro.TriggerTest,
	}
	a := store.AcceptAttempt{ID: n.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: trigger, Held: places[0].Held}
	_, err := n.store.Accept(n.t.Context(), store.Accept{Now: now, Session: session, Items: []store.AcceptItem{{Event: e, Attempts: []store.AcceptAttempt{a}}}})
	must(n.t, err)
	n.Take(session, []*carteiro.Delivery{{Event: e, Attempt: carteiro.Attempt{
		ID: a.ID, WebhookID: w.ID, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: trigger, DueAt: now,
	}}}, true)
}

func TestAWebhookThatHasBeenInErrorForTooLongIsDisabledAndItsBacklogEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		n.directory.Changed = n.LookAgain
		disable := func() {
			now := time.Now()
			_, err := n.directory.DisableFailing(t.Context(), store.DisableFailing{Now: now, OpenedBefore: now.Add(-carteiro.DefaultDisableAfter), Limit: 10})
			must(t, err)
		}
		w := n.webhook(takes(0, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		for range 500 {
			n.publish(w)
		}
		elapse(carteiro.DefaultDisableAfter - time.Hour)
		disable()
		if n.status(w) != carteiro.WebhookError {
			t.Errorf("status %s before", n.status(w))
		}
		elapse(2 * time.Hour)
		disable()
		now := n.now(w)
		if now.Enabled || now.DisabledBy != carteiro.DisabledByError {
			t.Errorf("enabled %v, by %q", now.Enabled, now.DisabledBy)
		}
		sentBefore := len(n.receivers.of(w))
		elapse(time.Hour)
		if got := n.statuses(w); got[carteiro.StatusFailed] != 500 || len(n.receivers.of(w)) != sentBefore {
			t.Errorf("log %v, %d sent since", got, len(n.receivers.of(w))-sentBefore)
		}
	})
}

func TestAChangeOfTheWebhookIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		n.directory.Changed = n.LookAgain
		w := n.webhook(takes(0, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		for range 50 {
			n.publish(w)
		}
		elapse(3 * time.Hour)
		n.receivers.set(w.ID, takes(0, 200))
		_, err := n.directory.ChangeWebhook(t.Context(), n.owner, w.ID, func(w *carteiro.Webhook) error {
			w.URL, w.UpdatedAt = "http://cured.example/", time.Now()
			return nil
		}, nil)
		must(t, err)
		elapse(time.Second)
		if n.status(w) != carteiro.WebhookActive {
			t.Errorf("status %s", n.status(w))
		}
	})
}

// A circuit that another node has opened is seen by deliveries that are in memory already.
func TestWhatIsInMemoryWhenAnotherNodeOpensTheCircuitIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := start(t, shared)
		w := one.webhook(takes(0, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		two := one.beside(t, w, takes(3*time.Second, 200))
		for range 200 {
			two.publish(w) // four at a time
		}
		elapse(time.Second)
		for range 4 * carteiro.FailuresForError {
			one.publish(w)
		}
		elapse(time.Second)
		if one.status(w) != carteiro.WebhookError {
			t.Fatalf("status %s", one.status(w))
		}
		two.receivers.set(w.ID, takes(3*time.Second, 500))
		two.Hear(store.Hint{Webhooks: []carteiro.ID{w.ID}})
		elapse(time.Second) // those in flight close it; it opens again
		elapse(30 * time.Second)
		before := len(two.receivers.of(w))
		elapse(10 * time.Minute)
		if after := len(two.receivers.of(w)); after-before > 10 {
			t.Errorf("%d were sent while it was open", after-before)
		}
		if pending := one.statuses(w)[carteiro.StatusPending]; pending < 100 {
			t.Errorf("%d wait", pending)
		}
	})
}

// beginAnew closes a webhook's circuit as a user can: by disabling it and enabling it again.
func (n *node) beginAnew(w *carteiro.Webhook) {
	n.t.Helper()
	for _, enabled := range []bool{false, true} {
		_, err := n.directory.ChangeWebhook(n.t.Context(), n.owner, w.ID, func(w *carteiro.Webhook) error {
			w.Enabled = enabled
			return nil
		}, nil)
		must(n.t, err)
	}
}
