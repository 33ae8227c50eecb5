package dispatch

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/store"
)

// pump begins as many of a lane's deliveries as its limit and the slots allow. Those of a deleted webhook it has finished unsent.
// The mutex is held.
func (d *Dispatcher) pump(l *lane) {
	if l.deleted {
		d.finishDeleted(l)
	}
	for d.mayBegin(l) {
		f := d.newFlight()
		if !d.begin(l, f) {
			d.recycle(f)
			break
		}
		d.attempts.Add(1) // WaitGroup.Go would allocate
		go f.work()
	}
	d.settle(l)
}

// work sends a delivery and then, on the same goroutine, the lane's next ones as long as no other lane waits for the slot:
// the goroutine's stack has already grown.
func (d *Dispatcher) work(f *flight) {
	for again := true; again; {
		outcome := d.attempt(f)

		d.mu.Lock()
		l := f.lane
		d.finish(f, outcome)
		d.pumpWaiting()
		again = d.mayBegin(l) && d.begin(l, f)
		d.pump(l)
		if !again {
			d.recycle(f)
		}
		d.mu.Unlock()
	}
}

// learn adjusts the lane's limit. What says nothing about the receiver is nil or was not sent.
func (l *lane) learn(o *carteiro.Outcome) {
	switch {
	case o == nil, o.Duration == 0:
	case o.Success:
		l.limit.succeeded(o.Duration)
	default:
		l.limit.failed(o.Duration)
	}
}

// attempt makes one attempt and hands its outcome to the recorder. It gives nil when the attempt was given up: the
// store then still has it as open, and it is sent again once the session has ended.
func (d *Dispatcher) attempt(f *flight) *carteiro.Outcome {
	l, delivery := f.lane, f.delivery
	delivery.MayBegin = d.stillHolds(delivery.Session)
	var held heldByProxy
	var memory budget.Account
	for wait := range backoff(d.stopping) {
		webhook, ok := d.admit(f, &memory)
		if !ok {
			break
		}
		if waits(webhook, delivery) {
			memory.Close()
			d.putBack(l, delivery)
			return nil
		}
		if gone(webhook) {
			d.endQueue(l.webhookID)
		}
		outcome := unsendable(webhook)
		if outcome == nil {
			target := d.ready(f, webhook)
			memory.Shrink(memory.Held() - needs(target, delivery))
			outcome = d.Sender.Send(d.sending, target, delivery)
			d.watchProxy(delivery, &held, outcome)
		}
		switch {
		case d.sending.Err() != nil:
		case outcome.NotSent == nil:
			r := d.judge(delivery, webhook, outcome)
			r.memory = memory
			d.hand(f, r)
			return outcome
		case !errors.Is(outcome.NotSent, carteiro.ErrNotClear) && !errors.Is(outcome.NotSent, carteiro.ErrProxy):
			d.Logger.Warn("cannot send: this machine has not what it takes; trying again", "webhook_id", l.webhookID, "in", wait, "error", outcome.NotSent)
		}
		d.ground(f)
		memory.Close()
	}
	memory.Close()
	if d.stopping.Err() != nil && d.sending.Err() == nil {
		d.release([]*carteiro.Delivery{delivery}) // nothing was sent: another node need not wait for the end of the drain
	} else {
		d.drop(delivery)
	}
	return nil
}

// smallAttempt is how much memory an attempt may need that is not charged, in bytes.
const smallAttempt = 16 << 10

// admit waits until this node may send the delivery and has the memory for it: for the compiled webhook, and for the body that its
// template makes. It returns the webhook as it is then; nil when it is gone. The memory is charged until the outcome is recorded. While
// it waits, it does not keep the webhook's settings, and the attempt ages, so that those which wait long keep no slots from other
// environments. It is not ok when the dispatcher is stopping.
func (d *Dispatcher) admit(f *flight, memory *budget.Account) (w *carteiro.Webhook, ok bool) {
	for {
		if w, ok = d.clearToSend(f.delivery); !ok || waits(w, f.delivery) || unsendable(w) != nil {
			return w, ok
		}
		more := d.mayNeed(f, w) - memory.Held()
		if more <= 0 {
			return w, true
		}
		if memory.Held() == 0 {
			*memory = d.Bodies.Open(f.delivery.Event.EnvironmentID)
		}
		if memory.Grow(more) == nil {
			return w, true
		}
		if !d.awaitMemory(f, memory, more) {
			return nil, false
		}
	}
}

// awaitMemory waits for so many bytes more. It returns false when the dispatcher is stopping.
func (d *Dispatcher) awaitMemory(f *flight, memory *budget.Account, more int64) bool {
	d.mu.Lock()
	d.launch(f)
	d.mu.Unlock()
	defer d.ground(f)
	return memory.Wait(d.stopping, more) == nil
}

// mayNeed returns how much memory an attempt needs at most, in bytes; 0 if it is not charged.
func (d *Dispatcher) mayNeed(f *flight, w *carteiro.Webhook) int64 {
	if len(w.PayloadTemplates) > 0 {
		d.mu.Lock()
		target, current := f.lane.target, f.lane.webhook == w
		d.mu.Unlock()
		if current {
			return needs(target, f.delivery)
		}
	}
	return charged(send.MaxMemory(w, f.delivery.Event))
}

// needs returns how much memory an attempt needs, in bytes; 0 if it is not charged.
func needs(t *send.Target, delivery *carteiro.Delivery) int64 {
	return charged(t.Memory() + t.MaxRendered(delivery.Event))
}

func charged(bytes int) int64 {
	if bytes <= smallAttempt {
		return 0
	}
	return int64(bytes)
}

// hand passes a result to the recorder. If the recorder is busy, it first grounds the attempt: while it waits for the store, its
// receiver does not grow slow.
func (d *Dispatcher) hand(f *flight, r result) {
	select {
	case d.results <- r:
	default:
		d.ground(f)
		d.results <- r
	}
}

// clearToSend waits until this node may send the delivery, and gives the webhook as it is then; nil when it is
// gone. Reading it may take its time, so that the lease is looked at once more at the end; and again by the sender when it
// is connected. What is left between that look and the request is all that a node which is paused there can send of what it
// has lost.
func (d *Dispatcher) clearToSend(delivery *carteiro.Delivery) (w *carteiro.Webhook, ok bool) {
	_, ok = d.awaitLease(delivery.Session)
	for ok {
		if w, ok = d.webhookNow(delivery.WebhookID); !ok {
			break
		}
		var waited bool
		if waited, ok = d.awaitLease(delivery.Session); ok && !waited {
			return w, true
		}
	}
	return nil, false
}

// unsendable is the outcome of an attempt whose webhook must not be sent to any more; nil when it may be.
func unsendable(w *carteiro.Webhook) *carteiro.Outcome {
	switch {
	case gone(w):
		return carteiro.WebhookDeletedOutcome(time.Time{})
	case !w.Enabled:
		return &carteiro.Outcome{Reason: carteiro.ReasonWebhookDisabled, Error: "Not sent: the webhook was disabled"}
	default:
		return nil
	}
}

// judge turns an outcome into what is to be recorded.
func (d *Dispatcher) judge(delivery *carteiro.Delivery, w *carteiro.Webhook, o *carteiro.Outcome) result {
	now := d.IDs.Now()
	if o.FinishedAt.IsZero() {
		o.FinishedAt = now
	}
	retries, version := 0, int64(0)
	if w != nil {
		retries, version = w.MaxRetries, w.Version
	}
	decide := d.Policy.Decide
	if present := d.replaced(w, o); present != nil {
		decide, retries = d.Policy.DecideReplaced, present.MaxRetries
	}
	verdict := decide(delivery, o, retries, now, rand.Float64()) //nolint:gosec // jitter is no secret
	r := result{webhook: w, Result: store.Result{
		Delivery: delivery, Outcome: o, Version: version, DisableWebhook: verdict.DisableWebhook, Exhausted: verdict.Exhausted,
	}}
	if verdict.DisableWebhook && w != nil {
		r.Audit = carteiro.TurnedOff(w, d.IDs.New(now), o.Error)
	}
	if verdict.Retry {
		r.Next = &carteiro.Attempt{
			ID:         d.IDs.New(now),
			WebhookID:  delivery.WebhookID,
			EventID:    delivery.EventID,
			EventType:  delivery.EventType,
			Number:     delivery.Number + 1,
			ChainStart: delivery.ChainStart,
			Trigger:    carteiro.TriggerAutomatic,
			PreviousID: delivery.ID,
			DueAt:      verdict.RetryAt,
			Status:     carteiro.StatusPending,
		}
	}
	return r
}

// replaced gives the webhook as it is now if its receiver has answered 410 to settings that have been replaced since, as it does when an
// endpoint moves. Otherwise it gives nil.
func (d *Dispatcher) replaced(w *carteiro.Webhook, o *carteiro.Outcome) *carteiro.Webhook {
	if w == nil || o.HTTPStatus != http.StatusGone {
		return nil
	}
	present, err := d.Webhooks.Webhook(d.sending, w.ID)
	if err != nil || present.Version == w.Version {
		return nil // the store decides whether the webhook is disabled
	}
	return present
}

// webhookNow reads a webhook as it is now; nil when it is gone. While the store cannot be asked it waits; not ok means
// that the dispatcher is stopping.
func (d *Dispatcher) webhookNow(id carteiro.ID) (w *carteiro.Webhook, ok bool) {
	for wait := range backoff(d.stopping) {
		w, err := d.Webhooks.Webhook(d.sending, id)
		switch {
		case err == nil:
			return w, true
		case errors.Is(err, store.ErrNotFound):
			return nil, true
		}
		d.Logger.Warn("could not read a webhook; trying again", "webhook_id", id, "in", wait, "error", err)
	}
	return nil, false
}

// ready launches an attempt and returns its compiled webhook, which it compiles if the webhook has changed.
func (d *Dispatcher) ready(f *flight, w *carteiro.Webhook) *send.Target {
	l := f.lane
	d.mu.Lock()
	target, current := l.target, l.webhook == w
	d.launch(f)
	d.mu.Unlock()
	if current {
		return target
	}
	target = send.Compile(w)
	d.keepTarget(l, w, target)
	return target
}

// keepTarget keeps a compiled webhook for the lane's next attempts, unless it is very large.
func (d *Dispatcher) keepTarget(l *lane, w *carteiro.Webhook, target *send.Target) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropTarget(l)
	if size := int64(target.Memory()); d.targets.Fits(size) && d.lanes[l.webhookID] == l {
		l.webhook, l.target = w, target
		l.kept = d.targets.Add(w.EnvironmentID, size, func() { l.webhook, l.target, l.kept = nil, nil, nil })
	}
}

// dropTarget forgets the lane's compiled webhook. The mutex is held.
func (d *Dispatcher) dropTarget(l *lane) {
	d.targets.Remove(l.kept)
	l.webhook, l.target, l.kept = nil, nil, nil
}

// drop forgets a delivery that was not sent.
func (d *Dispatcher) drop(delivery *carteiro.Delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(delivery)
}

// forget gives back a delivery's memory and lets go of whoever waits for it. The mutex is held.
func (d *Dispatcher) forget(delivery *carteiro.Delivery) {
	l := d.lane(delivery.WebhookID)
	// What a lost session sent comes to its end while the attempt may be held again, as another delivery.
	if d.inHand[delivery.ID] == delivery {
		delete(d.inHand, delivery.ID)
	}
	d.hold(l, -len(delivery.Event.Payload)-deliveryOverhead)
	d.settle(l)
	if waiter, ok := d.waiters[delivery.ID]; ok {
		delete(d.waiters, delivery.ID)
		close(waiter)
	}
}

const (
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// backoff yields the waits between tries of something that must succeed, waiting each out before the next try. It
// ends with ctx.
func backoff(ctx context.Context) func(yield func(time.Duration) bool) {
	return func(yield func(time.Duration) bool) {
		for wait := firstBackoff; ctx.Err() == nil && yield(wait); wait = min(2*wait, maxBackoff) {
			pause(ctx, wait)
		}
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
