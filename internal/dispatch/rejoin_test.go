package dispatch

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// sessionStore hands out sessions and does nothing else.
type sessionStore struct {
	store.Queue
	joined int64
}

// Join implements store.Queue.
func (s *sessionStore) Join(_ context.Context, p store.Join) (store.Session, error) {
	s.joined++
	return store.Session{ID: s.joined, Node: p.Node}, nil
}

// A publisher may hand over a delivery of the new session as soon as that is known. The lanes must be free of the old session's
// deliveries by then: emptied later, they would lose the new one, which stays leased and is never sent.
func TestRejoiningEmptiesTheLanesBeforeTheNewSessionIsKnown(t *testing.T) {
	d := New(Config{IDs: new(carteiro.IDSource), Logger: slog.New(slog.DiscardHandler), Store: new(sessionStore)})
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.join(t.Context()))
	webhook := ids.New(time.Now())
	l := d.lane(webhook)
	l.inFlight = firstLimit // nothing more begins: what is taken stays queued
	take := func() carteiro.ID {
		places := []carteiro.Place{{WebhookID: webhook}}
		session := d.Reserve(places)
		delivery := &carteiro.Delivery{Event: new(carteiro.Event), Attempt: carteiro.Attempt{ID: ids.New(time.Now()), WebhookID: webhook}}
		d.Take(session, []*carteiro.Delivery{delivery}, false)
		return delivery.ID
	}
	old := take()
	must(d.join(t.Context()))
	if l.queue.len() != 0 || d.inHand[old] != nil || l.wakeAt.IsZero() {
		t.Errorf("after rejoining %d deliveries of the old session are queued, to be claimed at %v", l.queue.len(), l.wakeAt)
	}
	l.wakeAt = time.Time{} // claimed
	current := take()
	if l.queue.len() != 1 || l.queue.first().ID != current || l.queue.first().Session != 2 {
		t.Errorf("%d deliveries queued, want the one of the new session", l.queue.len())
	}
}
