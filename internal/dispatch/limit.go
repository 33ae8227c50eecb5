package dispatch

import "time"

const (
	// firstLimit is the limit of a lane whose receiver has not answered yet, and of one that succeeds slowly.
	firstLimit = 4
	// maxLimit is what a quick receiver that succeeds can grow to.
	maxLimit = 64
	// slowAfter is the age from which an attempt is slow, whether it is still in flight or has been answered.
	slowAfter = time.Second
	// agedShare: a lane is slow while more than one in so many of its attempts in flight are slow.
	agedShare = 8
)

// limit is how many attempts a lane may have in flight. It grows by one with each quick success, so that it doubles each
// round trip, falls by half with each failure down to one, and settles at firstLimit for receivers that succeed slowly.
type limit struct {
	inFlight int  // the current limit; 0 means firstLimit, so that the zero value is a new lane's
	heard    bool // an attempt has ended
	quick    bool // the last one ended within slowAfter, as a success or a failure
	trusted  bool // the last one was a success within slowAfter
}

func (l *limit) allows() int {
	if l.inFlight == 0 {
		return firstLimit
	}
	return l.inFlight
}

func (l *limit) succeeded(took time.Duration) {
	now := l.allows()
	l.heard, l.quick = true, took < slowAfter
	l.trusted = l.quick
	switch {
	case l.trusted, now < firstLimit:
		l.inFlight = min(now+1, maxLimit)
	case now > firstLimit:
		l.inFlight = now - 1
	}
}

func (l *limit) failed(took time.Duration) {
	l.heard, l.quick, l.trusted = true, took < slowAfter, false
	l.inFlight = max(1, l.allows()/2)
}
