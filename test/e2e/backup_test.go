package e2e_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/carteiro/carteiro/client"
)

func TestEveryEventAcceptedBeforeABackupUnderLoadIsDeliveredFromIt(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	r := newReceiver(t, func(delivery) int { <-open; return http.StatusOK })
	h := newHouse(t, quick...).start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	// Longer than the test: what is held must not time out before the backup.
	hook, err := h.client().UpdateWebhook(within(t), agent, hook.ID, client.WebhookSettings{Timeout: 120})
	if err != nil {
		t.Fatal(err)
	}
	var before []client.Accepted
	for range 20 {
		before = append(before, h.publish(agent))
	}
	ctx, cancel := context.WithCancel(t.Context())
	loaded, began := make(chan struct{}), make(chan struct{}, 1)
	go func(c *client.Client) {
		defer close(loaded)
		for ctx.Err() == nil {
			_, _ = c.Publish(ctx, client.Event{Owner: agent, Type: "event_action"}) // whatever comes of it
			select {
			case began <- struct{}{}:
			default:
			}
		}
	}(h.client())
	next(t, began, "the load")
	if _, err := h.command("backup", "--to", "copy.db"); err != nil {
		t.Fatal(err)
	}
	cancel()
	next(t, loaded, "the end of the load")
	h.kill()
	h.wait(t)

	files, err := filepath.Glob(filepath.Join(h.dir, "carteiro.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal("there is no database to lose: ", err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.command("restore", "--from", "copy.db"); err != nil {
		t.Fatal(err)
	}
	close(open)
	h.start()
	for _, event := range before {
		h.statuses(hook, event.EventID, "success")
	}
	h.stop()
}
