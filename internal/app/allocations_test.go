//go:build !race

package app_test

import (
	"runtime"
	"testing"
)

// TestAllocationsAnEvent fails when the hot path allocates a tenth more for an event than it did when the figure was
// written down. Allocations are steady where times are not, so this is how a slower hot path is noticed by a machine.
// The race detector allocates by itself: `make allocations` runs this without.
func TestAllocationsAnEvent(t *testing.T) {
	const events = 20_000
	for _, c := range []struct {
		name     string
		webhooks int
		publish  func(h *hotPath, events int)
		written  float64 // allocations an event, of everything but the network
	}{
		{"published singly", 1, func(h *hotPath, n int) { h.single(t, n, 1) }, 67},
		{"published in batches of 100", 1, func(h *hotPath, n int) {
			for range n / 100 {
				h.batches(t, 100) // one delivered before the next is published, or some would spill to the store
			}
		}, 19},
		{"sent to 10 webhooks", 10, func(h *hotPath, n int) { h.single(t, n, 10) }, 175},
	} {
		h := newHotPath(t, c.webhooks)
		c.publish(h, events/10) // fills caches and pools
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.publish(h, events)
		runtime.ReadMemStats(&after)
		got := float64(after.Mallocs-before.Mallocs) / events
		t.Logf("an event %s: %.1f allocations, written down %.0f", c.name, got, c.written)
		switch {
		case got > 1.1*c.written:
			t.Errorf("an event %s allocates %.1f times, more than a tenth above the %.0f written down", c.name, got, c.written)
		case got < 0.8*c.written:
			t.Errorf("an event %s allocates only %.1f times: write that down in place of %.0f", c.name, got, c.written)
		}
	}
}
