package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// The lease of a dead node expires at the end of its term, and other nodes notice within one heartbeat: together at most
// Lease after its last renewal. The node itself stops a little earlier, because clocks differ slightly and sending a
// request takes time.

// term is how long a renewal extends the lease.
func (d *Dispatcher) term() time.Duration { return d.Lease * 4 / 5 }

// beatEvery is the interval of renewing the lease and looking for expired leases of other nodes.
func (d *Dispatcher) beatEvery() time.Duration { return d.Lease / 5 }

// leaseFrom notes that the lease was renewed at a time. The mutex is held.
func (d *Dispatcher) leaseFrom(now time.Time) {
	d.leaseUntil = now.Add(d.term() - d.Lease/30)
	d.leased.Broadcast()
}

// leaseRuns reports whether the lease is valid. The monotonic clock stops while the machine is suspended, and the wall clock
// can be set back, so both must agree. The mutex is held.
func (d *Dispatcher) leaseRuns() bool {
	now := time.Now()
	return now.Before(d.leaseUntil) && now.Round(0).Before(d.leaseUntil.Round(0))
}

// paused reports whether this node must not start attempts, because it cannot record outcomes or its lease has expired. The
// mutex is held.
func (d *Dispatcher) paused() bool {
	return d.failing || d.refusedCount >= maxRefused || !d.leaseRuns()
}

// awaitLease waits until this node may send attempts of the session: its lease is valid and outcomes can be recorded.
// It returns ok=false if that will not happen, because the session has ended or the dispatcher is stopping.
func (d *Dispatcher) awaitLease(session int64) (waited, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.session.ID == session && d.stopping.Err() == nil && d.paused() {
		waited = true
		d.leased.Wait()
	}
	return waited, d.session.ID == session && d.stopping.Err() == nil
}

// stillHolds returns a function that reports whether this node still holds the session. All attempts of a session share one
// function, which saves an allocation per attempt.
func (d *Dispatcher) stillHolds(session int64) func() bool {
	if q := d.question.Load(); q != nil && q.session == session {
		return q.ask
	}
	q := &question{session: session, ask: func() bool { return d.holds(session) }}
	d.question.Store(q)
	return q.ask
}

// question is the function that stillHolds returns, cached for a session.
type question struct {
	session int64
	ask     func() bool
}

// holds reports whether this node may send attempts of the session now.
func (d *Dispatcher) holds(session int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session.ID == session && d.leaseRuns()
}

// hurry triggers the next heartbeat early.
func (d *Dispatcher) hurry() {
	select {
	case d.beat <- struct{}{}:
	default:
	}
}

// leastBeat is the minimum interval between two heartbeats.
const leastBeat = 200 * time.Millisecond

// keepLease is the loop that renews this node's lease and ends expired leases of other nodes. It stops after the other
// loops, because a draining node keeps its lease until its last outcome is recorded.
func (d *Dispatcher) keepLease() {
	unanswered := false // the last EndSessions failed, and may have been carried out
	for {
		timer := time.NewTimer(d.beatEvery())
		select {
		case <-timer.C:
		case <-d.beat:
			timer.Stop()
			pause(d.keeping, leastBeat)
		case <-d.keeping.Done():
			timer.Stop()
		}
		if d.keeping.Err() != nil {
			return
		}
		renewed, ok := d.renewLease()
		if !ok || d.stopping.Err() != nil {
			continue // a node that cannot renew its lease, or is draining, does not take over attempts
		}
		d.settleDoubt()
		// Use the time of the renewal: if the clock was set forward since, this node would end its own lease.
		freed, err := d.Store.EndSessions(d.stopping, store.EndSessions{Now: renewed})
		switch {
		case err != nil && d.stopping.Err() == nil:
			d.Logger.Warn("could not look for nodes that are gone", "error", err)
		case freed > 0:
			d.Logger.Info("took over attempts that a lost node held", "attempts", freed)
			d.lookForLost()
		case unanswered:
			d.lookForLost()
		}
		unanswered = err != nil
	}
}

// renewLease reports whether this node has a valid lease, and the time of the renewal.
func (d *Dispatcher) renewLease() (now time.Time, ok bool) {
	now = time.Now()
	ctx, cancel := context.WithTimeout(d.keeping, d.term())
	defer cancel()
	err := d.Store.Renew(ctx, store.Renew{Session: d.Session(), Now: now, Until: now.Add(d.term())})
	switch {
	case err == nil:
		d.mu.Lock()
		d.leaseFrom(now)
		d.mu.Unlock()
		return now, true
	case errors.Is(err, store.ErrLeaseLost) && d.stopping.Err() != nil:
		d.Logger.Warn("lease lost while draining; canceling deliveries in flight")
		d.giveUp() // their outcomes can no longer be recorded, and another node may send them
		d.stopKeeping()
		return now, false
	case errors.Is(err, store.ErrLeaseLost):
		d.Logger.Warn("lease lost: starting over with what nobody holds")
		if err := d.join(ctx); err != nil {
			d.Logger.Error("could not join again; trying further", "error", err)
			return now, false
		}
		d.lookForLost()
		return now, true
	default:
		if d.keeping.Err() == nil {
			d.Logger.Warn("could not renew the lease; sending pauses when it runs out", "error", err)
		}
		return now, false
	}
}

// emptyLanes drops the queued deliveries of an ended session and notifies their lanes, which claim again. The mutex is held.
func (d *Dispatcher) emptyLanes() {
	now := d.IDs.Now()
	for _, l := range d.lanes {
		if l.queue.len() > 0 {
			l.notice(now)
		}
		for range l.queue.len() {
			d.forget(l.queue.pop())
		}
	}
}

// rescan is the loop that scans the store for unleased attempts without a notification: those from before the start, and those
// that other nodes left.
func (d *Dispatcher) rescan() {
	for d.stopping.Err() == nil {
		wait := d.RescanEvery
		if !d.scanBacklog() {
			wait = rescanRetry
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-d.scan:
		case <-d.stopping.Done():
		}
		timer.Stop()
	}
}

// Rescan triggers a scan of the store for unleased attempts.
func (d *Dispatcher) Rescan() {
	select {
	case d.scan <- struct{}{}:
	default:
	}
}

// lookForLost looks for everything that an ended session may have left: attempts, and probes of circuits.
func (d *Dispatcher) lookForLost() {
	d.recheckAll()
	d.Rescan()
}

// Hear processes a hint of another node.
func (d *Dispatcher) Hear(h store.Hint) {
	if h.Lost {
		d.lookForLost()
	}
	d.LookAgain(h.Webhooks...)
	d.Notice(d.IDs.Now(), h.Waiting...)
}

// backlogPage is the page size of a scan, in webhooks.
const backlogPage = 1000

// scanBacklog notifies the lanes of all unleased attempts. It returns false if the store could not be scanned.
func (d *Dispatcher) scanBacklog() bool {
	var after carteiro.ID
	for d.stopping.Err() == nil {
		page, err := d.Store.Backlog(d.stopping, store.Backlog{After: after, Limit: backlogPage})
		if err != nil {
			d.Logger.Warn("could not scan for waiting attempts; retrying", "in", rescanRetry, "error", err)
			return false
		}
		if len(page) == 0 {
			break
		}
		for _, w := range page {
			d.Notice(w.DueAt, w.WebhookID)
		}
		after = page[len(page)-1].WebhookID
	}
	return true
}
