package simulation_test

import (
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"time"
)

// A node is paused as a whole, or one of its goroutines is. Both happen before any critical section of its dispatcher and at
// any call on the store.

// span is a pause that is over at an instant.
type span struct {
	end    time.Time
	length time.Duration
}

// preempt is called before each critical section of the node's dispatcher.
func (n *node) preempt() {
	f := n.w.plan.faults
	if (f.preempt == 0 || n.w.calm()) && n.runs() {
		return
	}
	by := callerOf()
	if by.method == "Session" {
		return // the judge asks for it, and must not be paused
	}
	lives, paused := n.standing()
	if !lives || f.preempt == 0 || n.w.calm() {
		return
	}
	r := rand.New(rand.NewPCG(n.w.plan.seed^by.hash, uint64(time.Since(n.w.began))+uint64(n.slot)<<56+uint64(n.life)<<48))
	var length time.Duration
	switch share := n.preemptShare(by); {
	case paused: // they come back one by one
		length = between(r, 0, 500*time.Millisecond)
	case r.IntN(1000) >= share:
		return
	case r.IntN(10) == 0, share > f.preempt:
		length = between(r, 0, 2*time.Second)
	default:
		length = between(r, 0, 50*time.Millisecond)
	}
	n.paused(length)
	pass(length)
	n.standing()
}

// The first entries into a section are paused more often and for longer than later ones: what a node does once in its life, such as joining again,
// would otherwise hardly ever be interrupted.
const (
	seldom      = 4   // entries
	seldomShare = 200 // of a thousand
)

// preemptShare returns of how many thousandths of the entries into a caller's section a goroutine is paused, and counts the entry.
func (l *link) preemptShare(by caller) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entered[by.hash]++; l.entered[by.hash] <= seldom {
		return max(seldomShare, l.w.plan.faults.preempt)
	}
	return l.w.plan.faults.preempt
}

// runs reports whether the process lives and is not paused.
func (l *link) runs() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.dead && !l.until.After(time.Now())
}

// caller is a function that locks. Its hash is the same in every run.
type caller struct {
	hash   uint64
	method string
}

var callers sync.Map // of caller, by program counter

// callerOf returns the function that locks.
func callerOf() caller {
	var pcs [1]uintptr
	runtime.Callers(4, pcs[:]) // beside runtime.Callers: callerOf, preempt, Lock
	if known, ok := callers.Load(pcs[0]); ok {
		return known.(caller)
	}
	frame, _ := runtime.CallersFrames(pcs[:]).Next()
	h := fnv.New64a()
	_, _ = h.Write([]byte(frame.Function))
	c := caller{h.Sum64(), frame.Function[strings.LastIndexByte(frame.Function, '.')+1:]}
	callers.Store(pcs[0], c)
	return c
}

// paused notes a pause that begins now.
func (l *link) paused(length time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pauses = append(l.pauses, span{time.Now().Add(length), length})
}

// pausedSince returns for how long the node or goroutines of it were paused since an instant, all pauses together.
func (l *link) pausedSince(t time.Time) (sum time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.pauses {
		if s.end.After(t) {
			sum += s.length
		}
	}
	return sum
}

// pause stops the whole process for a time.
func (l *link) pause(d time.Duration) {
	l.paused(d)
	l.trouble()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Now().Add(d)
}

// trouble notes that the node may lose its lease, or did something that takes others time to notice.
func (l *link) trouble() {
	l.w.disturb()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.troubledAt = time.Now()
}

// untroubledSince reports whether nothing since an instant can have kept the node from renewing its lease.
func (l *link) untroubledSince(t time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.dead && l.troubledAt.Before(t) && !l.until.After(t)
}
