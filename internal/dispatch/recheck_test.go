package dispatch_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// throttled is a webhook with a backlog that its circuit holds back for a long time still.
func (n *node) throttled() *carteiro.Webhook {
	n.t.Helper()
	w := n.webhook(takes(0, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
	for range 50 {
		n.publish(w)
	}
	elapse(3 * time.Hour)
	if n.status(w) != carteiro.WebhookError || n.statuses(w)[carteiro.StatusPending] == 0 {
		n.t.Fatalf("status %s, log %v", n.status(w), n.statuses(w))
	}
	return w
}

// Whatever ends the wait for a circuit, deliveries that waited for it go on at once.
func TestWhatEndsTheWaitForACircuitWakesItsLane(t *testing.T) {
	for name, end := range map[string]func(n *node, w *carteiro.Webhook){
		"the owner is deleted": func(n *node, _ *carteiro.Webhook) {
			must(n.t, n.directory.DeleteOwner(n.t.Context(), store.DeleteOwner{OwnerRef: n.owner, Now: time.Now()}))
		},
		"the webhook is deleted": func(n *node, w *carteiro.Webhook) {
			n.change(w, func(w *carteiro.Webhook) { w.DeletedAt = time.Now() })
		},
		"the webhook is disabled": func(n *node, w *carteiro.Webhook) {
			n.change(w, func(w *carteiro.Webhook) { w.Enabled = false })
		},
		"a test finds the receiver gone": func(n *node, w *carteiro.Webhook) {
			n.receivers.set(w.ID, takes(0, 410))
			n.ask(w, carteiro.TriggerTest)
		},
		"a manual retry finds the receiver gone": func(n *node, w *carteiro.Webhook) {
			n.receivers.set(w.ID, takes(0, 410))
			n.ask(w, carteiro.TriggerManual)
		},
		"a change, while an older answer of the store is under way": func(n *node, w *carteiro.Webhook) {
			n.store.answerClaimsAfter(100 * time.Millisecond)
			n.LookAgain(w.ID)
			elapse(50 * time.Millisecond)
			n.store.answerClaimsAfter(0) // the claims that follow; a lane that failed claims few at a time
			n.change(w, func(w *carteiro.Webhook) { w.Enabled = false })
		},
		"a change by another node, and its hint is lost": func(n *node, w *carteiro.Webhook) {
			n.directory.Changed = nil
			n.change(w, func(w *carteiro.Webhook) { w.Enabled = false })
			n.Hear(store.Hint{Lost: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := start(t)
				n.directory.Changed = n.LookAgain
				w := n.throttled()
				end(n, w)
				elapse(time.Second)
				if got := n.statuses(w); got[carteiro.StatusPending] != 0 {
					t.Errorf("they still wait: %v", got)
				}
			})
		})
	}
}

// Another node's change may be missed entirely. A lane that its circuit holds back for long looks again soon all the same.
func TestALaneOfASharedStoreLooksAtItsCircuitAgainThoughItHearsOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		n.directory.Changed = n.LookAgain
		w := n.throttled()
		probed := len(n.receivers.of(w))
		for len(n.receivers.of(w)) == probed {
			elapse(time.Second)
		}
		n.directory.Changed = nil
		n.change(w, func(w *carteiro.Webhook) { w.Enabled = false })
		elapse(time.Minute) // the next probe is due later
		if got := n.statuses(w); got[carteiro.StatusPending] != 0 {
			t.Errorf("they still wait: %v", got)
		}
	})
}

func (n *node) change(w *carteiro.Webhook, change func(*carteiro.Webhook)) {
	n.t.Helper()
	_, err := n.directory.ChangeWebhook(n.t.Context(), n.owner, w.ID, func(w *carteiro.Webhook) error {
		change(w)
		w.UpdatedAt = time.Now()
		return nil
	}, nil)
	must(n.t, err)
}

func TestATestCallOfALostSessionIsNotSentMuchLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(0, 200))
		now := time.Now()
		session := n.Reserve([]carteiro.Place{{WebhookID: w.ID, Urgent: true}})
		e := &carteiro.Event{
			ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID,
			Type: carteiro.TestEvent, Payload: []byte(`{}`), OccurredAt: now, Test: true,
		}
		// It is stored as nobody's, as it is once the session that held it is over.
		attempt := store.AcceptAttempt{ID: n.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerTest}
		_, err := n.store.Accept(t.Context(), store.Accept{Now: now, Session: session, Items: []store.AcceptItem{{Event: e, Attempts: []store.AcceptAttempt{attempt}}}})
		must(t, err)
		session.ID += 100
		if _, err := n.TakeNow(t.Context(), session, &carteiro.Delivery{Event: e, Attempt: carteiro.Attempt{
			ID: attempt.ID, WebhookID: w.ID, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: attempt.Trigger, DueAt: now,
		}}); !errors.Is(err, store.ErrLeaseLost) {
			t.Fatal(err)
		}
		elapse(time.Second)
		if got := len(n.receivers.of(w)); got != 1 {
			t.Errorf("%d requests within a second", got)
		}
	})
}
