package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/store"
)

// An attempt that nobody holds and that no lane was told of is found without waiting for the next periodic scan.

// scansRarely leaves the store unscanned unless the dispatcher asks for it itself.
func scansRarely(c *dispatch.Config) { c.RescanEvery, c.Lease = 24*time.Hour, dispatch.DefaultLease }

// storeWaiting stores an event whose attempt nobody holds, without telling the lanes.
func storeWaiting(t *testing.T, n *node, w *carteiro.Webhook) {
	t.Helper()
	now := time.Now()
	e := &carteiro.Event{ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID, Type: "event_action", Payload: []byte(`{}`)}
	_, err := n.store.Accept(t.Context(), store.Accept{Now: now, Items: []store.AcceptItem{{
		Event: e, Attempts: []store.AcceptAttempt{{ID: n.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic}},
	}}})
	must(t, err)
}

func TestAScanThatFailedIsRetriedWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, scansRarely)
		w := n.webhook(takes(time.Millisecond, 200))
		elapse(time.Second)
		storeWaiting(t, n, w)
		n.store.setDown(true)
		n.Rescan()
		elapse(time.Second)
		n.store.setDown(false)
		elapse(5 * time.Second)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1 {
			t.Errorf("log %v", got)
		}
	})
}

// A call was carried out and not answered. It stored an attempt that waits, because its lane was full.
func TestAnAttemptThatWaitsIsFoundWithinALeaseOfAnUnansweredCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, scansRarely)
		w := n.webhook(takes(time.Millisecond, 200))
		elapse(time.Second)
		storeWaiting(t, n, w)
		n.Doubt(store.ErrUnavailable)
		elapse(dispatch.DefaultLease)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1 {
			t.Errorf("log %v", got)
		}
	})
}

// A node ends the session of another, and the store does not answer. How many attempts that has freed is unknown.
func TestAttemptsOfALostNodeAreFoundAlsoIfTheTakeoverWasNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared, scansRarely)
		w := n.webhook(takes(time.Millisecond, 200))
		elapse(time.Second)
		storeWaiting(t, n, w)
		n.store.leaveTakeoverUnanswered()
		elapse(2 * dispatch.DefaultLease)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1 {
			t.Errorf("log %v", got)
		}
	})
}

// leaveTakeoverUnanswered has the next EndSessions be carried out and not answered.
func (s *faultyStore) leaveTakeoverUnanswered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silentTakeover = true
}

// A node whose lease another one has ended finds what it held and did not know of, at once and not with the next periodic scan.
func TestARejoiningNodeLooksForWhatItsLastSessionHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, scansRarely)
		w := n.webhook(takes(time.Millisecond, 200))
		elapse(time.Second)
		item, place := n.newEvent(w)
		session := n.Reserve(place)
		n.Cancel(place) // the publisher has given up, and its call is carried out later
		n.store1(item, session, true)
		_, err := n.store.EndSessions(t.Context(), store.EndSessions{Now: time.Now().Add(time.Hour)})
		must(t, err)
		elapse(time.Minute)
		if sent := n.requests(w, item.Event); sent != 1 {
			t.Errorf("sent %d times", sent)
		}
	})
}

// A claim fails while the store is away for a moment. Nobody else notifies the lane, so that it repeats the claim itself.
func TestAClaimThatFailedIsRepeatedWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, scansRarely, func(c *dispatch.Config) { c.Lease = time.Hour })
		w := n.webhook(takes(time.Millisecond, 200))
		elapse(time.Second)
		storeWaiting(t, n, w)
		n.store.setDown(true)
		n.Notice(time.Now(), w.ID)
		elapse(time.Second / 2)
		n.store.setDown(false)
		elapse(2 * time.Second)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1 {
			t.Errorf("log %v", got)
		}
	})
}
