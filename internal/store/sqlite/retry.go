package sqlite

import (
	"context"
	"errors"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

var (
	openEvent  = newQuery(`SELECT event, number FROM open WHERE webhook_id = ? AND id = ?`)
	logState   = newQuery(`SELECT event, status, number FROM attempts WHERE webhook_id = ? AND id = ?`)
	openNumber = newQuery(`SELECT number FROM open INDEXED BY open_once WHERE event = ? AND webhook_id = ?`)
	eventHead  = newQuery(`SELECT id, environment_id, type FROM events WHERE number = ?`)
	getEvent   = newQuery(`SELECT ` + eventColumns + ` FROM events e WHERE e.number = ?`)

	// First attempts are found by their ids, which are siblings of the event's; but not those of replays.
	firstStatus = newQuery(`SELECT status, id FROM attempts WHERE webhook_id = ? AND id BETWEEN ? AND ? AND event = ? AND number = 1`)
	laterState  = newQuery(`SELECT max(number), min(a.status), max(id) FROM attempts a INDEXED BY attempts_later
		WHERE event = ? AND webhook_id = ? AND (number > 1 OR trigger = 4)`)
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
	enabled, err := sqlstore.OwnWebhook(t, &p.LogRef)
	if err != nil {
		return result, err
	}
	log, err := t.logEntry(p.WebhookID, p.LogID)
	if err != nil {
		return result, err
	}
	if result.Refused = log.refused(carteiro.MinID(p.NotBefore), enabled); result.Refused != "" {
		return result, nil
	}
	d, err := t.delivery(p, &log)
	if err != nil {
		return result, err
	}
	if err := t.reopen(p, d, &log); err != nil {
		return result, err
	}
	return store.RetryResult{Delivery: d}, sqlstore.AddAudit(t, p.Audit)
}

// PreviewRetry implements [store.Queue].
func (s *Store) PreviewRetry(ctx context.Context, p store.PreviewRetry) (preview store.RetryPreview, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		enabled, err := sqlstore.OwnWebhook(&tx{conn: c}, &p.LogRef)
		if err != nil {
			return err
		}
		log, err := c.logEntry(p.WebhookID, p.LogID)
		if err != nil {
			return err
		}
		preview.Refused = log.refused(carteiro.MinID(p.NotBefore), enabled)
		preview.Delivery, err = c.delivery(&store.Retry{
			LogRef: p.LogRef, Now: p.Now, NewID: p.NewID, Trigger: carteiro.TriggerManual,
		}, &log)
		if err != nil {
			return err
		}
		logs, err := sqlstore.Logs(&tx{conn: c}, p.WebhookID, []carteiro.ID{p.LogID})
		preview.Log = logs[p.LogID]
		return err
	})
	return preview, err
}

// logEntry is how a log entry stands, with the other attempts of its event at its webhook.
type logEntry struct {
	id          carteiro.ID
	number      int64 // of the event's row
	event       carteiro.ID
	eventType   string
	environment carteiro.ID
	open        bool        // one of the attempts is
	delivered   bool        // one of the attempts has succeeded
	highest     int         // number of an attempt
	latest      carteiro.ID // of the finished ones
}

// refused says why the entry cannot be retried, if it cannot.
func (log *logEntry) refused(notBefore carteiro.ID, enabled bool) carteiro.NotRetriable {
	switch {
	case log.delivered:
		return carteiro.AlreadySucceeded
	case log.open:
		return carteiro.InProgress
	case layout.Less(log.id, notBefore):
		return carteiro.TooOld
	case !enabled:
		return carteiro.WebhookOff
	default:
		return ""
	}
}

// logEntry fails with store.ErrNotFound.
func (c *conn) logEntry(webhook, id carteiro.ID) (log logEntry, err error) {
	log.id = id
	row := c.query(openEvent).id(webhook).id(id)
	if log.open, err = row.one(); err != nil {
		return log, err
	}
	if log.open {
		log.number, log.highest = row.colInt(0), int(row.colInt(1))
	}
	if err := row.end(); err != nil {
		return log, err
	}
	if !log.open {
		if err := c.finishedEntry(webhook, &log); err != nil {
			return log, err
		}
	}
	row = c.query(eventHead).int(log.number)
	if found, err := row.one(); !found {
		return log, eventGone(err)
	}
	log.event, log.environment, log.eventType = row.colID(0), row.colID(1), row.colText(2)
	if err := row.end(); err != nil {
		return log, err
	}
	err = c.lookAtOthers(webhook, &log)
	return log, err
}

// finishedEntry is logEntry for one that is not open itself.
func (c *conn) finishedEntry(webhook carteiro.ID, log *logEntry) error {
	row := c.query(logState).id(webhook).id(log.id)
	found, err := row.one()
	if !found {
		return orNotFound(err)
	}
	log.number, log.delivered, log.highest = row.colInt(0), row.colInt(1) == layout.StatusSuccess, int(row.colInt(2))
	if err := row.end(); err != nil {
		return err
	}
	number, err := c.query(openNumber).int(log.number).id(webhook).number()
	log.open, log.highest = number != 0, max(log.highest, int(number))
	return err
}

// orNotFound returns the error, or store.ErrNotFound if there is none.
func orNotFound(err error) error {
	if err == nil {
		return store.ErrNotFound
	}
	return err
}

// eventGone is the fault of an attempt without its event, which is not that there is no such entry.
func eventGone(err error) error {
	if err == nil {
		err = errors.New("an attempt's event is gone")
	}
	return err
}

// lookAtOthers takes the event's other finished attempts at the webhook into account.
func (c *conn) lookAtOthers(webhook carteiro.ID, log *logEntry) error {
	row := c.query(firstStatus).id(webhook).id(log.event.MinSibling()).id(log.event.MaxSibling()).int(log.number)
	found, err := row.one()
	if err != nil {
		return err
	}
	if found {
		log.highest, log.latest = max(log.highest, 1), row.colID(1)
		log.delivered = log.delivered || row.colInt(0) == layout.StatusSuccess
	}
	if err := row.end(); err != nil {
		return err
	}
	row = c.query(laterState).int(log.number).id(webhook)
	if _, err := row.one(); err != nil {
		return err
	}
	highest, best := int(row.colInt(0)), row.colInt(1) // layout.StatusSuccess is the least; 0 is none
	log.highest = max(log.highest, highest)
	if later := row.colID(2); layout.Less(log.latest, later) {
		log.latest = later
	}
	log.delivered = log.delivered || best == layout.StatusSuccess
	return row.end()
}

// delivery gives what a retry makes.
func (c *conn) delivery(p *store.Retry, log *logEntry) (*carteiro.Delivery, error) {
	row := c.query(getEvent).int(log.number)
	if found, err := row.one(); !found {
		return nil, eventGone(err)
	}
	event := readEvent(row, 0)
	return &carteiro.Delivery{Event: event, Attempt: log.next(p)}, row.end()
}

// next is the attempt that a retry makes.
func (log *logEntry) next(p *store.Retry) carteiro.Attempt {
	return carteiro.Attempt{
		ID: p.NewID, WebhookID: p.WebhookID, EventID: log.event, EventType: log.eventType,
		Number: log.highest + 1, ChainStart: log.highest + 1, Trigger: p.Trigger, PreviousID: log.id,
		DueAt: layout.Micros(p.Now), Status: carteiro.StatusPending,
	}
}

// reopen stores the new attempt.
func (t *tx) reopen(p *store.Retry, d *carteiro.Delivery, log *logEntry) error {
	if _, err := t.claimKey(p.Key, p.Now); err != nil {
		return err
	}
	o := openRow{attempt: d.Attempt, event: log.number, environment: log.environment}
	if p.Held {
		if err := t.mustLive(p.Session); err != nil {
			return err
		}
		o.lease = p.Session.ID
	}
	return t.open(&o)
}

// open opens one more attempt of an event that is there.
func (t *tx) open(o *openRow) error {
	if err := t.write(moreAttempts).int(o.event).run(); err != nil {
		return err
	}
	return t.insertOpen(o)
}
