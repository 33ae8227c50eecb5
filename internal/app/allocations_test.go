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
	const events = 10_000
	// Each burst is delivered before the next is published: how much would spill to the store depends on the machine.
	bursts := func(n, size int, publish func(n int)) {
		for range n / size {
			publish(size)
		}
	}
	for _, c := range []struct {
		name     string
		webhooks int
		publish  func(h *hotPath, events int)
		written  float64 // allocations an event, of everything but the network
	}{
		{"published singly", 1, func(h *hotPath, n int) { bursts(n, 1000, func(n int) { h.single(t, n, 1) }) }, 58},
		{"published in batches of 100", 1, func(h *hotPath, n int) { bursts(n, 100, func(n int) { h.batches(t, n) }) }, 14.5},
		{"sent to 10 webhooks", 10, func(h *hotPath, n int) { bursts(n, 500, func(n int) { h.single(t, n, 10) }) }, 147},
	} {
		h := newHotPath(t, c.webhooks)
		c.publish(h, events/10) // fills caches and pools
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.publish(h, events)
		runtime.ReadMemStats(&after)
		got := float64(after.Mallocs-before.Mallocs) / events
		t.Logf("an event %s: %.1f allocations, written down %.4g", c.name, got, c.written)
		switch {
		case got > 1.1*c.written:
			t.Errorf("an event %s allocates %.1f times, more than a tenth above the %.4g written down", c.name, got, c.written)
		case got < 0.8*c.written:
			t.Errorf("an event %s allocates only %.1f times: write that down in place of %.4g", c.name, got, c.written)
		}
	}
}
