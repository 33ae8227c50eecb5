package dispatch

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// heldStore lists one attempt as held, and runs during while that is being released.
type heldStore struct {
	sessionStore
	held     store.AttemptRef
	fault    error // of a listing
	during   func()
	released []store.AttemptRef
}

// Held implements store.Queue.
func (s *heldStore) Held(_ context.Context, p store.Held) ([]store.AttemptRef, error) {
	if s.fault != nil {
		return nil, s.fault
	}
	if p.After != (store.AttemptRef{}) || slices.Contains(s.released, s.held) {
		return nil, nil
	}
	return []store.AttemptRef{s.held}, nil
}

// Release implements store.Queue.
func (s *heldStore) Release(_ context.Context, p store.Release) error {
	s.during()
	s.released = append(s.released, p.Attempts...)
	return nil
}

// looking is a dispatcher that has joined a heldStore and is in doubt about its attempt.
func looking(t *testing.T) (d *Dispatcher, s *heldStore, l *lane, delivery *carteiro.Delivery) {
	t.Helper()
	delivery = &carteiro.Delivery{Event: new(carteiro.Event), Attempt: carteiro.Attempt{ID: ids.New(time.Now()), WebhookID: ids.New(time.Now())}}
	s = &heldStore{held: store.AttemptRef{WebhookID: delivery.WebhookID, ID: delivery.ID}, during: func() {}}
	d = New(Config{IDs: new(carteiro.IDSource), Logger: slog.New(slog.DiscardHandler), Store: s})
	if err := d.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Doubt(store.ErrUnavailable)
	l = d.lane(delivery.WebhookID)
	l.inFlight = firstLimit // nothing begins
	return d, s, l, delivery
}

func (l *lane) beginsClaim(d *Dispatcher) {
	d.claimed++
	l.claiming, l.claim = true, d.claimed
}

// A lane that claims at every look must not keep an unknown attempt from being released: the claim that is under way at the second look
// cannot have got it.
func TestASuspectIsReleasedWhenTheClaimThatItMayComeFromHasEnded(t *testing.T) {
	d, s, l, _ := looking(t)
	l.beginsClaim(d)
	for range 3 {
		d.settleDoubt()
	}
	if len(s.released) != 0 {
		t.Fatal("released although the claim is under way")
	}
	l.beginsClaim(d) // the first has ended
	d.settleDoubt()
	if len(s.released) != 1 {
		t.Error("not released although only a later claim is under way")
	}
}

// A look that fails has seen nothing: it does not end the doubt.
func TestALookThatFailsDoesNotEndTheDoubt(t *testing.T) {
	d, s, _, _ := looking(t)
	d.doubtUntil = time.Now().Add(-time.Second) // one look suffices from now on
	s.fault = store.ErrUnavailable
	d.settleDoubt()
	if d.doubtUntil.IsZero() {
		t.Error("the doubt is over after a look that failed")
	}
	s.fault = nil
	d.settleDoubt()
	if len(s.released) != 1 || !d.doubtUntil.IsZero() {
		t.Errorf("%d released by the next look, doubt until %v", len(s.released), d.doubtUntil)
	}
}

// An attempt that became known between two looks is no suspect from before: a later claim may bring it again.
func TestASuspectThatBecameKnownIsASuspectAnew(t *testing.T) {
	d, s, l, delivery := looking(t)
	l.beginsClaim(d)
	d.settleDoubt()
	d.enqueue(l, d.session, []*carteiro.Delivery{delivery}) // the claim's answer
	l.queue.pop()
	d.forget(delivery) // given back by its circuit
	l.beginsClaim(d)   // which gets it again
	d.settleDoubt()
	if len(s.released) != 0 {
		t.Error("released although the claim that is under way may have got it")
	}
}

// What a claim brings that was being released at the same time may be free, whichever came first. Queued, it could be sent twice.
func TestWhatIsClaimedWhileItIsReleasedIsNotQueued(t *testing.T) {
	for name, answered := range map[string]bool{"answered before the release": true, "answered after it": false} {
		t.Run(name, func(t *testing.T) {
			d, s, l, delivery := looking(t)
			s.during = func() {
				l.beginsClaim(d)
				if answered {
					d.enqueue(l, d.session, []*carteiro.Delivery{delivery})
				}
			}
			d.settleDoubt()
			if !answered {
				d.enqueue(l, d.session, []*carteiro.Delivery{delivery})
			}
			if len(s.released) != 1 || l.queue.len() != 0 || l.wakeAt.IsZero() || d.doubtUntil.IsZero() {
				t.Errorf("%d released, %d queued; next claim at %v, doubt until %v", len(s.released), l.queue.len(), l.wakeAt, d.doubtUntil)
			}
			l.beginsClaim(d) // one that begins afterwards has it for good
			d.enqueue(l, d.session, []*carteiro.Delivery{delivery})
			if l.queue.len() != 1 {
				t.Errorf("%d queued by a later claim", l.queue.len())
			}
		})
	}
}
