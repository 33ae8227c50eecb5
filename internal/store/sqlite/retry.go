package sqlite

import (
	"context"

	"carteiro"
	"carteiro/internal/store"
)

var (
	webhookState = newQuery(`SELECT environment_id, owner_kind, owner_id, enabled FROM webhooks WHERE id = ? AND deleted_at IS NULL`)
	openEvent    = newQuery(`SELECT event FROM open WHERE webhook_id = ? AND id = ?`)
	logState     = newQuery(`SELECT event, status, number, event_type FROM attempts WHERE webhook_id = ? AND id = ?`)
	isOpen       = newQuery(`SELECT 1 FROM open INDEXED BY open_once WHERE event = ? AND webhook_id = ?`)
	getEvent     = newQuery(`SELECT ` + eventColumns + ` FROM events e WHERE e.number = ?`)

	// First attempts are found by their ids, which are siblings of the event's.
	firstStatus = newQuery(`SELECT status FROM attempts WHERE webhook_id = ? AND id BETWEEN ? AND ? AND event = ? AND number = 1`)
	laterState  = newQuery(`SELECT max(number), min(a.status) FROM attempts a INDEXED BY attempts_later
		WHERE event = ? AND webhook_id = ? AND number > 1`)
)

// Retry implements [store.Queue].
func (s *Store) Retry(ctx context.Context, p store.Retry) (result store.RetryResult, err error) {
	err = s.writer.write(ctx, 2, func(t *tx) error {
		result, err = t.retry(&p)
		return err
	})
	if err != nil {
		return store.RetryResult{}, err
	}
	return result, nil
}

func (t *tx) retry(p *store.Retry) (result store.RetryResult, err error) {
	if result.Replay, err = t.keyBefore(p.Key, p.Now); err != nil || result.Replay != nil {
		return result, err
	}
	enabled, err := t.ownWebhook(&p.LogRef)
	if err != nil {
		return result, err
	}
	log, err := t.logEntry(&p.LogRef)
	if err != nil {
		return result, err
	}
	switch {
	case log.delivered:
		result.Refused = carteiro.AlreadySucceeded
	case log.open:
		result.Refused = carteiro.InProgress
	case lessID(p.LogID, carteiro.MinID(p.NotBefore)):
		result.Refused = carteiro.TooOld
	case !enabled:
		result.Refused = carteiro.WebhookOff
	default:
		result.Delivery, err = t.reopen(p, log)
	}
	return result, err
}

// ownWebhook says whether the webhook is enabled. It fails with store.ErrNotFound when its owner has no such webhook.
func (t *tx) ownWebhook(ref *store.LogRef) (enabled bool, err error) {
	row := t.query(webhookState).id(ref.WebhookID)
	found, err := row.one()
	if !found {
		return false, orNotFound(err)
	}
	owner := store.OwnerRef{
		EnvironmentID: row.colID(0),
		Kind:          carteiro.OwnerKind(row.colInt(1)), //nolint:gosec // 1 or 2
		ID:            row.colID(2),
	}
	enabled = row.colBool(3)
	if err := row.end(); err != nil {
		return false, err
	}
	if owner != ref.OwnerRef {
		return false, store.ErrNotFound
	}
	return enabled, nil
}

// logEntry is how a log entry stands, with the other attempts of its event at its webhook.
type logEntry struct {
	event     *carteiro.Event
	number    int64 // of the event's row
	open      bool  // one of the attempts is
	delivered bool  // one of the attempts has succeeded
	highest   int   // number of an attempt
}

// logEntry fails with store.ErrNotFound.
func (t *tx) logEntry(ref *store.LogRef) (log logEntry, err error) {
	if log.number, err = t.query(openEvent).id(ref.WebhookID).id(ref.LogID).number(); err != nil {
		return log, err
	}
	log.open = log.number != 0
	if !log.open {
		row := t.query(logState).id(ref.WebhookID).id(ref.LogID)
		found, err := row.one()
		if !found {
			return log, orNotFound(err)
		}
		log.number, log.delivered, log.highest = row.colInt(0), row.colInt(1) == statusSuccess, int(row.colInt(2))
		if err := row.end(); err != nil {
			return log, err
		}
		if log.open, err = t.query(isOpen).int(log.number).id(ref.WebhookID).exists(); err != nil {
			return log, err
		}
	}
	if log.event, err = t.event(log.number); err != nil {
		return log, err
	}
	err = t.lookAtOthers(ref.WebhookID, &log)
	return log, err
}

func (t *tx) event(number int64) (*carteiro.Event, error) {
	row := t.query(getEvent).int(number)
	found, err := row.one()
	if !found {
		return nil, orNotFound(err)
	}
	event := readEvent(row, 0)
	return event, row.end()
}

// lookAtOthers takes the event's other finished attempts at the webhook into account.
func (t *tx) lookAtOthers(webhook carteiro.ID, log *logEntry) error {
	id := log.event.ID
	first, err := t.query(firstStatus).id(webhook).id(id.MinSibling()).id(id.MaxSibling()).int(log.number).number()
	if err != nil {
		return err
	}
	row := t.query(laterState).int(log.number).id(webhook)
	if _, err := row.one(); err != nil {
		return err
	}
	highest, best := int(row.colInt(0)), row.colInt(1) // statusSuccess is the least; 0 is none
	log.highest = max(log.highest, highest)
	log.delivered = log.delivered || first == statusSuccess || best == statusSuccess
	return row.end()
}

// reopen makes the new attempt.
func (t *tx) reopen(p *store.Retry, log logEntry) (*carteiro.Delivery, error) {
	if _, err := t.claimKey(p.Key, p.Now); err != nil {
		return nil, err
	}
	d := &carteiro.Delivery{Event: log.event, Attempt: carteiro.Attempt{
		ID: p.NewID, WebhookID: p.WebhookID, EventID: log.event.ID, EventType: log.event.Type,
		Number: log.highest + 1, ChainStart: log.highest + 1, Trigger: p.Trigger, PreviousID: p.LogID,
		DueAt: micros(p.Now), Status: carteiro.StatusPending,
	}}
	o := openRow{attempt: d.Attempt, event: log.number}
	if p.Held {
		if err := t.mustLive(p.Session); err != nil {
			return nil, err
		}
		o.lease = p.Session.ID
	}
	if err := t.write(moreAttempts).int(log.number).run(); err != nil {
		return nil, err
	}
	return d, t.insertOpen(&o)
}
