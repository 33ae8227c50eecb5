package dispatch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/store"
)

// recordingStore is an endingStore that records everything.
type recordingStore struct{ endingStore }

// Record implements store.Queue.
func (*recordingStore) Record(_ context.Context, p store.Record) ([]store.Recorded, error) {
	return make([]store.Recorded, len(p.Results)), nil
}

// oneWebhook knows every webhook as the same.
type oneWebhook struct{ present carteiro.Webhook }

func (w *oneWebhook) Webhook(context.Context, carteiro.ID) (*carteiro.Webhook, error) {
	return &w.present, nil
}
func (*oneWebhook) Forget(*carteiro.Webhook)      {}
func (*oneWebhook) Seen(carteiro.ID, int64, bool) {}

// senderFunc is a Sender that is a function.
type senderFunc func() *carteiro.Outcome

func (f senderFunc) Send(context.Context, *send.Target, *carteiro.Delivery) *carteiro.Outcome {
	return f()
}

// A test call goes past the queue: it takes no slot, and its lane may have as many attempts in flight as before.
func TestATestCallTakesNoSlot(t *testing.T) {
	var d *Dispatcher
	var l *lane
	during := -1
	d = idleDispatcher(Config{
		Store: new(recordingStore), Webhooks: &oneWebhook{carteiro.Webhook{ID: carteiro.ID{1}, Enabled: true, URL: "http://receiver.example/"}},
		Sender: senderFunc(func() *carteiro.Outcome {
			d.mu.Lock()
			defer d.mu.Unlock()
			during = l.direct
			return &carteiro.Outcome{Success: true, Duration: 1}
		}),
	})
	l = d.lane(carteiro.ID{1})
	if err := d.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.recorder.Go(d.record)
	d.keeper.Go(d.keepLease)
	delivery := &carteiro.Delivery{Event: new(carteiro.Event), Attempt: carteiro.Attempt{ID: carteiro.ID{2}, WebhookID: carteiro.ID{1}}}
	session := d.Reserve([]carteiro.Place{{ID: delivery.ID, WebhookID: carteiro.ID{1}, Urgent: true}})
	o, err := d.TakeNow(t.Context(), session, delivery)
	d.Stop(t.Context())
	if err != nil || !o.Success || during != 1 {
		t.Errorf("%+v, %v, with %d in flight beside the slots", o, err, during)
	}
	if l.direct != 0 || l.inFlight != 0 || d.slots.used != 0 || l.heldBytes != 0 || d.heldBytes != 0 || len(d.inHand) != 0 {
		t.Errorf("afterwards %d and %d in flight, %d slots used, %d bytes held", l.direct, l.inFlight, d.slots.used, d.heldBytes)
	}
}

// An attempt that has ended, however long it took, leaves nothing that counts against its lane.
func TestAnAttemptThatEndsReturnsWhatItTook(t *testing.T) {
	for _, aged := range []bool{false, true} {
		d := idleDispatcher(Config{})
		l := laneOf("quick", 1)
		f := d.newFlight()
		if !d.begin(l, f) || l.inFlight != 1 || l.queue.len() != 0 {
			t.Fatal("it does not begin")
		}
		d.launch(f)
		if aged {
			d.ageFlights(f.launched.Add(slowAfter))
		}
		d.finish(f, &carteiro.Outcome{Success: true, Duration: 1})
		if l.inFlight != 0 || l.aged != 0 || d.air.first != nil || d.slots.used != 0 || d.slots.firsts != 0 || l.limit.inFlight != maxLimit {
			t.Errorf("aged %v: %d in flight, %d of them aged, slots %+v", aged, l.inFlight, l.aged, &d.slots.used)
		}
		d.finish(&flight{lane: l, delivery: f.delivery, direct: true}, nil) // of nothing that was sent nothing is learned
		if l.direct != -1 || l.inFlight != 0 || d.slots.used != 0 {
			t.Errorf("a test call returned a slot: %d in flight, %d slots used", l.inFlight, d.slots.used)
		}
	}
}

func TestOneGoroutineFinishesTheQueueOfADeletedWebhook(t *testing.T) {
	d := idleDispatcher(Config{})
	l := laneOf("new", 0)
	l.queue.push(&carteiro.Delivery{Event: new(carteiro.Event)})
	d.mu.Lock()
	d.finishDeleted(l)
	if !l.finishing {
		t.Error("the next deliveries begin another one")
	}
	d.mu.Unlock()
	d.attempts.Wait()
	if l.finishing || len(d.results) != 1 || l.queue.len() != 0 {
		t.Errorf("finishing %v, %d results", l.finishing, len(d.results))
	}
}

func TestAChangeOfAWebhookWithoutALaneIsIgnored(t *testing.T) {
	d := idleDispatcher(Config{})
	d.LookAgain(carteiro.ID{1}, carteiro.ID{2})
	if len(d.lanes) != 0 {
		t.Errorf("%d lanes were made", len(d.lanes))
	}
}

// What was suspect in a session says nothing of the next one.
func TestSuspectsEndWithTheirSession(t *testing.T) {
	d, _, _, delivery := looking(t)
	d.suspects[delivery.ID] = suspect{claim: 1, look: 1}
	unknown, err := d.findUnknown(store.Session{ID: d.session.ID + 1})
	if err != nil || len(unknown) != 0 || len(d.suspects) != 0 || len(d.releasing) != 0 {
		t.Errorf("%d unknown, %d suspects, %v", len(unknown), len(d.suspects), err)
	}
}

// While sending pauses, nobody waits for a session that is over.
func TestNothingWaitsForTheLeaseOfAnEndedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := idleDispatcher(Config{Store: new(sessionStore)})
		if err := d.join(t.Context()); err != nil {
			t.Fatal(err)
		}
		present := d.session.ID
		if waited, ok := d.awaitLease(present); waited || !ok {
			t.Errorf("with a lease: waited %v, ok %v", waited, ok)
		}
		if waited, ok := d.awaitLease(present + 1); waited || ok {
			t.Errorf("of another session: waited %v, ok %v", waited, ok)
		}
		d.pauseSending(true)
		if waited, ok := d.awaitLease(present + 1); waited || ok {
			t.Errorf("of another session while sending pauses: waited %v, ok %v", waited, ok)
		}
		time.AfterFunc(time.Second, func() { d.pauseSending(false) })
		if waited, ok := d.awaitLease(present); !waited || !ok {
			t.Errorf("until sending resumes: waited %v, ok %v", waited, ok)
		}
		d.pauseSending(true)
		d.stop()
		if waited, ok := d.awaitLease(present); waited || ok {
			t.Errorf("when stopping: waited %v, ok %v", waited, ok)
		}
	})
}
