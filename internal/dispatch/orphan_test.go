package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/store"
)

// orphan has an event accepted under the node's session without telling the node, as a call does whose answer is lost.
func (n *node) orphan(w *carteiro.Webhook) *carteiro.Event {
	n.t.Helper()
	item, place := n.newEvent(w)
	n.store1(item, n.Reserve(place), place[0].Held)
	n.Cancel(place)
	n.Doubt(store.ErrUnavailable)
	return item.Event
}

// newEvent is an event for a webhook, and the place to be reserved for it.
func (n *node) newEvent(w *carteiro.Webhook) (store.AcceptItem, []carteiro.Place) {
	now := n.ids.Now()
	e := &carteiro.Event{
		ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID, Type: "event_action", Payload: []byte(`{}`),
	}
	a := store.AcceptAttempt{ID: n.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic}
	return store.AcceptItem{Event: e, Attempts: []store.AcceptAttempt{a}}, []carteiro.Place{{ID: a.ID, WebhookID: w.ID, Bytes: len(e.Payload)}}
}

func (n *node) store1(item store.AcceptItem, session store.Session, held bool) {
	n.t.Helper()
	item.Attempts[0].Held = held
	_, err := n.store.Accept(n.t.Context(), store.Accept{Now: n.ids.Now(), Session: session, Items: []store.AcceptItem{item}})
	must(n.t, err)
}

// take hands a stored event over to the node.
func (n *node) take(item store.AcceptItem, session store.Session) {
	e, a := item.Event, item.Attempts[0]
	n.Take(session, []*carteiro.Delivery{{Event: e, Attempt: carteiro.Attempt{
		ID: a.ID, WebhookID: a.WebhookID, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: a.Trigger, DueAt: e.AcceptedAt(),
	}}}, false)
}

// sentWithin says whether an event was sent.
func (n *node) requests(w *carteiro.Webhook, e *carteiro.Event) (count int) {
	for _, s := range n.receivers.of(w) {
		if s.eventID == e.ID {
			count++
		}
	}
	return count
}

// Publishers keep a lane busy: at any moment something is being stored for it. An attempt that a lost answer has left leased and
// unknown is released all the same.
func TestAnUnknownAttemptIsReleasedUnderConstantPublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w := n.webhook(takes(10*time.Millisecond, 200))
		begin, done := time.Now().Add(5*time.Second), time.Now().Add(time.Minute)
		for offset := range 3 {
			go func() {
				<-time.After(time.Duration(offset) * 700 * time.Millisecond)
				for time.Now().Before(done) {
					item, place := n.newEvent(w)
					session := n.Reserve(place)
					held := place[0].Held
					if !held && time.Now().Before(begin) {
						t.Error("the lane is to be busy with what is being stored")
					}
					<-time.After(2 * time.Second)
					n.store1(item, session, held)
					if held {
						n.take(item, session)
					} else { // the released attempt waits to be claimed, and this one behind it
						n.Notice(time.Now(), w.ID)
					}
				}
			}()
		}
		elapse(time.Until(begin))
		e := n.orphan(w)
		elapse(10 * time.Second)
		if got := n.requests(w, e); got != 1 {
			t.Errorf("sent %d times", got)
		}
		elapse(2 * time.Minute)
		if got := n.statuses(w); got[carteiro.StatusPending] != 0 || n.requests(w, e) != 1 {
			t.Errorf("sent %d times, log %v", n.requests(w, e), got)
		}
	})
}

// A backlog keeps a lane busy with claims. The same holds.
func TestAnUnknownAttemptIsReleasedWhileTheLaneClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w := n.webhook(takes(10*time.Second, 200))
		for range 300 { // slow: one claim after another
			n.publish(w)
		}
		n.store.answerClaimsAfter(5 * time.Second)
		elapse(time.Minute)
		e := n.orphan(w)
		elapse(30 * time.Minute)
		if got := n.statuses(w); got[carteiro.StatusPending] != 0 || n.requests(w, e) != 1 {
			t.Errorf("sent %d times, log %v", n.requests(w, e), got)
		}
		sentOnce(t, w, 301, n)
	})
}

// A publisher is suspended between the commit and its handing over, for longer than any call takes. Its attempt is on its way: it is not
// released, and sent once.
func TestAnAttemptOnItsWayToTheLaneIsNotReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w := n.webhook(takes(time.Minute, 200))
		item, place := n.newEvent(w)
		session := n.Reserve(place)
		n.store1(item, session, true)
		n.Doubt(store.ErrUnavailable) // of another call
		elapse(10 * dispatch.DefaultLease)
		if n.Session() != session || len(n.receivers.of(w)) != 0 {
			t.Fatalf("session %v, %d sent", n.Session(), len(n.receivers.of(w)))
		}
		n.take(item, session)
		elapse(10 * time.Minute)
		sentOnce(t, w, 1, n)
	})
}

// A claim's answer is under way for longer than the node takes to look at what it holds. What the claim got is not released.
func TestWhatAClaimIsBringingIsNotReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w := n.webhook(takes(time.Minute, 200))
		n.store.answerClaimsAfter(2 * dispatch.DefaultLease)
		item, _ := n.newEvent(w)
		n.store1(item, store.Session{}, false)
		n.Notice(time.Now(), w.ID)
		elapse(time.Millisecond)
		n.Doubt(store.ErrUnavailable) // of another call
		elapse(10 * time.Minute)
		sentOnce(t, w, 1, n)
	})
}

// The same when the store takes so long that a claim of the lane always begins while a release is under way: that claim gets what
// was released, and nobody can tell whether the release came before it or comes after it.
func TestAnUnknownAttemptIsReleasedWhileTheLaneClaimsDuringReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w := n.webhook(takes(10*time.Millisecond, 200))
		n.store.answerClaimsAfter(time.Second)
		n.store.answerReleasesAfter(1500 * time.Millisecond)
		item, place := n.newEvent(w)
		n.Cancel(place)
		n.store1(item, n.Session(), false)
		n.Notice(time.Now(), w.ID) // what comes while this is claimed waits in the store, and so on
		done := time.Now().Add(5 * time.Minute)
		go func() {
			for time.Now().Before(done) {
				n.publish(w)
				<-time.After(300 * time.Millisecond)
			}
		}()
		elapse(5 * time.Second)
		item, place = n.newEvent(w)
		n.Cancel(place)
		n.store1(item, n.Session(), true)
		n.Doubt(store.ErrUnavailable)
		e := item.Event
		elapse(2 * time.Minute)
		if got := n.requests(w, e); got != 1 {
			t.Errorf("sent %d times", got)
		}
		elapse(5 * time.Minute)
		if got := n.statuses(w); got[carteiro.StatusPending] != 0 || n.requests(w, e) != 1 {
			t.Errorf("sent %d times, log %v", n.requests(w, e), got)
		}
	})
}
