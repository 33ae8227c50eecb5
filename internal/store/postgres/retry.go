package postgres

import (
	"bytes"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"carteiro"
	"carteiro/internal/store"
)

const (
	webhookState = `SELECT environment_id, owner_kind, owner_id, enabled FROM webhooks WHERE id = $1 AND deleted_at IS NULL`
	eventOfLog   = `SELECT event_id FROM open WHERE webhook_id = $1 AND id = $2
		UNION ALL SELECT event_id FROM attempts WHERE webhook_id = $1 AND id = $2`
	// The event's row is the lock of its retries: whoever has it finds the event as all others have left it.
	lockEvent = `SELECT ` + eventColumns + ` FROM events e WHERE e.id = $1 FOR UPDATE`
	isOpen    = `SELECT EXISTS (SELECT FROM open WHERE event_id = $1 AND webhook_id = $2)`
	// First attempts are found by their ids, which are siblings of the event's.
	finishedOf = `SELECT coalesce(max(number), 0), coalesce(bool_or(status = 1), false) FROM (
			SELECT number, status FROM attempts WHERE webhook_id = $2 AND id BETWEEN $3 AND $4 AND event_id = $1 AND number = 1
			UNION ALL SELECT number, status FROM attempts WHERE webhook_id = $2 AND event_id = $1 AND number > 1 AND id >= $5) finished`
)

// Retry implements [store.Queue].
func (s *Store) Retry(ctx context.Context, p store.Retry) (result store.RetryResult, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		result, err = t.retry(&p)
		return err
	})
	if err != nil {
		return store.RetryResult{}, err
	}
	if result.Delivery != nil && !p.Held {
		s.hints.waiting([]carteiro.ID{p.WebhookID})
	}
	return result, nil
}

func (t *tx) retry(p *store.Retry) (result store.RetryResult, err error) {
	keys := newKeyring()
	if p.Key != nil {
		keys.want(p.Key)
		if err := t.batch(keys.queueLookUp); err != nil {
			return result, err
		}
	}
	if result.Replay = keys.before(p.Key, p.Now); result.Replay != nil {
		return result, nil
	}
	enabled, err := t.ownWebhook(&p.LogRef)
	if err != nil {
		return result, err
	}
	log, err := t.logEntry(&p.LogRef)
	if err != nil {
		return result, err
	}
	earliest := carteiro.MinID(p.NotBefore)
	switch {
	case log.delivered:
		result.Refused = carteiro.AlreadySucceeded
	case log.open:
		result.Refused = carteiro.InProgress
	case bytes.Compare(p.LogID[:], earliest[:]) < 0:
		result.Refused = carteiro.TooOld
	case !enabled:
		result.Refused = carteiro.WebhookOff
	default:
		result.Delivery, err = t.reopen(p, log, keys)
	}
	return result, err
}

// batch sends queries together.
func (t *tx) batch(queue ...func(*pgx.Batch)) error {
	b := new(pgx.Batch)
	for _, queue := range queue {
		queue(b)
	}
	return t.SendBatch(t.ctx, b).Close()
}

// ownWebhook says whether the webhook is enabled. It fails with store.ErrNotFound when its owner has no such webhook.
func (t *tx) ownWebhook(ref *store.LogRef) (enabled bool, err error) {
	var owner store.OwnerRef
	err = t.row(webhookState, id(ref.WebhookID))(toID(&owner.EnvironmentID), &owner.Kind, toID(&owner.ID), &enabled)
	if err == nil && owner != ref.OwnerRef {
		return false, store.ErrNotFound
	}
	return enabled, err
}

// logEntry is how the event of a log entry stands at its webhook.
type logEntry struct {
	event     *carteiro.Event
	open      bool // one of the attempts is
	delivered bool // one of the attempts has succeeded
	highest   int  // number of a finished attempt
}

// logEntry locks the event, and fails with pgx.ErrNoRows when there is no such entry. It looks at the open attempts
// first: what was open then and is finished by the time it looks at those is found, what was not open is not opened by
// anybody else as long as the event is locked.
func (t *tx) logEntry(ref *store.LogRef) (log logEntry, err error) {
	var event carteiro.ID
	if err := t.row(eventOfLog, id(ref.WebhookID), id(ref.LogID))(toID(&event)); err != nil {
		return log, err
	}
	log.event = new(carteiro.Event)
	if err := t.row(lockEvent, id(event))(eventFields(log.event)...); err != nil {
		return log, err
	}
	if err := t.row(isOpen, id(event), id(ref.WebhookID))(&log.open); err != nil {
		return log, err
	}
	err = t.row(finishedOf, id(event), id(ref.WebhookID), id(event.MinSibling()), id(event.MaxSibling()), id(beforeRetries(event)))(
		&log.highest, &log.delivered)
	return log, err
}

// beforeRetries is less than the ids of an event's later attempts, which other nodes may have made, by clocks of their
// own: the days before need not be looked into.
func beforeRetries(event carteiro.ID) carteiro.ID {
	return carteiro.MinID(event.Time().Add(-time.Hour))
}

// reopen makes the new attempt.
func (t *tx) reopen(p *store.Retry, log logEntry, keys *keyring) (*carteiro.Delivery, error) {
	keys.claim(p.Key, p.Now)
	d := &carteiro.Delivery{Event: log.event, Attempt: carteiro.Attempt{
		ID: p.NewID, WebhookID: p.WebhookID, EventID: log.event.ID, EventType: log.event.Type,
		Number: log.highest + 1, ChainStart: log.highest + 1, Trigger: p.Trigger, PreviousID: p.LogID,
		DueAt: micros(p.Now), Status: carteiro.StatusPending,
	}}
	lease := int64(0)
	if p.Held {
		if err := t.mustLive(p.Session); err != nil {
			return nil, err
		}
		lease = p.Session.ID
	}
	var open openRows
	if err := open.add(&d.Attempt, lease); err != nil {
		return nil, err
	}
	count := newTally()
	count.open(p.WebhookID, log.event.Type, 1)
	return d, t.batch(keys.queueStore, open.queue, count.queue)
}
