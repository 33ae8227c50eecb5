package dispatch

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// The circuit of a webhook is the store's: it opens and closes with what is recorded, and a claim gets what it lets go. A
// lane only sees to it that nothing passes beside the store while it holds something back. What it knows may be old by as
// much as a directory's entry: then some deliveries are sent that need not have been, or are put back that need not.

// lookAgain is how soon a lane looks at a circuit again that other nodes may have closed, should it not hear of it.
const lookAgain = 30 * time.Second

// holdBack takes down what a claim said of the circuit. The mutex is held.
func (d *Dispatcher) holdBack(l *lane, until, now time.Time) {
	if d.Shared && until.After(now.Add(lookAgain)) {
		until = now.Add(lookAgain)
	}
	l.heldBack = until
	if t := l.wakeAt; t.Before(until) && !t.IsZero() {
		l.wakeAt = until
	}
}

// waits says whether a delivery is to wait until its webhook's circuit closes. What someone asked for and probes do not.
func waits(w *carteiro.Webhook, delivery *carteiro.Delivery) bool {
	return w != nil && w.Live() && w.Circuit.Open() && mayWait(delivery)
}

func mayWait(delivery *carteiro.Delivery) bool {
	return !delivery.Probe && delivery.Trigger != carteiro.TriggerManual && delivery.Trigger != carteiro.TriggerTest
}

// putBack gives a delivery back to the store unsent, with all that its lane holds and that may wait. What comes in goes to
// the store from now on, until a claim says otherwise.
func (d *Dispatcher) putBack(l *lane, delivery *carteiro.Delivery) {
	d.mu.Lock()
	back := append([]*carteiro.Delivery{delivery}, l.emptied()...)
	if l.heldBack.IsZero() {
		l.heldBack = d.IDs.Now()
	}
	d.mu.Unlock()
	d.release(back)
}

// emptied takes what may wait out of a lane's queue.
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

// release gives attempts back. They are known of until the store has answered: nobody else may give them back beside it. A
// call that fails may still be carried out, and would take away what was given back and claimed again meanwhile; so they
// are left for as long as it may be, and given back as what is held unknown.
//
// Each is released by the session that holds it. The lease may have been lost and the node rejoined since some were taken.
//
// A probe that is released returns its turn, and its lane claims another one at once.
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

// recheck has a lane claim at once, to learn what its circuit holds back now. A claim that is under way may have read the
// circuit before it changed, so that another follows it. The mutex is held.
func (d *Dispatcher) recheck(l *lane) {
	l.stale = l.claiming
	l.heldBack = d.IDs.Now()
	l.notice(l.heldBack)
}

// LookAgain has lanes follow changes of their webhooks, made here or elsewhere: they ask what their circuits let go, and finish
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

// follow has every lane claim that its circuit holds back, and every one that may learn so from a claim under way. It looks for
// deleted webhooks. The mutex is held.
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

// tellCircuit has the webhook read anew when its circuit has changed, or may have, and tells the operator.
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

// lastError is why the last of a webhook's failures in a batch has failed: the result that is told of the circuit may be a
// success that came before them.
func lastError(batch []result, webhook carteiro.ID) string {
	for _, r := range slices.Backward(batch) {
		if r.Delivery.WebhookID == webhook && !r.Outcome.Success {
			return r.Outcome.Error
		}
	}
	return ""
}
