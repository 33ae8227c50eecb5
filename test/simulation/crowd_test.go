package simulation_test

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A crowd has many more webhooks than slots: receivers that are slow, dead, or stop responding, all with backlogs. Nothing else
// goes wrong. A healthy webhook beside them must not notice.

// startBound is how long after it was due a healthy webhook's attempt may start.
const startBound = time.Second

// fillCrowd plans a crowd. It stays within the bounds of docs/decisions/0064-fair-slots.md: at most half of the slots' number of
// webhooks that nothing is known of have their first attempt at the same time.
func (p *plan) fillCrowd(r *rand.Rand) {
	if p.slots = oneOf(r, 8, 16, 32); p.slots == 8 { // more quick ones with backlogs than slots
		p.addCrowd("fast", p.slots+1+r.IntN(p.slots), webhookPlan{quickest: 10 * time.Millisecond, slowest: 200 * time.Millisecond})
		p.burst("fast", between(r, 0, 30*time.Second), 60)
	} else {
		quarter := p.slots / 4
		groups := 4 + r.IntN(5)
		for i := range groups { // of which one after the other becomes known as slow
			name := fmt.Sprint("slow ", i)
			p.addCrowd(name, quarter, webhookPlan{quickest: time.Second, slowest: 2500 * time.Millisecond})
			p.burst(name, time.Duration(i)*3*time.Second, 1)
			p.burst(name, 27*time.Second, 1+r.IntN(10))
		}
		p.addCrowd("dead", r.IntN(quarter), webhookPlan{hangsFrom: time.Nanosecond})
		p.burst("dead", between(r, 27*time.Second, 40*time.Second), 6)
		p.addCrowd("hanging", 1+r.IntN(quarter-1), webhookPlan{
			quickest: 5 * time.Millisecond, slowest: 50 * time.Millisecond, hangsFrom: 40 * time.Second, timeout: 25 * time.Second,
		})
		p.burst("hanging", between(r, 25*time.Second, 39*time.Second), 40)
		p.burst("hanging", 40*time.Second-100*time.Millisecond, 80)
		p.addHealthy(r, between(r, 44*time.Second, 56*time.Second)) // new when they have been hanging for a while
	}
	for range 1 + r.IntN(2) {
		p.addHealthy(r, between(r, 0, 55*time.Second))
	}
}

// addCrowd adds n webhooks of a kind.
func (p *plan) addCrowd(name string, n int, w webhookPlan) {
	w.eventType = name
	w.slowest = max(w.slowest, 2)
	timeout := w.timeout
	for i := range n {
		if w.timeout = timeout; timeout == 0 {
			w.timeout = 5*time.Second + time.Duration(i)*300*time.Millisecond
		}
		p.webhooks = append(p.webhooks, w)
	}
}

// burst publishes events for each webhook of a kind at once.
func (p *plan) burst(name string, at time.Duration, events int) {
	p.publishes = append(p.publishes, publishPlan{at: at, eventType: name, events: events})
}

// noteCrowd says in the trace who is in a crowd.
func (w *world) noteCrowd() {
	if !w.plan.crowd {
		return
	}
	w.note("%d slots", w.plan.slots)
	members := make(map[string]int)
	for _, hook := range w.plan.webhooks {
		members[hook.eventType]++
	}
	for _, p := range w.plan.publishes {
		w.note("%d events for %d webhooks %q at %s", p.events, members[p.eventType], p.eventType, p.at)
	}
}

// addHealthy adds a webhook that the crowd must not delay. Nothing is known of it until its first event.
func (p *plan) addHealthy(r *rand.Rand, first time.Duration) {
	name := string(rune('a' + len(p.webhooks)%26))
	p.webhooks = append(p.webhooks, webhookPlan{
		eventType: name, timeout: 5 * time.Second, quickest: time.Millisecond, slowest: 50 * time.Millisecond, healthy: true,
	})
	for at := first; at < turmoil; at += between(r, 100*time.Millisecond, 4*time.Second) {
		p.publishes = append(p.publishes, publishPlan{at: at, eventType: name, node: r.IntN(2), events: 1 + r.IntN(2)})
	}
}
