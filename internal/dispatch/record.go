package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
	"github.com/carteiro/carteiro/internal/store"
)

// maxRecordBatch is how many results are committed together at most, and how many may wait: beyond it senders wait for
// the store, so that nothing is sent that could not be recorded.
const maxRecordBatch = 512

// result is a store.Result with the webhook it was sent to (nil when gone).
type result struct {
	store.Result
	webhook  *carteiro.Webhook
	refusals int // how often the store has refused to record it
	memory   budget.Account
}

// While many results come, commits of them begin at least a pace apart: to record touches other pages of the database than
// to accept, so that every commit that does both costs nearly twice as much. One that comes alone is recorded at once.
const (
	recordPace  = 4 * time.Millisecond
	manyResults = 8
)

// record is the loop that commits results until d.results is closed, and retries those that the store has refused.
func (d *Dispatcher) record() {
	for {
		select {
		case first, open := <-d.results:
			if !open {
				d.retryRefused()
				d.abandon(d.refused.results)
				return
			}
			d.recordNext(first)
		case <-d.refused.due():
			d.retryRefused()
		}
	}
}

// recordNext commits a result together with those that have come while the last batch was committed.
func (d *Dispatcher) recordNext(first result) {
	begun := time.Now()
	batch := append(make([]result, 0, 64), first)
	for len(batch) < maxRecordBatch {
		select {
		case r, open := <-d.results:
			if open {
				batch = append(batch, r)
				continue
			}
		default:
		}
		break
	}
	d.recordBatch(batch)
	if len(batch) >= manyResults && len(d.results) < maxRecordBatch/2 {
		pause(d.recording, recordPace-time.Since(begun))
	}
}

// recordBatch commits results and keeps those that the store refuses. A batch may span two sessions, just after a lease was
// lost.
func (d *Dispatcher) recordBatch(batch []result) {
	for len(batch) > 0 {
		session, n := batch[0].Delivery.Session, 1
		for n < len(batch) && batch[n].Delivery.Session == session {
			n++
		}
		d.refuse(d.commit(batch[:n]))
		batch = batch[n:]
	}
}

// commit records results of one session and returns those that the store refuses. While the store is unavailable it pauses
// sending and tries again. It gives up only when the dispatcher has stopped.
func (d *Dispatcher) commit(batch []result) (refused []result) {
	defer d.pauseSending(false)
	p := store.Record{Session: store.Session{ID: batch[0].Delivery.Session}, Now: time.Now(), Results: make([]store.Result, len(batch))}
	for i, r := range batch {
		p.Results[i] = r.Result
	}
	for wait := range backoff(d.recording) {
		recorded, err := d.Store.Record(d.recording, p)
		d.noteRecord(err)
		switch {
		case err == nil:
			d.conclude(batch, recorded)
			return nil
		case d.recording.Err() != nil: // the loop ends
		case errors.Is(err, store.ErrUnavailable):
			d.pauseSending(true)
			d.Logger.Error("could not record outcomes; sending pauses until it can be done", "attempts", len(batch), "again_in", wait, "error", err)
		case len(batch) > 1:
			// One of them is at fault, and the others must not suffer for it.
			for _, r := range batch {
				refused = append(refused, d.commit([]result{r})...)
			}
			return refused
		default:
			d.Logger.Error("the database refuses an outcome; keeping it and retrying", "log_id", batch[0].Delivery.ID,
				"webhook_id", batch[0].Delivery.WebhookID, "retry_in", refusedRetry, "error", err)
			return batch
		}
	}
	d.abandon(batch)
	return nil
}

// conclude acts on what was committed. What reads as lost may have been committed by an earlier try that was not answered:
// what follows from it then is looked at, too, which does no harm where it follows not.
func (d *Dispatcher) conclude(batch []result, recorded []store.Recorded) {
	noticed := false
	for i, r := range batch {
		batch[i].memory.Close()
		if !recorded[i].Lost {
			d.logEnded(&batch[i])
		}
		noticed = noticed || r.Exhausted || recorded[i].Disabled || recorded[i].Lost && r.DisableWebhook || recorded[i].Circuit != carteiro.CircuitUnchanged
		d.tellCircuit(&batch[i], recorded[i], batch)
		if r.DisableWebhook && r.webhook != nil {
			if recorded[i].Disabled {
				d.Logger.Info("webhook disabled: its receiver answered 410 Gone", "webhook_id", r.webhook.ID)
			}
			d.Webhooks.Forget(r.webhook)
		}
	}
	if noticed && d.Noticed != nil {
		d.Noticed()
	}
	var back []*carteiro.Delivery
	defer func() { d.release(back) }()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, r := range batch {
		back = append(back, d.followCircuit(&batch[i], recorded[i])...)
		if waiter := d.waiters[r.Delivery.ID]; waiter != nil {
			waiter <- r.Outcome
		}
		if recorded[i].Lost {
			d.Logger.Warn("outcome not recorded: the lease was lost", "log_id", r.Delivery.ID, "webhook_id", r.Delivery.WebhookID)
		}
		if r.Next != nil {
			d.lane(r.Next.WebhookID).notice(r.Next.DueAt)
		}
		d.forget(r.Delivery)
	}
}

// abandon drops outcomes that a stopping node cannot record. Their attempts are sent again when the session has ended.
func (d *Dispatcher) abandon(batch []result) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, r := range batch {
		batch[i].memory.Close()
		d.forget(r.Delivery)
	}
}

// noteRecord notes whether outcomes can be recorded.
func (d *Dispatcher) noteRecord(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.recordFault = err
}

// pauseSending pauses sending because outcomes cannot be recorded, or resumes it.
func (d *Dispatcher) pauseSending(failing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing != failing {
		d.failing = failing
		d.leased.Broadcast()
	}
}

// join begins a session. Deliveries that the previous session held are dropped in the same critical section: what comes
// in after it is the new session's.
func (d *Dispatcher) join(ctx context.Context) error {
	now := time.Now()
	session, err := d.Store.Join(ctx, store.Join{Node: nodeName(), Now: now, Until: now.Add(d.term())})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.emptyLanes()
	d.session = session
	d.leaseFrom(now)
	return nil
}
