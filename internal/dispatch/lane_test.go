package dispatch

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

var ids carteiro.IDSource

func TestTheLimitLearnsFromWhatCameOfAttempts(t *testing.T) {
	const quick, slow = 10 * time.Millisecond, 5 * time.Second
	repeat := func(n int, do func(l *limit)) func(l *limit) {
		return func(l *limit) {
			for range n {
				do(l)
			}
		}
	}
	succeed := func(took time.Duration) func(l *limit) { return func(l *limit) { l.succeeded(took) } }
	fail := func(l *limit) { l.failed(quick) }
	for name, c := range map[string]struct {
		story   []func(l *limit)
		allows  int
		trusted bool
	}{
		"nothing is known of a new one":               {nil, firstLimit, false},
		"a quick success adds one":                    {[]func(*limit){succeed(quick)}, firstLimit + 1, true},
		"quick successes grow to the most":            {[]func(*limit){repeat(1000, succeed(quick))}, maxLimit, true},
		"a failure halves":                            {[]func(*limit){repeat(1000, succeed(quick)), fail}, maxLimit / 2, false},
		"failures shrink to one probe":                {[]func(*limit){repeat(1000, succeed(quick)), repeat(20, fail)}, 1, false},
		"slow successes come down to the first limit": {[]func(*limit){repeat(1000, succeed(quick)), repeat(1000, succeed(slow))}, firstLimit, false},
		"and up to it from below":                     {[]func(*limit){repeat(20, fail), repeat(1000, succeed(slow))}, firstLimit, false},
		"a recovered one is trusted again":            {[]func(*limit){repeat(20, fail), succeed(quick)}, 2, true},
	} {
		var l limit
		for _, event := range c.story {
			event(&l)
		}
		if l.allows() != c.allows || l.trusted != c.trusted {
			t.Errorf("%s: allows %d, trusted %v; want %d, %v", name, l.allows(), l.trusted, c.allows, c.trusted)
		}
	}
}

func TestADequeKeepsItsOrderAndLetsSomeJump(t *testing.T) {
	deliveries := make([]*carteiro.Delivery, 200)
	for i := range deliveries {
		deliveries[i] = &carteiro.Delivery{Attempt: carteiro.Attempt{Number: i}}
	}
	var q deque
	next := 0
	take := func(n int) {
		t.Helper()
		for range n {
			if got := q.pop(); got.Number != next {
				t.Fatalf("%d came when it was %d's turn", got.Number, next)
			}
			next++
		}
	}
	for _, d := range deliveries[:100] {
		q.push(d)
	}
	take(70)
	jumper := &carteiro.Delivery{Attempt: carteiro.Attempt{Number: -1}}
	q.pushFront(jumper)
	if q.pop() != jumper {
		t.Error("what is urgent does not jump the queue")
	}
	for _, d := range deliveries[100:] {
		q.push(d)
	}
	take(130)
	q.pushFront(jumper)
	if q.len() != 1 || q.pop() != jumper || q.len() != 0 {
		t.Error("an empty queue cannot be jumped")
	}
}

func TestIdleLanesAreForgottenWhenThereAreMany(t *testing.T) {
	d := New(Config{IDs: new(carteiro.IDSource)})
	for range maxIdleLanes + 500 {
		id := ids.New(time.Now())
		places := []carteiro.Place{{WebhookID: id, Bytes: 10}}
		d.Reserve(places)
		d.Cancel(places)
	}
	if len(d.lanes) > maxIdleLanes || d.heldBytes != 0 {
		t.Errorf("%d lanes without work are remembered, with %d bytes", len(d.lanes), d.heldBytes)
	}
}

func TestALaneInFlightIsRememberedWhenItsDeliveriesAreRecorded(t *testing.T) {
	l := newLane(ids.New(time.Now()))
	l.inFlight = 1
	if l.idle() {
		t.Error("a lane with an attempt in flight counts as idle, and is forgotten with what its attempt teaches")
	}
	l.inFlight, l.direct = 0, 1
	if l.idle() {
		t.Error("a lane with a test call in flight counts as idle")
	}
}

func TestALaneThatWasForgottenDoesNotRemoveItsReplacement(t *testing.T) {
	d := New(Config{IDs: new(carteiro.IDSource), MaxIdleLanes: 1})
	for range 5 {
		d.lane(ids.New(time.Now()))
	}
	forgotten := newLane(ids.New(time.Now()))
	replacement := d.lane(forgotten.webhookID)
	d.settle(forgotten)
	if d.lanes[forgotten.webhookID] != replacement {
		t.Error("the replacement is gone, with what it holds")
	}
}

func TestABurstForOneWebhookIsHeldAndLeavesRoomForTheOthers(t *testing.T) {
	d := New(Config{IDs: new(carteiro.IDSource), MaxHeldBytes: 1 << 20})
	held := func(trusted bool, n int) (count int) {
		l := d.lane(ids.New(time.Now()))
		l.limit.trusted = trusted
		for range n {
			places := []carteiro.Place{{WebhookID: l.webhookID, Bytes: 1 << 10}}
			if d.Reserve(places); places[0].Held {
				count++
			}
		}
		return count
	}
	if n := held(true, 10_000); n < 200 || n > 300 {
		t.Errorf("a burst for one webhook: %d of the 512 that fit are held", n)
	}
	if n := held(true, 10_000); n < 100 {
		t.Errorf("a burst for the next: %d", n)
	}
	if n := held(false, 10_000); n != 0 {
		t.Errorf("one that is not trusted takes %d of what is left", n)
	}
}

func TestTheCompiledWebhooksOfLanesAreBoundedByBytes(t *testing.T) {
	const most = 4 << 20
	d := New(Config{IDs: new(carteiro.IDSource), MaxTargets: most})
	text := json.RawMessage(`{"d":"` + strings.Repeat("x", 60<<10) + `"}`)
	use := func(environment carteiro.ID, templates map[string]json.RawMessage) *lane {
		w := &carteiro.Webhook{ID: ids.New(time.Now()), EnvironmentID: environment, URL: "http://example.com/", PayloadTemplates: templates}
		l := d.lane(w.ID)
		target := d.ready(&flight{lane: l, direct: true}, w)
		if again := d.ready(&flight{lane: l, direct: true}, w); again != target {
			t.Fatal("the next attempt compiles the webhook again")
		}
		return l
	}
	quiet := use(carteiro.ID{1}, nil)
	var lanes []*lane
	for range 1000 {
		lanes = append(lanes, use(carteiro.ID{2}, map[string]json.RawMessage{"a": text, "b": text}))
	}
	held := 0
	for _, l := range lanes {
		if l.target != nil {
			held += l.target.Memory()
		}
	}
	if held < most/2 || held > most || d.targets.Used() > most {
		t.Errorf("idle lanes hold %d bytes of compiled webhooks, at most %d", held, most)
	}
	if quiet.target == nil {
		t.Error("one environment has evicted the webhook of another")
	}
	for _, l := range append(lanes, quiet) {
		d.dropTarget(l)
	}
	if d.targets.Used() != 0 {
		t.Errorf("%d bytes are counted after all is dropped", d.targets.Used())
	}
}
