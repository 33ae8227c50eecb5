package simulation_test

import (
	"context"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
)

// A probe that comes back without a result, because its node stopped or lost its lease, has not used its turn: the circuit is
// probed again soon, and not only when the next probe would have been due.

// probing reports whether a probe of a webhook is in flight.
func (w *world) probing(hook *carteiro.Webhook) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, is := range w.lane(hook.ID).probes {
		if is {
			return true
		}
	}
	return false
}

// judgeProbe sees that a webhook whose last probe came back without a result is probed again.
func (w *world) judgeProbe(hook *carteiro.Webhook, logs []*carteiro.Attempt) {
	if w.plan.jumps() || w.plan.crowd {
		return
	}
	is, err := w.truth.GetWebhook(context.Background(), hook.ID)
	if err != nil {
		w.fault("a webhook cannot be read: %v", err)
		return
	}
	probe := is.Circuit.Probe
	returned := is.Live() && is.Circuit.Open() && slices.ContainsFunc(logs, func(a *carteiro.Attempt) bool {
		return a.ID == probe && isPending(a) && w.holder(a) == nil
	})
	now := time.Now()
	w.mu.Lock()
	l := w.lane(hook.ID)
	switch {
	case !returned:
		l.returned = carteiro.ID{}
	case l.returned != probe:
		l.returned, l.returnedAt = probe, now
	}
	since, inFlight := l.returnedAt, len(l.inFlight) > 0 // another request of the lane may take its only slot
	w.mu.Unlock()
	if since = later(since, w.disturbed()); returned && !inFlight && now.Sub(since) > w.patience() {
		w.fault("webhook %s is not probed since %s, when its last probe came back; the next is due at %s", hook.ID, since.Sub(w.began), is.Circuit.ProbeAt.Sub(w.began))
	}
}

// patience is how long nodes may take to go on with an attempt that nobody holds. If store calls fail, they have to come to
// terms with that.
func (w *world) patience() time.Duration {
	patience := stuckAfter
	if w.plan.shared {
		patience = stuckShared
	}
	if f := w.plan.faults; f.before+f.after+f.late+f.permanent > 0 {
		patience += settling
	}
	return patience
}
