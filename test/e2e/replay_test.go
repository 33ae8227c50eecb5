package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/carteiro/carteiro/client"
)

// What came in before there was a webhook is found and sent to it later, by a job that is the server's and not its
// process's: killed again and again it goes on where it was, and sends each event once; twice at most where a kill came
// between a request's arrival and its record.
func TestEventsThatNoWebhookWantedAreSentLaterOverKills(t *testing.T) {
	t.Parallel()
	const events, kills = 450, 3
	var mu sync.Mutex
	attempts := make(map[string]map[string]bool) // of each event: the log entries that reached the receiver
	r, connections := watched(t, func(d delivery) int {
		if d.logID() == "" {
			return http.StatusOK // the barrier of connections.drain
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
	ids := h.publishMany(agent, events)
	missed := client.EventFilter{Undelivered: new(true), Reason: client.NoWebhook, PerPage: 1}
	if _, page, err := h.client().ListEvents(within(t), missed); err != nil || page.Total != events {
		t.Fatalf("%d are found, %v", page.Total, err)
	}
	hook := h.webhook(agent, r.URL, 0)
	match, err := h.client().MatchReplay(within(t), agent, hook.ID, client.ReplayFilter{})
	if err != nil || match.Matching != events || len(match.Sample) == 0 {
		t.Fatalf("%+v, %v", match, err)
	}
	job, err := h.client().Replay(within(t), agent, hook.ID, client.ReplayFilter{})
	if err != nil || job.Matched != events || job.Kind != client.KindReplay {
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
	h.awaitSuccesses(hook, events)
	job, err = h.client().GetBulkRetry(within(t), agent, hook.ID, job.ID)
	if err != nil || job.Status != client.BulkDone || job.Retried != events || job.Skipped.Total != 0 || job.Remaining != 0 {
		t.Errorf("in the end %+v, %v", job, err)
	}
	if _, page, err := h.client().ListEvents(within(t), missed); err != nil || page.Total != 0 {
		t.Errorf("%d are undelivered still, %v", page.Total, err)
	}
	event, err := h.client().GetEvent(within(t), ids[0])
	if err != nil || len(event.Deliveries) != 1 || event.Deliveries[0].Status != client.StatusSuccess || event.Deliveries[0].Attempts != 1 {
		t.Errorf("%+v, %v", event, err)
	}
	h.stop()
	mu.Lock()
	defer mu.Unlock()
	for event, logs := range attempts {
		if len(logs) != 1 {
			t.Errorf("event %s was sent by %d entries: %v", event, len(logs), logs)
		}
	}
	if len(attempts) != events {
		t.Errorf("%d events were sent", len(attempts))
	}
}

// What came while the webhook was disabled is sent once it is enabled, and once only, however many ask.
func TestAHundredReplaysAtOnceGiveOneDelivery(t *testing.T) {
	t.Parallel()
	const callers = 100
	r := newReceiver(t, always(http.StatusNoContent))
	h := newHouse(t, "--allow-private-networks", "--rate-limit", "0").start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	if _, err := h.client().ToggleWebhook(within(t), agent, hook.ID); err != nil {
		t.Fatal(err)
	}
	accepted, err := h.client().Publish(within(t), client.Event{Owner: agent, Type: callEnded})
	if err != nil || accepted.Deliveries != 0 {
		t.Fatalf("%+v, %v", accepted, err)
	}
	event, err := h.client().GetEvent(within(t), accepted.EventID)
	if err != nil || event.UndeliveredReason != client.WebhooksDisabled {
		t.Fatalf("%+v, %v", event, err)
	}
	if _, err := h.client().ToggleWebhook(within(t), agent, hook.ID); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			filter := client.ReplayFilter{EventIDs: []string{accepted.EventID}}
			if i%2 == 0 {
				filter = client.ReplayFilter{}
			}
			_, err := h.client().Replay(within(t), agent, hook.ID, filter)
			var no *client.Error
			if err != nil && (!errors.As(err, &no) || no.Code != client.CodeBulkRetryOpen) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	d := next(t, r.got, "the delivery")
	eventually(t, "all jobs are done", func(ctx context.Context) bool {
		jobs, _, err := h.client().ListBulkRetries(ctx, agent, hook.ID, 1, 0)
		return err == nil && jobs[0].Status == client.BulkDone
	})
	event, err = h.client().GetEvent(within(t), accepted.EventID)
	if err != nil || len(event.Deliveries) != 1 || event.Deliveries[0].LogID != d.logID() || event.Deliveries[0].Attempts != 1 || event.UndeliveredReason != "" {
		t.Errorf("%+v, %v", event, err)
	}
	h.stop()
	if d.attempt() != 1 || d.eventID() != accepted.EventID || len(r.got) > 0 {
		t.Errorf("attempt %d of %s came, and %d more", d.attempt(), d.eventID(), len(r.got))
	}
}
