package e2e_test

import (
	"context"
	"testing"

	"github.com/carteiro/carteiro/client"
)

// A webhook with more queued attempts than its deletion finishes at once is deleted, and the server is killed before it has finished the
// others. The next server finishes them, and sends none.
func TestADeletionThatAKillInterruptsIsFinishedByTheNextServer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, h *house) {
		k := newKeeper(t)
		k.keep.Store(true) // nothing is ever delivered
		agent := h.agent()
		hook := h.webhook(agent, k.URL, 3)
		const batches, batch = 80, 100 // the deletion itself finishes 6,000
		var events []string
		for range batches {
			events = append(events, h.publishMany(agent, batch)...)
		}
		eventually(t, "some attempts are in flight", func(context.Context) bool { return k.kept.Load() > 0 })
		if err := h.client().DeleteWebhook(within(t), agent, hook.ID); err != nil {
			t.Fatal(err)
		}
		h.kill()
		h.wait(t)
		sent := k.kept.Load()
		h.start()
		eventually(t, "nothing is queued", func(ctx context.Context) bool { return h.open(ctx) == 0 })
		if again := k.kept.Load() - sent; again > 0 {
			t.Errorf("%d requests for a deleted webhook after the restart", again)
		}
		for _, id := range []string{events[0], events[len(events)-1]} {
			event, err := h.client().GetEvent(within(t), id)
			if err != nil {
				t.Fatal(err)
			}
			if len(event.Deliveries) != 1 || event.Deliveries[0].Status != client.StatusFailed {
				t.Errorf("event %s: %+v, want one failed delivery", id, event.Deliveries)
			}
		}
	})
}

// open is how many attempts of the environment are open, or -1 while that is unknown.
func (h *house) open(ctx context.Context) int {
	overview, err := h.client().Overview(ctx, "hour")
	if err != nil {
		return -1
	}
	return overview.Queue.Open
}
