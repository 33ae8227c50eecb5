package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/client"
)

const (
	callEnded = "event_phone_call_ended"
	secret    = "whsec_ZTJlLXRlc3Qtc2VjcmV0LW9mLTMyLWJ5dGVzISE="
)

// quick are the flags of a server whose receivers are on this machine and whose retries come soon.
var quick = []string{"--allow-private-networks", "--retry-schedule", "100ms", "--rate-limit", "0"}

// agent registers an agent.
func (h *house) agent() client.Owner {
	h.t.Helper()
	agent, err := h.client().PutAgent(within(h.t), client.NewID(), "Ana")
	if err != nil {
		h.t.Fatal(err)
	}
	return client.AgentOwner(agent.ID)
}

// webhook registers a webhook for the end of calls.
func (h *house) webhook(o client.Owner, url string, maxRetries int) client.Webhook {
	h.t.Helper()
	w, err := h.client().CreateWebhook(within(h.t), o, client.WebhookSettings{
		Name: "Test", URL: url, Events: []string{callEnded}, Secret: new(secret), MaxRetries: &maxRetries, Timeout: 5,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return w
}

// publish puts in the end of a call.
func (h *house) publish(o client.Owner) client.Accepted {
	h.t.Helper()
	accepted, err := h.client().Publish(within(h.t), client.Event{
		Owner: o, Type: callEnded, Payload: map[string]any{"call": map[string]any{"id": "c-1042"}, "duration_seconds": 187},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return accepted
}

// logs gives the entries of an event at a webhook, newest first.
func (h *house) logs(ctx context.Context, w client.Webhook, eventID string) []client.Log {
	h.t.Helper()
	logs, _, err := h.client().ListLogs(ctx, w.Owner(), w.ID, client.LogFilter{EventID: eventID, PerPage: 100})
	if err != nil {
		h.t.Fatal(err)
	}
	return logs
}

// statuses waits until the entries of an event read so, newest first, and gives them.
func (h *house) statuses(w client.Webhook, eventID string, want ...string) (logs []client.Log) {
	h.t.Helper()
	eventually(h.t, "the log reads "+strings.Join(want, ", "), func(ctx context.Context) bool {
		logs = h.logs(ctx, w, eventID)
		if len(logs) != len(want) {
			return false
		}
		for i, log := range logs {
			if log.Status != want[i] {
				return false
			}
		}
		return true
	})
	return logs
}

// The whole story of somebody new, and of the event that they publish.
func TestAnEventIsDeliveredRetriedAndRetriedByHand(t *testing.T) {
	t.Parallel()
	status := make(chan int, 10)
	r := newReceiver(t, func(delivery) int { return <-status })
	h := newHouse(t, quick...).start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL+"/hooks", 1)

	// It is delivered, signed.
	status <- http.StatusOK
	delivered := h.publish(agent)
	d := next(t, r.got, "the delivery")
	verify(t, secret, d)
	if d.eventID() != delivered.EventID || delivered.Deliveries != 1 || d.attempt() != 1 {
		t.Errorf("event %s, attempt %d came of %+v", d.eventID(), d.attempt(), delivered)
	}
	var body struct {
		Event     string `json:"event"`
		AgentName string `json:"agent_name"`
		WebhookID string `json:"webhook_id"`
		Call      struct{ ID string }
	}
	if err := json.Unmarshal(d.body, &body); err != nil || body.Event != callEnded || body.AgentName != "Ana" ||
		body.WebhookID != hook.ID || body.Call.ID != "c-1042" {
		t.Errorf("body %s, %v", d.body, err)
	}
	if log := h.statuses(hook, delivered.EventID, "success")[0]; log.ID != d.logID() || log.HTTPStatus != 200 || log.DeliveredAt.IsZero() {
		t.Errorf("log %+v", log)
	}

	// The next one fails, is retried, and fails for good.
	status <- http.StatusInternalServerError
	failed := h.publish(agent)
	first := next(t, r.got, "the first attempt")
	h.statuses(hook, failed.EventID, "pending", "retrying")
	status <- http.StatusServiceUnavailable
	second := next(t, r.got, "the automatic retry")
	verify(t, secret, second)
	logs := h.statuses(hook, failed.EventID, "failed", "failed")
	if second.eventID() != first.eventID() || second.logID() == first.logID() || second.attempt() != 2 {
		t.Errorf("retry %+v of %+v", second.header, first.header)
	}
	if logs[0].Error != "Service Unavailable" || logs[1].Error != "Internal Server Error" {
		t.Errorf("errors %q, %q", logs[0].Error, logs[1].Error)
	}

	// Retried by hand, it arrives.
	status <- http.StatusNoContent
	retried, err := h.client().Retry(within(t), agent, hook.ID, logs[0].ID, "")
	if err != nil {
		t.Fatal(err)
	}
	third := next(t, r.got, "the manual retry")
	verify(t, secret, third)
	if third.eventID() != first.eventID() || third.logID() != retried.LogID || third.attempt() != 3 {
		t.Errorf("manual retry %+v", third.header)
	}
	logs = h.statuses(hook, failed.EventID, "success", "failed", "failed")
	if logs[0].Trigger != "manual" || logs[0].OriginalLogID != logs[1].ID {
		t.Errorf("log %+v", logs[0])
	}
	h.stop()
	if len(r.got) > 0 {
		t.Errorf("%d more deliveries", len(r.got))
	}
}
