package dispatch

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// idleDispatcher is one that was not started: nothing runs but what the test calls.
func idleDispatcher(c Config) *Dispatcher {
	c.IDs, c.Logger = new(carteiro.IDSource), slog.New(slog.DiscardHandler)
	return New(c)
}

func TestANodeWithoutSettingsUsesTheDocumentedDefaults(t *testing.T) {
	d := idleDispatcher(Config{})
	if d.MaxInFlight != DefaultMaxInFlight || d.slots.max != DefaultMaxInFlight || d.MaxHeldBytes != DefaultMaxHeldBytes || d.Lease != DefaultLease ||
		d.MaxIdleLanes != maxIdleLanes || d.RescanEvery != rescanEvery || d.Bodies == nil || cap(d.results) != maxRecordBatch || cap(d.claims) != maxClaims {
		t.Errorf("%+v", d.Config)
	}
	if d := idleDispatcher(Config{Shared: true}); d.RescanEvery != rescanShared {
		t.Errorf("a shared store is scanned every %v", d.RescanEvery)
	}
	own := Config{MaxInFlight: 1, MaxHeldBytes: 2, Lease: 3, MaxIdleLanes: 4, RescanEvery: 5, Shared: true}
	if d := idleDispatcher(own); d.MaxInFlight != 1 || d.MaxHeldBytes != 2 || d.Lease != 3 || d.MaxIdleLanes != 4 || d.RescanEvery != 5 {
		t.Errorf("%+v", d.Config)
	}
	preempted := 0
	idleDispatcher(Config{Preempt: func() { preempted++ }}).Session()
	if preempted != 1 {
		t.Errorf("preempted %d times before one critical section", preempted)
	}
}

func TestAClaimTakesAQuarterOfTheFreeMemory(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		lane               string
		held, claims, mine int // bytes: of all lanes, of claims under way, of the lane
		reserved           int
		deliveries, bytes  int
	}{
		"an empty node, a trusted lane":            {"quick", 0, 0, 0, 0, 512, 4 * mib},
		"others hold memory":                       {"quick", 8 * mib, 0, 0, 0, 512, 2 * mib},
		"others claim memory":                      {"quick", 0, 8 * mib, 0, 0, 512, 2 * mib},
		"the lane holds memory itself":             {"quick", 4 * mib, 0, 4 * mib, 0, 512, 2 * mib},
		"memory for fewer than the window":         {"quick", 15 * mib, 0, 0, 0, 256, mib / 4},
		"half of the window is free":               {"quick", 0, 0, 0, 256, 256, 4 * mib},
		"less than half is free":                   {"quick", 0, 0, 0, 257, 0, 0},
		"a lane that is not trusted":               {"new", 0, 0, 0, 0, 16, 2 * mib},
		"it does not touch the second half":        {"new", 8 * mib, 0, 0, 1, 0, 0},
		"nor when claims take the first":           {"new", 0, 8 * mib, 0, 1, 0, 0},
		"claims leave some of the first":           {"new", 2 * mib, 2 * mib, 0, 0, 16, mib},
		"half of its window is free":               {"new", 0, 0, 0, 8, 8, 2 * mib},
		"less than half of its window is free":     {"new", 0, 0, 0, 9, 0, 0},
		"a lane that holds nothing has one always": {"new", 16 * mib, 0, 0, 0, 1, 1},
	} {
		d := idleDispatcher(Config{MaxHeldBytes: 16 * mib})
		l := laneOf(c.lane, 0)
		d.heldBytes, d.claimBytes, l.heldBytes, l.reserved = c.held, c.claims, c.mine, c.reserved
		if deliveries, bytes := d.roomToClaim(l); deliveries != c.deliveries || bytes != c.bytes {
			t.Errorf("%s: %d deliveries of %d bytes, want %d of %d", name, deliveries, bytes, c.deliveries, c.bytes)
		}
	}
	d := idleDispatcher(Config{MaxHeldBytes: 1 << 30})
	if _, bytes := d.roomToClaim(laneOf("quick", 0)); bytes != maxClaimBytes {
		t.Errorf("%d bytes of a large memory, want %d", bytes, maxClaimBytes)
	}
}

func TestADeliveryIsHeldExactlyIfThereIsRoom(t *testing.T) {
	const size = 1000
	const charged = size + deliveryOverhead
	now := time.Now()
	for name, c := range map[string]struct {
		lane        string
		change      func(d *Dispatcher, l *lane)
		hasRoom     bool
		largerFails bool // one byte more has no room
	}{
		"all that is free, for a trusted lane":     {"quick", func(d *Dispatcher, _ *lane) { d.heldBytes = 10*charged - charged }, true, true},
		"as much again as the lane holds":          {"quick", func(d *Dispatcher, l *lane) { d.heldBytes, l.heldBytes = 6*charged, 3*charged }, true, true},
		"half of the memory, for any other":        {"new", func(d *Dispatcher, _ *lane) { d.heldBytes = 5*charged - charged }, true, true},
		"the last place of its window":             {"new", func(_ *Dispatcher, l *lane) { l.reserved = l.window() - 1 }, true, false},
		"none behind its window":                   {"new", func(_ *Dispatcher, l *lane) { l.reserved = l.window() }, false, true},
		"none while a claim is under way":          {"quick", func(_ *Dispatcher, l *lane) { l.claiming = true }, false, true},
		"none behind a backlog that is due":        {"quick", func(_ *Dispatcher, l *lane) { l.wakeAt = now }, false, true},
		"before a retry that is due later":         {"quick", func(_ *Dispatcher, l *lane) { l.wakeAt = now.Add(1) }, true, false},
		"none while the circuit holds things back": {"quick", func(_ *Dispatcher, l *lane) { l.heldBack = now.Add(-time.Hour) }, false, true},
	} {
		d := idleDispatcher(Config{MaxHeldBytes: 10 * charged})
		l := laneOf(c.lane, 0)
		c.change(d, l)
		if got := d.hasRoom(l, size, now); got != c.hasRoom {
			t.Errorf("%s: %v", name, got)
		}
		if got := d.hasRoom(l, size+1, now); got == c.largerFails {
			t.Errorf("%s: one byte more: %v", name, got)
		}
	}
}

func TestALaneIsIdleOnlyWithoutAnyWork(t *testing.T) {
	s := slots{max: 1, used: 1}
	for name, give := range map[string]func(l *lane){
		"memory":              func(l *lane) { l.heldBytes = 1 },
		"an attempt":          func(l *lane) { l.inFlight = 1 },
		"a test call":         func(l *lane) { l.direct = 1 },
		"a time to wake at":   func(l *lane) { l.wakeAt = time.Now() },
		"a claim":             func(l *lane) { l.claiming = true },
		"a place in the line": func(l *lane) { s.take(l) },
	} {
		l := newLane(carteiro.ID{1})
		if !l.idle() {
			t.Fatal("a new lane is not idle")
		}
		if give(l); l.idle() {
			t.Errorf("a lane with %s is idle", name)
		}
	}
}

func TestAsManyIdleLanesAreRememberedAsConfigured(t *testing.T) {
	d := idleDispatcher(Config{MaxIdleLanes: 3})
	for n := range byte(5) {
		places := []carteiro.Place{{ID: carteiro.ID{n + 1}, WebhookID: carteiro.ID{n + 1}}}
		d.Reserve(places)
		d.Cancel(places)
		if want := min(int(n)+1, 3); len(d.lanes) != want || len(d.inHand) != 0 {
			t.Errorf("%d lanes of %d are remembered, want %d; %d attempts are tracked", len(d.lanes), n+1, want, len(d.inHand))
		}
	}
}

func TestAFlightAgesOnlyAfterItsTimeWithTheSender(t *testing.T) {
	d := idleDispatcher(Config{})
	l := d.lane(carteiro.ID{1})
	l.inFlight = 2
	first, second := &flight{lane: l, class: newFirst}, &flight{lane: l, class: slowMore}
	d.slots.slow, d.slots.used = 1, 2
	before := time.Now()
	d.launch(first)
	d.launch(second)
	if first.launched.Before(before) || !d.aging || len(d.launched) != 1 {
		t.Errorf("launched at %v, aging %v, %d wake-ups", first.launched, d.aging, len(d.launched))
	}
	second.launched = first.launched.Add(100 * time.Millisecond)
	at := func(sinceFirst time.Duration) time.Duration { return d.ageFlights(first.launched.Add(sinceFirst)) }
	if wait := at(slowAfter - 300*time.Millisecond); wait != 300*time.Millisecond || first.aged || l.aged != 0 {
		t.Errorf("before its time: next in %v, aged: %v, %d", wait, first.aged, l.aged)
	}
	if wait := at(slowAfter - time.Nanosecond); wait != leastWait || first.aged {
		t.Errorf("just before its time: next in %v, aged: %v", wait, first.aged)
	}
	if wait := at(slowAfter); wait != 100*time.Millisecond || !first.aged || second.aged || l.aged != 1 {
		t.Errorf("at its time: next in %v, aged: %v, %v, %d", wait, first.aged, second.aged, l.aged)
	}
	if wait := at(2 * slowAfter); wait != 0 || !second.aged || l.aged != 2 || d.aging {
		t.Errorf("when all have aged: next in %v, aged: %v, %d, aging %v", wait, second.aged, l.aged, d.aging)
	}
	d.launch(first) // again, after it could not be sent
	direct := &flight{lane: l, direct: true}
	d.launch(direct)
	if d.air.first != nil {
		t.Error("an attempt that has aged, or that has no slot, ages")
	}
}

func TestFlightsStayInOrderWhicheverEnds(t *testing.T) {
	for remove := range 3 {
		var s flights
		all := []*flight{new(flight), new(flight), new(flight)}
		for _, f := range all {
			s.push(f)
		}
		s.remove(new(flight)) // one that is not in it
		s.remove(all[remove])
		s.remove(all[remove])
		want := slices.Delete(slices.Clone(all), remove, remove+1)
		var forward, backward []*flight
		for f := s.first; f != nil && len(forward) < 4; f = f.next {
			forward = append(forward, f)
		}
		for f := s.last; f != nil && len(backward) < 4; f = f.prev {
			backward = append(backward, f)
		}
		slices.Reverse(backward)
		if !slices.Equal(forward, want) || !slices.Equal(backward, want) || all[remove].next != nil || all[remove].prev != nil {
			t.Errorf("after number %d has ended: %d forward, %d backward", remove, len(forward), len(backward))
		}
	}
}

func TestFlightsAreReusedUpToALimit(t *testing.T) {
	d := idleDispatcher(Config{})
	f := d.newFlight()
	f.aged, f.direct = true, true
	d.recycle(f)
	if again := d.newFlight(); again != f || again.aged || again.direct || again.work == nil || len(d.spare) != 0 {
		t.Errorf("%+v, %d spare", again, len(d.spare))
	}
	d.recycle(&flight{direct: true}) // of a test call
	for range maxSpareFlights + 10 {
		d.recycle(&flight{work: f.work})
	}
	if len(d.spare) != maxSpareFlights {
		t.Errorf("%d are kept", len(d.spare))
	}
}

func TestALaneKeepsItsPlaceWhileItsTurnHasCome(t *testing.T) {
	now := time.Now()
	var s schedule
	first, second := newLane(carteiro.ID{1}), newLane(carteiro.ID{2})
	first.wakeAt, second.wakeAt = now.Add(-time.Hour), now.Add(time.Second)
	s.put(first, now) // however old its backlog is, it comes after what has waited longer
	s.put(second, now)
	if first.claimAt != now || second.claimAt != now.Add(time.Second) || first.index != 0 || second.index != 1 {
		t.Errorf("claims at %v and %v", first.claimAt.Sub(now), second.claimAt.Sub(now))
	}
	s.put(first, now.Add(time.Minute))
	if first.claimAt != now {
		t.Error("it loses its turn because it is noticed again")
	}
	second.wakeAt = now.Add(-time.Second) // it fell due before
	s.put(second, now.Add(time.Millisecond))
	if second.claimAt != now.Add(time.Millisecond) {
		t.Errorf("a lane that may claim sooner waits until %v", second.claimAt.Sub(now))
	}
	first.wakeAt = now.Add(time.Hour)
	s.put(first, now.Add(time.Minute))
	if s[0] != second || first.claimAt != first.wakeAt || first.index != 1 {
		t.Error("a lane that waits for later is not behind one whose turn has come")
	}
}

func TestALaneThatHadItsTurnStandsInLineAgain(t *testing.T) {
	s := slots{max: 8}
	l, other := laneOf("quick", 2), laneOf("quick", 1)
	s.take(l)
	s.used = 8
	s.take(other)
	s.used = 7
	if _, ok := s.take(l); ok {
		t.Error("it passes a lane that waits for its first slot")
	}
	if s.next() != other || s.lines[quickFirst].Len() != 1 {
		t.Error("the lane that waited longer is not next")
	}
}

func TestABurstKeepsNoMemoryInItsQueue(t *testing.T) {
	for _, c := range []struct{ burst, kept int }{{maxIdleQueue, maxIdleQueue}, {maxIdleQueue + 1, 0}} {
		q := deque{items: make([]*carteiro.Delivery, 0, c.burst)}
		for range c.burst {
			q.push(new(carteiro.Delivery))
		}
		for range c.burst {
			at := q.head
			if q.pop(); at < len(q.items) && q.items[at] != nil {
				t.Fatal("a delivery that was taken stays in memory")
			}
		}
		if cap(q.items) != c.kept || q.head != 0 {
			t.Errorf("after a burst of %d an empty queue keeps %d places", c.burst, cap(q.items))
		}
	}
	var q deque
	first, last := new(carteiro.Delivery), new(carteiro.Delivery)
	q.push(first)
	q.push(last)
	if q.popLast() != last || q.len() != 1 || q.items[:2][1] != nil || q.first() != first {
		t.Error("the last one is not taken, or stays in memory")
	}
}

func TestTheLeaseIsRenewedLongBeforeItEnds(t *testing.T) {
	d := idleDispatcher(Config{Lease: 15 * time.Second})
	now := time.Now()
	d.leaseFrom(now)
	if d.term() != 12*time.Second || d.beatEvery() != 3*time.Second || d.leaseUntil.Sub(now) != 11500*time.Millisecond {
		t.Errorf("a term of %v, renewed every %v, trusted for %v", d.term(), d.beatEvery(), d.leaseUntil.Sub(now))
	}
}

func TestASenderIsToldOfItsOwnSession(t *testing.T) {
	d := idleDispatcher(Config{Store: new(sessionStore)})
	if err := d.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	present := d.session.ID
	for range 2 {
		if !d.stillHolds(present)() || d.stillHolds(present+1)() {
			t.Error("the present session holds nothing, or another one does")
		}
	}
	d.stillHolds(present)
	if q := d.question.Load(); q == nil || q.session != present {
		t.Error("the question is not kept")
	}
	d.leaseUntil = time.Now()
	if d.stillHolds(present)() {
		t.Error("it holds something although its lease has run out")
	}
}

func TestTriesAreFurtherApartEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits, slept []time.Duration
		last := time.Now()
		for wait := range backoff(t.Context()) {
			slept = append(slept, time.Since(last))
			last = time.Now()
			if waits = append(waits, wait); len(waits) == 9 {
				break
			}
		}
		const ms = time.Millisecond
		want := []time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms}
		if !slices.Equal(waits, want) || !slices.Equal(slept, append([]time.Duration{0}, want[:8]...)) {
			t.Errorf("waits %v, slept %v", waits, slept)
		}
	})
}

func TestTheLimitKnowsQuickAnswersFromSlowOnes(t *testing.T) {
	var l limit
	if l.succeeded(slowAfter - 1); !l.heard || !l.quick || !l.trusted || l.inFlight != firstLimit+1 {
		t.Errorf("after a quick success: %+v", l)
	}
	if l.succeeded(slowAfter); l.quick || l.trusted || l.inFlight != firstLimit {
		t.Errorf("after a slow success: %+v", l)
	}
	if l.succeeded(slowAfter); l.inFlight != firstLimit {
		t.Errorf("after another one: %+v", l)
	}
	if l.failed(slowAfter - 1); !l.quick || l.trusted || l.inFlight != firstLimit/2 {
		t.Errorf("after a quick failure: %+v", l)
	}
	if l.failed(slowAfter); l.quick || l.inFlight != 1 {
		t.Errorf("after a slow failure: %+v", l)
	}
	if l.succeeded(slowAfter); l.inFlight != 2 {
		t.Errorf("a lane that recovers slowly: %+v", l)
	}
	if l = (limit{}); true {
		if l.failed(0); !l.heard {
			t.Error("a failure is not heard of")
		}
	}
	l = limit{inFlight: maxLimit}
	if l.succeeded(0); l.inFlight != maxLimit {
		t.Errorf("it grows to %d", l.inFlight)
	}
}

// Releasing an unknown attempt of a webhook says nothing about its circuit unless that holds something back.
func TestAnUnknownAttemptThatIsReleasedDoesNotThrottleItsLane(t *testing.T) {
	d, s, l, _ := looking(t)
	d.settleDoubt()
	if len(s.released) != 1 || !l.heldBack.IsZero() || l.wakeAt.IsZero() || len(d.unclaimed) != 0 {
		t.Errorf("%d released, held back until %v, to be claimed at %v", len(s.released), l.heldBack, l.wakeAt)
	}
}

func TestAFailureIsFollowedByItsRetry(t *testing.T) {
	d := idleDispatcher(Config{Policy: carteiro.RetryPolicy{Schedule: []time.Duration{5 * time.Second}}})
	w := &carteiro.Webhook{ID: carteiro.ID{1}, MaxRetries: 3, Version: 7}
	delivery := &carteiro.Delivery{Event: new(carteiro.Event), Attempt: carteiro.Attempt{
		ID: carteiro.ID{2}, WebhookID: w.ID, EventID: carteiro.ID{3}, EventType: "event_action", Number: 6, ChainStart: 5, Trigger: carteiro.TriggerManual,
	}}
	begun := time.Now()
	r := d.judge(delivery, w, &carteiro.Outcome{Reason: carteiro.ReasonHTTPStatus, HTTPStatus: 500})
	if r.Next == nil || r.Version != 7 || r.webhook != w || r.Delivery != delivery || r.Outcome.FinishedAt.IsZero() || r.Exhausted || r.DisableWebhook {
		t.Fatalf("%+v", r)
	}
	next := *r.Next
	if next.ID.IsZero() || !next.DueAt.After(begun) {
		t.Errorf("retry %v is due at %v", next.ID, next.DueAt)
	}
	next.ID, next.DueAt = carteiro.ID{}, time.Time{}
	if want := (carteiro.Attempt{
		WebhookID: w.ID, EventID: carteiro.ID{3}, EventType: "event_action", Number: 7, ChainStart: 5, Trigger: carteiro.TriggerAutomatic,
		PreviousID: delivery.ID, Status: carteiro.StatusPending,
	}); next != want {
		t.Errorf("%+v, want %+v", next, want)
	}
	finished := time.Now().Add(-time.Second)
	r = d.judge(delivery, nil, &carteiro.Outcome{Reason: carteiro.ReasonConnection, FinishedAt: finished})
	if r.Next != nil || !r.Exhausted || r.Version != 0 || r.webhook != nil || !r.Outcome.FinishedAt.Equal(finished) {
		t.Errorf("without its webhook: %+v", r)
	}
	delivery.Number, delivery.ChainStart = 8, 5
	if r = d.judge(delivery, w, &carteiro.Outcome{Reason: carteiro.ReasonConnection}); r.Next != nil || !r.Exhausted {
		t.Errorf("after the last retry: %+v", r)
	}
	if r = d.judge(delivery, w, &carteiro.Outcome{Success: true}); r.Next != nil || r.Exhausted || r.Audit != nil {
		t.Errorf("after a success: %+v", r)
	}
}

// Operators' webhooks are notified when notices may have been written, and not with each delivery.
func TestOperatorsAreNotifiedOfWhatTheyMayHaveToKnow(t *testing.T) {
	for name, c := range map[string]struct {
		result   store.Result
		recorded store.Recorded
		notified int
	}{
		"a delivery":                      {store.Result{}, store.Recorded{}, 0},
		"the last failure":                {store.Result{Exhausted: true}, store.Recorded{}, 1},
		"a disabled webhook":              {store.Result{DisableWebhook: true}, store.Recorded{Disabled: true}, 1},
		"one that was disabled already":   {store.Result{DisableWebhook: true}, store.Recorded{}, 0},
		"one whose record was unanswered": {store.Result{DisableWebhook: true}, store.Recorded{Lost: true}, 1},
		"a delivery that reads as lost":   {store.Result{}, store.Recorded{Lost: true}, 0},
		"a receiver that keeps failing":   {store.Result{}, store.Recorded{Circuit: carteiro.CircuitOpened}, 1},
		"a receiver that has recovered":   {store.Result{}, store.Recorded{Circuit: carteiro.CircuitClosed}, 1},
	} {
		notified := 0
		d := idleDispatcher(Config{Noticed: func() { notified++ }})
		c.result.Delivery = &carteiro.Delivery{Event: new(carteiro.Event), Attempt: carteiro.Attempt{ID: carteiro.ID{1}, WebhookID: carteiro.ID{2}}}
		c.result.Outcome = new(carteiro.Outcome)
		d.conclude([]result{{Result: c.result}}, []store.Recorded{c.recorded})
		if notified != c.notified {
			t.Errorf("%s: notified %d times", name, notified)
		}
	}
}

func TestWhenADispatcherHasStoppedNothingWaitsForIt(t *testing.T) {
	d := idleDispatcher(Config{Store: new(endingStore)})
	if err := d.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.recorder.Go(d.record)
	d.keeper.Go(d.keepLease)
	d.Stop(t.Context())
	if d.stopping.Err() == nil || d.sending.Err() == nil || d.recording.Err() == nil || d.keeping.Err() == nil {
		t.Error("not everything has ended")
	}
}

// endingStore is a sessionStore whose sessions end.
type endingStore struct{ sessionStore }

// EndSessions implements store.Queue.
func (*endingStore) EndSessions(context.Context, store.EndSessions) (int, error) { return 0, nil }

func TestALaneIsHeldBackAsLongAsItsCircuitSays(t *testing.T) {
	now := time.Now()
	late, soon := now.Add(10*lookAgain), now.Add(time.Second)
	for name, c := range map[string]struct {
		shared                 bool
		until, wakeAt          time.Time
		wantUntil, wantToAwake time.Time
	}{
		"a node on its own":                   {false, late, now, late, late},
		"one of several looks again":          {true, late, now, now.Add(lookAgain), now.Add(lookAgain)},
		"and not later than the circuit says": {true, soon, now, soon, soon},
		"a lane with nothing to wake for":     {false, late, time.Time{}, late, time.Time{}},
		"a lane that wakes later":             {false, soon, late, soon, late},
		"a closed circuit":                    {true, time.Time{}, now, time.Time{}, now},
	} {
		d := idleDispatcher(Config{Shared: c.shared})
		l := d.lane(carteiro.ID{1})
		l.wakeAt = c.wakeAt
		if d.holdBack(l, c.until, now); l.heldBack != c.wantUntil || l.wakeAt != c.wantToAwake {
			t.Errorf("%s: held back until %v, awake at %v", name, l.heldBack, l.wakeAt)
		}
	}
}
