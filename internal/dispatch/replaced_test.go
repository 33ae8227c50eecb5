package dispatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// move gives a webhook another URL, behind which its receiver is answer.
func (n *node) move(w *carteiro.Webhook, answer receiver) {
	n.t.Helper()
	n.receivers.set(w.ID, answer)
	_, err := n.directory.ChangeWebhook(n.t.Context(), n.owner, w.ID, func(w *carteiro.Webhook) error {
		w.URL, w.UpdatedAt = "http://moved.example/", time.Now()
		return nil
	}, nil)
	must(n.t, err)
}

// An endpoint moves: its webhook is updated while a delivery is on its way to the old URL, where the answer is 410 by then.
func TestALateGoneFromTheOldURLDoesNotDisableTheUpdatedWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(10*time.Second, 410))
		n.publish(w)
		elapse(time.Second)
		n.move(w, takes(10*time.Millisecond, 200))
		elapse(time.Minute)
		if now := n.now(w); !now.Enabled || now.FailuresInARow != 0 {
			t.Errorf("enabled %v, %d failures", now.Enabled, now.FailuresInARow)
		}
		// The event goes to the new URL.
		if got := n.statuses(w); got[carteiro.StatusFailed] != 1 || got[carteiro.StatusSuccess] != 1 {
			t.Errorf("log %v", got)
		}
	})
}

// Failures at the old URL do not open the circuit of the new one.
func TestLateFailuresOfTheOldURLDoNotCountForTheNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(10*time.Second, 500))
		for range carteiro.FailuresForError - 1 {
			n.publish(w)
		}
		elapse(10*time.Second + time.Millisecond)
		before := n.now(w).FailuresInARow
		if before == 0 {
			t.Fatal("no failure was counted")
		}
		for range 3 {
			n.publish(w)
		}
		elapse(time.Second)
		n.move(w, takes(time.Hour, 200))
		elapse(time.Minute)
		if now := n.now(w); now.FailuresInARow > before || now.Circuit.Open() {
			t.Errorf("%d failures, before %d; status %s", now.FailuresInARow, before, now.Status())
		}
	})
}

// The webhook is updated on another node a moment before the answer comes: this node does not know yet, and the store decides.
func TestTheStoreDecidesWhetherAGoneStillCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		var w *carteiro.Webhook
		w = n.webhook(func(context.Context, *carteiro.Delivery) *carteiro.Outcome {
			stored := *n.now(w)
			stored.URL, stored.UpdatedAt = "http://moved.example/", time.Now()
			must(t, n.store.UpdateWebhook(t.Context(), store.UpdateWebhook{Webhook: &stored}))
			return answered(410)
		})
		n.publish(w)
		elapse(time.Minute)
		if now := n.now(w); !now.Enabled || now.Version != 2 {
			t.Errorf("enabled %v, version %d", now.Enabled, now.Version)
		}
	})
}
