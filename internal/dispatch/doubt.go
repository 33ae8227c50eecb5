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

// A store call that fails with ErrUnavailable may have committed, or may commit a moment later. The session then holds
// attempts that this node does not know, and no other node may send them. So for a while after such a failure the node
// compares the attempts that its session holds with those in memory, and releases the unknown ones.

// doubtFor is how long after such a failure the node looks for unknown attempts. It is longer than a database takes to
// execute a statement that it received before the connection broke.
const doubtFor = 30 * time.Second

// Doubt reports that a call that stores attempts failed with err. If it committed nevertheless, the session may hold
// attempts that this node does not know, and the store may contain attempts whose lanes were not notified.
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

// heldPage is the page size when the node lists the attempts of its session.
const heldPage = 1000

// settleDoubt releases attempts that the session holds and this node does not know, if there may be any.
func (d *Dispatcher) settleDoubt() {
	session, begun := d.Session(), time.Now()
	if !d.doubtful(begun) {
		return
	}
	d.Rescan() // the call may also have stored unleased attempts whose lanes were not notified
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

// doubtful reports whether the session may hold unknown attempts that may be released now.
func (d *Dispatcher) doubtful(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.doubtUntil.IsZero() && !now.Before(d.releaseAfter)
}

// holdClaims prevents new claims of a lane until released is called. A claim that begins during the release may get a released
// attempt, and must drop it; with continuous claims the attempt would never be sent. The mutex is held.
func (d *Dispatcher) holdClaims(webhook carteiro.ID) {
	d.unclaimed[webhook] = struct{}{}
	if l := d.lanes[webhook]; l != nil && l.index >= 0 {
		heap.Remove(&d.schedule, l.index)
	}
}

// released notes that a release of unknown attempts has ended. Claims that began before may return one of these attempts; enqueue
// drops it.
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

// waitToRelease postpones further releases after a failed one, which may still be executed. If another call released its attempts
// and a claim took them again, the late execution would release attempts in flight. The mutex is held.
func (d *Dispatcher) waitToRelease(now time.Time) {
	d.doubt(now)
	d.releaseAfter = now.Add(doubtFor)
	clear(d.suspects)
}

// trust ends the doubt if the session's attempts were listed after the latest possible execution of a failed call. Time alone
// does not end it, because the store may have been unavailable all the time.
func (d *Dispatcher) trust(looked time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !looked.Before(d.doubtUntil) {
		d.doubtUntil = time.Time{}
	}
}

// suspect is a held attempt that may belong to a claim in progress.
type suspect struct {
	claim uint64 // that was under way
	look  uint64
}

// oldestClaim returns the number of the oldest claim in progress, or a higher number than any if there is none. The mutex is held.
func (d *Dispatcher) oldestClaim() uint64 {
	oldest := d.claimed + 1
	for _, l := range d.lanes {
		if l.claiming {
			oldest = min(oldest, l.claim)
		}
	}
	return oldest
}

// findUnknown lists the attempts that the session holds and this node does not know, and marks them as being released.
func (d *Dispatcher) findUnknown(session store.Session) (unknown []store.AttemptRef, err error) {
	if unknown, err = d.listUnknown(session); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// A release may have failed during the listing. Its attempts are no longer known, and must wait.
	if session != d.session || time.Now().Before(d.releaseAfter) {
		clear(d.suspects)
		return nil, nil
	}
	maps.DeleteFunc(d.suspects, func(_ carteiro.ID, s suspect) bool { return s.look != d.look })
	oldest := d.oldestClaim()
	maps.DeleteFunc(d.releasing, func(_ carteiro.ID, last uint64) bool { return last < oldest })
	// Some may have become known since their page was read.
	unknown = slices.DeleteFunc(unknown, func(ref store.AttemptRef) bool { _, known := d.inHand[ref.ID]; return known })
	for _, ref := range unknown {
		d.releasing[ref.ID] = math.MaxUint64
		d.holdClaims(ref.WebhookID)
	}
	return unknown, nil
}

// listUnknown lists the attempts of the session and returns the unknown ones. It stops at the first page that is not full,
// because newly accepted attempts could extend the list forever. Many pages may be slow, so it renews the lease between them.
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

// unknown returns the held attempts that this node does not know. While a claim of the webhook is in progress, the attempt may be part
// of its result. It becomes a suspect, and counts as unknown if a later listing, after the end of that claim, still contains it: later
// claims return only unleased attempts. An attempt that is being stored is known since its place was reserved. An attempt that was
// finished since the page was read is no longer held, and releasing it has no effect.
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
