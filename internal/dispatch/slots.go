package dispatch

import "container/list"

// class is what a lane asks for a slot as. The classes are in the order in which waiting lanes are served.
type class uint8

const (
	// quickFirst is the first attempt in flight of a lane whose receiver answers quickly.
	quickFirst class = iota
	// newFirst is the first attempt in flight of a lane whose receiver has not answered yet.
	newFirst
	// quickMore is any further attempt of a lane whose receiver answers quickly.
	quickMore
	// slowFirst is the first attempt in flight of any other lane; probes of open circuits are among these.
	slowFirst
	// slowMore is any further attempt of any other lane.
	slowMore
	classes
)

// slowClass reports whether the slots of a class count against the share of slow lanes.
func (c class) slowClass() bool { return c == slowFirst || c == slowMore }

// slots limits the attempts in flight, over all lanes. An attempt in flight cannot be aborted, so a slot that hangs is
// lost until the webhook's timeout. The limits therefore bound how many slots can come to hang, and keep the others for
// lanes that return theirs soon. A share is an eighth of all slots:
//
//   - Slow lanes use one share together, however many there are, and only half of it for more than one attempt each.
//   - Quick lanes use one share together for further attempts that are younger than slowAfter. An older attempt no
//     longer counts, so a quick lane waits for such a slot at most that long, whatever the others do.
//   - New lanes leave two shares to first attempts of quick lanes, and further attempts of quick lanes leave one free. A
//     quick lane with nothing in flight may use every slot.
//
// Lanes of one class take turns: each gets one slot, then stands in line again. Quick and new lanes with nothing in flight
// take turns as well.
type slots struct {
	max    int
	used   int
	firsts int // taken as quickFirst and not yet aged
	young  int // taken as quickMore and not yet aged
	slow   int // taken as slowFirst or slowMore
	lines  [classes]list.List

	newNext bool // the last turn of a first attempt was a quick lane's
}

// share is the unit in which slots are reserved.
func (s *slots) share() int { return max(1, s.max/8) }

// free reports whether a lane may take a slot as c.
func (s *slots) free(c class) bool {
	share := s.share()
	switch c {
	case quickFirst:
		return s.used < s.max
	case newFirst:
		return s.used < s.max && s.used-s.firsts < max(1, s.max-2*share)
	case quickMore:
		return s.used < s.max-share && s.young < share
	case slowFirst:
		return s.used < s.max && s.slow < share
	default: // below the limit of newFirst, so that it never takes a slot that such a lane waits for
		return s.used < s.max-2*share && s.slow < (share+1)/2
	}
}

// take uses a slot for the lane's next attempt. If the lane has to wait, take puts it in line and returns false.
func (s *slots) take(l *lane) (c class, ok bool) {
	c = l.class()
	if l.line != nil && l.lineClass == c {
		return c, false // its turn comes with next
	}
	turn := l.turn
	s.leave(l)
	if !s.free(c) || s.lines[c].Len() > 0 && !turn {
		l.line, l.lineClass = s.lines[c].PushBack(l), c
		return c, false
	}
	s.used++
	if n := s.counted(c); n != nil {
		*n++
	}
	return c, true
}

// counted is the count that attempts of a class are in besides used, or nil.
func (s *slots) counted(c class) *int {
	switch c {
	case quickFirst:
		return &s.firsts
	case quickMore:
		return &s.young
	case slowFirst, slowMore:
		return &s.slow
	default:
		return nil
	}
}

// leave takes the lane out of line.
func (s *slots) leave(l *lane) {
	l.turn = false
	if l.line != nil {
		s.lines[l.lineClass].Remove(l.line)
		l.line = nil
	}
}

// age frees what an attempt that has been in flight for slowAfter no longer counts against.
func (s *slots) age(c class) {
	if n := s.counted(c); n != nil && !c.slowClass() {
		*n--
	}
}

// release returns a slot that was taken as c. aged reports whether age was called for it.
func (s *slots) release(c class, aged bool) {
	s.used--
	if n := s.counted(c); n != nil && (c.slowClass() || !aged) {
		*n--
	}
}

// next takes the lane out of line that may take a slot now, and returns nil if there is none. A lane whose class has
// changed while it waited goes to the end of its new line.
func (s *slots) next() *lane {
	for turn := range classes {
		c := turn
		if s.newNext && c <= newFirst {
			c = newFirst - c
		}
		for s.lines[c].Len() > 0 && s.free(c) {
			l := s.lines[c].Front().Value.(*lane) //nolint:forcetypeassert // nothing else is put in
			s.leave(l)
			if now := l.class(); now != c {
				l.line, l.lineClass = s.lines[now].PushBack(l), now
				if now < c || now <= newFirst {
					return s.next() // its new line may have been passed already
				}
				continue
			}
			if c <= newFirst {
				s.newNext = c == quickFirst
			}
			l.turn = true
			return l
		}
	}
	return nil
}
