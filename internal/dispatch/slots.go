package dispatch

// slots are the places for attempts in flight, over all lanes. Half of them are kept for trusted lanes: any number of
// receivers that never answer can fill the other half, and no more.
type slots struct {
	max       int
	used      int
	untrusted int     // of those used
	lines     [2]line // lanes that wait for a slot: untrusted, trusted
}

// line is lanes in line, each standing in it once.
type line struct{ lanes []*lane }

func (s *slots) free(trusted bool) bool {
	if s.used >= s.max {
		return false
	}
	return trusted || s.untrusted < (s.max+1)/2
}

// take uses a slot if one is free; otherwise the lane stands in line.
func (s *slots) take(l *lane) bool {
	if !s.free(l.limit.trusted) {
		if !l.waiting {
			l.waiting = true
			line := s.line(l.limit.trusted)
			line.lanes = append(line.lanes, l)
		}
		return false
	}
	s.used++
	if !l.limit.trusted {
		s.untrusted++
	}
	return true
}

// release gives a slot back that was taken by a lane trusted or not.
func (s *slots) release(trusted bool) {
	s.used--
	if !trusted {
		s.untrusted--
	}
}

// next takes the lane out of line that may go on, if there is one; trusted lanes go first.
func (s *slots) next() *lane {
	for _, trusted := range [...]bool{true, false} {
		line := s.line(trusted)
		if len(line.lanes) > 0 && s.free(trusted) {
			l := line.lanes[0]
			line.lanes[0] = nil
			line.lanes = line.lanes[1:]
			l.waiting = false
			return l
		}
	}
	return nil
}

func (s *slots) line(trusted bool) *line {
	if trusted {
		return &s.lines[1]
	}
	return &s.lines[0]
}
