package sqlite

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

var (
	attemptsLeft = newQuery(`SELECT id, status, event, exchange, event_type, http_status FROM attempts WHERE webhook_id = ? ORDER BY id LIMIT ?`)

	purgeKeys = newQuery(`DELETE FROM idempotency WHERE (environment_id, key) IN
		(SELECT environment_id, key FROM idempotency INDEXED BY idempotency_by_end WHERE expires_at <= ? LIMIT ?)`)
	oldHours = newQuery(`SELECT DISTINCT hour, webhook_id FROM counts INDEXED BY counts_by_hour
		WHERE hour <= ?1 AND (hour, webhook_id) > (?2, ?3) ORDER BY hour, webhook_id LIMIT 1`)
	oldAttempts = newQuery(`SELECT id, status, event, exchange, event_type, http_status FROM attempts
		WHERE webhook_id = ? AND id >= ? AND id < ? ORDER BY id LIMIT ?`)
	deleteAttempt  = newQuery(`DELETE FROM attempts WHERE webhook_id = ? AND id = ?`)
	deleteExchange = newQuery(`DELETE FROM exchanges WHERE id = ?`)
	hasOpenRetry   = newQuery(`SELECT 1 FROM open INDEXED BY open_retries
		WHERE webhook_id = ? AND previous_id = ? AND number > chain_start`)
	attemptsOf    = newQuery(`SELECT attempts FROM events WHERE number = ?`)
	lessAttempts  = newQuery(`UPDATE events SET attempts = attempts - 1 WHERE number = ?`)
	deleteEvent   = newQuery(`DELETE FROM events WHERE number = ?`)
	purgeSessions = newQuery(`DELETE FROM tokens WHERE id IN
		(SELECT id FROM tokens INDEXED BY tokens_of_sessions WHERE session = 1 AND expires_at <= ? LIMIT ?)`)
	purgeEvents = newQuery(`DELETE FROM events WHERE number IN
		(SELECT number FROM events INDEXED BY events_unwanted WHERE attempts = 0 AND id < ? LIMIT ?)`)
)

// Purge implements [store.Queue].
func (s *Store) Purge(ctx context.Context, p store.Purge) (more bool, err error) {
	err = s.writer.write(ctx, 4*p.Limit, func(t *tx) error {
		more, err = t.purge(&p)
		return err
	})
	return more, err
}

func (t *tx) purge(p *store.Purge) (more bool, err error) {
	limit := int64(p.Limit)
	keys, err := t.changed(t.write(purgeKeys).time(p.Now).int(limit))
	if err != nil {
		return false, err
	}
	attempts, err := t.purgeAttempts(carteiro.MinID(p.Before), p.Limit)
	if err != nil {
		return false, err
	}
	// Events go with their last attempt; these never had one.
	events, err := t.changed(t.write(purgeEvents).id(carteiro.MinID(p.Before)).int(limit))
	if err != nil {
		return false, err
	}
	others, err := t.purgeOthers(p)
	return max(keys, attempts, events, others) >= p.Limit, err
}

// purgeOthers deletes what has a life of its own. It says how many there were of the most numerous.
func (t *tx) purgeOthers(p *store.Purge) (deleted int, err error) {
	limit := int64(p.Limit)
	if deleted, err = t.purgeActivity(p.Now, p.Limit); err != nil {
		return 0, err
	}
	for _, purge := range []*stmt{
		t.write(purgeSessions).time(p.Now).int(limit),
	} {
		n, err := t.changed(purge)
		if err != nil {
			return 0, err
		}
		deleted = max(deleted, n)
	}
	shared, err := sqlstore.Purge(t, p)
	return max(deleted, shared), err
}

// purgeAttempts deletes attempts that are older than before, the oldest hours first.
func (t *tx) purgeAttempts(before carteiro.ID, limit int) (deleted int, err error) {
	place := purgePlace{hour: -1}
	for deleted < limit {
		if place, err = t.nextOld(place, before); err != nil || place.hour < 0 {
			return deleted, err
		}
		n, err := t.purgeHour(place, before, limit-deleted)
		if err != nil {
			return deleted, err
		}
		deleted += n
	}
	return deleted, nil
}

// purgePlace is an hour of a webhook's history; hour is -1 before the first and after the last.
type purgePlace struct {
	webhook carteiro.ID
	hour    int64
}

// nextOld gives the place behind another that may hold attempts older than before.
func (t *tx) nextOld(after purgePlace, before carteiro.ID) (next purgePlace, err error) {
	row := t.query(oldHours).int(layout.HourOf(before)).int(after.hour).id(after.webhook)
	found, err := row.one()
	if !found {
		return purgePlace{hour: -1}, err
	}
	next = purgePlace{hour: row.colInt(0), webhook: row.colID(1)}
	return next, row.end()
}

// oldAttempt is what must be known of an attempt to delete it.
type oldAttempt struct {
	id                      carteiro.ID
	status, event, exchange int64
	eventType               string
	httpStatus              int
}

func (t *tx) purgeHour(place purgePlace, before carteiro.ID, limit int) (deleted int, err error) {
	end := layout.StartOfHour(place.hour + 1)
	if layout.Less(before, end) {
		end = before
	}
	old, err := oldAttemptsOf(t.query(oldAttempts).id(place.webhook).id(layout.StartOfHour(place.hour)).id(end).int(int64(limit)))
	if err != nil {
		return 0, err
	}
	for i := range old {
		if err := t.purgeAttempt(place.webhook, &old[i]); err != nil {
			return 0, err
		}
	}
	return len(old), nil
}

func oldAttemptsOf(rows *stmt) (old []oldAttempt, err error) {
	for rows.next() {
		old = append(old, oldAttempt{
			id: rows.colID(0), status: rows.colInt(1), event: rows.colInt(2), exchange: rows.colInt(3), eventType: rows.colText(4),
			httpStatus: int(rows.colInt(5)),
		})
	}
	return old, rows.end()
}

// purgeAttempt deletes one attempt, with its event if it was the last of it.
func (t *tx) purgeAttempt(webhook carteiro.ID, a *oldAttempt) error {
	if err := t.write(deleteAttempt).id(webhook).id(a.id).run(); err != nil {
		return err
	}
	if err := t.write(deleteExchange).int(a.exchange).run(); err != nil {
		return err
	}
	t.tally.Finished(webhook, a.id, a.eventType, a.httpStatus, a.status, -1)
	t.tally.emptied = true
	if a.status == layout.StatusFailed {
		retrying, err := t.query(hasOpenRetry).id(webhook).id(a.id).exists()
		if err != nil {
			return err
		}
		if retrying {
			t.tally.Retrying(webhook, a.id, a.eventType, a.httpStatus, -1)
		}
	}
	attempts, err := t.query(attemptsOf).int(a.event).number()
	if err != nil {
		return err
	}
	if attempts > 1 {
		return t.write(lessAttempts).int(a.event).run()
	}
	return t.write(deleteEvent).int(a.event).run()
}
