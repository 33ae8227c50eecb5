package dispatch

import "time"

// Depth is what a node holds in memory, over all lanes.
type Depth struct {
	Lanes     int // with something to do
	Waiting   int // deliveries held, not yet begun
	Reserved  int // places of deliveries that are being committed
	InFlight  int // attempts begun
	HeldBytes int
	Refused   int       // outcomes that the database has refused to record so far
	Paused    bool      // no attempt is started: outcomes cannot be recorded, or the lease has run out
	ProxyDown bool      // deliveries are held because the egress proxy is unavailable
	OldestDue time.Time // of those first in their lanes; zero when nothing waits
}

// Depth looks at every lane, under the mutex: for a scrape, not for the way of an event.
func (d *Dispatcher) Depth() Depth {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := Depth{HeldBytes: d.heldBytes, Refused: d.refusedCount, Paused: d.paused(), ProxyDown: d.ProxyDown()}
	for _, l := range d.lanes {
		if l.idle() {
			continue
		}
		sum.Lanes++
		sum.Waiting += l.queue.len()
		sum.Reserved += l.reserved
		sum.InFlight += l.inFlight + l.direct
		if l.queue.len() > 0 {
			if due := l.queue.first().DueAt; sum.OldestDue.IsZero() || due.Before(sum.OldestDue) {
				sum.OldestDue = due
			}
		}
	}
	return sum
}
