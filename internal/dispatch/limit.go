package dispatch

import "time"

const (
	// firstLimit is how many attempts a lane may have in flight before anything is known of its receiver, and what
	// a slow but willing receiver gets.
	firstLimit = 4
	// maxLimit is what a quick and well receiver can grow to.
	maxLimit = 64
	// slowAfter is when an answer no longer counts as quick, so that its lane does not grow.
	slowAfter = time.Second
)

// limit is how many attempts a lane may have in flight. It grows by one with each quick success, so that it doubles a
// round trip, falls by half with each failure down to one probe at a time, and settles at firstLimit for receivers that
// succeed slowly: more would let a few of them fill all slots, fewer would starve them.
type limit struct {
	inFlight int // what the limit allows now; 0 stands for firstLimit, so that the zero value is a new lane's
	trusted  bool
}

func (l *limit) allows() int {
	if l.inFlight == 0 {
		return firstLimit
	}
	return l.inFlight
}

func (l *limit) succeeded(took time.Duration) {
	now := l.allows()
	l.trusted = took < slowAfter
	switch {
	case l.trusted, now < firstLimit:
		l.inFlight = min(now+1, maxLimit)
	case now > firstLimit:
		l.inFlight = now - 1
	}
}

func (l *limit) failed() {
	l.trusted = false
	l.inFlight = max(1, l.allows()/2)
}
