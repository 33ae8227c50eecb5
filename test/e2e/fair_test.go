package e2e_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// Stories of webhooks that would have every slot for themselves. Their receivers keep requests until the test is over, so
// that nothing here depends on how fast anything is.

// onBoth runs a story on each database.
func onBoth(t *testing.T, story func(t *testing.T, h *house)) {
	t.Helper()
	flags := append([]string{"--max-webhooks", "200"}, quick...)
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		story(t, newHouse(t, flags...).start())
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		story(t, newHouseIn(t, []string{"CARTEIRO_DATABASE=" + postgrestest.Database(t, "")}, flags...).start())
	})
}

// keeper is a receiver that keeps every request that comes while it is told to, and answers the others at once.
type keeper struct {
	*receiver
	keep     atomic.Bool
	kept     atomic.Int64
	answered atomic.Int64
	free     chan struct{}
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	k := &keeper{free: make(chan struct{})}
	k.receiver = newReceiver(t, func(delivery) int {
		if k.keep.Load() {
			k.kept.Add(1)
			<-k.free
		}
		k.answered.Add(1)
		return 200
	})
	t.Cleanup(k.release)
	return k
}

// release answers what was kept, and from then on whatever comes.
func (k *keeper) release() {
	if k.keep.Swap(false) {
		close(k.free)
	}
}

// patientWebhooks registers webhooks that wait for their receiver as long as a webhook can.
func (h *house) patientWebhooks(o client.Owner, url string, n int) (made []client.Webhook) {
	h.t.Helper()
	for range n {
		w, err := h.client().CreateWebhook(within(h.t), o, client.WebhookSettings{
			Name: "Test", URL: url, Events: []string{callEnded}, Secret: new(secret), Timeout: 120,
		})
		if err != nil {
			h.t.Fatal(err)
		}
		made = append(made, w)
	}
	return made
}

func TestANewWebhookIsNotHeldUpBySlowOnesWithBacklogs(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, h *house) {
		const webhooks, events, each = 128, 8, 4
		slow, healthy := newKeeper(t), newReceiver(t, always(200))
		slow.keep.Store(true)
		busy := h.agent()
		made := h.patientWebhooks(busy, slow.URL, webhooks)
		h.publishMany(busy, events)
		eventually(t, "every slow webhook has all in flight that it may have", func(context.Context) bool {
			return slow.kept.Load() == webhooks*each
		})
		agent := h.agent()
		w := h.webhook(agent, healthy.URL, 0)
		event := h.publish(agent)
		if got := next(t, healthy.got, "the event of a new webhook, while the slow ones have a backlog"); got.eventID() != event.EventID {
			t.Errorf("event %s came", got.eventID())
		}
		h.statuses(w, event.EventID, client.StatusSuccess)
		if slow.answered.Load() != 0 {
			t.Error("a slow webhook was answered before")
		}
		slow.release()
		for _, w := range []client.Webhook{made[0], made[webhooks-1]} {
			h.awaitSuccesses(w, events)
		}
	})
}

func TestQuickWebhooksThatStopAnsweringHoldUpNobody(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, h *house) {
		const webhooks, events = 24, 250
		hanging, healthy := newKeeper(t), newReceiver(t, always(200))
		busy, known, unknown := h.agent(), h.agent(), h.agent()
		h.patientWebhooks(busy, hanging.URL, webhooks)
		h.webhook(known, healthy.URL+"/known", 0)
		h.publish(known)
		next(t, healthy.got, "an event of a webhook that is known to be quick")
		h.publishMany(busy, events)
		eventually(t, "the others are known to be quick", func(context.Context) bool { return hanging.answered.Load() == webhooks*events })
		hanging.keep.Store(true)
		h.publishMany(busy, events)
		// As many as were in flight at most once. On a machine on which they are not quick there are fewer, and less is shown.
		if poll(within(t), func(context.Context) bool { return hanging.kept.Load() >= 1000 }) != nil {
			t.Logf("only %d hang", hanging.kept.Load())
		}
		h.webhook(unknown, healthy.URL+"/unknown", 0)
		h.publish(unknown)
		if got := next(t, healthy.got, "the event of a new webhook"); got.path != "/unknown" {
			t.Errorf("%s came", got.path)
		}
		const more = 100
		h.publishMany(known, more)
		for range more {
			next(t, healthy.got, "the events of a webhook that is known to be quick")
		}
	})
}
