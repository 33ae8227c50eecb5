package publish_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// registry has one agent with so many webhooks that want everything.
type registry struct {
	directory.Store
	webhooks []*carteiro.Webhook
	missing  map[carteiro.ID]bool // agents and campaigns that are not registered
}

func (r *registry) GetOwner(_ context.Context, ref store.OwnerRef) (carteiro.Owner, error) {
	if r.missing[ref.ID] {
		return carteiro.Owner{}, store.ErrNotFound
	}
	return carteiro.Owner{Kind: ref.Kind, ID: ref.ID, EnvironmentID: ref.EnvironmentID, Name: "Ana"}, nil
}

func (r *registry) ListWebhooks(context.Context, store.OwnerRef) ([]*carteiro.Webhook, error) {
	return r.webhooks, nil
}

// accepter stores everything in no time.
type accepter struct{ store.Queue }

func (accepter) Accept(_ context.Context, p store.Accept) (store.AcceptResult, error) {
	return store.AcceptResult{Items: make([]*store.Replay, len(p.Items))}, nil
}

// lanes have room for everything, and count what they take.
type lanes struct {
	publish.Lanes
	taken int
}

func (l *lanes) Reserve(places []carteiro.Place) store.Session {
	for i := range places {
		places[i].Held = true
	}
	return store.Session{ID: 1}
}

func (l *lanes) Take(_ store.Session, deliveries []*carteiro.Delivery, _ bool) {
	l.taken += len(deliveries)
}

// Everything between the request's form and the store's commit: recipients, ids, attempts, places in the lanes.
func BenchmarkPublish(b *testing.B) {
	for name, c := range map[string]struct{ events, webhooks int }{
		"one": {1, 1}, "one to ten webhooks": {1, 10}, "a hundred": {100, 1},
	} {
		b.Run(name, func(b *testing.B) {
			ids, now := new(carteiro.IDSource), time.Now()
			owner := store.OwnerRef{EnvironmentID: ids.New(now), Kind: carteiro.OwnerAgent, ID: ids.New(now)}
			r, l := new(registry), new(lanes)
			for range c.webhooks {
				r.webhooks = append(r.webhooks, &carteiro.Webhook{
					ID: ids.New(now), OwnerKind: owner.Kind, OwnerID: owner.ID, Enabled: true, Events: []string{"event_action"},
				})
			}
			p := publish.Publisher{Store: accepter{}, Directory: directory.New(r, false), Lanes: l, IDs: ids, Retention: time.Hour}
			events := make([]publish.Event, c.events)
			for i := range events {
				events[i] = publish.Event{Owner: owner, Type: "event_action", Payload: []byte(`{"data":"` + strings.Repeat("x", 490) + `"}`)}
			}
			b.ReportAllocs()
			calls := 0
			for b.Loop() {
				calls++
				if _, err := p.Publish(b.Context(), owner.EnvironmentID, nil, events); err != nil {
					b.Fatal(err)
				}
			}
			if want := calls * c.events * c.webhooks; l.taken != want {
				b.Errorf("%d deliveries went to the lanes, not %d", l.taken, want)
			}
		})
	}
}
