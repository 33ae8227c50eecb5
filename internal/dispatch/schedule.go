package dispatch

import (
	"container/heap"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// arm puts the lane into the schedule if it waits for a time, or for room that it now has. The mutex is held.
func (d *Dispatcher) arm(l *lane) {
	if _, held := d.unclaimed[l.webhookID]; held || l.claiming || l.wakeAt.IsZero() || d.stopping.Err() != nil {
		return
	}
	if room, _ := d.roomToClaim(l); room == 0 {
		if l.index >= 0 {
			heap.Remove(&d.schedule, l.index)
		}
		return // armed again when something of the lane is done
	}
	d.schedule.put(l, d.IDs.Now())
	if l.index == 0 {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// Bounds of one claim.
const (
	maxClaim      = 512
	maxClaimBytes = 8 << 20
	// claimPart: a claim may fill one in so many of the bytes that are free, so that as many lanes as may claim at once
	// all get some.
	claimPart = 4
)

// roomToClaim returns how many deliveries the lane may claim now, and of how many bytes. The lane waits until half of its
// window is free, so that claims are few and large. A trusted lane stops when it holds as much memory as is still free, as
// in hasRoom: any number of them leave some for the next. A lane that holds nothing may always claim one delivery, however
// full the memory is. That bounds memory by one delivery a lane beyond the limit, and starves nobody.
func (d *Dispatcher) roomToClaim(l *lane) (deliveries, bytes int) {
	free := d.MaxHeldBytes - d.heldBytes - d.claimBytes - l.heldBytes
	if !l.trusted() {
		free = d.MaxHeldBytes/2 - d.heldBytes - d.claimBytes
	}
	bytes = min(maxClaimBytes, free/claimPart)
	room := min(l.window()-l.held(), bytes/deliveryOverhead)
	switch {
	case room > 0 && l.window()-l.held() >= (l.window()+1)/2:
		return room, bytes
	case l.held() == 0 && l.inFlight == 0:
		return 1, 1
	default:
		return 0, 0
	}
}

// leastWait is how much later than its time a lane may be claimed for.
const leastWait = time.Millisecond

// runSchedule is the loop that claims for lanes when their time has come.
func (d *Dispatcher) runSchedule() {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		select {
		case <-alarm.C:
		case <-d.wake:
		case <-d.stopping.Done():
			return
		}
		alarm.Reset(d.claimDue())
	}
}

// claimDue begins a claim for each lane whose time has come, and gives the time until the next one's.
func (d *Dispatcher) claimDue() time.Duration {
	for {
		d.mu.Lock()
		if len(d.schedule) == 0 {
			d.mu.Unlock()
			return rescanEvery // nothing to wait for: whatever comes wakes the loop
		}
		l := d.schedule[0]
		if wait := l.claimAt.Sub(d.IDs.Now()); wait > 0 {
			d.mu.Unlock()
			return max(wait, leastWait) // a clock that is slowed down has not got there when that is over
		}
		heap.Pop(&d.schedule)
		room, bytes := d.roomToClaim(l)
		if room == 0 {
			d.mu.Unlock()
			continue
		}
		d.claimed++
		l.claiming, l.stale, l.claim = true, false, d.claimed
		l.wakeAt = time.Time{}
		d.claimBytes += bytes
		session := d.session
		d.mu.Unlock()

		select {
		case d.claims <- struct{}{}:
		case <-d.stopping.Done():
			return rescanEvery
		}
		d.loops.Go(func() {
			defer func() { <-d.claims }()
			d.claim(l, session, room, bytes)
		})
	}
}

// claim asks the store for a lane's next deliveries.
func (d *Dispatcher) claim(l *lane, session store.Session, room, bytes int) {
	now := d.IDs.Now()
	claimed, err := d.Store.Claim(d.stopping, store.Claim{
		Session: session, WebhookID: l.webhookID, Now: now, Limit: room, MaxBytes: bytes,
		Spread: rand.Float64(), //nolint:gosec // jitter is no secret
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	l.claiming = false
	d.claimBytes -= bytes
	switch {
	case errors.Is(err, store.ErrLeaseLost):
		d.hurry()
		l.notice(now.Add(d.beatEvery())) // when a new session has begun
	case err != nil:
		if d.stopping.Err() == nil {
			d.Logger.Warn("could not claim; trying again", "webhook_id", l.webhookID, "error", err)
		}
		d.doubt(now)
		l.notice(now.Add(time.Second))
	default:
		d.holdBack(l, claimed.HeldBack, now)
		if l.stale {
			d.recheck(l)
		}
		if !claimed.NextDue.IsZero() {
			l.notice(claimed.NextDue)
		}
	}
	if len(claimed.Deliveries) > 0 {
		d.Webhooks.Seen(l.webhookID, claimed.Version, claimed.CircuitOpen)
	}
	d.enqueue(l, session, claimed.Deliveries)
	d.pump(l)
}

// enqueue puts claimed deliveries on their lane. Those of a session that is over are anybody's again. One that was being
// released as unknown while this claim got it may be free, too.
func (d *Dispatcher) enqueue(l *lane, session store.Session, claimed []*carteiro.Delivery) {
	if session != d.session {
		return
	}
	for _, delivery := range claimed {
		if l.claim <= d.releasing[delivery.ID] {
			d.doubt(time.Now())
			l.notice(d.IDs.Now())
			continue
		}
		d.hold(l, len(delivery.Event.Payload)+deliveryOverhead)
		d.track(session, delivery)
		l.queue.push(delivery)
	}
}
