package e2e_test

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/carteiro/carteiro/client"
)

// A bulk retry is of the server's, not of its process: killed again and again it goes on where it was, and sends each
// failed delivery once; twice at most where a kill came between a request's arrival and its record.
func TestABulkRetryGoesOnOverKillsAndRetriesEachOnce(t *testing.T) {
	t.Parallel()
	const entries, kills = 200, 4
	var well atomic.Bool
	var mu sync.Mutex
	attempts := make(map[string]map[string]bool) // of each event: the log entries that reached the receiver since it is well
	r, connections := watched(t, func(d delivery) int {
		if d.logID() == "" {
			return http.StatusOK // the barrier of connections.drain
		}
		if bytes.Contains(d.body, []byte(`"heartbeat"`)) {
			return http.StatusOK
		}
		if !well.Load() {
			return http.StatusServiceUnavailable
		}
		mu.Lock()
		defer mu.Unlock()
		if attempts[d.eventID()] == nil {
			attempts[d.eventID()] = make(map[string]bool)
		}
		attempts[d.eventID()][d.logID()] = true
		return http.StatusOK
	})
	h := newHouse(t, "--allow-private-networks", "--rate-limit", "0", "--bulk-retry-rate", "100").start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	beats := h.fail(hook, entries)
	well.Store(true)

	match, err := h.client().MatchBulkRetry(within(t), agent, hook.ID, client.BulkFilter{HTTPStatus: "5xx"})
	if err != nil || match.Matching != entries || len(match.Sample) == 0 {
		t.Fatalf("%+v, %v", match, err)
	}
	job, err := h.client().RetryMany(within(t), agent, hook.ID, client.BulkFilter{HTTPStatus: "5xx"})
	if err != nil || job.Matched != entries {
		t.Fatalf("%+v, %v", job, err)
	}
	last := 0
	for range kills {
		eventually(t, "the job goes on", func(ctx context.Context) bool {
			job, err = h.client().GetBulkRetry(ctx, agent, hook.ID, job.ID)
			return err == nil && (job.Retried > last || job.Status == client.BulkDone)
		})
		last = job.Retried
		h.kill()
		h.wait(t)
		connections.drain(t, r.URL)
		h.start()
	}
	eventually(t, "the job is done, and so are the deliveries", func(ctx context.Context) bool {
		job, err = h.client().GetBulkRetry(ctx, agent, hook.ID, job.ID)
		_, done, listErr := h.client().ListLogs(ctx, agent, hook.ID, client.LogFilter{Status: client.StatusSuccess, PerPage: 1})
		return err == nil && listErr == nil && job.Status == client.BulkDone && done.Total == entries+beats
	})
	if job.Retried != entries || job.Skipped.Total != 0 || job.Remaining != 0 {
		t.Errorf("in the end %+v", job)
	}
	_, all, err := h.client().ListLogs(within(t), agent, hook.ID, client.LogFilter{PerPage: 1})
	if err != nil || all.Total != 2*entries+beats {
		t.Errorf("%d entries, %v, want %d", all.Total, err, 2*entries+beats)
	}
	h.stop()
	mu.Lock()
	defer mu.Unlock()
	for event, logs := range attempts {
		if len(logs) != 1 {
			t.Errorf("event %s was retried by %d entries: %v", event, len(logs), logs)
		}
	}
	if len(attempts) != entries {
		t.Errorf("%d events were retried", len(attempts))
	}
}

// fail has so many deliveries of the webhook fail, at a receiver that takes heartbeats: one comes between every four
// failures, so that the circuit stays closed. It gives how many came.
func (h *house) fail(w client.Webhook, n int) (beats int) {
	h.t.Helper()
	for failed := 0; failed < n; beats++ {
		batch := make([]client.Event, min(4, n-failed))
		for i := range batch {
			batch[i] = client.Event{Owner: w.Owner(), Type: callEnded, Payload: map[string]any{"n": failed + i}}
		}
		failed += len(batch)
		h.until(w, batch, client.StatusFailed, failed)
		h.until(w, []client.Event{{Owner: w.Owner(), Type: callEnded, Payload: map[string]any{"heartbeat": beats}}}, client.StatusSuccess, beats+1)
	}
	return beats
}

// until publishes events and waits for so many deliveries of the webhook in a status.
func (h *house) until(w client.Webhook, events []client.Event, status string, total int) {
	h.t.Helper()
	if _, err := h.client().PublishBatch(within(h.t), events); err != nil {
		h.t.Fatal(err)
	}
	eventually(h.t, "they are "+status, func(ctx context.Context) bool {
		_, page, err := h.client().ListLogs(ctx, w.Owner(), w.ID, client.LogFilter{Status: status, PerPage: 1})
		return err == nil && page.Total == total
	})
}
