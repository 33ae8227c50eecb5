package dispatch_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/store"
)

// slowWebhooks returns the first webhook that is read only after during has run.
type slowWebhooks struct {
	dispatch.Webhooks
	during func()
	begun  atomic.Bool
	forgot atomic.Int64 // how often a webhook was to be read anew
}

// Forget implements dispatch.Webhooks.
func (s *slowWebhooks) Forget(w *carteiro.Webhook) {
	s.forgot.Add(1)
	s.Webhooks.Forget(w)
}

// Webhook implements dispatch.Webhooks.
func (s *slowWebhooks) Webhook(ctx context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	w, err := s.Webhooks.Webhook(ctx, id)
	if s.during != nil && !s.begun.Swap(true) {
		s.during()
	}
	return w, err
}

// startReading starts a node whose directory runs during while it answers for the first time.
func startReading(t *testing.T, during func(n *node)) (*node, *slowWebhooks) {
	t.Helper()
	s := new(slowWebhooks)
	n := start(t, shared, func(c *dispatch.Config) { s.Webhooks, c.Webhooks = c.Webhooks, s })
	s.during = func() { during(n) }
	return n, s
}

// The session of a delivery ends while its webhook is read. The delivery is the next session's, which has sent it by then.
func TestADeliveryIsNotSentIfItsSessionEndsWhileTheWebhookIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := startReading(t, func(n *node) {
			_, err := n.store.EndSessions(context.Background(), store.EndSessions{Session: n.Session(), Now: time.Now()})
			if err != nil {
				n.t.Error(err)
			}
			<-time.After(2 * dispatch.DefaultLease)
		})
		w := n.webhook(takes(time.Millisecond, 200))
		n.publish(w)
		elapse(10 * time.Minute)
		sentOnce(t, w, 1, n)
	})
}

// The lease runs out while a webhook is read, and is renewed later. What was read is old by then, so the webhook is read again.
func TestAWebhookIsReadAgainAfterAWaitForTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := startReading(t, func(n *node) {
			n.store.setCutOff(true)
			<-time.After(2 * dispatch.DefaultLease)
		})
		w := n.webhook(takes(time.Millisecond, 200))
		n.publish(w)
		elapse(2*dispatch.DefaultLease + time.Second)
		n.change(w, func(w *carteiro.Webhook) { w.Enabled = false })
		n.store.setCutOff(false)
		elapse(10 * time.Minute)
		if got := n.receivers.of(w); len(got) != 0 {
			t.Errorf("%d requests to a webhook that was disabled before the lease was renewed", len(got))
		}
		if got := n.statuses(w); got[carteiro.StatusFailed] != 1 {
			t.Errorf("log %v", got)
		}
	})
}

// The record that opened a circuit was committed and not answered: said again, it reads as lost. The node reads the webhook anew, so that
// it sends nothing past the open circuit.
func TestACircuitIsReadAnewWhenTheRecordThatOpenedItWasNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(time.Millisecond, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		for range carteiro.FailuresForError - 1 {
			n.publish(w)
			elapse(10 * time.Millisecond)
		}
		n.store.leaveUnanswered(1)
		n.publish(w)
		elapse(500 * time.Millisecond)
		known, err := n.directory.Webhook(t.Context(), w.ID)
		must(t, err)
		if n.status(w) != carteiro.WebhookError || known.Status() != carteiro.WebhookError {
			t.Errorf("status %s, this node knows %s", n.status(w), known.Status())
		}
	})
}

// Usual results change nothing of a webhook. It must not be read from the store for each of them.
func TestAWebhookIsNotReadAnewForEachResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := startReading(t, func(*node) {})
		w := n.webhook(takes(time.Millisecond, 200))
		for range 20 {
			n.publish(w)
			elapse(time.Second)
		}
		n.receivers.set(w.ID, takes(time.Millisecond, 500))
		n.publish(w)
		elapse(time.Second)
		if got := s.forgot.Load(); got != 0 || len(n.receivers.of(w)) != 21 {
			t.Errorf("%d requests, and the webhook was forgotten %d times", len(n.receivers.of(w)), got)
		}
	})
}
