package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/store"
)

// hung is how many deliveries [node.hanging] publishes.
const hung = 8

// hanging returns a webhook with attempts in flight that hang for two minutes, and deliveries queued behind them.
func (n *node) hanging(t *testing.T) (w *carteiro.Webhook, inFlight int) {
	t.Helper()
	w = n.webhook(takes(2*time.Minute, 200))
	for range hung {
		n.publish(w)
	}
	elapse(time.Second)
	if inFlight = len(n.receivers.of(w)); inFlight == 0 || inFlight == hung {
		t.Fatalf("%d of %d are in flight", inFlight, hung)
	}
	return w, inFlight
}

// A deleted webhook's queue is finished at once, while its attempts in flight hang.
func TestTheQueueOfADeletedWebhookDoesNotWaitForAttemptsInFlight(t *testing.T) {
	remove := func(n *node, w *carteiro.Webhook) {
		n.change(w, func(w *carteiro.Webhook) { w.DeletedAt = time.Now() })
	}
	for name, end := range map[string]func(n *node, w *carteiro.Webhook){
		"the webhook is deleted": func(n *node, w *carteiro.Webhook) {
			n.directory.Changed = n.LookAgain
			remove(n, w)
		},
		"the owner is deleted": func(n *node, _ *carteiro.Webhook) {
			n.directory.Changed = n.LookAgain
			must(n.t, n.directory.DeleteOwner(n.t.Context(), store.DeleteOwner{OwnerRef: n.owner, Now: time.Now()}))
		},
		"the environment is deleted": func(n *node, _ *carteiro.Webhook) {
			n.directory.Changed = n.LookAgain
			must(n.t, n.directory.DeleteEnvironment(n.t.Context(), store.DeleteEnvironment{ID: n.owner.EnvironmentID, Force: true, Now: time.Now()}))
		},
		"another node deletes it": func(n *node, w *carteiro.Webhook) {
			remove(n, w)
			n.Hear(store.Hint{Webhooks: []carteiro.ID{w.ID}})
		},
		"another node deletes it, and its hint is lost": func(n *node, w *carteiro.Webhook) {
			remove(n, w)
			n.Hear(store.Hint{Lost: true})
		},
		"a claim is under way": func(n *node, w *carteiro.Webhook) {
			item, _ := n.newEvent(w)
			n.store.answerClaimsAfter(100 * time.Millisecond)
			n.store1(item, store.Session{}, false)
			n.Notice(time.Now(), w.ID)
			elapse(50 * time.Millisecond)
			n.directory.Changed = n.LookAgain
			remove(n, w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := start(t, shared)
				w, inFlight := n.hanging(t)
				end(n, w)
				elapse(time.Second)
				if got := n.statuses(w); got[carteiro.StatusPending] != inFlight || got[carteiro.StatusFailed] < hung-inFlight {
					t.Errorf("log %v with %d in flight", got, inFlight)
				}
				for _, a := range n.log(w) {
					if a.Status == carteiro.StatusFailed && a.Outcome.Reason != carteiro.ReasonWebhookDeleted {
						t.Errorf("one has failed because of %q", a.Outcome.Reason)
					}
				}
				elapse(3 * time.Minute)
				if got := n.statuses(w); got[carteiro.StatusPending] != 0 || got[carteiro.StatusSuccess] != inFlight {
					t.Errorf("log %v at the end", got)
				}
			})
		})
	}
}

// Without a free slot the queue of a deleted webhook is finished as well.
func TestTheQueueOfADeletedWebhookNeedsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, func(c *dispatch.Config) { c.MaxInFlight = 1 })
		n.directory.Changed = n.LookAgain
		n.publish(n.webhook(takes(2*time.Minute, 200)))
		elapse(time.Second)
		w := n.webhook(takes(0, 200))
		n.publish(w)
		elapse(time.Second)
		if got := n.statuses(w); got[carteiro.StatusPending] != 1 {
			t.Fatalf("log %v before", got)
		}
		n.change(w, func(w *carteiro.Webhook) { w.DeletedAt = time.Now() })
		elapse(time.Second)
		if got := n.statuses(w); got[carteiro.StatusFailed] != 1 {
			t.Errorf("log %v", got)
		}
	})
}

// No hint has come: an attempt that begins after the deletion finds out, and the others do not wait for their turns.
func TestAnAttemptThatFindsItsWebhookDeletedEndsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w, inFlight := n.hanging(t)
		n.change(w, func(w *carteiro.Webhook) { w.DeletedAt = time.Now() })
		elapse(time.Second)
		if got := n.statuses(w); got[carteiro.StatusPending] != hung {
			t.Fatalf("log %v before", got)
		}
		item, places := n.newEvent(w)
		places[0].Urgent = true
		session := n.Reserve(places)
		n.store1(item, session, true)
		_, err := n.TakeNow(t.Context(), session, &carteiro.Delivery{Event: item.Event, Attempt: carteiro.Attempt{
			ID: item.Attempts[0].ID, WebhookID: w.ID, EventID: item.Event.ID, Number: 1, ChainStart: 1, Trigger: carteiro.TriggerTest, DueAt: time.Now(),
		}})
		must(t, err)
		elapse(time.Second)
		if got := n.statuses(w); got[carteiro.StatusPending] != inFlight {
			t.Errorf("log %v", got)
		}
	})
}

// A draining node neither sends what is queued for a deleted webhook nor waits for it.
func TestANodeStopsWhileItFinishesTheQueueOfADeletedWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		n.directory.Changed = n.LookAgain
		w, _ := n.hanging(t)
		n.change(w, func(w *carteiro.Webhook) { w.DeletedAt = time.Now() })
		n.stop()
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 0 {
			t.Errorf("log %v", got)
		}
		again := startOn(t, n.store)
		defer again.stop()
		elapse(time.Minute)
		if got := again.statuses(w); got[carteiro.StatusPending] != 0 {
			t.Errorf("log %v", got)
		}
	})
}
