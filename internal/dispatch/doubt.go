package dispatch

import (
	"errors"
	"time"

	"carteiro/internal/store"
)

// A call on the store that fails because the store is unavailable may have been carried out all the same, or be carried out
// a moment later. The session then holds attempts that this node knows nothing of, and nobody else may send them. So for a
// while what is held is compared with what is known, and the rest is given back.

// doubtFor is how long after such a failure there may be something to find: longer than a database may take to carry out
// what it was told before the connection broke.
const doubtFor = 30 * time.Second

// Doubt says that a call that was to hold attempts has failed with err, so that they may be held or not.
func (d *Dispatcher) Doubt(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case errors.Is(err, store.ErrLeaseLost):
		d.hurry()
	case err != nil:
		d.doubt(time.Now())
	}
}

// doubt is Doubt with the mutex held.
func (d *Dispatcher) doubt(now time.Time) { d.doubtUntil = now.Add(doubtFor) }

// heldPage is how many held attempts are asked for at a time.
const heldPage = 1000

// settleDoubt gives back what the session holds and this node knows nothing of, if there may be anything.
func (d *Dispatcher) settleDoubt() {
	session, begun := d.Session(), time.Now()
	d.mu.Lock()
	doubtful := !d.doubtUntil.IsZero() && !begun.Before(d.releaseAfter)
	d.mu.Unlock()
	if !doubtful {
		return
	}
	d.Rescan() // the call may also have stored attempts that nobody holds and no lane was told of
	var unknown []store.AttemptRef
	p := store.Held{Session: session, Limit: heldPage}
	for {
		page, err := d.Store.Held(d.stopping, p)
		if err != nil {
			d.Logger.Warn("could not compare what is held with what is known; trying again", "error", err)
			return
		}
		if len(page) == 0 {
			break
		}
		unknown = append(unknown, d.unknown(session, page)...)
		p.After = page[len(page)-1]
	}
	if len(unknown) == 0 {
		d.trust(begun)
		return
	}
	if err := d.Store.Release(d.stopping, store.Release{Session: session, Attempts: unknown}); err != nil {
		d.Logger.Warn("could not give back attempts that were held unknown; trying again later", "error", err)
		// It may still be carried out. Were they given back meanwhile by another call, and claimed again, it would take away what
		// is in flight then.
		d.mu.Lock()
		d.releaseAfter = time.Now().Add(doubtFor)
		d.mu.Unlock()
		return
	}
	d.Logger.Info("gave back attempts that were held unknown after a failure of the store", "attempts", len(unknown))
	for _, ref := range unknown {
		d.Notice(d.IDs.Now(), ref.WebhookID)
	}
	d.trust(begun)
}

// trust ends the doubt when what was looked at is later than anything that may have been carried out late. Time alone does not
// end it: the store may have been away for all of it.
func (d *Dispatcher) trust(looked time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !looked.Before(d.doubtUntil) {
		d.doubtUntil = time.Time{}
	}
}

// unknown gives those of held attempts that this node knows nothing of. Where something is on its way into the lane, one may
// be that, and is looked at again the next time. One that was done with since it was listed is held no more, and giving it
// back does nothing.
func (d *Dispatcher) unknown(session store.Session, held []store.AttemptRef) (unknown []store.AttemptRef) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// While this was listed a call that gave some back may have failed: what it was about is known no more, and must wait.
	if session != d.session || time.Now().Before(d.releaseAfter) {
		return nil
	}
	for _, ref := range held {
		if _, known := d.inHand[ref.ID]; known {
			continue
		}
		if l := d.lanes[ref.WebhookID]; l != nil && (l.reserved > 0 || l.claiming) {
			d.doubtUntil = time.Now().Add(doubtFor)
			continue
		}
		unknown = append(unknown, ref)
	}
	return unknown
}
