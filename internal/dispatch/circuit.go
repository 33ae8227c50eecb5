package dispatch

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// The store owns the circuit of a webhook: recorded results open and close it, and it limits claims. A lane only ensures
// that deliveries do not bypass the store while the circuit throttles. Its information may be as old as a directory entry;
// then a few deliveries are sent or put back unnecessarily.

// lookAgain is how soon a lane checks a circuit again that another node may have closed without a hint.
const lookAgain = 30 * time.Second

// holdBack notes until when the circuit throttles the lane, as a claim reported. The mutex is held.
func (d *Dispatcher) holdBack(l *lane, until, now time.Time) {
	if d.Shared && until.After(now.Add(lookAgain)) {
		until = now.Add(lookAgain)
	}
	l.heldBack = until
	if t := l.wakeAt; t.Before(until) && !t.IsZero() {
		l.wakeAt = until
	}
}

// waits reports whether a delivery must wait until its webhook's circuit closes. Tests, manual retries and probes do not wait.
func waits(w *carteiro.Webhook, delivery *carteiro.Delivery) bool {
	return w != nil && w.Live() && w.Circuit.Open() && mayWait(delivery)
}

func mayWait(delivery *carteiro.Delivery) bool {
	return !delivery.Probe && delivery.Trigger != carteiro.TriggerManual && delivery.Trigger != carteiro.TriggerTest
}

// putBack releases an unsent delivery and all queued deliveries of its lane that may wait. New deliveries stay in the store
// until a claim finds the circuit closed.
func (d *Dispatcher) putBack(l *lane, delivery *carteiro.Delivery) {
	d.mu.Lock()
	back := append([]*carteiro.Delivery{delivery}, l.emptied()...)
	if l.heldBack.IsZero() {
		l.heldBack = d.IDs.Now()
	}
	d.mu.Unlock()
	d.release(back)
}

// emptied removes the deliveries that may wait from a lane's queue.
func (l *lane) emptied() (back []*carteiro.Delivery) {
	var stay []*carteiro.Delivery
	for l.queue.len() > 0 {
		if delivery := l.queue.pop(); mayWait(delivery) {
			back = append(back, delivery)
		} else {
			stay = append(stay, delivery)
		}
	}
	for _, delivery := range stay {
		l.queue.push(delivery)
	}
	return back
}

// release ends the leases of attempts. They stay known until the store responds, so that no other call releases them
// meanwhile. A failed call may still be executed and would release attempts that were claimed again, so the node waits
// as long as that can happen and then releases them as unknown attempts.
//
// Each attempt is released by the session that holds it, because the node may have lost its lease and rejoined since.
//
// A released probe returns its turn, and its lane immediately claims another one.
func (d *Dispatcher) release(back []*carteiro.Delivery) {
	if len(back) == 0 {
		return
	}
	held := make(map[int64][]store.AttemptRef)
	for _, delivery := range back {
		held[delivery.Session] = append(held[delivery.Session], store.AttemptRef{WebhookID: delivery.WebhookID, ID: delivery.ID})
	}
	var err error
	for session, refs := range held {
		err = errors.Join(err, d.Store.Release(d.sending, store.Release{Session: store.Session{ID: session}, Attempts: refs}))
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.waitToRelease(now)
	}
	for _, delivery := range back {
		l := d.lane(delivery.WebhookID)
		if delivery.Probe {
			d.returnTurn(l, err)
		}
		l.notice(d.IDs.Now())
		d.forget(delivery)
	}
}

// returnTurn has a lane claim because its circuit's probe may have been released. If the call failed, a claim would find the
// probe held until the call is carried out late or repeated. The mutex is held.
func (d *Dispatcher) returnTurn(l *lane, err error) {
	if err == nil {
		d.recheck(l)
		return
	}
	again := d.IDs.Now().Add(doubtFor)
	if again.Before(l.heldBack) {
		l.heldBack = again
	}
	l.notice(again)
}

// followCircuit has a lane follow what was recorded. If the circuit opened, it empties the lane and returns what is to be
// released. The lane claims at once if the circuit closed; if a probe failed, to learn when the next one is due; if the webhook
// was disabled, because its deliveries end unsent; and if the result reads as lost, because an earlier try may have recorded
// any of these. The mutex is held.
func (d *Dispatcher) followCircuit(r *result, recorded store.Recorded) (back []*carteiro.Delivery) {
	if recorded.Circuit == carteiro.CircuitUnchanged && !recorded.Lost && !r.Delivery.Probe && !r.DisableWebhook {
		return nil
	}
	l := d.lane(r.Delivery.WebhookID)
	d.recheck(l)
	if recorded.Circuit == carteiro.CircuitOpened {
		back = l.emptied()
	}
	return back
}

// recheck makes a lane claim immediately, to learn the state of its circuit. A claim in progress may have read the circuit
// before it changed, so another claim follows it. The mutex is held.
func (d *Dispatcher) recheck(l *lane) {
	l.stale = l.claiming
	l.heldBack = d.IDs.Now()
	l.notice(l.heldBack)
}

// LookAgain notifies lanes that their webhooks have changed on this or another node. The lanes check their circuits, and finish
// their queues if the webhooks are deleted.
func (d *Dispatcher) LookAgain(webhooks ...carteiro.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var changed []*lane
	for _, id := range webhooks {
		if l := d.lanes[id]; l != nil {
			changed = append(changed, l)
		}
	}
	d.follow(changed)
}

// recheckAll is [Dispatcher.LookAgain] for all webhooks: changes of any may have been missed.
func (d *Dispatcher) recheckAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.follow(slices.Collect(maps.Values(d.lanes)))
}

// follow makes throttled lanes claim, as well as lanes whose claim in progress may report throttling. It also looks for deleted
// webhooks. The mutex is held.
func (d *Dispatcher) follow(lanes []*lane) {
	var busy []*lane
	for _, l := range lanes {
		if l.claiming || !l.heldBack.IsZero() {
			d.recheck(l)
			d.arm(l)
		}
		if l.busy() && !l.deleted {
			busy = append(busy, l)
		}
	}
	d.checkDeleted(busy)
}

// tellCircuit drops the cached webhook if its circuit may have changed, and logs the change.
func (d *Dispatcher) tellCircuit(r *result, recorded store.Recorded, batch []result) {
	if r.webhook == nil || recorded.Circuit == carteiro.CircuitUnchanged && !recorded.Lost {
		return
	}
	d.Webhooks.Forget(r.webhook)
	switch recorded.Circuit {
	case carteiro.CircuitUnchanged:
	case carteiro.CircuitOpened:
		d.Logger.Warn("receiver keeps failing: its deliveries wait, but for probes", "webhook_id", r.webhook.ID,
			"error", lastError(batch, r.webhook.ID))
	case carteiro.CircuitClosed:
		d.Logger.Info("receiver is well again: its deliveries flow", "webhook_id", r.webhook.ID)
	}
}

// lastError returns the error of a webhook's last failure in a batch. The result that reports the circuit may be an earlier
// success.
func lastError(batch []result, webhook carteiro.ID) string {
	for _, r := range slices.Backward(batch) {
		if r.Delivery.WebhookID == webhook && !r.Outcome.Success {
			return r.Outcome.Error
		}
	}
	return ""
}
