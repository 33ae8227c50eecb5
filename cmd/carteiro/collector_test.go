package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTheMemoryLimitLeavesRoomForWhatIsAlive(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ live, stacks, want int64 }{
		{20 * mib, mib, 288 * mib}, {150 * mib, 10 * mib, 288 * mib}, {220 * mib, 0, 288 * mib}, {240 * mib, 0, 300 * mib}, {1000 * mib, 20 * mib, 1270 * mib},
	} {
		if got := limitOf(288*mib, c.live, c.stacks); got != c.want {
			t.Errorf("%d alive, %d of stacks: %d, want %d", c.live, c.stacks, got, c.want)
		}
	}
}

// A server whose live heap is larger than the limit collects it no more often than at each quarter of it that is new.
func TestTheMemoryLimitFollowsTheHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(-1)
	defer func() {
		debug.SetMemoryLimit(before)
		debug.SetGCPercent(percent)
	}()
	collected := make(chan struct{}, 100)
	afterEachCollection(func() { collected <- struct{}{} })
	tuneCollector(-ownMemory + 16) // 16 MiB
	collect := func() int64 {
		for range 2 { // a finalizer runs after the collection that finds its object, and the next one is of the next
			runtime.GC()
			<-collected
		}
		limit.adjust()
		return debug.SetMemoryLimit(-1)
	}
	func() {
		held := make([]byte, 64<<20)
		if got := collect(); got < 80<<20 {
			t.Errorf("with 64 MiB alive the limit is %d", got)
		}
		runtime.KeepAlive(held)
	}()
	if got := collect(); got > 32<<20 {
		t.Errorf("after that the limit is %d", got)
	}
}
