package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// What the server does to webhooks its operators are told, each once, though it is killed again and again between the one
// and the other.
func TestOperatorsAreToldOnceOverKills(t *testing.T) {
	for name, environ := range map[string]func() []string{
		"SQLite":     func() []string { return nil },
		"PostgreSQL": func() []string { return []string{"CARTEIRO_DATABASE=" + postgrestest.Database(t, "")} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tellOperatorsOverKills(t, newHouseIn(t, environ(), "--allow-private-networks", "--rate-limit", "0", "--takeover", "2s", "--retry-schedule", "50ms,200ms,500ms"))
		})
	}
}

// told is what the operators' receiver got.
type told struct {
	mu     sync.Mutex
	events map[string]map[string]int // by type and webhook: how many, by their ids
	seen   map[string]bool
	fails  bool // the operators' own receiver, too
}

func (o *told) take(d delivery) int {
	var body struct {
		Event   string
		Webhook struct{ ID string }
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fails {
		return http.StatusServiceUnavailable
	}
	if err := json.Unmarshal(d.body, &body); err == nil && !o.seen[d.eventID()] {
		o.seen[d.eventID()] = true
		if o.events[body.Event] == nil {
			o.events[body.Event] = make(map[string]int)
		}
		o.events[body.Event][body.Webhook.ID]++
	}
	return http.StatusOK
}

func (o *told) count(event string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.events[event])
}

func tellOperatorsOverKills(t *testing.T, h *house) {
	const hooks, kills = 40, 3
	o := &told{events: make(map[string]map[string]int), seen: make(map[string]bool), fails: true}
	pager, gone := newReceiver(t, o.take), newReceiver(t, always(http.StatusGone))
	h.start()
	operators, err := h.client().CreateWebhook(within(t), client.EnvironmentOwner(), client.WebhookSettings{
		Name: "Pager", URL: pager.URL, Events: []string{"webhook.disabled", "webhook.error", "delivery.exhausted"}, MaxRetries: new(10),
	})
	must(t, err)
	agent := h.agent()
	for range hooks {
		h.webhook(agent, gone.URL, 0)
	}
	h.publish(agent)
	for range kills {
		next(t, gone.got, "a delivery")
		h.kill()
		h.wait(t)
		h.start()
	}
	for range 5 { // the operators' own webhook fails, and its circuit opens, of which nobody is told
		next(t, pager.got, "an event")
	}
	o.mu.Lock()
	o.fails = false
	o.mu.Unlock()
	_, err = h.client().UpdateWebhook(within(t), client.EnvironmentOwner(), operators.ID, client.WebhookSettings{Timeout: 10}) // probed at once
	must(t, err)
	eventually(t, "the operators are told of every webhook", func(context.Context) bool { return o.count("webhook.disabled") == hooks })
	eventually(t, "nothing is open any more", func(ctx context.Context) bool {
		_, open, err := h.client().ListLogs(ctx, client.EnvironmentOwner(), operators.ID, client.LogFilter{Status: client.StatusPending, PerPage: 1})
		return err == nil && open.Total == 0
	})
	h.stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for event, webhooks := range o.events {
		for webhook, times := range webhooks {
			if times != 1 || event != "webhook.disabled" || webhook == operators.ID {
				t.Errorf("%s of webhook %s was told %d times", event, webhook, times)
			}
		}
	}
	if report, err := h.command("doctor"); err != nil {
		t.Errorf("%s %v", report, err)
	}
}
