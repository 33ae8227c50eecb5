package dispatch

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// pagedStore is a store that says what a session holds, page by page.
type pagedStore struct {
	sessionStore
	page     func(call int) int // how many attempts a call returns
	takes    time.Duration      // each call
	during   func()             // runs in each call, unless nil
	calls    int
	renewals int
}

func (s *pagedStore) Held(context.Context, store.Held) (refs []store.AttemptRef, _ error) {
	<-time.After(s.takes)
	s.calls++
	if s.during != nil {
		s.during()
	}
	for range s.page(s.calls) {
		refs = append(refs, store.AttemptRef{WebhookID: ids.New(time.Now()), ID: ids.New(time.Now())})
	}
	return refs, nil
}

func (s *pagedStore) Renew(context.Context, store.Renew) error {
	s.renewals++
	return nil
}

func lister(t *testing.T, s *pagedStore) *Dispatcher {
	t.Helper()
	d := New(Config{IDs: new(carteiro.IDSource), Logger: slog.New(slog.DiscardHandler), Store: s})
	if err := d.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// On a busy node attempts are accepted while their list is read. The list ends all the same, and the lease is renewed.
func TestTheListOfHeldAttemptsEndsWhileMoreAreAccepted(t *testing.T) {
	const endless = 100
	s := &pagedStore{page: func(call int) int {
		if call < endless {
			return 1 // accepted since the last page was read
		}
		return 0
	}}
	d := lister(t, s)
	if unknown, err := d.listUnknown(d.session); err != nil || len(unknown) != 1 || s.calls != 1 {
		t.Errorf("%d calls, %d attempts, %v", s.calls, len(unknown), err)
	}
}

func TestALongListOfHeldAttemptsDoesNotCostTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages = 20
		s := &pagedStore{takes: time.Second, page: func(call int) int {
			if call <= pages {
				return heldPage
			}
			return 0
		}}
		d := lister(t, s)
		s.during = func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if !d.leaseRuns() {
				t.Errorf("the lease has run out at page %d", s.calls)
			}
		}
		unknown, err := d.listUnknown(d.session)
		if err != nil || len(unknown) != pages*heldPage || s.renewals < pages*int(time.Second)/int(DefaultLease) {
			t.Errorf("%d attempts, %d renewals, %v", len(unknown), s.renewals, err)
		}
	})
}
