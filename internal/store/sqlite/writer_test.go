package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

func TestThoseWhoComeDuringACommitShareTheNext(t *testing.T) {
	s := openTemp(t)
	release := holdWriter(t, s)
	before := s.writer.commits.Load()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := s.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	awaitQueue(s, 50)
	release()
	all.Wait()
	if commits := s.writer.commits.Load() - before; commits != 2 { // that of who held the writer, and one for all
		t.Errorf("%d commits for 50 operations that came during one, want 2", commits)
	}
}

func TestABatchIsBounded(t *testing.T) {
	s := openTemp(t)
	release := holdWriter(t, s)
	before := s.writer.commits.Load()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := s.writer.write(t.Context(), maxBatchWeight/2+1, ping); err != nil {
				t.Error(err)
			}
		})
	}
	awaitQueue(s, 4)
	release()
	all.Wait()
	if commits := s.writer.commits.Load() - before; commits != 5 {
		t.Errorf("%d commits for 4 heavy operations, want 5", commits)
	}
}

// An operation that fails, in whatever way, takes nobody with it.
func TestAFailingOperationHarmsNobody(t *testing.T) {
	errOwn := errors.New("own")
	for name, test := range map[string]struct {
		do   func(*tx) error
		want func(error) bool
	}{
		"an error before any change": {
			func(*tx) error { return errOwn },
			func(err error) bool { return errors.Is(err, errOwn) },
		},
		"an error after a change": {
			func(t *tx) error { return errors.Join(spoil(t), errOwn) },
			func(err error) bool { return errors.Is(err, errOwn) },
		},
		"an answer": {
			func(*tx) error { return store.ErrNotFound },
			func(err error) bool { return errors.Is(err, store.ErrNotFound) },
		},
		"an answer after a change": {
			func(t *tx) error { return errors.Join(spoil(t), store.ErrLeaseLost) },
			func(err error) bool { return errors.Is(err, store.ErrLeaseLost) },
		},
		"a broken constraint": {
			func(t *tx) error { return errors.Join(spoil(t), t.write(insertEnvironment).null().null().null().run()) },
			func(err error) bool { return err != nil && !errors.Is(err, store.ErrUnavailable) },
		},
		"a panic": {
			func(t *tx) error { _ = spoil(t); panic("oh no") },
			func(err error) bool { return err != nil && strings.Contains(err.Error(), "oh no") },
		},
		"rows that are left half read": {
			func(t *tx) error {
				t.query(listEnvironments).next()
				return errors.Join(spoil(t), errOwn)
			},
			func(err error) bool { return errors.Is(err, errOwn) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTemp(t)
			release := holdWriter(t, s)
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					if i%3 == 1 {
						if err := s.writer.write(t.Context(), 1, test.do); !test.want(err) {
							t.Errorf("error is %v", err)
						}
					} else if err := s.writer.write(t.Context(), 1, ping); err != nil {
						t.Error(err)
					}
				})
				awaitQueue(s, i+1)
			}
			release()
			all.Wait()
			if pings := count(t, s, "SELECT n FROM ping"); pings != 14 { // 13, and that of who held the writer
				t.Errorf("%d pings were kept, want 14", pings)
			}
			if n := count(t, s, "SELECT count(*) FROM environments"); n != 0 {
				t.Error("something of what failed was kept")
			}
			wantConsistent(t, s)
		})
	}
}

func TestAnOperationCanBeCalledOffUntilItIsTaken(t *testing.T) {
	s := openTemp(t)
	release := holdWriter(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- s.Ping(ctx) }()
	awaitQueue(s, 1)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	release()
	if err := s.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error of who came too late is %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if pings := count(t, s, "SELECT n FROM ping"); pings != 2 {
		t.Errorf("%d pings, want 2", pings)
	}
}

func TestAnOperationThatWasTakenIsWaitedFor(t *testing.T) {
	s := openTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.writer.write(ctx, 1, func(t *tx) error { cancel(); return ping(t) }); err != nil {
		t.Errorf("error is %v", err)
	}
}

func TestAFullDiskIsToldAndGotOver(t *testing.T) {
	s := openTemp(t)
	pages := count(t, s, "PRAGMA page_count")
	limit := func(pages int64) {
		t.Helper()
		err := s.writer.write(t.Context(), 1, func(t *tx) error { return t.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)) })
		if err != nil {
			t.Fatal(err)
		}
	}
	ids := new(carteiro.IDSource)
	accept := func(size int) error {
		item := newItem(ids, carteiro.ID{1})
		item.Event.Payload = make([]byte, size)
		_, err := s.Accept(t.Context(), store.Accept{Now: start, Items: []store.AcceptItem{item}})
		return err
	}
	limit(pages + 2)
	release := holdWriter(t, s)
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			if i == 5 {
				if err := s.Ping(t.Context()); err != nil {
					t.Errorf("what needs no room failed: %v", err)
				}
			} else if err := accept(1 << 16); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("error of a full disk is %v", err)
			}
		})
		awaitQueue(s, i+1)
	}
	release()
	all.Wait()
	if n := count(t, s, "SELECT count(*) FROM events"); n != 0 {
		t.Errorf("%d events were kept", n)
	}
	limit(1 << 30)
	if err := accept(1 << 16); err != nil {
		t.Errorf("after there is room again: %v", err)
	}
	wantConsistent(t, s)
}

// A file that can be read only, as on a file system that the system has mounted so after a fault, is told and got over.
func TestAReadOnlyDatabaseIsToldAndGotOver(t *testing.T) {
	s := openTemp(t)
	only := func(on int) error { return s.writer.tx.exec(fmt.Sprintf("PRAGMA query_only = %d", on)) } // between two transactions
	accept := func() error {
		_, err := s.Accept(t.Context(), store.Accept{Now: start, Items: []store.AcceptItem{newItem(new(carteiro.IDSource), carteiro.ID{1})}})
		return err
	}
	if err := only(1); err != nil {
		t.Fatal(err)
	}
	if err := accept(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("accepting: %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("readiness: %v", err)
	}
	if _, err := s.ListEnvironments(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
	if err := only(0); err != nil {
		t.Fatal(err)
	}
	if err := accept(); err != nil {
		t.Errorf("once it can be written to: %v", err)
	}
	wantConsistent(t, s)
}

func TestAClosedStoreIsUnavailable(t *testing.T) {
	s := openTemp(t)
	writer := s.writer
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := writer.write(t.Context(), 1, ping); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
}

func ping(t *tx) error { return t.write(touchPing).run() }

var (
	insertEnvironment = newQuery(`INSERT INTO environments (id, name, created_at) VALUES (?, ?, ?)`)
	listEnvironments  = newQuery(`SELECT id FROM environments`)
)

// spoil changes something that must not be kept.
func spoil(t *tx) error {
	return t.write(insertEnvironment).id(carteiro.ID{1}).text("spoilt").time(start).run()
}

// holdWriter gives once the writer is inside an operation, and keeps it there until it is released.
func holdWriter(t *testing.T, s *Store) (release func()) {
	t.Helper()
	inside, leave, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		err := s.writer.write(t.Context(), 1, func(t *tx) error {
			close(inside)
			<-leave
			return ping(t)
		})
		if err != nil {
			t.Error(err)
		}
	}()
	<-inside
	return func() {
		close(leave)
		<-done
	}
}

// awaitQueue returns once n operations wait for the writer.
func awaitQueue(s *Store, n int) {
	for {
		s.writer.mu.Lock()
		waiting := len(s.writer.queue)
		s.writer.mu.Unlock()
		if waiting >= n {
			return
		}
		runtime.Gosched()
	}
}

func count(t *testing.T, s *Store, sql string) (n int64) {
	t.Helper()
	err := s.read(t.Context(), func(c *conn) (err error) {
		n, err = c.execInt(sql)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// An operation may be heavier than a batch. It is a batch of its own, and the next ones follow in their order.
func TestABatchHoldsAsMuchAsItMayAndAtLeastOneOperation(t *testing.T) {
	w := new(writer)
	calledOff := &op{weight: 1}
	calledOff.state.Store(opCalledOff)
	for _, weight := range []int{maxBatchWeight + 1, 1, maxBatchWeight - 1, 1} {
		w.queue = append(w.queue, &op{weight: weight}, calledOff)
	}
	for i, want := range []int{maxBatchWeight + 1, maxBatchWeight, 1, 0} {
		if _, weight, closed := w.take(nil); weight != want || closed {
			t.Errorf("batch %d has a weight of %d, want %d", i, weight, want)
		}
	}
	for range maxBatchOps + 1 {
		w.queue = append(w.queue, new(op))
	}
	w.closed = true
	for _, want := range []int{maxBatchOps, 1, 0} {
		batch, _, closed := w.take(nil)
		if len(batch) != want || !closed {
			t.Errorf("a batch of %d operations, want %d", len(batch), want)
		}
	}
}
