package simulation_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// plan is what a seed decides: who does what when, and what goes wrong. What is decided while a run goes on is rolled from
// the seed and from what it is about, never from the order in which things happen to be asked for.
type plan struct {
	seed   uint64
	shared bool // two nodes on one store, else one node
	// storms is how often, of a thousand calls on the store, one fails before the commit, after it, or is carried out late.
	before, after, late int
	webhooks            []webhookPlan
	publishes           []publishPlan
	deeds               []deed
	crashes             []crashPlan
	operators           bool // the environments have webhooks of their own
}

// Times of a run. Behind turmoil nothing goes wrong any more, and everything has to come to its end.
const (
	turmoil  = time.Minute
	patience = 2 * time.Hour
	// disableAfter is how long a webhook may be in status error then: what waits for a receiver that never gets well ends so.
	disableAfter = 10 * time.Minute
)

// webhookPlan is a webhook with its receiver.
type webhookPlan struct {
	tenant     int // of the two environments
	maxRetries int
	timeout    time.Duration
	// Of a hundred requests so many are answered by failure, by nothing at all, by 410, or by 503 with Retry-After.
	failures, hangs, gones, busy int
	slowest                      time.Duration
}

// publishPlan is a call that publishes some events.
type publishPlan struct {
	at     time.Duration
	node   int
	tenant int
	events int
	key    int // the same key comes several times; 0 for none
}

// deed is what somebody does at a time.
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

// roll gives random numbers that depend on the seed and on what they are for alone.
func (p *plan) roll(what ...any) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, what...)
	return rand.New(rand.NewPCG(p.seed, h.Sum64()))
}

// between gives a time in a range.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// oneOf gives one of some values.
func oneOf[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

func newPlan(seed uint64) *plan {
	p := &plan{seed: seed}
	p.operators = p.roll("operators").IntN(2) == 0
	r := p.roll("plan")
	p.shared = r.IntN(2) == 0
	p.before, p.after = oneOf(r, 0, 0, 10, 50, 200), oneOf(r, 0, 0, 10, 50, 200)
	if p.shared {
		p.late = oneOf(r, 0, 0, 10, 50)
	}
	for range 1 + r.IntN(4) {
		p.webhooks = append(p.webhooks, webhookPlan{
			tenant: r.IntN(2), maxRetries: r.IntN(4), timeout: between(r, 5*time.Second, 10*time.Second),
			failures: oneOf(r, 0, 20, 60, 100), hangs: oneOf(r, 0, 0, 10, 50), gones: oneOf(r, 0, 0, 0, 5), busy: oneOf(r, 0, 0, 20),
			slowest: oneOf(r, 20*time.Millisecond, time.Second, 4*time.Second),
		})
	}
	for range 5 + r.IntN(20) {
		p.publishes = append(p.publishes, publishPlan{
			at: between(r, 0, turmoil), node: r.IntN(2), tenant: r.IntN(2), events: oneOf(r, 1, 1, 1, 2, 8), key: oneOf(r, 0, 0, 1+r.IntN(3)),
		})
	}
	for range r.IntN(8) {
		p.deeds = append(p.deeds, deed{
			at: between(r, 0, turmoil), node: r.IntN(2), webhook: r.IntN(len(p.webhooks)), lasts: between(r, time.Second, 25*time.Second),
			kind: oneOf(r, "disable", "delete", "retry", "retry", "test", "stop", "pause", "outage", "clock"),
		})
	}
	for range r.IntN(5) {
		p.crashes = append(p.crashes, crashPlan{
			node: r.IntN(2), life: 1 + r.IntN(3), write: 1 + r.IntN(30), committed: r.IntN(2) == 0, gone: between(r, 0, 20*time.Second),
		})
	}
	return p
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
