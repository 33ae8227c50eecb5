package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carteiro/carteiro/internal/store"
)

// Bounds of one commit. Under them, whatever has come while the last one was under way shares the next.
const (
	maxBatchOps    = 512
	maxBatchWeight = 2048 // rows, roughly; a single operation may be heavier
)

// op is a call that waits to be committed, with whatever it carries and gives back.
type op[T any] struct {
	call   T
	weight int  // rows, roughly
	probe  bool // it only asks whether the writer can write, in a transaction of its own
	state  atomic.Int32
	done   chan struct{}
	err    error // set before done is closed
}

// States of an op. It can be called off until it is taken.
const (
	opQueued int32 = iota
	opTaken
	opCalledOff
)

// writer commits calls of one kind in groups: those that come while one commit is under way share the next. It runs one
// transaction at a time.
type writer[T any] struct {
	// run commits a group in one transaction. Its error is that nothing of it was done; what an op alone is told goes
	// into the op.
	run       func(group []*op[T]) error
	probe     func() error                             // runs a probe
	committed func(operations int, took time.Duration) // nil: nobody is told

	mu     sync.Mutex
	queue  []*op[T]
	closed bool
	wake   chan struct{} // has room for one: the queue is not empty, or closed
	ended  chan struct{}
}

func startWriter[T any](run func(group []*op[T]) error, probe func() error, committed func(int, time.Duration)) *writer[T] {
	w := &writer[T]{run: run, probe: probe, committed: committed, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go w.loop()
	return w
}

// write commits a call, in a transaction that others may share, and returns when it is durable. What the call gives
// back is in it then. ctx can call it off until it is taken up; from then on it is waited for.
func (w *writer[T]) write(ctx context.Context, weight int, call T) (T, error) {
	o := &op[T]{call: call, weight: weight, done: make(chan struct{})}
	if err := w.submit(ctx, o); err != nil {
		return call, err
	}
	return o.call, o.err
}

// ping returns once the writer has done what was submitted before, and has written. Unlike write it is called off by ctx at
// any time.
func (w *writer[T]) ping(ctx context.Context) error {
	o := &op[T]{probe: true, done: make(chan struct{})}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.enqueue(o); err != nil {
		return err
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		o.state.CompareAndSwap(opQueued, opCalledOff)
		return ctx.Err()
	}
}

// submit returns once an op is done, or fails if it was not begun.
func (w *writer[T]) submit(ctx context.Context, o *op[T]) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.enqueue(o); err != nil {
		return err
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		if o.state.CompareAndSwap(opQueued, opCalledOff) {
			return ctx.Err()
		}
		<-o.done
	}
	return nil
}

func (w *writer[T]) enqueue(o *op[T]) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return fmt.Errorf("%w: the database is closed", store.ErrUnavailable)
	}
	w.queue = append(w.queue, o)
	w.signal()
	return nil
}

func (w *writer[T]) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// close ends the goroutine once all that was submitted is done.
func (w *writer[T]) close() {
	w.mu.Lock()
	w.closed = true
	w.signal()
	w.mu.Unlock()
	<-w.ended
}

func (w *writer[T]) loop() {
	defer close(w.ended)
	var group []*op[T]
	for range w.wake {
		for {
			var closed bool
			group, closed = w.take(group[:0])
			if len(group) == 0 {
				if closed {
					return
				}
				break
			}
			w.commit(group)
			clear(group)
		}
	}
}

// take moves the next group out of the queue, leaving out what was called off.
func (w *writer[T]) take(group []*op[T]) (_ []*op[T], closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, weight := 0, 0
	for n < len(w.queue) && len(group) < maxBatchOps {
		o := w.queue[n]
		if len(group) > 0 && (weight+o.weight > maxBatchWeight || o.probe || group[0].probe) {
			break
		}
		n++
		if o.state.CompareAndSwap(opQueued, opTaken) {
			group = append(group, o)
			weight += o.weight
		}
	}
	rest := copy(w.queue, w.queue[n:])
	clear(w.queue[rest:])
	w.queue = w.queue[:rest]
	return group, w.closed
}

// commit brings a group into the database and answers all of it. When one of them is at fault the halves are tried by
// themselves, so that it is alone in the end.
func (w *writer[T]) commit(group []*op[T]) {
	begun := time.Now() //nolint:forbidigo // how long a commit takes is no matter of the caller's now
	err := w.try(group)
	if err != nil && len(group) > 1 && !errors.Is(err, store.ErrUnavailable) {
		w.commit(group[:len(group)/2])
		w.commit(group[len(group)/2:])
		return
	}
	if err == nil && w.committed != nil {
		w.committed(len(group), time.Since(begun))
	}
	for _, o := range group {
		if err != nil {
			o.err = err
		}
		close(o.done)
	}
}

// try runs a group. A panic is its error: it must end neither the writer nor the others of the group.
func (w *writer[T]) try(group []*op[T]) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in a store operation: %v\n%s", r, debug.Stack())
		}
	}()
	if group[0].probe {
		return w.probe()
	}
	return w.run(group)
}
