package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// defaultBudget is the default of --memory-budget, in MiB.
	defaultBudget = 256
	// ownMemory is about how much memory a server takes, in MiB, beside what it holds for clients: deliveries that wait in memory, most
	// of all.
	ownMemory = 32
)

// tuneCollector lets the heap grow to five times what is alive before it is collected, which takes a twelfth less processor time for
// each event than twice would; most of the time about 20 MB are alive. From the memory budget of clients (in MiB) and ownMemory on,
// the heap is collected more often, so that a server that holds much does not take five times that. GOGC and GOMEMLIMIT take precedence.
func tuneCollector(budget int) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(400)
	limit.set(int64(budget+ownMemory) << 20)
	watchHeap.Do(func() { afterEachCollection(limit.adjust) })
}

// limit is the limit of the process's memory.
var limit heapLimit

var watchHeap sync.Once

// heapLimit is a limit of the heap that rises with what is alive: where that is near the limit, the collector would do nothing else.
type heapLimit struct {
	mu           sync.Mutex
	least, value int64
}

func (l *heapLimit) set(least int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.least, l.value = least, least
	debug.SetMemoryLimit(least)
}

// adjust follows what was alive at the last collection. Setting the limit stops the process for a moment, so that small changes do not
// count.
func (l *heapLimit) adjust() {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	l.mu.Lock()
	defer l.mu.Unlock()
	value := limitOf(l.least, int64(samples[0].Value.Uint64()), int64(samples[1].Value.Uint64())) //nolint:gosec // sizes of memory
	if value != l.least && max(value, l.value)-min(value, l.value) < l.value/8 || value == l.value {
		return
	}
	l.value = value
	debug.SetMemoryLimit(value)
}

// limitOf leaves room for a quarter of what is alive.
func limitOf(least, live, stacks int64) int64 { return max(least, live+live/4+stacks) }

// afterEachCollection calls do after each collection of garbage, on the goroutine of finalizers.
func afterEachCollection(do func()) {
	type sentinel struct{ _ *byte }
	var arm func(*sentinel)
	arm = func(s *sentinel) {
		runtime.SetFinalizer(s, func(s *sentinel) {
			do()
			arm(s)
		})
	}
	arm(new(sentinel))
}
