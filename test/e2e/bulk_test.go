package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"carteiro/client"
)

// A bulk retry is of the server's, not of its process: killed again and again it goes on where it was, and sends each
// failed delivery once; twice at most where a kill came between a request's arrival and its record.
func TestABulkRetryGoesOnOverKillsAndRetriesEachOnce(t *testing.T) {
	t.Parallel()
	const entries, kills = 600, 4
	var well atomic.Bool
	var mu sync.Mutex
	attempts := make(map[string]map[string]bool) // of each event: the log entries that reached the receiver since it is well
	r, connections := watched(t, func(d delivery) int {
		if d.logID() == "" {
			return http.StatusOK // the barrier of connections.drain
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
	h := newHouse(t, "--allow-private-networks", "--rate-limit", "0", "--bulk-retry-rate", "300").start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	h.fail(hook, entries)
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
		return err == nil && listErr == nil && job.Status == client.BulkDone && done.Total == entries
	})
	if job.Retried != entries || job.Skipped.Total != 0 || job.Remaining != 0 {
		t.Errorf("in the end %+v", job)
	}
	_, all, err := h.client().ListLogs(within(t), agent, hook.ID, client.LogFilter{PerPage: 1})
	if err != nil || all.Total != 2*entries {
		t.Errorf("%d entries, %v, want %d", all.Total, err, 2*entries)
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

// fail publishes events until so many deliveries of the webhook have failed.
func (h *house) fail(w client.Webhook, n int) {
	h.t.Helper()
	batch := make([]client.Event, n)
	for i := range batch {
		batch[i] = client.Event{Owner: w.Owner(), Type: callEnded, Payload: map[string]any{"n": fmt.Sprint(i)}}
	}
	if _, err := h.client().PublishBatch(within(h.t), batch); err != nil {
		h.t.Fatal(err)
	}
	eventually(h.t, "all have failed", func(ctx context.Context) bool {
		_, page, err := h.client().ListLogs(ctx, w.Owner(), w.ID, client.LogFilter{Status: client.StatusFailed, PerPage: 1})
		return err == nil && page.Total == n
	})
}
