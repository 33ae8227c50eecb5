package sqlite

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

// Bounds of one commit. They keep the wait of those who come next short; under them, whatever has come while the last
// commit was synced shares the next one.
const (
	maxBatchOps    = 512
	maxBatchWeight = 4096 // rows, roughly; a single operation may be heavier
)

var (
	beginRead  = newQuery("BEGIN")
	beginWrite = newQuery("BEGIN IMMEDIATE")
	commit     = newQuery("COMMIT")
	rollback   = newQuery("ROLLBACK")
)

// While many write at once, commits begin at least a pace apart, so that each is shared by more of them: a commit costs
// as much as a dozen rows, and whoever is one of many waits for the processor anyway. One who writes alone never waits.
const (
	pace        = 1500 * time.Microsecond
	busyWeight  = 8   // a batch of so many rows was not one caller's
	plentyOfOps = 128 // not worth waiting for more
)

// tx is the transaction that a batch of operations shares.
type tx struct {
	*conn
	tally tally
}

// op is what one verb wants to be done in a transaction.
type op struct {
	do     func(*tx) error
	weight int
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

// writer is the one goroutine that changes the database. Operations that arrive while one commit is being synced
// share the next, and under load a little longer: see pace.
//
// Operations must bear to be run again: one that fails takes the transaction with it, and the others are then run
// anew without it. Savepoints would spare that, at a price that every operation of every batch would pay.
type writer struct {
	tx         tx
	files      files                             // the writer's goroutine's own
	checkpoint func(writer *conn, logSize int64) // told after each commit
	commits    atomic.Int64                      // transactions that were synced
	committed  func(operations int, took time.Duration)

	mu     sync.Mutex
	queue  []*op
	closed bool
	wake   chan struct{} // has room for one: the queue is not empty, or closed
	ended  chan struct{}
}

func startWriter(c *conn, checkpoint func(*conn, int64), committed func(int, time.Duration)) *writer {
	w := &writer{
		tx:         tx{conn: c, tally: newTally()},
		checkpoint: checkpoint,
		committed:  committed,
		wake:       make(chan struct{}, 1),
		ended:      make(chan struct{}),
	}
	go w.loop()
	return w
}

// write runs do in a transaction that others may share, and returns when it is durable. do may be run more than once,
// and must set all that it gives back each time. An error that the port names, given back before anything was changed,
// is an answer; any other undoes what do has changed. weight is about how many rows do touches.
//
// ctx can call do off until it is taken up; from then on it is waited for.
func (w *writer) write(ctx context.Context, weight int, do func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{do: do, weight: weight, done: make(chan struct{})}
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
	return o.err
}

func (w *writer) enqueue(o *op) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return fmt.Errorf("%w: the database is closed", store.ErrUnavailable)
	}
	w.queue = append(w.queue, o)
	w.signal()
	return nil
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// close ends the goroutine once all that was submitted is done.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.signal()
	w.mu.Unlock()
	<-w.ended
}

func (w *writer) loop() {
	defer close(w.ended)
	var batch []*op
	for range w.wake {
		for {
			var closed bool
			var weight int
			if batch, weight, closed = w.take(batch[:0]); len(batch) > 0 {
				begun := time.Now() //nolint:forbidigo // how long a commit takes is no matter of the caller's now
				w.commit(batch)
				clear(batch)
				if weight >= busyWeight && !closed {
					w.gather(begun.Add(pace))
				}
				continue
			}
			if closed {
				return
			}
			break
		}
	}
}

// gather lets operations come together until then, or until there are plenty.
func (w *writer) gather(until time.Time) {
	for wait := time.Until(until); wait > 0; wait = time.Until(until) {
		w.mu.Lock()
		enough := len(w.queue) >= plentyOfOps || w.closed
		w.mu.Unlock()
		if enough {
			return
		}
		time.Sleep(min(wait, pace/3)) //nolint:forbidigo // it is what the writer is to do here
	}
}

// take moves the next batch out of the queue, leaving out what was called off.
func (w *writer) take(batch []*op) (_ []*op, weight int, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for n < len(w.queue) && len(batch) < maxBatchOps {
		o := w.queue[n]
		if len(batch) > 0 && weight+o.weight > maxBatchWeight {
			break
		}
		n++
		if o.state.CompareAndSwap(opQueued, opTaken) {
			batch = append(batch, o)
			weight += o.weight
		}
	}
	rest := copy(w.queue, w.queue[n:])
	clear(w.queue[rest:])
	w.queue = w.queue[:rest]
	return batch, weight, w.closed
}

// commit brings a batch into the database, leaving out those that fail, and answers all of them.
func (w *writer) commit(batch []*op) {
	for len(batch) > 0 {
		culprit, logSize, err := w.tryDurably(batch)
		if culprit < 0 {
			for _, o := range batch {
				if err != nil { // none of them is at fault: the transaction could not be begun or committed
					o.err = err
				}
				close(o.done)
			}
			if err == nil && logSize > 0 {
				w.checkpoint(w.tx.conn, logSize)
			}
			return
		}
		batch[culprit].err = err
		close(batch[culprit].done)
		batch = append(batch[:culprit], batch[culprit+1:]...)
	}
}

// tryDurably runs a batch in one transaction, and makes sure that it went into the files of the database. It gives the size
// of the log in bytes, 0 if nothing was written.
func (w *writer) tryDurably(batch []*op) (culprit int, logSize int64, err error) {
	if w.files.lost != nil { // nothing more is written that would be lost
		if _, err := w.files.check(); err != nil {
			return -1, 0, err
		}
	}
	before, begun := w.tx.writes, time.Now() //nolint:forbidigo // how long a commit takes is no matter of the caller's now
	if culprit, err = w.try(batch); err != nil || w.tx.writes == before {
		return culprit, 0, err
	}
	if logSize, err = w.files.check(); err != nil {
		return -1, 0, err
	}
	w.commits.Add(1)
	if w.committed != nil {
		w.committed(len(batch), time.Since(begun))
	}
	return -1, logSize, nil
}

// try runs a batch in one transaction. When that fails nothing is changed, and culprit is the operation at fault,
// or -1 when it is the database.
func (w *writer) try(batch []*op) (culprit int, err error) {
	t := &w.tx
	t.tally.clear()
	if err := t.query(beginWrite).run(); err != nil {
		return -1, databaseFault(err)
	}
	for i, o := range batch {
		writes := t.writes
		o.err = t.run(o)
		if o.err == nil || (isAnswer(o.err) && t.writes == writes) {
			continue
		}
		t.rollback()
		return i, translate(o.err)
	}
	err = t.tally.flush(t.conn)
	if err == nil {
		err = t.query(commit).run()
	}
	if err != nil {
		t.rollback()
		return -1, databaseFault(err)
	}
	return -1, nil
}

// databaseFault wraps a fault of the transaction itself: whatever it is, nobody's request is to blame.
func databaseFault(err error) error { return fmt.Errorf("%w: %w", store.ErrUnavailable, err) }

// isAnswer says whether an error is a word of the port rather than a fault.
func isAnswer(err error) bool {
	var used *store.KeyUsedError
	return errors.As(err, &used) || errors.Is(err, store.ErrKeyReused) || errors.Is(err, store.ErrNotFound) ||
		errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrTooMany) || errors.Is(err, store.ErrLeaseLost)
}

// run runs one operation. A panic is its error: it must end neither the writer nor the others of its batch.
func (t *tx) run(o *op) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in a store operation: %v\n%s", r, debug.Stack())
		}
		t.finish()
	}()
	return o.do(t)
}

// rollback ends the transaction, unless the database has done so itself, as it does at some faults.
func (t *tx) rollback() {
	t.finish()
	if !t.db.AutocommitEnabled() {
		_ = t.query(rollback).run() // fails only when there is nothing to roll back
	}
}
