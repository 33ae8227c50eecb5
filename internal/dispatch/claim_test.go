package dispatch

import (
	"errors"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// A claim's answer that comes after its session has ended brings attempts that others may hold by now. Queued, they could be sent twice.
func TestWhatAnEndedSessionHasClaimedIsNotQueued(t *testing.T) {
	d, _, l, delivery := looking(t)
	old := d.session
	if err := d.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.beginsClaim(d)
	d.enqueue(l, old, []*carteiro.Delivery{delivery})
	if _, known := d.inHand[delivery.ID]; l.queue.len() != 0 || l.heldBytes != 0 || known {
		t.Errorf("%d queued, %d bytes held, tracked: %v", l.queue.len(), l.heldBytes, known)
	}
	d.enqueue(l, d.session, []*carteiro.Delivery{delivery})
	if l.queue.len() != 1 || delivery.Session != d.session.ID {
		t.Errorf("%d queued of the present session %d, by session %d", l.queue.len(), d.session.ID, delivery.Session)
	}
}

// A publisher hands over what it has stored under a session that has ended since: the attempt is to be claimed, and not sent from memory.
func TestWhatWasStoredUnderAnEndedSessionIsClaimed(t *testing.T) {
	d, _, l, delivery := looking(t)
	places := []carteiro.Place{{ID: delivery.ID, WebhookID: delivery.WebhookID}}
	old := d.Reserve(places)
	if err := d.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	delivery.DueAt = time.Now()
	d.Take(old, []*carteiro.Delivery{delivery}, false)
	if _, known := d.inHand[delivery.ID]; l.queue.len() != 0 || l.heldBytes != 0 || l.reserved != 0 || known || l.wakeAt.IsZero() {
		t.Errorf("%d queued, %d bytes held, tracked: %v, to be claimed at %v", l.queue.len(), l.heldBytes, known, l.wakeAt)
	}
}

// However full the memory is, a lane that holds nothing may claim one delivery: other lanes must not starve it.
func TestALaneThatHoldsNothingMayClaimThoughTheMemoryIsFull(t *testing.T) {
	d := New(Config{IDs: new(carteiro.IDSource), MaxHeldBytes: 1 << 20})
	l := d.lane(ids.New(time.Now()))
	d.heldBytes = d.MaxHeldBytes
	if room, _ := d.roomToClaim(l); room != 1 {
		t.Errorf("it may claim %d", room)
	}
	l.inFlight = 1
	if room, _ := d.roomToClaim(l); room != 0 {
		t.Errorf("with one in flight it may claim %d", room)
	}
	l.inFlight, l.reserved = 0, 1
	if room, _ := d.roomToClaim(l); room != 0 {
		t.Errorf("with one reserved it may claim %d", room)
	}
}

// The same with a test call: whoever waits for it is told, nothing of it is held, and this node is to claim it.
func TestATestCallThatWasStoredUnderAnEndedSessionIsClaimed(t *testing.T) {
	d, _, l, delivery := looking(t)
	places := []carteiro.Place{{ID: delivery.ID, WebhookID: delivery.WebhookID, Urgent: true}}
	old := d.Reserve(places)
	if err := d.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	delivery.DueAt = time.Now()
	delivery.Event.Payload = []byte(`{"n":1}`)
	if _, err := d.TakeNow(t.Context(), old, delivery); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("the caller is told %v", err)
	}
	_, known := d.inHand[delivery.ID]
	if known || l.direct != 0 || l.heldBytes != 0 || d.heldBytes != 0 || l.reserved != 0 || len(d.waiters) != 0 || l.wakeAt.IsZero() {
		t.Errorf("tracked: %v, %d in flight, %d bytes held, %d reserved, to be claimed at %v", known, l.direct, d.heldBytes, l.reserved, l.wakeAt)
	}
}

// Whoever waits for a test call that is not sent, or whose outcome is dropped, is told.
func TestWhoWaitsForATestCallIsToldThatItWasDropped(t *testing.T) {
	d, _, _, delivery := looking(t)
	outcome := make(chan *carteiro.Outcome, 1)
	d.waiters[delivery.ID] = outcome
	d.drop(delivery)
	select {
	case _, recorded := <-outcome:
		if recorded {
			t.Error("an outcome comes of it")
		}
	default:
		t.Error("it waits on")
	}
	if len(d.waiters) != 0 {
		t.Error("the waiter is remembered")
	}
}
