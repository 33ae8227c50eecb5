package e2e_test

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/client"
)

// ill is a receiver that keeps each request waiting until it is told what to answer, and once it is well answers all by itself.
type ill struct {
	came chan request

	mu       sync.Mutex
	well     bool
	inFlight int
	most     int // in flight at once, while it was ill
	done     map[string]int
}

// request is one that waits for its answer.
type request struct {
	delivery
	at     time.Time
	answer chan int
}

func (r *ill) receive(d delivery) int {
	status := http.StatusOK
	if asked := (request{d, time.Now(), make(chan int)}); r.begin() {
		r.came <- asked
		status = <-asked.answer
		r.end()
	}
	if status == http.StatusOK {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.done[d.eventID()]++
	}
	return status
}

// begin says whether someone has to answer.
func (r *ill) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.well {
		return false
	}
	r.inFlight++
	r.most = max(r.most, r.inFlight)
	return true
}

func (r *ill) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight--
}

func (r *ill) getWell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.well = true
}

// A receiver fails, and three servers on one database leave it alone together: one probe at a time, none before its time, at
// growing intervals, also when the server whose probe is under way is killed. Once it is well all that waited comes, once.
func TestServersShareACircuitAlsoWhenTheOneThatProbesIsKilled(t *testing.T) {
	t.Parallel()
	sick := &ill{came: make(chan request, 100), done: make(map[string]int)}
	receiver := newReceiver(t, sick.receive)
	nodes := newCluster(t, 3)
	agent := nodes[0].agent()
	hook := nodes[0].webhook(agent, receiver.URL, 10)

	// One event alone opens the circuit, so that nothing is under way beside it.
	events := []string{nodes[0].publish(agent).EventID}
	for range carteiro.FailuresForError {
		next(t, sick.came, "an attempt").answer <- http.StatusInternalServerError
	}
	probe := next(t, sick.came, "the first probe")
	opened := nodes[1].reason(hook)
	if first := opened.InErrorSince.Add(carteiro.FirstProbeWait); probe.at.Before(first) || opened.Probes != 1 {
		t.Errorf("%d probes, the first at %s, want one at %s", opened.Probes, probe.at, first)
	}

	// What comes in waits, on whichever server, and for as long as the probe takes: the next is due meanwhile.
	for _, h := range nodes {
		events = append(events, h.publishMany(agent, 7)...)
	}
	pause(t.Context(), time.Until(opened.NextProbeAt)+500*time.Millisecond)
	probe.answer <- http.StatusInternalServerError
	second := next(t, sick.came, "the second probe")
	due := nodes[2].grown(hook, opened, second)

	holder := sending(t, nodes)
	nodes[holder].kill()
	nodes[holder].wait(t)
	second.answer <- http.StatusInternalServerError // to nobody
	left := slices.Delete(slices.Clone(nodes), holder, holder+1)
	third := next(t, sick.came, "the third probe")
	// Nobody has recorded what the second one got, so that the third has its turn.
	if now := left[0].reason(hook); now.Probes != due.Probes || !now.NextProbeAt.After(due.NextProbeAt) {
		t.Errorf("%d probes, the next is due at %s; want %d and later than %s", now.Probes, now.NextProbeAt, due.Probes, due.NextProbeAt)
	}

	sick.getWell()
	third.answer <- http.StatusOK
	eventually(t, "all are delivered", func(ctx context.Context) bool {
		_, page, err := left[0].client().ListLogs(ctx, hook.Owner(), hook.ID, client.LogFilter{Status: client.StatusSuccess, PerPage: 1})
		return err == nil && page.Total == len(events)
	})
	w, err := left[1].client().GetWebhook(within(t), hook.Owner(), hook.ID)
	if err != nil || w.Status != string(carteiro.WebhookActive) {
		t.Errorf("the webhook's status is %s, %v", w.Status, err)
	}
	sick.mu.Lock()
	defer sick.mu.Unlock()
	for _, event := range events {
		if sick.done[event] != 1 {
			t.Errorf("event %s was taken %d times", event, sick.done[event])
		}
	}
	if sick.most != 1 {
		t.Errorf("%d requests at once while it was ill", sick.most)
	}
	for _, h := range left {
		h.stop()
	}
}

// reason gives why a webhook is in error.
func (h *house) reason(hook client.Webhook) client.StatusReason {
	h.t.Helper()
	w, err := h.client().GetWebhook(within(h.t), hook.Owner(), hook.ID)
	if err != nil || w.StatusReason == nil {
		h.t.Fatalf("the webhook's status is %s, %v", w.Status, err)
	}
	return *w.StatusReason
}

// grown gives why a webhook is in error while a probe waits for its answer, which must have come when it was due, and be
// followed by another after twice the time.
func (h *house) grown(hook client.Webhook, before client.StatusReason, probe request) client.StatusReason {
	h.t.Helper()
	if probe.at.Before(before.NextProbeAt) {
		h.t.Errorf("probe %d came at %s, and was due at %s", before.Probes+1, probe.at, before.NextProbeAt)
	}
	now := h.reason(hook)
	least := (carteiro.FirstProbeWait << now.Probes) * 9 / 10 // less the jitter
	if wait := now.NextProbeAt.Sub(before.NextProbeAt); now.Probes != before.Probes+1 || wait < least {
		h.t.Errorf("after probe %d the next, number %d, is due %s later, want %s at least", before.Probes, now.Probes+1, wait, least)
	}
	return now
}

var metricsAt = regexp.MustCompile(`metrics=(http\S+)`)

// sending gives the one of the servers that has a request under way.
func sending(t *testing.T, nodes []*house) int {
	t.Helper()
	holder := -1
	for i, h := range nodes {
		line, err := h.log.await(within(t), metricsAt)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(metricsAt.FindStringSubmatch(line)[1])
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), "carteiro_lane_attempts{state=\"in_flight\"} 1\n") {
			if holder >= 0 {
				t.Errorf("servers %d and %d both send", holder, i)
			}
			holder = i
		}
	}
	if holder < 0 {
		t.Fatal("no server says that it sends")
	}
	return holder
}
