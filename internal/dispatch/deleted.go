package dispatch

import (
	"time"

	"github.com/carteiro/carteiro"
)

// The queue of a deleted webhook does not wait for its attempts in flight, which may hang until their timeout, nor for a slot:
// nothing of it is sent. A lane that knows of the deletion hands its deliveries to the recorder as failed.

// checkDeleted reads the webhooks of lanes that have work and ends the queues of those that are deleted. Idle lanes find out with
// their next attempt. The mutex is held.
func (d *Dispatcher) checkDeleted(lanes []*lane) {
	if len(lanes) == 0 || d.stopping.Err() != nil {
		return
	}
	d.attempts.Go(func() {
		for _, l := range lanes {
			w, ok := d.webhookNow(l.webhookID)
			if !ok {
				return
			}
			if gone(w) {
				d.endQueue(l.webhookID)
			}
		}
	})
}

// busy reports whether the lane's queue may have to wait for attempts in flight or for a slot.
func (l *lane) busy() bool { return l.inFlight > 0 || l.queue.len() > 0 }

// gone reports whether a webhook, as webhookNow returns it, is deleted.
func gone(w *carteiro.Webhook) bool { return w == nil || w.Deleted() }

// endQueue finishes what is queued for a deleted webhook, and whatever else its lane gets from now on.
func (d *Dispatcher) endQueue(webhook carteiro.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.lanes[webhook]; l != nil {
		l.deleted = true
		d.pump(l)
	}
}

// finishDeleted hands the queue of a deleted webhook to the recorder, on one goroutine for each lane. The mutex is held.
func (d *Dispatcher) finishDeleted(l *lane) {
	if l.finishing || l.queue.len() == 0 || d.stopping.Err() != nil {
		return // a stopping dispatcher releases its queues
	}
	l.finishing = true
	d.attempts.Go(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for l.queue.len() > 0 && d.stopping.Err() == nil {
			delivery := l.queue.pop()
			d.mu.Unlock()
			d.results <- d.judge(delivery, nil, carteiro.WebhookDeletedOutcome(time.Time{}))
			d.mu.Lock()
		}
		l.finishing = false
		d.settle(l)
	})
}
