package directory_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/store"
)

const cacheBytes = 8 << 20

// large makes a webhook as large as the API allows.
func large(w *carteiro.Webhook) {
	w.PayloadTemplates = make(map[string]json.RawMessage)
	for _, event := range []string{"a", "b", "c", "d"} {
		w.PayloadTemplates[event] = json.RawMessage(`"` + strings.Repeat("t", 64<<10) + `"`)
	}
}

func TestTheCacheIsBoundedByBytes(t *testing.T) {
	r := newRegistry()
	d := directory.NewSized(r, false, cacheBytes)
	var all []carteiro.ID
	for range 100 {
		owner := store.OwnerRef{EnvironmentID: here, Kind: carteiro.OwnerAgent, ID: ids.New(begin)}
		r.owners[owner] = carteiro.Owner{Kind: owner.Kind, ID: owner.ID, EnvironmentID: here, Name: "Ana"}
		w := webhook(owner, large)
		r.webhooks[w.ID] = w
		all = append(all, w.ID)
		if _, err := d.Recipients(t.Context(), owner, carteiro.ID{}, "event_action"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Webhook(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		if d.CacheBytes() > cacheBytes {
			t.Fatalf("the cache takes %d bytes of %d", d.CacheBytes(), cacheBytes)
		}
	}
	// What is evicted is read again.
	r.reads = 0
	for _, id := range all {
		if w, err := d.Webhook(t.Context(), id); err != nil || w.ID != id {
			t.Fatal(w, err)
		}
	}
	if r.reads < len(all)/2 {
		t.Errorf("%d of %d webhooks of 256 KiB were read again: the others are in a cache of %d bytes", r.reads, len(all), cacheBytes)
	}
}

func TestAnEnvironmentCannotEvictTheWebhooksOfOthers(t *testing.T) {
	r := newRegistry()
	d := directory.NewSized(r, false, cacheBytes)
	var others []carteiro.ID
	read := func(id carteiro.ID) {
		t.Helper()
		if _, err := d.Webhook(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		w := webhook(agent, func(w *carteiro.Webhook) { w.EnvironmentID = carteiro.ID{9} })
		r.webhooks[w.ID] = w
		others = append(others, w.ID)
		read(w.ID)
	}
	for range 200 {
		w := webhook(agent, large)
		r.webhooks[w.ID] = w
		read(w.ID)
	}
	r.reads = 0
	for _, id := range others {
		read(id)
	}
	if r.reads > 0 {
		t.Errorf("%d of %d webhooks were evicted", r.reads, len(others))
	}
}

func TestWhatIsForgottenTakesNoRoom(t *testing.T) {
	w := webhook(agent, large)
	r := newRegistry(w)
	d := directory.NewSized(r, false, cacheBytes)
	for range 3 {
		if _, err := d.Recipients(t.Context(), agent, carteiro.ID{}, "event_action"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Webhook(t.Context(), w.ID); err != nil || d.CacheBytes() < 512<<10 {
			t.Fatalf("%v, %d bytes", err, d.CacheBytes())
		}
		d.Forget(w)
		if d.CacheBytes() != 0 {
			t.Fatalf("%d bytes after what was cached is forgotten", d.CacheBytes())
		}
	}
	if _, err := d.Webhook(t.Context(), w.ID); err != nil {
		t.Fatal(err)
	}
	if d.Hear(store.Hint{Lost: true}); d.CacheBytes() != 0 {
		t.Errorf("%d bytes after everything is forgotten", d.CacheBytes())
	}
}

// slowRegistry answers when it is told to.
type slowRegistry struct {
	directory.Store
	answer  chan struct{}
	reads   atomic.Int64
	reading atomic.Int64 // at present
	mu      sync.Mutex
	exists  bool
}

func (r *slowRegistry) wait(ctx context.Context) error {
	r.reads.Add(1)
	r.reading.Add(1)
	defer r.reading.Add(-1)
	select {
	case <-r.answer:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *slowRegistry) GetWebhook(ctx context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	return webhook(agent, func(w *carteiro.Webhook) { w.ID = id }), r.wait(ctx)
}

func (r *slowRegistry) GetOwner(ctx context.Context, ref store.OwnerRef) (carteiro.Owner, error) {
	r.mu.Lock()
	exists := r.exists
	r.mu.Unlock()
	if err := r.wait(ctx); err != nil {
		return carteiro.Owner{}, err
	}
	if !exists {
		return carteiro.Owner{}, store.ErrNotFound
	}
	return carteiro.Owner{EnvironmentID: ref.EnvironmentID, Kind: ref.Kind, ID: ref.ID}, nil
}

func (r *slowRegistry) ListWebhooks(context.Context, store.OwnerRef) ([]*carteiro.Webhook, error) {
	return nil, nil
}

func (r *slowRegistry) PutOwner(_ context.Context, p store.PutOwner) (carteiro.Owner, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exists = true
	return p.Owner, true, nil
}

func TestConcurrentLookUpsShareARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &slowRegistry{answer: make(chan struct{})}
		d := directory.New(r, true)
		// The first gives up; the others do not fail with it.
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := d.Webhook(ctx, here)
			failed <- err
		}()
		synctest.Wait()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if w, err := d.Webhook(t.Context(), here); err != nil || w.ID != here {
					t.Error(w, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		synctest.Wait()
		close(r.answer)
		all.Wait()
		if n := r.reads.Load(); n != 2 {
			t.Errorf("the store was read %d times, want 2: by the one that gave up, and for all the others", n)
		}
	})
}

func TestAnOwnerIsFoundOnceItIsMadeAlthoughAnEarlierLookUpMissedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &slowRegistry{answer: make(chan struct{}, 2)}
		d := directory.New(r, false)
		missed := make(chan error, 1)
		go func() {
			_, err := d.Owner(t.Context(), agent)
			missed <- err
		}()
		synctest.Wait() // it has seen that there is none
		if _, _, err := d.PutOwner(t.Context(), store.PutOwner{Owner: carteiro.Owner{EnvironmentID: here, Kind: agent.Kind, ID: agent.ID}}); err != nil {
			t.Fatal(err)
		}
		found := make(chan error, 1)
		go func() {
			_, err := d.Owner(t.Context(), agent)
			found <- err
		}()
		synctest.Wait()
		r.answer <- struct{}{}
		r.answer <- struct{}{}
		if err := <-missed; !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		if err := <-found; err != nil {
			t.Errorf("an owner that exists: %v", err)
		}
	})
}

func TestFewListsOfWebhooksAreReadAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &slowRegistry{answer: make(chan struct{}), exists: true}
		d := directory.New(r, true)
		var all sync.WaitGroup
		read := func(environment carteiro.ID) {
			ref := store.OwnerRef{EnvironmentID: environment, Kind: carteiro.OwnerAgent, ID: ids.New(begin)}
			all.Go(func() {
				if _, err := d.Owner(t.Context(), ref); err != nil {
					t.Error(err)
				}
			})
		}
		for range 100 {
			read(here)
		}
		synctest.Wait()
		if n := r.reading.Load(); n != 4 {
			t.Errorf("one environment has %d read at the same time, want 4", n)
		}
		read(carteiro.ID{9})
		synctest.Wait()
		if n := r.reading.Load(); n != 5 {
			t.Errorf("%d are read at the same time, want 5: another environment does not wait", n)
		}
		close(r.answer)
		all.Wait()
	})
}
