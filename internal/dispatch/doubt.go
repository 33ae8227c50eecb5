package dispatch

import (
	"container/heap"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// A call on the store that fails because the store is unavailable may have been carried out all the same, or be carried out
// a moment later. The session then holds attempts that this node knows nothing of, and nobody else may send them. So for a
// while what is held is compared with what is known, and the rest is given back.

// doubtFor is how long after such a failure there may be something to find: longer than a database may take to carry out
// what it was told before the connection broke.
const doubtFor = 30 * time.Second

// Doubt reports that a call that stores attempts has failed with err. It may have been carried out: the session may hold
// attempts that this node does not know, and others may wait in the store without their lanes being notified.
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

// settleDoubt releases what the session holds and this node knows nothing of, if there may be anything.
func (d *Dispatcher) settleDoubt() {
	session, begun := d.Session(), time.Now()
	if !d.doubtful(begun) {
		return
	}
	d.Rescan() // the call may also have stored attempts that nobody holds and no lane was told of
	unknown, err := d.findUnknown(session)
	if err != nil {
		d.Logger.Warn("could not compare what is held with what is known; trying again", "error", err)
		return
	}
	if len(unknown) == 0 {
		d.trust(begun)
		return
	}
	err = d.Store.Release(d.stopping, store.Release{Session: session, Attempts: unknown})
	d.released(unknown, err)
	if err != nil {
		d.Logger.Warn("could not give back attempts that were held unknown; trying again later", "error", err)
		return
	}
	d.Logger.Info("released orphaned attempts after a store failure", "attempts", len(unknown))
	d.trust(begun)
}

// doubtful says whether the session may hold what this node knows nothing of, and it may be released.
func (d *Dispatcher) doubtful(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.doubtUntil.IsZero() && !now.Before(d.releaseAfter)
}

// holdClaims lets a lane begin no claim until released is called. A claim that begins while the release is under way gets what was
// released, and cannot keep it; with claims that follow one another an attempt would never be sent. The mutex is held.
func (d *Dispatcher) holdClaims(webhook carteiro.ID) {
	d.unclaimed[webhook] = struct{}{}
	if l := d.lanes[webhook]; l != nil && l.index >= 0 {
		heap.Remove(&d.schedule, l.index)
	}
}

// released notes that a release of unknown attempts has ended. Claims that have begun by now may have got one of them before it was
// released; what they answer does not count for it.
func (d *Dispatcher) released(unknown []store.AttemptRef, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.unclaimed)
	for _, ref := range unknown {
		d.releasing[ref.ID] = d.claimed
		l := d.lane(ref.WebhookID)
		if !l.heldBack.IsZero() { // it may have been a probe
			d.returnTurn(l, err)
		}
		l.notice(d.IDs.Now())
		d.arm(l)
	}
	if err != nil {
		d.waitToRelease(time.Now())
	}
}

// waitToRelease is called when a release has failed. It may still be carried out. Were its attempts released meanwhile by another
// call, and claimed again, it would take away what is in flight then. The mutex is held.
func (d *Dispatcher) waitToRelease(now time.Time) {
	d.doubt(now)
	d.releaseAfter = now.Add(doubtFor)
	clear(d.suspects)
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

// suspect is an attempt that may be on its way from a claim, as a look at what is held has found it.
type suspect struct {
	claim uint64 // that was under way
	look  uint64
}

// oldestClaim is the number of the first claim that is under way; more than any if none is. The mutex is held.
func (d *Dispatcher) oldestClaim() uint64 {
	oldest := d.claimed + 1
	for _, l := range d.lanes {
		if l.claiming {
			oldest = min(oldest, l.claim)
		}
	}
	return oldest
}

// findUnknown lists the attempts that the session holds and this node knows nothing of, and marks them as being released.
func (d *Dispatcher) findUnknown(session store.Session) (unknown []store.AttemptRef, err error) {
	if unknown, err = d.listUnknown(session); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// While this was listed a call that released some may have failed: those are no longer known, and must wait.
	if session != d.session || time.Now().Before(d.releaseAfter) {
		clear(d.suspects)
		return nil, nil
	}
	maps.DeleteFunc(d.suspects, func(_ carteiro.ID, s suspect) bool { return s.look != d.look })
	oldest := d.oldestClaim()
	maps.DeleteFunc(d.releasing, func(_ carteiro.ID, last uint64) bool { return last < oldest })
	// Some may have become known since their page was looked at.
	unknown = slices.DeleteFunc(unknown, func(ref store.AttemptRef) bool { _, known := d.inHand[ref.ID]; return known })
	for _, ref := range unknown {
		d.releasing[ref.ID] = math.MaxUint64
		d.holdClaims(ref.WebhookID)
	}
	return unknown, nil
}

// listUnknown reads what the session holds, and picks what this node knows nothing of. It ends with the first page that is not
// full: what is accepted meanwhile would keep it going. Pages may be many and slow, so it renews the lease between them.
func (d *Dispatcher) listUnknown(session store.Session) (unknown []store.AttemptRef, err error) {
	d.look++
	renewed := time.Now()
	p := store.Held{Session: session, Limit: heldPage}
	for {
		page, err := d.Store.Held(d.stopping, p)
		if err != nil {
			return nil, err
		}
		unknown = append(unknown, d.unknown(session, page)...)
		if len(page) < heldPage {
			return unknown, nil
		}
		p.After = page[len(page)-1]
		if time.Since(renewed) < d.beatEvery() {
			continue
		}
		var ok bool
		if renewed, ok = d.renewLease(); !ok {
			return nil, errNoLease
		}
	}
}

// unknown picks those of held attempts that this node knows nothing of. While a claim of the webhook is under way, an attempt may be
// on its way from there. It becomes a suspect, and is unknown if it is still held unknown at a later look, after that claim has
// ended: a later claim gets only what nobody holds. An attempt that is being stored is known since its place was reserved. One that
// was finished since the page was read is no longer held, and releasing it does nothing.
func (d *Dispatcher) unknown(session store.Session, held []store.AttemptRef) (unknown []store.AttemptRef) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if session != d.session {
		return nil
	}
	for _, ref := range held {
		if _, known := d.inHand[ref.ID]; known {
			continue
		}
		if l := d.lanes[ref.WebhookID]; l != nil && l.claiming {
			if s, known := d.suspects[ref.ID]; !known || s.claim == l.claim {
				d.suspects[ref.ID] = suspect{claim: l.claim, look: d.look}
				d.doubt(time.Now())
				continue
			}
		}
		unknown = append(unknown, ref)
	}
	return unknown
}
