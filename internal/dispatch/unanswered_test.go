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

// What the simulation has found about calls that the store has carried out and not answered.

// The record of a 410 was committed, and its answer lost: said again, it reads as lost. The node must learn all the same that
// the webhook is off.
func TestAWebhookThatIsGoneIsOffAlsoWhenTheRecordWasNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(time.Millisecond, 410))
		n.store.leaveUnanswered(1)
		n.publish(w)
		elapse(5 * time.Second)
		n.publish(w)
		elapse(5 * time.Second)
		if got := len(n.receivers.of(w)); got != 1 {
			t.Errorf("%d requests, want the one that was answered 410", got)
		}
		if got := n.statuses(w); got[carteiro.StatusFailed] != 2 {
			t.Errorf("log %v", got)
		}
	})
}

// Likewise with a failure: its retry goes out when it is due, and not when the store is looked through the next time.
func TestARetryIsInTimeAlsoWhenTheRecordWasNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(time.Millisecond, 500))
		n.store.leaveUnanswered(1)
		n.publish(w)
		elapse(10 * time.Second)
		if got := len(n.receivers.of(w)); got != 2 {
			t.Errorf("%d requests within ten seconds, want the first attempt and its retry after five", got)
		}
	})
}

// The store was away from the failed call on, for as long as a doubt lasts and less than a lease does: the doubt is not over
// before what is held was looked at.
func TestADoubtOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, func(c *dispatch.Config) { c.Lease = 10 * time.Minute })
		w := n.webhook(takes(time.Millisecond, 200))
		now := time.Now()
		e := &carteiro.Event{ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID, Type: "event_action", Payload: []byte(`{}`)}
		_, err := n.store.Accept(t.Context(), store.Accept{Now: now, Session: n.Session(), Items: []store.AcceptItem{{
			Event: e, Attempts: []store.AcceptAttempt{{ID: n.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic, Held: true}},
		}}})
		must(t, err)
		n.Doubt(store.ErrUnavailable)
		n.store.setDown(true)
		elapse(time.Minute)
		n.store.setDown(false)
		elapse(10 * time.Minute)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1 {
			t.Errorf("log %v", got)
		}
	})
}

// What was held unknown is given back, and that call fails. It is carried out all the same, later: by then the node must not
// have given it back again, claimed it and begun to send it, which the late call would take away from under it.
func TestWhatWasGivenBackInVainIsNotGivenBackAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w := n.webhook(takes(15*time.Second, 200))
		now := time.Now()
		e := &carteiro.Event{ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID, Type: "event_action", Payload: []byte(`{}`)}
		_, err := n.store.Accept(t.Context(), store.Accept{Now: now, Session: n.Session(), Items: []store.AcceptItem{{
			Event: e, Attempts: []store.AcceptAttempt{{ID: n.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic, Held: true}},
		}}})
		must(t, err)
		n.store.delayReleases(1, 10*time.Second)
		n.Doubt(store.ErrUnavailable)
		elapse(2 * time.Minute)
		if got := len(n.receivers.of(w)); got != 1 {
			t.Errorf("%d requests for one event", got)
		}
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1 {
			t.Errorf("log %v", got)
		}
	})
}

// Between a renewal and the look for leases that have run out the clock may be set forward, or the machine sleep: by the time
// after that the node's own lease would have run out, too.
func TestLeasesAreEndedByTheTimeByWhichTheOwnWasRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		n.store.mu.Lock()
		n.store.slow = 2 * time.Second
		n.store.mu.Unlock()
		elapse(dispatch.DefaultLease/5 + 3*time.Second) // one beat, and the time it takes
		n.store.mu.Lock()
		defer n.store.mu.Unlock()
		if n.store.ended.IsZero() || !n.store.ended.Equal(n.store.renewed) {
			t.Errorf("renewed by %v, ended by %v", n.store.renewed, n.store.ended)
		}
	})
}

// A circuit opens, what its lane holds is given back, and that call fails. Carried out late, it must find nothing that was
// given back and claimed meanwhile, which it would take away in flight, to be sent twice; and never carried out, it must not
// leave anything held.
func TestWhatAnOpenCircuitGaveBackInVainIsSentOnceAndOnlyOnce(t *testing.T) {
	for name, later := range map[string]time.Duration{
		"carried out late":  dispatch.DefaultLease / 2,
		"never carried out": 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { givenBackInVain(t, later) })
		})
	}
}

func givenBackInVain(t *testing.T, later time.Duration) {
	n := start(t, shortLease)
	w := n.webhook(takes(10*time.Millisecond, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
	n.store.delayReleases(1, later)
	for range 20 {
		n.publish(w)
	}
	elapse(time.Second)
	waiting := n.statuses(w)[carteiro.StatusPending]
	if n.status(w) != carteiro.WebhookError || waiting < 2 || n.store.releasesToDelay() != 0 {
		t.Fatalf("status %s, %d wait, %d of 1 calls did not fail", n.status(w), waiting, n.store.releasesToDelay())
	}
	n.receivers.set(w.ID, takes(time.Millisecond, 200))
	n.ask(w, carteiro.TriggerManual)
	elapse(time.Second)
	if n.status(w) != carteiro.WebhookActive {
		t.Fatalf("status %s after a success", n.status(w))
	}
	n.receivers.set(w.ID, takes(20*time.Second, 200)) // long enough to be in flight when the call is carried out
	elapse(10 * time.Minute)
	sent := make(map[carteiro.ID]int)
	for _, s := range n.receivers.of(w) {
		if sent[s.logID]++; sent[s.logID] > 1 {
			t.Errorf("attempt %s was sent %d times", s.logID, sent[s.logID])
		}
	}
	if got := n.statuses(w); got[carteiro.StatusSuccess] != waiting+1 || got[carteiro.StatusPending] != 0 {
		t.Errorf("log %v, want %d delivered", got, waiting+1)
	}
}

// The same when what is held was being listed at the moment at which that call failed, for another reason: the list names what
// the node still knew of when it asked, and knows no more.
func TestWhatWasGivenBackInVainIsNotGivenBackByALookThatWasUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w := n.webhook(takes(1600*time.Millisecond, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		n.Doubt(store.ErrUnavailable)
		for n.store.askedHeld() == 0 {
			elapse(100 * time.Millisecond)
		}
		// Four fail soon, the fifth a moment after the next look has begun.
		for range 20 {
			n.publish(w)
		}
		n.store.listFor(4 * time.Second)
		n.store.delayReleases(1, 10*time.Second)
		elapse(dispatch.DefaultLease/5 + 2*time.Second)
		if n.status(w) != carteiro.WebhookError || n.store.releasesToDelay() != 0 || n.store.askedHeld() != 2 {
			t.Fatalf("status %s, %d of 1 calls did not fail, asked %d times", n.status(w), n.store.releasesToDelay(), n.store.askedHeld())
		}
		n.store.listFor(0)
		n.receivers.set(w.ID, takes(20*time.Second, 200))
		elapse(10 * time.Minute)
		sent := make(map[carteiro.ID]int)
		for _, s := range n.receivers.of(w) {
			if sent[s.logID]++; sent[s.logID] > 1 {
				t.Errorf("attempt %s was sent %d times", s.logID, sent[s.logID])
			}
		}
		if got := n.statuses(w); got[carteiro.StatusPending] != 0 {
			t.Errorf("log %v", got)
		}
	})
}

// The answer to a record that opens a circuit is late. Meanwhile the lease is lost, the node rejoins and takes new deliveries.
// What the open circuit gives back is the new session's: released by the old one, it would stay leased forever.
func TestAnOpenCircuitReleasesDeliveriesByTheSessionThatHoldsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		w := n.webhook(takes(10*time.Millisecond, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		for range carteiro.FailuresForError - 1 {
			n.publish(w)
			elapse(time.Second)
		}
		n.store.onceAfterRecord(func() {
			_, err := n.store.EndSessions(context.Background(), store.EndSessions{Now: time.Now().Add(time.Hour)})
			if err != nil {
				t.Error(err)
			}
			<-time.After(dispatch.DefaultLease) // the node rejoins
			n.receivers.set(w.ID, takes(20*time.Second, 500))
			for range 20 { // more than may be in flight
				n.publish(w)
			}
		})
		before := n.Session()
		n.publish(w)
		elapse(dispatch.DefaultLease + time.Second)
		if n.Session() == before || n.status(w) != carteiro.WebhookError {
			t.Fatalf("session %v, before %v; status %s", n.Session(), before, n.status(w))
		}
		n.receivers.set(w.ID, takes(10*time.Millisecond, 200))
		elapse(10 * time.Minute)
		if got := n.statuses(w); got[carteiro.StatusPending] != 0 || n.status(w) != carteiro.WebhookActive {
			t.Errorf("log %v, status %s", got, n.status(w))
		}
	})
}
