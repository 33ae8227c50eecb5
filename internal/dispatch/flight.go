package dispatch

import (
	"time"

	"github.com/carteiro/carteiro"
)

// flight is an attempt between taking its slot and returning it.
type flight struct {
	lane     *lane
	delivery *carteiro.Delivery
	class    class
	direct   bool // it uses no slot and does not count in its lane; see TakeNow

	launched   time.Time // when the request was last handed to the sender
	aged       bool      // it has been with the sender for slowAfter
	prev, next *flight   // in flights; nil at its ends, and when not in it

	work func() // sends the delivery and counts down attempts; made once, because flights are reused
}

// maxSpareFlights is how many flights without an attempt are kept for reuse.
const maxSpareFlights = 1024

// newFlight returns a flight to begin an attempt with. The mutex is held.
func (d *Dispatcher) newFlight() *flight {
	if last := len(d.spare) - 1; last >= 0 {
		f := d.spare[last]
		d.spare = d.spare[:last]
		return f
	}
	f := new(flight)
	f.work = func() {
		defer d.attempts.Done()
		d.work(f)
	}
	return f
}

// recycle keeps a flight that nobody uses any more. The mutex is held.
func (d *Dispatcher) recycle(f *flight) {
	if f.work != nil && len(d.spare) < maxSpareFlights {
		*f = flight{work: f.work}
		d.spare = append(d.spare, f)
	}
}

// flights are the attempts that are with the sender and have not aged, oldest first.
type flights struct{ first, last *flight }

func (s *flights) push(f *flight) {
	f.prev = s.last
	if s.last == nil {
		s.first = f
	} else {
		s.last.next = f
	}
	s.last = f
}

// remove takes an attempt out, if it is in.
func (s *flights) remove(f *flight) {
	if s.first != f && f.prev == nil {
		return
	}
	if f.prev == nil {
		s.first = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next == nil {
		s.last = f.prev
	} else {
		f.next.prev = f.prev
	}
	f.prev, f.next = nil, nil
}

// mayBegin reports whether the lane has a delivery that it may begin when it gets a slot. If not, the lane leaves the line.
// The mutex is held.
func (d *Dispatcher) mayBegin(l *lane) bool {
	if d.stopping.Err() != nil || l.deleted || l.queue.len() == 0 || l.inFlight >= l.allows() {
		d.slots.leave(l)
		return false
	}
	return true
}

// begin takes the lane's next delivery and a slot for it, which f is from now on. It returns false if there is no slot.
// The mutex is held.
func (d *Dispatcher) begin(l *lane, f *flight) bool {
	c, ok := d.slots.take(l)
	if ok {
		l.inFlight++
		*f = flight{lane: l, delivery: l.queue.pop(), class: c, work: f.work}
	}
	return ok
}

// launch notes that the sender has an attempt from now on. Time before that, when an attempt waits for the lease, the
// database or this host, says nothing about the receiver. The mutex is held.
func (d *Dispatcher) launch(f *flight) {
	if f.direct || f.aged {
		return
	}
	f.launched = time.Now()
	d.air.push(f)
	if !d.aging {
		d.aging = true
		select {
		case d.launched <- struct{}{}:
		default:
		}
	}
}

// ground undoes launch: the request was not sent, or its outcome waits for the store. The attempt ages no further. The mutex is not
// held.
func (d *Dispatcher) ground(f *flight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.air.remove(f)
}

// finish returns the slot of an attempt and adjusts its lane's limit by the outcome. The mutex is held.
func (d *Dispatcher) finish(f *flight, o *carteiro.Outcome) {
	f.lane.learn(o)
	if f.direct {
		f.lane.direct--
		return
	}
	d.air.remove(f)
	d.slots.release(f.class, f.aged)
	f.lane.inFlight--
	if f.aged {
		f.lane.aged--
	}
}

// runAging is the loop that notices attempts that have been with the sender for slowAfter. It sleeps without a timer while
// the sender has none.
func (d *Dispatcher) runAging() {
	alarm := time.NewTimer(slowAfter)
	defer alarm.Stop()
	for {
		select {
		case <-alarm.C:
			if wait := d.ageFlights(time.Now()); wait > 0 {
				alarm.Reset(wait)
			}
		case <-d.launched:
			alarm.Reset(slowAfter)
		case <-d.stopping.Done():
			return
		}
	}
}

// ageFlights lets attempts count as slow whose time has come, so that their lanes begin fewer and others get their turn. It
// returns the time until the next one's, or 0 if there is none.
func (d *Dispatcher) ageFlights(now time.Time) time.Duration {
	var back []*carteiro.Delivery
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() {
		if len(back) > 0 {
			d.attempts.Go(func() { d.release(back) })
		}
	}()
	for f := d.air.first; f != nil; f = d.air.first {
		if wait := slowAfter - now.Sub(f.launched); wait > 0 {
			d.pumpWaiting()
			return max(wait, leastWait)
		}
		d.air.remove(f)
		f.aged = true
		f.lane.aged++
		d.slots.age(f.class)
		d.pump(f.lane) // it may wait in a line of quick lanes
		if d.heldBytes > d.MaxHeldBytes/2 {
			back = append(back, f.lane.excess()...)
		}
	}
	d.pumpWaiting()
	d.aging = false
	return 0
}

// pumpWaiting lets lanes that wait for a slot go on, as long as there are slots for them. The mutex is held.
func (d *Dispatcher) pumpWaiting() {
	for l := d.slots.next(); l != nil; l = d.slots.next() {
		d.pump(l)
	}
}
