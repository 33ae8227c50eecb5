package dispatch

import (
	"errors"
	"fmt"
	"time"

	"github.com/carteiro/carteiro"
)

// The database may refuse an outcome although it is available: a missing privilege, a full quota, a fault of its own. Such an
// outcome is kept and retried, for as long as the node runs. Its attempt stays leased and is not sent again.

const (
	// maxRefused is how many refused outcomes are kept before sending pauses. One that the database refuses for what it
	// contains must not stop the others; many say that nothing can be recorded.
	maxRefused = 8
	// refusedRetry is the interval between two retries of refused outcomes.
	refusedRetry = maxBackoff
	// bareAfter is how many refusals it takes until an outcome is recorded without what was sent and received.
	bareAfter = 3
)

// refusals are the outcomes that the store has refused. They belong to the recorder.
type refusals struct {
	results []result
	timer   *time.Timer
}

// due returns a channel that is ready when refused outcomes are to be retried; nil when there are none.
func (r *refusals) due() <-chan time.Time {
	if len(r.results) == 0 {
		return nil
	}
	return r.timer.C
}

// refuse keeps outcomes that the store has refused, and pauses sending when there are many.
func (d *Dispatcher) refuse(refused []result) {
	if len(refused) == 0 {
		return
	}
	for i := range refused {
		refused[i].refusals++
	}
	if len(d.refused.results) == 0 {
		d.refused.timer = time.NewTimer(refusedRetry)
	}
	d.refused.results = append(d.refused.results, refused...)
	d.countRefused()
}

// countRefused tells senders how many refused outcomes there are.
func (d *Dispatcher) countRefused() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.refused.results); d.refusedCount != n {
		d.refusedCount = n
		d.leased.Broadcast()
	}
}

// retryRefused records the first of the refused outcomes, and all others if the store accepts it. Otherwise the next one is
// the first to be tried next time.
func (d *Dispatcher) retryRefused() {
	results := d.refused.results
	if len(results) == 0 {
		return
	}
	d.refused.results = results[1:]
	first := results[:1:1]
	if first[0].refusals == bareAfter {
		first[0] = d.bare(first[0])
	}
	again := d.commit(first)
	if len(again) == 0 {
		d.refused.results = nil
		d.recordBatch(results[1:])
	} else {
		d.refuse(again)
	}
	d.refused.timer.Reset(refusedRetry)
	d.countRefused()
}

// bare strips an outcome of everything that came from the receiver or went to it, in case the database refuses that.
func (d *Dispatcher) bare(r result) result {
	d.Logger.Warn("recording an outcome without its request and response, which the database has refused",
		"log_id", r.Delivery.ID, "webhook_id", r.Delivery.WebhookID)
	o := *r.Outcome
	r.Outcome = &carteiro.Outcome{
		Success: o.Success, Reason: o.Reason, HTTPStatus: o.HTTPStatus, RetryAfter: o.RetryAfter,
		Duration: o.Duration, FinishedAt: o.FinishedAt, RequestMethod: o.RequestMethod,
	}
	if !o.Success {
		r.Outcome.Error = "The request and response could not be stored"
	}
	return r
}

var errNoLease = errors.New("the lease cannot be renewed")

// Ready returns why this node cannot send at present: it can neither record outcomes nor renew its lease. It returns nil
// when it can.
func (d *Dispatcher) Ready() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.recordFault != nil:
		return fmt.Errorf("outcomes cannot be recorded: %w", d.recordFault)
	case !d.leaseRuns():
		return errNoLease
	default:
		return nil
	}
}
