package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	// notifierPollInterval is how often the store is asked for notices of which this node has not heard: another node may have stopped
	// between a change and its event.
	notifierPollInterval = 5 * time.Second
	// notifyLimit is how many notices are told in one transaction.
	notifyLimit = 200
	// maxNotificationAge is how long a notice is kept that cannot be published for a reason of its own, such as a webhook whose settings
	// cannot be read. Then it is dropped, and the later ones of its webhook go on.
	maxNotificationAge = 24 * time.Hour
	// notifierWarnInterval is how often the log says that notices cannot be published, while that lasts.
	notifierWarnInterval = time.Hour
)

// Lanes is the part of the dispatcher that sends the attempts that jobs store.
type Lanes interface {
	// Notice reports that attempts of webhooks wait in the store.
	Notice(due time.Time, webhooks ...carteiro.ID)
	// Doubt reports that a call has failed that may have stored attempts all the same.
	Doubt(err error)
}

// NotifierConfig is what a [Notifier] is made of.
type NotifierConfig struct {
	Store     store.Notices
	Directory *directory.Directory
	Lanes     Lanes
	IDs       *carteiro.IDSource
	Logger    *slog.Logger
	Dropped   func(eventType string) // is told of each notice that was given up; may be nil
}

// Notifier turns notices into events. It is safe for concurrent use.
type Notifier struct {
	NotifierConfig
	wake   chan struct{} // has room for one: there may be notices
	warned time.Time     // when the log last said that notices cannot be published; zero: they can
}

// NewNotifier makes a teller.
func NewNotifier(c NotifierConfig) *Notifier {
	return &Notifier{NotifierConfig: c, wake: make(chan struct{}, 1)}
}

// Wake has the teller look for notices at once.
func (t *Notifier) Wake() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Run tells until ctx ends.
func (t *Notifier) Run(ctx context.Context) {
	for ctx.Err() == nil {
		t.report(ctx, t.publishAll(ctx))
		timer := time.NewTimer(notifierPollInterval)
		select {
		case <-timer.C:
		case <-t.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// report logs that notices cannot be published, at most once per notifierWarnInterval.
func (t *Notifier) report(ctx context.Context, err error) {
	switch now := t.IDs.Now(); {
	case err == nil:
		t.warned = time.Time{}
	case ctx.Err() == nil && now.Sub(t.warned) >= notifierWarnInterval:
		t.Logger.Warn("could not publish operator events; retrying", "error", err)
		t.warned = now
	}
}

// summary is the first of some errors, with how many more there are.
func summary(faults []error) error {
	switch len(faults) {
	case 0:
		return nil
	case 1:
		return faults[0]
	default:
		return fmt.Errorf("%w (and %d more)", faults[0], len(faults)-1)
	}
}

// publishAll publishes all notices in the order of their numbers. A notice that cannot be published stays, and so do later ones of
// its webhook: they would be out of order.
func (t *Notifier) publishAll(ctx context.Context) error {
	var faults []error
	held := make(map[carteiro.ID]bool)
	p := store.ListNotices{Limit: notifyLimit}
	for {
		notices, err := t.Store.ListNotices(ctx, p)
		if err != nil {
			faults = append(faults, err)
		}
		if len(notices) == 0 {
			return summary(faults)
		}
		raced, err := t.publish(ctx, notices, held)
		switch {
		case err != nil:
			faults = append(faults, err)
		case raced:
			continue
		}
		p.After = notices[len(notices)-1].Seq
	}
}

// runNotifier publishes notices, except those of held webhooks, and adds webhooks to held whose notices cannot be published. When
// another node is publishing the same notices, raced is true and the rest must be read again.
func (t *Notifier) publish(ctx context.Context, notices []carteiro.Notification, held map[carteiro.ID]bool) (raced bool, err error) {
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
			if expired(n, err, p.Now) {
				if err := t.drop(ctx, n, p.Now, err); err != nil {
					faults = append(faults, err)
				} else {
					delete(held, n.WebhookID)
				}
			}
			continue
		}
		p.Tidings = append(p.Tidings, store.Tiding{Notice: n.Seq, Item: item})
	}
	if len(p.Tidings) > 0 {
		told, err := t.Store.TellNotices(ctx, p)
		t.notifyLanes(p.Tidings, told)
		raced = slices.Contains(told, false)
		if err != nil {
			t.Lanes.Doubt(err)
			for i := range notices {
				held[notices[i].WebhookID] = true
			}
			faults = append(faults, err)
		}
	}
	return raced, summary(faults)
}

// expired reports whether a notice that cannot be published is to be dropped: it has been kept for long, and the fault is
// not the database's.
func expired(n *carteiro.Notification, err error, now time.Time) bool {
	return now.Sub(n.At) >= maxNotificationAge && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.Canceled)
}

// drop removes a notice. The log keeps what it would have told.
func (t *Notifier) drop(ctx context.Context, n *carteiro.Notification, now time.Time, cause error) error {
	told, err := t.Store.TellNotices(ctx, store.TellNotices{Now: now, Tidings: []store.Tiding{{Notice: n.Seq}}})
	if err != nil {
		return err
	}
	if told[0] { // otherwise another node has dropped it
		t.Logger.Error("operator event dropped: it could not be published for a day", "event", n.Type, "at", n.At, "environment_id", n.EnvironmentID,
			"webhook_id", n.WebhookID, "error", cause)
		if t.Dropped != nil {
			t.Dropped(n.Type)
		}
	}
	return nil
}

// notifyLanes tells the lanes of what waits for them by now.
func (t *Notifier) notifyLanes(tidings []store.Tiding, told []bool) {
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
func (t *Notifier) item(ctx context.Context, n *carteiro.Notification, now time.Time) (*store.AcceptItem, error) {
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
