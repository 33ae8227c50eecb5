package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// A lease of a node that is not heard of ends when its term has run out, and others see that within a beat: together no
// later than Lease after the last time it was heard of. The node itself takes it to end a little before, because clocks
// are not quite the same, and because a request takes its time to go out.

// term is what the lease is kept for, each time.
func (d *Dispatcher) term() time.Duration { return d.Lease * 4 / 5 }

// beatEvery is how often the lease is renewed, and others' are looked at.
func (d *Dispatcher) beatEvery() time.Duration { return d.Lease / 5 }

// leaseFrom notes that the lease was kept at a time. The mutex is held.
func (d *Dispatcher) leaseFrom(now time.Time) {
	d.leaseUntil = now.Add(d.term() - d.Lease/30)
	d.leased.Broadcast()
}

// leaseRuns says whether the lease runs. The monotonic clock stands still while a machine is suspended, and the other one can
// be set back: both must agree. The mutex is held.
func (d *Dispatcher) leaseRuns() bool {
	now := time.Now()
	return now.Before(d.leaseUntil) && now.Round(0).Before(d.leaseUntil.Round(0))
}

// paused says whether this node must not start attempts at present: it could not record their outcomes, or its lease has
// run out. The mutex is held.
func (d *Dispatcher) paused() bool {
	return d.failing || d.refusedCount >= maxRefused || !d.leaseRuns()
}

// awaitLease waits until this node may send what the session holds: its lease runs and outcomes can be recorded.
// Not ok means that it never may again: the session is over, or the dispatcher is stopping.
func (d *Dispatcher) awaitLease(session int64) (waited, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.session.ID == session && d.stopping.Err() == nil && d.paused() {
		waited = true
		d.leased.Wait()
	}
	return waited, d.session.ID == session && d.stopping.Err() == nil
}

// stillHolds gives the question whether this node still holds what the session does. It is asked of every attempt, and one
// function for all of a session's saves making one for each.
func (d *Dispatcher) stillHolds(session int64) func() bool {
	if q := d.question.Load(); q != nil && q.session == session {
		return q.ask
	}
	q := &question{session: session, ask: func() bool { return d.holds(session) }}
	d.question.Store(q)
	return q.ask
}

// question is what a sender asks of a session.
type question struct {
	session int64
	ask     func() bool
}

// holds says whether this node may send right now what the session holds.
func (d *Dispatcher) holds(session int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session.ID == session && d.leaseRuns()
}

// hurry has the lease looked after soon.
func (d *Dispatcher) hurry() {
	select {
	case d.beat <- struct{}{}:
	default:
	}
}

// leastBeat is left between two looks at the lease, however many ask for one.
const leastBeat = 200 * time.Millisecond

// keepLease is the loop that renews this node's lease and ends the expired leases of other nodes. It outlives the other
// loops: a draining node keeps its lease until its last outcome is recorded.
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
			continue // a node that cannot renew its lease, or is draining, takes nothing over
		}
		d.settleDoubt()
		// By the time by which the own lease was renewed: were the clock set forward since, this node would end it.
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

// renewLease says whether this node has a lease that runs, and by which time it was renewed.
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

// emptyLanes forgets the queued deliveries of a session that has ended, and has their lanes claim again. The mutex is held.
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

// rescan is the loop that looks for attempts that nobody holds and that this node was not told of: those from before it
// started, and those that others left.
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

// Rescan has the store looked through soon for attempts that nobody holds.
func (d *Dispatcher) Rescan() {
	select {
	case d.scan <- struct{}{}:
	default:
	}
}

// lookForLost looks for everything that a session may have left behind: attempts, and the turns of circuits' probes.
func (d *Dispatcher) lookForLost() {
	d.recheckAll()
	d.Rescan()
}

// Hear takes a hint of another node.
func (d *Dispatcher) Hear(h store.Hint) {
	if h.Lost {
		d.lookForLost()
	}
	d.LookAgain(h.Webhooks...)
	d.Notice(d.IDs.Now(), h.Waiting...)
}

// backlogPage is how many webhooks are asked for at a time.
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
