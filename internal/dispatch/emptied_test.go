package dispatch

import (
	"slices"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

// When a circuit opens, its lane releases what may wait. Probes and what somebody asked for stay queued, in their order.
func TestAnOpenCircuitKeepsProbesAndManualDeliveriesQueued(t *testing.T) {
	l := newLane(ids.New(time.Now()))
	queued := []*carteiro.Delivery{
		{Attempt: carteiro.Attempt{Number: 1, Trigger: carteiro.TriggerAutomatic}},
		{Attempt: carteiro.Attempt{Number: 2, Trigger: carteiro.TriggerManual}},
		{Attempt: carteiro.Attempt{Number: 3, Trigger: carteiro.TriggerBulk}},
		{Attempt: carteiro.Attempt{Number: 4, Trigger: carteiro.TriggerTest}},
		{Attempt: carteiro.Attempt{Number: 5, Trigger: carteiro.TriggerAutomatic}, Probe: true},
		{Attempt: carteiro.Attempt{Number: 6, Trigger: carteiro.TriggerAutomatic}},
	}
	for _, d := range queued {
		l.queue.push(d)
	}
	if back := l.emptied(); !slices.Equal(back, []*carteiro.Delivery{queued[0], queued[2], queued[5]}) {
		t.Errorf("%d deliveries are released", len(back))
	}
	var left []*carteiro.Delivery
	for l.queue.len() > 0 {
		left = append(left, l.queue.pop())
	}
	if !slices.Equal(left, []*carteiro.Delivery{queued[1], queued[3], queued[4]}) {
		t.Errorf("%d deliveries stay queued", len(left))
	}
}
