package publish

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Test sends a test event to a webhook at once and waits for its outcome. sample is the event to send: the payload of a
// webhook.test, or a synthetic one of a kind the webhook wants. The attempt is logged as a test and never retried by
// itself. It fails with ctx's error, though the attempt goes on, and when the store fails.
func (p *Publisher) Test(ctx context.Context, w *carteiro.Webhook, sample Event, names Names) (*carteiro.Outcome, error) {
	delivery, session, err := p.storeTest(ctx, w, sample, names)
	if err != nil {
		return nil, err
	}
	return p.Lanes.TakeNow(ctx, session, delivery)
}

// TestLater is [Publisher.Test] without the waiting: it returns once the test is durable.
func (p *Publisher) TestLater(ctx context.Context, w *carteiro.Webhook, sample Event, names Names) error {
	delivery, session, err := p.storeTest(ctx, w, sample, names)
	if err != nil {
		return err
	}
	p.Lanes.Take(session, []*carteiro.Delivery{delivery}, true)
	return nil
}

// Names are those that stand in an envelope.
type Names struct{ Owner, Campaign string }

func (p *Publisher) storeTest(ctx context.Context, w *carteiro.Webhook, sample Event, names Names) (*carteiro.Delivery, store.Session, error) {
	now := p.IDs.Now()
	event := &carteiro.Event{
		ID:            p.IDs.New(now),
		EnvironmentID: sample.Owner.EnvironmentID,
		OwnerKind:     sample.Owner.Kind,
		OwnerID:       sample.Owner.ID,
		OwnerName:     names.Owner,
		CampaignID:    sample.CampaignID,
		CampaignName:  names.Campaign,
		Type:          sample.Type,
		Payload:       sample.Payload,
		TraceParent:   sample.TraceParent,
		Test:          true,
	}
	event.OccurredAt = event.AcceptedAt()
	attempt := store.AcceptAttempt{ID: p.IDs.Sibling(event.ID), WebhookID: w.ID, Trigger: carteiro.TriggerTest}
	b := batch{
		now:    now,
		items:  []store.AcceptItem{{Event: event, Attempts: []store.AcceptAttempt{attempt}}},
		places: []carteiro.Place{{ID: attempt.ID, WebhookID: w.ID, Urgent: true}},
	}
	session, _, err := b.accept(ctx, p)
	if err == nil && !b.places[0].Held {
		err = store.ErrLeaseLost // the node is stopping
	}
	return firstAttempt(event, attempt), session, err
}

// Retried is the answer to a manual retry.
type Retried struct {
	LogID         carteiro.ID `json:"log_id"`
	OriginalLogID carteiro.ID `json:"original_log_id"`
	QueuedAt      time.Time   `json:"queued_at"`
}

// RefusedError says why a log entry cannot be retried.
type RefusedError struct{ Reason carteiro.NotRetriable }

// Error implements error.
func (e RefusedError) Error() string { return "log cannot be retried: " + string(e.Reason) }

// Retry opens a new attempt from a log entry and returns once it is durable. Of any number of calls at once, one gets
// the attempt; with the same key all of them get its answer. It fails with [RefusedError], [ErrKeyReused],
// store.ErrNotFound, and when the store fails.
func (p *Publisher) Retry(ctx context.Context, log store.LogRef, key *Key, audit *carteiro.AuditEntry) (Retried, error) {
	now := p.IDs.Now()
	id := p.IDs.New(now)
	answer := Retried{LogID: id, OriginalLogID: log.LogID, QueuedAt: id.Time()}
	places := []carteiro.Place{{ID: id, WebhookID: log.WebhookID, Urgent: true}}
	params := store.Retry{
		LogRef: log, Now: now, NotBefore: now.Add(-p.Retention), NewID: id, Trigger: carteiro.TriggerManual,
		Audit: audit,
	}
	if audit != nil {
		audit.Changes = []carteiro.FieldChange{carteiro.NewFieldChange("log_id", nil, id)}
	}
	if key != nil {
		stored, _ := json.Marshal(answer) // ids and a time: it cannot fail
		params.Key = &store.Key{
			EnvironmentID: log.EnvironmentID, Key: key.Key, Fingerprint: key.Fingerprint,
			Answer: stored, ExpiresAt: now.Add(keyLifetime),
		}
	}
	result, err := p.retry(ctx, &params, places)
	switch {
	case err != nil:
		return Retried{}, err
	case result.Refused != "":
		return Retried{}, RefusedError{result.Refused}
	case result.Replay != nil && result.Replay.Fingerprint != key.Fingerprint:
		return Retried{}, ErrKeyReused
	case result.Replay != nil:
		err = json.Unmarshal(result.Replay.Answer, &answer)
		return answer, err
	}
	return answer, nil
}

// PreviewRetry says what [Publisher.Retry] would come to, and changes nothing. It fails with store.ErrNotFound, and when
// the store fails.
func (p *Publisher) PreviewRetry(ctx context.Context, log store.LogRef) (store.RetryPreview, error) {
	now := p.IDs.Now()
	return p.Store.PreviewRetry(ctx, store.PreviewRetry{
		LogRef: log, Now: now, NotBefore: now.Add(-p.Retention), NewID: p.IDs.New(now),
	})
}

// retry runs the verb under the session that the lanes hold by now, and hands the new attempt on.
func (p *Publisher) retry(ctx context.Context, params *store.Retry, places []carteiro.Place) (store.RetryResult, error) {
	for {
		params.Session = p.Lanes.Reserve(places)
		params.Held = places[0].Held
		result, err := p.Store.Retry(context.WithoutCancel(ctx), *params)
		switch {
		case err == nil && result.Delivery != nil && params.Held:
			p.Lanes.Take(params.Session, []*carteiro.Delivery{result.Delivery}, true)
			return result, nil
		case err == nil && result.Delivery != nil:
			p.Lanes.Notice(params.Now, params.WebhookID)
			return result, nil
		}
		p.Lanes.Cancel(places)
		p.Lanes.Doubt(err)
		if !errors.Is(err, store.ErrLeaseLost) {
			return result, err
		}
		if err := sleep(ctx, time.Second/10); err != nil {
			return result, err
		}
	}
}
