package publish

import (
	"slices"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// noticed are lanes that are told of webhooks with attempts waiting in the store.
type noticed struct {
	Lanes
	webhooks []carteiro.ID
}

// Notice implements Lanes.
func (n *noticed) Notice(_ time.Time, webhooks ...carteiro.ID) {
	n.webhooks = append(n.webhooks, webhooks...)
}

// Of what was accepted, the lanes take what this node holds and are told of the rest: nobody else would look for it soon.
func TestTheLanesAreToldOfAcceptedAttemptsThatTheyDoNotHold(t *testing.T) {
	var ids carteiro.IDSource
	now := ids.Now()
	held, waiting := ids.New(now), ids.New(now)
	event := &carteiro.Event{ID: ids.New(now)}
	item := store.AcceptItem{Event: event, Attempts: []store.AcceptAttempt{{ID: ids.New(now), WebhookID: held}, {ID: ids.New(now), WebhookID: waiting}}}
	lanes := new(noticed)
	p := &Publisher{Lanes: lanes}
	taken := p.appendHeld(nil, item, []carteiro.Place{{WebhookID: held, Held: true}, {WebhookID: waiting}})
	if len(taken) != 1 || taken[0].WebhookID != held || !slices.Equal(lanes.webhooks, []carteiro.ID{waiting}) {
		t.Errorf("%d deliveries taken, told of %v, want %v", len(taken), lanes.webhooks, waiting)
	}
}
