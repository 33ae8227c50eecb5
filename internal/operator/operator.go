// Package operator tells environments' own webhooks what the server did to the others: it turns the notices that the store
// writes with each such change into events. A notice goes in the transaction that stores its event, so that each is told
// once, however often this is tried, and by however many nodes.
package operator

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"carteiro"
	"carteiro/internal/directory"
	"carteiro/internal/store"
)

const (
	// askEvery is how often the store is asked for notices of which this node has not heard: another node may have stopped
	// between a change and its event.
	askEvery = 5 * time.Second
	// atOnce is how many notices are told in one transaction.
	atOnce = 200
)

// Lanes is told of attempts that wait in the store; the dispatcher is it.
type Lanes interface {
	Notice(due time.Time, webhooks ...carteiro.ID)
}

// Config is what a [Teller] is made of.
type Config struct {
	Store     store.Notices
	Directory *directory.Directory
	Lanes     Lanes
	IDs       *carteiro.IDSource
	Logger    *slog.Logger
}

// Teller turns notices into events. It is safe for concurrent use.
type Teller struct {
	Config
	wake chan struct{} // has room for one: there may be notices
}

// New makes a teller.
func New(c Config) *Teller { return &Teller{Config: c, wake: make(chan struct{}, 1)} }

// Wake has the teller look for notices at once.
func (t *Teller) Wake() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Run tells until ctx ends.
func (t *Teller) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := t.tellAll(ctx); err != nil && ctx.Err() == nil {
			t.Logger.Warn("could not tell operators' webhooks what happened; trying again later", "error", err)
		}
		timer := time.NewTimer(askEvery)
		select {
		case <-timer.C:
		case <-t.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// tellAll publishes all notices in the order of their numbers. A notice that cannot be published stays, and so do later ones of
// its webhook: they would be out of order.
func (t *Teller) tellAll(ctx context.Context) error {
	var faults []error
	held := make(map[carteiro.ID]bool)
	p := store.ListNotices{Limit: atOnce}
	for {
		notices, err := t.Store.ListNotices(ctx, p)
		if err != nil || len(notices) == 0 {
			return errors.Join(append(faults, err)...)
		}
		raced, err := t.tell(ctx, notices, held)
		switch {
		case err != nil:
			faults = append(faults, err)
		case raced:
			continue
		}
		p.After = notices[len(notices)-1].Seq
	}
}

// tell publishes notices, except those of held webhooks, and adds webhooks to held whose notices cannot be published. When
// another node is publishing the same notices, raced is true and the rest must be read again.
func (t *Teller) tell(ctx context.Context, notices []carteiro.Notice, held map[carteiro.ID]bool) (raced bool, err error) {
	var faults []error
	p := store.TellNotices{Now: t.IDs.Now()}
	for i := range notices {
		n := &notices[i]
		if held[n.WebhookID] {
			continue
		}
		item, err := t.item(ctx, n, p.Now)
		if err != nil {
			held[n.WebhookID] = true
			faults = append(faults, err)
			continue
		}
		p.Tidings = append(p.Tidings, store.Tiding{Notice: n.Seq, Item: item})
	}
	if len(p.Tidings) > 0 {
		told, err := t.Store.TellNotices(ctx, p)
		t.follow(p.Tidings, told)
		raced = slices.Contains(told, false)
		if err != nil {
			for i := range notices {
				held[notices[i].WebhookID] = true
			}
			faults = append(faults, err)
		}
	}
	return raced, errors.Join(faults...)
}

// follow tells the lanes of what waits for them by now.
func (t *Teller) follow(tidings []store.Tiding, told []bool) {
	for i, was := range told {
		item := tidings[i].Item
		if !was || item == nil {
			continue
		}
		for _, first := range item.Attempts {
			t.Lanes.Notice(item.Event.AcceptedAt(), first.WebhookID)
		}
	}
}

// item makes a notice's event and its first attempts; nil when none of the environment's webhooks subscribes to it.
func (t *Teller) item(ctx context.Context, n *carteiro.Notice, now time.Time) (*store.AcceptItem, error) {
	ref := store.OwnerRef{EnvironmentID: n.EnvironmentID, Kind: carteiro.OwnerEnvironment, ID: n.EnvironmentID}
	to, err := t.Directory.Recipients(ctx, ref, carteiro.ID{}, n.Type)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && (to.Undelivered == carteiro.NoWebhook || to.Undelivered == carteiro.NotSubscribed):
		return nil, nil //nolint:nilnil // nobody wants to hear of it
	case err != nil:
		return nil, err
	}
	payload, err := t.payload(ctx, n)
	if err != nil {
		return nil, err
	}
	item := &store.AcceptItem{Event: &carteiro.Event{
		ID: t.IDs.New(now), EnvironmentID: n.EnvironmentID, OwnerKind: ref.Kind, OwnerID: ref.ID, OwnerName: to.Owner.Name,
		Type: n.Type, Payload: payload, OccurredAt: n.At, Undelivered: to.Undelivered,
	}}
	for _, w := range to.Webhooks {
		item.Attempts = append(item.Attempts, store.AcceptAttempt{
			ID: t.IDs.Sibling(item.Event.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic,
		})
	}
	return item, nil
}
