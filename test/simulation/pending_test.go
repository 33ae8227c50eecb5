package simulation_test

import (
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// An attempt that is due is sent soon, unless there is a reason: its webhook's circuit, or the limit on what the webhook has in
// flight. Nothing else holds it longer than a lease lasts.

const (
	// stuckAfter is how long an attempt may be due without a reason. Nodes that share a store hear of changes on others by
	// looking at the store.
	stuckAfter, stuckShared = 20 * time.Second, 45 * time.Second
	// settling is how long nodes may take to come to terms with a fault. A call that failed may be carried out late, and they
	// wait for that.
	settling = time.Minute
	// overtakenAfter is by how much a later attempt of the same webhook may have been sent before an earlier one.
	overtakenAfter = 75 * time.Second
)

// sightLane is what was seen of a webhook's requests.
type sightLane struct {
	inFlight map[carteiro.ID]int
	activeAt time.Time           // a request began or ended
	sentDue  map[*link]time.Time // the latest due time of what a node has sent in its turn
	holders  map[carteiro.ID]holding
	seen     map[carteiro.ID]time.Time // pending attempts, when they were seen first: an event may be stored long after its id was made
	probes   map[carteiro.ID]bool      // requests in flight that are probes
	// returned is the last probe if it came back without a result, and returnedAt when that was seen.
	returned   carteiro.ID
	returnedAt time.Time
	// Since the circuit closed, which was at closedAt, ramped deliveries were claimed.
	closedAt time.Time
	ramped   int
}

// holding is who holds a pending attempt, and since when that was seen.
type holding struct {
	by    *link
	since time.Time
}

// lane returns what was seen of a webhook. The mutex is held.
func (w *world) lane(hook carteiro.ID) *sightLane {
	l := w.saw.lanes[hook]
	if l == nil {
		l = &sightLane{inFlight: make(map[carteiro.ID]int), sentDue: make(map[*link]time.Time), holders: make(map[carteiro.ID]holding),
			seen: make(map[carteiro.ID]time.Time), probes: make(map[carteiro.ID]bool)}
		w.saw.lanes[hook] = l
	}
	return l
}

// begins notes that a receiver gets a request.
func (w *world) begins(by *link, d *carteiro.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lane(d.WebhookID)
	l.inFlight[d.ID]++
	l.probes[d.ID] = d.Probe
	l.activeAt = time.Now()
	if d.Trigger == carteiro.TriggerAutomatic {
		l.sentDue[by] = later(l.sentDue[by], d.DueAt)
	}
}

// ends notes that a request is over.
func (w *world) ends(d *carteiro.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lane(d.WebhookID)
	if l.inFlight[d.ID]--; l.inFlight[d.ID] == 0 {
		delete(l.inFlight, d.ID)
		delete(l.probes, d.ID)
	}
	l.activeAt = time.Now()
}

// touched notes that webhooks were changed, which may end a reason to wait.
func (w *world) touched(hooks ...carteiro.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, hook := range hooks {
		w.lane(hook).activeAt = time.Now()
	}
}

// judgePending sees that no attempt of a webhook waits without a reason.
func (w *world) judgePending(hook *carteiro.Webhook, logs []*carteiro.Attempt) {
	if w.plan.jumps() || w.plan.crowd || !slices.ContainsFunc(logs, isPending) || time.Since(w.disturbed()) < settling {
		return
	}
	is, err := w.truth.GetWebhook(context.Background(), hook.ID)
	if err != nil {
		w.fault("a webhook cannot be read: %v", err)
		return
	}
	patience := stuckAfter
	if w.plan.shared {
		patience = stuckShared
	}
	now := time.Now()
	w.mu.Lock()
	l := w.lane(hook.ID)
	progress, sentDue := l.activeAt, maps.Clone(l.sentDue)
	if len(l.inFlight) > 0 {
		progress = now
	}
	if is.Live() && is.Circuit.Open() {
		progress, sentDue = later(progress, is.Circuit.ProbeAt), nil
	} else if is.Circuit.Ramping(now) {
		progress = now
	}
	w.mu.Unlock()
	for _, a := range logs {
		if !isPending(a) {
			continue
		}
		if since := later(later(a.DueAt, progress), w.firstSeen(a)); now.Sub(since) > patience {
			w.fault("attempt %s (number %d, %s, webhook %s) waits since %s for no reason; it is held by %v", a.ID, a.Number, a.Trigger, is.Status(), since.Sub(w.began), w.holder(a))
			return
		}
		w.judgeOrder(a, sentDue)
	}
}

// judgeOrder sees that what a node holds is not left behind by what the node has accepted or claimed much later.
func (w *world) judgeOrder(a *carteiro.Attempt, sentDue map[*link]time.Time) {
	late := false
	for _, due := range sentDue {
		late = late || due.Sub(a.DueAt) > overtakenAfter
	}
	if !late {
		return
	}
	now := holding{w.holder(a), time.Now()}
	w.mu.Lock()
	l := w.lane(a.WebhookID)
	if was, known := l.holders[a.ID]; known && was.by == now.by {
		now = was
	}
	l.holders[a.ID] = now
	inFlight := l.inFlight[a.ID] > 0
	w.mu.Unlock()
	for by, due := range sentDue {
		// What nobody holds is left to a node that knows of it. Another may not, and send what it has.
		mine := by == now.by || now.by == nil && !w.plan.shared
		if mine && !inFlight && due.Sub(now.since) > overtakenAfter {
			w.fault("attempt %s waits at %v since %s, and one due %s later was sent", a.ID, now.by, now.since.Sub(w.began), due.Sub(now.since))
			return
		}
	}
}

// firstSeen returns when a pending attempt was seen first.
func (w *world) firstSeen(a *carteiro.Attempt) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lane(a.WebhookID)
	if l.seen[a.ID].IsZero() {
		l.seen[a.ID] = time.Now()
	}
	return l.seen[a.ID]
}

func isPending(a *carteiro.Attempt) bool { return a.Status == carteiro.StatusPending }

// holder returns the node that holds an attempt, or nil.
func (w *world) holder(a *carteiro.Attempt) *link {
	w.mu.Lock()
	all := slices.Clone(w.all)
	w.mu.Unlock()
	for _, n := range all {
		if w.holds(n.dispatcher.Session(), store.AttemptRef{WebhookID: a.WebhookID, ID: a.ID}) {
			return n.link
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// claimed sees that a receiver that has recovered is not flooded. The clocks of two nodes may differ.
func (w *world) claimed(hook carteiro.ID, n int) {
	if w.plan.jumps() || n == 0 {
		return
	}
	is, err := w.truth.GetWebhook(context.Background(), hook)
	if err != nil || !is.Live() || is.Circuit.Open() || is.Circuit.ClosedAt.IsZero() {
		return
	}
	since := time.Since(is.Circuit.ClosedAt)
	if since > carteiro.RampTime/2 {
		return
	}
	w.mu.Lock()
	l := w.lane(hook)
	if !l.closedAt.Equal(is.Circuit.ClosedAt) {
		l.closedAt, l.ramped = is.Circuit.ClosedAt, 0
	}
	l.ramped += n
	ramped := l.ramped
	w.mu.Unlock()
	allowed := int(carteiro.RampFirst * math.Exp2((since+maxSkew).Seconds()/carteiro.RampDouble.Seconds()))
	if ramped > allowed {
		w.fault("webhook %s has got %d deliveries %s after its circuit closed; %d are allowed", hook, ramped, since, allowed)
	}
}
