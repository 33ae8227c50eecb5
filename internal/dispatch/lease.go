package dispatch

import (
	"errors"
	"time"

	"carteiro"
	"carteiro/internal/store"
)

// awaitLease waits until this node may send what the session holds: its lease runs and outcomes can be recorded.
// Not ok means that it never may again: the session is over, or the dispatcher is stopping.
func (d *Dispatcher) awaitLease(session store.Session) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.session == session && d.stopping.Err() == nil && (d.failing || !time.Now().Before(d.leaseUntil)) {
		d.leased.Wait()
	}
	return d.session == session && d.stopping.Err() == nil
}

// keepLease is the loop that renews this node's lease, three times in its length, and ends those of nodes that did not.
func (d *Dispatcher) keepLease() {
	for {
		pause(d.stopping, d.Lease/3)
		if d.stopping.Err() != nil {
			return
		}
		if !d.renewLease() {
			continue // whoever cannot keep its own lease is in no position to end those of others
		}
		freed, err := d.Store.EndSessions(d.stopping, store.EndSessions{Now: time.Now()})
		switch {
		case err != nil:
			d.Logger.Warn("could not look for nodes that are gone", "error", err)
		case freed > 0:
			d.Logger.Info("took over attempts that a lost node held", "attempts", freed)
			d.scanBacklog()
		}
	}
}

// renewLease says whether this node has a lease that runs.
func (d *Dispatcher) renewLease() bool {
	now := time.Now()
	until := now.Add(d.Lease)
	err := d.Store.Renew(d.stopping, store.Renew{Session: d.Session(), Now: now, Until: until})
	switch {
	case err == nil:
		d.mu.Lock()
		d.leaseUntil = until
		d.leased.Broadcast()
		d.mu.Unlock()
		return true
	case errors.Is(err, store.ErrLeaseLost):
		d.Logger.Warn("lease lost: starting over with what nobody holds")
		if err := d.join(d.stopping); err != nil {
			d.Logger.Error("could not join again; trying further", "error", err)
			return false
		}
		d.emptyLanes()
		d.scanBacklog()
		return true
	default:
		d.Logger.Warn("could not renew the lease; sending pauses when it runs out", "error", err)
		return false
	}
}

// emptyLanes forgets what was held by a session that is over.
func (d *Dispatcher) emptyLanes() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lanes {
		for l.queue.len() > 0 {
			d.forget(l.queue.pop())
		}
	}
}

// rescan is the loop that looks for attempts that nobody holds and that this node was not told of: those from before it
// started, and those that others left.
func (d *Dispatcher) rescan() {
	for d.stopping.Err() == nil {
		d.scanBacklog()
		pause(d.stopping, rescanEvery)
	}
}

// backlogPage is how many webhooks are asked for at a time.
const backlogPage = 1000

func (d *Dispatcher) scanBacklog() {
	var after carteiro.ID
	for d.stopping.Err() == nil {
		page, err := d.Store.Backlog(d.stopping, store.Backlog{After: after, Limit: backlogPage})
		if err != nil {
			d.Logger.Warn("could not look for waiting attempts; trying again later", "error", err)
			return
		}
		if len(page) == 0 {
			return
		}
		for _, w := range page {
			d.Notice(w.DueAt, w.WebhookID)
		}
		after = page[len(page)-1].WebhookID
	}
}
