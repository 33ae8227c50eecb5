package tail_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
	"github.com/carteiro/carteiro/internal/tail"
)

var here, there = carteiro.ID{1}, carteiro.ID{2}

func heard(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestThoseWhoListenHearOfTheirWebhookAlone(t *testing.T) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	hub := tail.NewHub()
	watched := hub.Watch(s)
	now := time.Now()
	ids := new(carteiro.IDSource)
	session, err := watched.Join(t.Context(), store.Join{Node: "test", Now: now, Until: now.Add(time.Hour)})
	must(t, err)

	one, leave, ok := hub.Listen(carteiro.ID{9}, here)
	other, _, _ := hub.Listen(carteiro.ID{9}, there)
	if !ok || heard(one) {
		t.Fatal("it hears what did not happen")
	}
	event := &carteiro.Event{ID: ids.New(now), Type: "x"}
	first := store.AcceptAttempt{ID: ids.Sibling(event.ID), WebhookID: here, Trigger: carteiro.TriggerAutomatic, Held: true}
	accept := store.Accept{Now: now, Session: session, Items: []store.AcceptItem{{Event: event, Attempts: []store.AcceptAttempt{first}}}}
	_, err = watched.Accept(t.Context(), accept)
	must(t, err)
	if !heard(one) || heard(one) || heard(other) {
		t.Error("an event is heard of once, and where it goes")
	}
	_, err = watched.Record(t.Context(), store.Record{Now: now, Session: session, Results: []store.Result{{
		Delivery: &carteiro.Delivery{Event: event, Attempt: carteiro.Attempt{ID: first.ID, WebhookID: here}}, Outcome: &carteiro.Outcome{},
	}}})
	must(t, err)
	_, err = watched.Retry(t.Context(), store.Retry{LogRef: store.LogRef{WebhookID: here}, Now: now})
	if err == nil || !heard(one) || heard(other) {
		t.Error("results and retries are heard of, several as one")
	}
	leave()
	leave()
	event = &carteiro.Event{ID: ids.New(now), Type: "x"}
	accept.Items[0] = store.AcceptItem{Event: event, Attempts: []store.AcceptAttempt{{ID: ids.Sibling(event.ID), WebhookID: here, Trigger: "automatic"}}}
	_, err = watched.Accept(t.Context(), accept)
	must(t, err)
	if heard(one) {
		t.Error("who has left still hears")
	}
}

func TestListenersAreBoundedByEnvironment(t *testing.T) {
	hub := tail.NewHub()
	var leave func()
	for range tail.MaxListeners {
		var ok bool
		if _, leave, ok = hub.Listen(carteiro.ID{9}, here); !ok {
			t.Fatal("there is no room where there should be")
		}
	}
	if _, _, ok := hub.Listen(carteiro.ID{9}, there); ok {
		t.Error("one too many was let in")
	}
	if _, _, ok := hub.Listen(carteiro.ID{8}, here); !ok {
		t.Error("another environment stands outside")
	}
	leave()
	if _, _, ok := hub.Listen(carteiro.ID{9}, there); !ok {
		t.Error("the place of one who has left is not free")
	}
}

func TestAHubIsClosedOnce(t *testing.T) {
	hub := tail.NewHub()
	if heard(hub.Closed()) {
		t.Error("it is closed before its time")
	}
	hub.Close()
	hub.Close()
	if !heard(hub.Closed()) {
		t.Error("nobody hears that it is closed")
	}
}
