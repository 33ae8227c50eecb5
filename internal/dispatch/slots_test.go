package dispatch

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

// laneOf makes a lane with deliveries queued whose receiver is known to be quick or slow, or not known at all.
func laneOf(known string, queued int) *lane {
	l := newLane(ids.New(time.Now()))
	switch known {
	case "quick":
		l.limit = limit{inFlight: maxLimit, heard: true, quick: true, trusted: true}
	case "slow":
		l.limit = limit{inFlight: firstLimit, heard: true}
	}
	for range queued {
		l.queue.push(&carteiro.Delivery{})
	}
	return l
}

// fill lets lanes of a kind take as many slots as they get.
func fill(s *slots, known string, lanes, each int) (taken int) {
	for range lanes {
		l := laneOf(known, each)
		for range each {
			if _, ok := s.take(l); ok {
				l.inFlight++
				taken++
			}
		}
	}
	return taken
}

func TestSlotsAreReservedForLanesThatReturnTheirs(t *testing.T) {
	const most = 80 // a share is 10
	for name, c := range map[string]struct {
		before func(s *slots)
		known  string
		lanes  int
		each   int
		want   int
	}{
		"slow lanes use half a share for several attempts each":    {nil, "slow", 1, 50, 5},
		"and the other half for one each":                          {nil, "slow", 50, 2, 10},
		"quick lanes use a share for several attempts each":        {nil, "quick", 1, 50, 1 + 10},
		"and every slot for one each":                              {nil, "quick", 200, 1, most},
		"new lanes leave two shares free":                          {nil, "new", 200, 1, most - 20},
		"a new lane has one until it is heard of, and then slow's": {nil, "new", 1, 4, 4},
		"a quick lane beside any number of new ones":               {func(s *slots) { fill(s, "new", 200, 1) }, "quick", 1, 50, 1 + 9},
		"a quick lane beside any number of slow ones":              {func(s *slots) { fill(s, "slow", 200, 4) }, "quick", 1, 50, 1 + 10},
		"a new lane beside any number of slow ones":                {func(s *slots) { fill(s, "slow", 200, 4) }, "new", 1, 1, 1},
		"a slow lane beside any number of new ones":                {func(s *slots) { fill(s, "new", 200, 1) }, "slow", 1, 1, 1},
		"a slow lane beside slow ones that hold several":           {func(s *slots) { fill(s, "slow", 4, 50) }, "slow", 1, 1, 1},
		"a slow lane beside quick ones that hold several":          {func(s *slots) { fill(s, "quick", 4, 50) }, "slow", 1, 4, 4},
		"a quick lane beside quick ones that hold several":         {func(s *slots) { fill(s, "quick", 4, 50) }, "quick", 1, 4, 1},
		"a new lane beside quick ones that hold several":           {func(s *slots) { fill(s, "quick", 4, 50) }, "new", 1, 1, 1},
	} {
		s := slots{max: most}
		if c.before != nil {
			c.before(&s)
		}
		if got := fill(&s, c.known, c.lanes, c.each); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestAnAttemptThatAgesFreesItsShareOfTheQuickLanes(t *testing.T) {
	s := slots{max: 80}
	fill(&s, "quick", 1, 50)
	other := laneOf("quick", 2)
	other.inFlight = 1
	if _, ok := s.take(other); ok {
		t.Fatal("there are more slots for further attempts than a share")
	}
	for range 10 {
		s.age(quickMore)
	}
	if s.next() == nil || s.next() != other { // after the one that holds them
		t.Fatal("the slots of attempts that have aged are not free for others")
	}
	for range 10 {
		s.release(quickMore, true)
	}
	if s.young != 0 || s.used != 1 {
		t.Errorf("%d young of %d used; want 0 of 1", s.young, s.used)
	}
}

func TestALaneWhoseAttemptsAgeIsNotQuickUntilTheyAreDone(t *testing.T) {
	l := laneOf("quick", 1)
	l.inFlight, l.aged = 16, 2
	if l.class() != quickMore || !l.trusted() || l.allows() != maxLimit {
		t.Error("two slow attempts in sixteen count already")
	}
	l.aged = 3
	if l.class() != slowMore || l.trusted() || l.allows() != firstLimit {
		t.Error("three slow attempts in sixteen do not count")
	}
	l.inFlight, l.aged = 13, 0
	if l.class() != quickMore || !l.trusted() {
		t.Error("they count still when they are done")
	}
}

func TestAProbeOfALaneThatWasNotHeardOfYetCountsAsSlow(t *testing.T) {
	l := newLane(ids.New(time.Now()))
	l.queue.push(&carteiro.Delivery{Probe: true})
	if l.class() != slowFirst {
		t.Error("the receiver is known to be down: its circuit is open")
	}
}

func TestALaneStandsInLineOnce(t *testing.T) {
	s := slots{max: 8, used: 8}
	l := laneOf("quick", 5)
	for range 3 {
		s.take(l)
	}
	s.used = 0
	if s.next() != l || s.next() != nil {
		t.Error("it stands in line more or less than once")
	}
}

func TestALaneChangesItsLineWithWhatIsKnownOfIt(t *testing.T) {
	s := slots{max: 8, used: 8}
	recovered, failed := laneOf("slow", 1), laneOf("quick", 1)
	s.take(recovered)
	s.take(failed)
	recovered.limit, failed.limit = failed.limit, recovered.limit
	s.used = 7
	if got := s.next(); got != recovered {
		t.Error("a lane that has become quick waits behind one that has become slow")
	}
	if _, ok := s.take(recovered); !ok {
		t.Error("the lane whose turn it is does not get the slot")
	}
	s.release(quickFirst, false)
	if got := s.next(); got != failed {
		t.Error("a lane that has become slow is lost")
	}
}

// Lanes of all kinds come and go at random; whatever they do, no slot is lost, no lane waits for one that is free, and none
// takes its second while another that is as well known waits for its first.
func TestNoSlotIsLostAndNoLaneIsPassed(t *testing.T) {
	for range 300 {
		seed := rand.Uint64()
		walk(t, seed, rand.New(rand.NewPCG(seed, 0)))
	}
}

func walk(t *testing.T, seed uint64, random *rand.Rand) {
	t.Helper()
	s := slots{max: 1 + random.IntN(40)}
	var lanes []*lane
	for range 1 + random.IntN(40) {
		lanes = append(lanes, laneOf([]string{"quick", "slow", "new"}[random.IntN(3)], 0))
	}
	var held []*flight
	begin := func(l *lane) {
		for l.queue.len() > 0 && l.inFlight < l.allows() {
			c, ok := s.take(l)
			if !ok {
				return
			}
			for _, other := range lanes {
				first, more := map[class]class{quickMore: quickFirst, slowMore: slowFirst}[c]
				if more && other.line != nil && other.lineClass == first && other.class() == first {
					t.Fatalf("seed %d: a lane took its second slot while another waits for its first", seed)
				}
			}
			l.inFlight++
			l.queue.pop()
			held = append(held, &flight{lane: l, class: c})
		}
		s.leave(l)
	}
	for range 400 {
		l := lanes[random.IntN(len(lanes))]
		switch n := random.IntN(10); {
		case n < 5:
			l.queue.push(&carteiro.Delivery{})
			begin(l)
		case n < 6 && len(held) > 0:
			if f := held[random.IntN(len(held))]; !f.aged {
				f.aged = true
				f.lane.aged++
				s.age(f.class)
				begin(f.lane)
			}
		case len(held) > 0:
			i := random.IntN(len(held))
			f := held[i]
			held = append(held[:i], held[i+1:]...)
			s.release(f.class, f.aged)
			f.lane.inFlight--
			if f.aged {
				f.lane.aged--
			}
			f.lane.limit.succeeded([]time.Duration{0, slowAfter}[random.IntN(2)])
		}
		for next := s.next(); next != nil; next = s.next() {
			begin(next)
		}
		begin(l)
		if s.used != len(held) || s.used > s.max {
			t.Fatalf("seed %d: %d of %d slots used for %d attempts", seed, s.used, s.max, len(held))
		}
		for c := range classes {
			if s.lines[c].Len() > 0 && s.free(c) {
				t.Fatalf("seed %d: a lane waits as class %d while there is a slot for it", seed, c)
			}
		}
	}
}
