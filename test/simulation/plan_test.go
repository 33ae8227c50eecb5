package simulation_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

// plan is everything that a seed decides: who does what and when, and what goes wrong. Decisions during a run are rolled from
// the seed and from their subject, never from the order in which the code asks for them.
type plan struct {
	seed   uint64
	shared bool // two nodes on one store; otherwise one node
	faults faultPlan
	// slots is the limit on attempts in flight of a node; 0: the default.
	slots int
	// fewLanes has nodes remember one idle lane, so that lanes are removed and made again all the time.
	fewLanes bool
	// rareScans all but disables periodic scans of the store, so that a lost wake-up shows.
	rareScans  bool
	hints      bool             // nodes tell each other what has changed, as on PostgreSQL
	skew       [2]time.Duration // of the nodes' clocks
	webhooks   []webhookPlan
	publishes  []publishPlan
	publishers int // that publish one event after the other, from the beginning to busyUntil
	busyUntil  time.Duration
	deeds      []deed
	crashes    []crashPlan
	operators  bool // the environments have webhooks of their own
	crowd      bool // see newCrowd
}

// faultPlan is what goes wrong with calls on the store, and where goroutines are paused.
type faultPlan struct {
	// Of a thousand calls, so many fail before the commit, after it, are carried out late, or fail for good.
	before, after, late, permanent int
	// slowest is how long a call may take; fastest is the least.
	fastest, slowest time.Duration
	// preempt is before how many of a thousand critical sections of a dispatcher a goroutine is paused. Sections that a node has
	// seldom entered are paused more often; see seldom.
	preempt int
}

// Times of a run. After the turmoil nothing goes wrong any more, and everything has to come to its end.
const (
	turmoil  = time.Minute
	patience = 2 * time.Hour
	// lateDeeds is until when people go on changing webhooks and restarting nodes after the turmoil.
	lateDeeds = 4 * time.Minute
	// probeWait is how long somebody who wants to stop a node at a probe waits for one.
	probeWait = 2 * time.Minute
	// disableAfter is how long a webhook may be in status error before it is disabled. It ends what waits for a dead receiver.
	disableAfter = 4 * time.Minute
)

// webhookPlan is a webhook with its receiver.
type webhookPlan struct {
	tenant     int    // of the two environments
	eventType  string // that it wants
	maxRetries int
	timeout    time.Duration
	// Of a hundred requests, so many are answered by a failure, not at all, by 410, or by 503 with Retry-After.
	failures, hangs, gones, busy int
	quickest, slowest            time.Duration // of the other responses
	// The receiver fails every request before recovers, and hangs from hangsFrom on. Zero: never.
	recovers, hangsFrom time.Duration
	goneTests           bool // tests are answered by 410
	healthy             bool // a crowd must not delay it
}

// publishPlan is a call that publishes some events.
type publishPlan struct {
	at        time.Duration
	node      int
	tenant    int
	eventType string
	events    int
	key       int // the same key is used several times; 0 for none
}

// deed is something that somebody does.
type deed struct {
	at      time.Duration
	kind    string
	node    int
	webhook int
	lasts   time.Duration
}

// crashPlan ends a life of a node at one of its writes.
type crashPlan struct {
	node, life, write int
	committed         bool
	gone              time.Duration
}

// roll returns random numbers that depend on the seed and on their subject only.
func (p *plan) roll(what ...any) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, what...)
	return rand.New(rand.NewPCG(p.seed, h.Sum64()))
}

// between returns a time in a range.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// oneOf returns one of some values.
func oneOf[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// crowdShare is of how many seeds one is a crowd.
const crowdShare = 24

func newPlan(seed uint64) *plan {
	p := &plan{seed: seed}
	r := p.roll("plan")
	p.shared = r.IntN(2) == 0
	p.operators = p.roll("operators").IntN(2) == 0
	p.rareScans = p.roll("scans").IntN(2) == 0
	p.hints = p.shared && p.roll("hints").IntN(2) == 0
	p.faults.slowest = 20 * time.Millisecond
	if p.crowd = p.roll("crowd").IntN(crowdShare) == 0; p.crowd {
		p.fillCrowd(p.roll("crowd", "plan"))
		return p
	}
	switch p.roll("narrow").IntN(400) {
	case 0:
		p.neverIdle(p.roll("narrow", "plan"))
		return p
	case 1, 2, 3, 4:
		p.joinAgain(p.roll("narrow", "plan"))
		return p
	}
	p.fewLanes = p.roll("lanes").IntN(4) == 0
	p.breakStore(r)
	for range 1 + r.IntN(4) {
		p.webhooks = append(p.webhooks, newWebhook(r))
	}
	for i := range p.webhooks {
		if w := &p.webhooks[i]; p.publishers > 0 { // it gets hundreds of events, and must come to an end
			w.hangs, w.timeout, w.slowest = min(w.hangs, 5), min(w.timeout, 10*time.Second), min(w.slowest, time.Second)
		}
	}
	for range 5 + r.IntN(20) {
		p.publishes = append(p.publishes, publishPlan{
			at: between(r, 0, turmoil), node: r.IntN(2), tenant: r.IntN(2), eventType: eventType, events: oneOf(r, 1, 1, 1, 2, 8, 16), key: oneOf(r, 0, 0, 1+r.IntN(3)),
		})
	}
	for range r.IntN(9) {
		p.deeds = append(p.deeds, p.newDeed(r, between(r, 0, turmoil), "disable", "delete", "delete owner", "move", "move", "retry", "retry", "test", "test and pause",
			"stop", "stop", "pause", "pause", "outage", "broken", "clock"))
	}
	for range max(0, r.IntN(6)-3) {
		p.deeds = append(p.deeds, p.newDeed(r, between(r, turmoil, lateDeeds), "disable", "delete", "delete owner", "move", "retry", "test", "stop at probe", "stop at probe"))
	}
	for range r.IntN(5) {
		p.crashes = append(p.crashes, crashPlan{
			node: r.IntN(2), life: 1 + r.IntN(3), write: 1 + r.IntN(30), committed: r.IntN(2) == 0, gone: between(r, 0, 20*time.Second),
		})
	}
	return p
}

// In most plans one fault hides what another does: whatever fails has nodes look for what they may have missed. The following two
// have only one kind of fault.

// neverIdle has a lane that always reserves or claims, on a store that sometimes does not answer a commit.
func (p *plan) neverIdle(r *rand.Rand) {
	p.faults = faultPlan{after: 20, fastest: 100 * time.Millisecond, slowest: time.Second}
	p.webhooks = []webhookPlan{reliable(r)}
	p.publishers, p.busyUntil = 8, 5*time.Minute
}

// joinAgain has nodes lose their leases, and join again while they claim a backlog.
func (p *plan) joinAgain(r *rand.Rand) {
	p.faults.preempt = 30
	p.webhooks = []webhookPlan{reliable(r)}
	p.webhooks[0].quickest, p.webhooks[0].slowest = time.Second, 2*time.Second
	for range 20 {
		p.publishes = append(p.publishes, publishPlan{at: between(r, 0, turmoil), node: r.IntN(2), eventType: eventType, events: 8})
	}
	for range 3 {
		pause := p.newDeed(r, between(r, 0, turmoil/2), "pause")
		pause.lasts = between(r, 15*time.Second, 25*time.Second)
		p.deeds = append(p.deeds, pause)
	}
}

// reliable returns a webhook whose receiver answers quickly and never fails.
func reliable(r *rand.Rand) webhookPlan {
	return webhookPlan{eventType: eventType, maxRetries: 3, timeout: 5 * time.Second, quickest: time.Millisecond, slowest: oneOf(r, 20*time.Millisecond, 200*time.Millisecond)}
}

// breakStore decides what goes wrong between nodes and store.
func (p *plan) breakStore(r *rand.Rand) {
	f := &p.faults
	f.before, f.after, f.permanent = oneOf(r, 0, 0, 10, 50, 200), oneOf(r, 0, 0, 10, 50, 200), oneOf(r, 0, 0, 0, 10, 50)
	f.preempt = oneOf(r, 0, 0, 5, 30)
	if p.shared {
		f.late = oneOf(r, 0, 0, 10, 50)
		p.skew = [2]time.Duration{0, oneOf(r, 0, 0, between(r, -maxSkew, maxSkew))}
	}
	if r.IntN(20) == 0 { // a store so slow that a busy lane always waits for some call on it
		f.fastest, f.slowest, p.publishers, p.busyUntil = 100*time.Millisecond, time.Second, 3, 3*time.Minute
	}
}

// maxSkew is how far apart the clocks of two nodes may be.
const maxSkew = 500 * time.Millisecond

func newWebhook(r *rand.Rand) webhookPlan {
	w := webhookPlan{
		tenant: r.IntN(2), eventType: eventType, maxRetries: r.IntN(4), timeout: between(r, 5*time.Second, oneOf(r, 10*time.Second, 30*time.Second)),
		failures: oneOf(r, 0, 20, 60, 100), hangs: oneOf(r, 0, 0, 10, 50), gones: oneOf(r, 0, 0, 0, 5), busy: oneOf(r, 0, 0, 20),
		slowest: oneOf(r, 20*time.Millisecond, time.Second, 4*time.Second), goneTests: r.IntN(2) == 0,
	}
	w.quickest = time.Millisecond
	if w.timeout > 10*time.Second {
		w.slowest = oneOf(r, w.slowest, w.timeout)
	}
	if r.IntN(4) == 0 {
		w.recovers = between(r, 10*time.Second, turmoil)
	}
	return w
}

func (p *plan) newDeed(r *rand.Rand, at time.Duration, kinds ...string) deed {
	return deed{
		at: at, kind: oneOf(r, kinds...), node: r.IntN(2), webhook: r.IntN(len(p.webhooks)),
		lasts: between(r, time.Second, oneOf(r, 5*time.Second, 25*time.Second, 40*time.Second)),
	}
}

// end is when nothing of the plan is left to begin.
func (p *plan) end() time.Duration {
	end := turmoil
	if p.publishers > 0 {
		end = p.busyUntil
	}
	for _, d := range p.deeds {
		end = max(end, d.at)
	}
	return end
}

// crash says whether a life of a node ends at one of its writes, and how.
func (p *plan) crash(node, life, write int) (crashPlan, bool) {
	for _, c := range p.crashes {
		if c.node == node && c.life == life && c.write == write {
			return c, true
		}
	}
	return crashPlan{}, false
}

// deletesOwners reports whether publishers may find their agent deleted.
func (p *plan) deletesOwners() bool {
	return slices.ContainsFunc(p.deeds, func(d deed) bool { return d.kind == "delete owner" })
}

// jumps reports whether a clock is set, so that due times mean little.
func (p *plan) jumps() bool {
	return slices.ContainsFunc(p.deeds, func(d deed) bool { return d.kind == "clock" })
}
