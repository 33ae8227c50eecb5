package sqlite

import (
	"context"
	"errors"
	"math"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/settings"
)

var _ store.Examinable = (*Store)(nil)

var (
	examineEvents = newQuery(`SELECT number, id, attempts, test FROM events WHERE id > ? ORDER BY id LIMIT ?`)
	// The attempts of the events of a page: first ones, whose ids are siblings of the events', later ones and those of
	// replays, and open ones.
	examineFirst = newQuery(`SELECT a.event, a.webhook_id, a.id, a.number, a.chain_start, a.previous_id, 0, a.status, a.http_status
		FROM webhooks w CROSS JOIN attempts a ON a.webhook_id = w.id WHERE a.id BETWEEN ? AND ? AND a.number = 1 AND a.trigger <> 4`)
	examineLater = newQuery(`SELECT a.event, a.webhook_id, a.id, a.number, a.chain_start, a.previous_id, 0, a.status, a.http_status
		FROM events e CROSS JOIN attempts a INDEXED BY attempts_later ON a.event = e.number
		WHERE e.id BETWEEN ? AND ? AND (a.number > 1 OR a.trigger = 4)`)
	examineOpen = newQuery(`SELECT o.event, o.webhook_id, o.id, o.number, o.chain_start, o.previous_id, 1, 0, 0
		FROM events e CROSS JOIN open o INDEXED BY open_once ON o.event = e.number WHERE e.id BETWEEN ? AND ?`)
)

// ExamineEvents implements [store.Examinable].
func (s *Store) ExamineEvents(ctx context.Context, p store.ExamineEvents) (events []store.ExaminedEvent, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		places := make(map[int64]int) // in events, by number
		rows := c.query(examineEvents).id(p.After).int(int64(p.Limit))
		for rows.next() {
			places[rows.colInt(0)] = len(events)
			events = append(events, store.ExaminedEvent{ID: rows.colID(1), Kept: int(rows.colInt(2)), Test: rows.colBool(3)})
		}
		if err := rows.end(); err != nil || len(events) == 0 {
			return err
		}
		first, last := events[0].ID, events[len(events)-1].ID
		for _, rows := range []*stmt{
			c.query(examineFirst).id(first.MinSibling()).id(last.MaxSibling()),
			c.query(examineLater).id(first).id(last),
			c.query(examineOpen).id(first).id(last),
		} {
			for rows.next() {
				if i, of := places[rows.colInt(0)]; of {
					events[i].Attempts = append(events[i].Attempts, examinedAttempt(rows))
				}
			}
			if err := rows.end(); err != nil {
				return err
			}
		}
		return nil
	})
	return events, err
}

func examinedAttempt(row *stmt) store.ExaminedAttempt {
	return store.ExaminedAttempt{
		AttemptRef: store.AttemptRef{WebhookID: row.colID(1), ID: row.colID(2)},
		Number:     int(row.colInt(3)), ChainStart: int(row.colInt(4)), PreviousID: row.colID(5),
		Open: row.colBool(6), Success: row.colInt(7) == layout.StatusSuccess, HTTPStatus: int(row.colInt(8)),
	}
}

var (
	// Each least id is looked up in an index.
	examineNext = newQuery(`SELECT min(id) FROM (SELECT min(id) AS id FROM webhooks WHERE id > ?1
		UNION ALL SELECT min(webhook_id) FROM attempts WHERE webhook_id > ?1 UNION ALL SELECT min(webhook_id) FROM open WHERE webhook_id > ?1
		UNION ALL SELECT min(webhook_id) FROM counts WHERE webhook_id > ?1 UNION ALL SELECT min(webhook_id) FROM totals WHERE webhook_id > ?1)`)
	examineWebhook = newQuery(`SELECT environment_id, deleted_at IS NOT NULL, EXISTS (SELECT 1 FROM owners o
		WHERE o.environment_id = w.environment_id AND o.kind = w.owner_kind AND o.id = w.owner_id), settings, cleaned, (SELECT count(*) FROM bulk_retries b
		WHERE b.webhook_id = w.id AND b.status <= 3) FROM webhooks w WHERE id = ?`)
	examineTotals = newQuery(`SELECT event_type, open, success, failed, retrying FROM totals WHERE webhook_id = ?`)
	examineSums   = newQuery(`SELECT event_type, 0, sum(success), sum(failed), sum(retrying) FROM counts WHERE webhook_id = ? GROUP BY event_type`)
	examineQueue  = newQuery(`SELECT o.id, o.event_type, o.due_at, e.number IS NULL, e.environment_id IS NOT o.environment_id,
		o.lease IS NOT NULL AND o.lease NOT IN (SELECT id FROM sessions)
		FROM open o LEFT JOIN events e ON e.number = o.event WHERE o.webhook_id = ?`)

	examineEnd      = newQuery(`SELECT id FROM attempts WHERE webhook_id = ? AND id >= ? ORDER BY id LIMIT 1 OFFSET ?`)
	examineAttempts = newQuery(`SELECT a.id, a.event_type, a.http_status, a.status, a.status = 2 AND EXISTS ` + retryOf + `, x.finished_at,
		e.number IS NULL, x.http_status IS NOT a.http_status
		FROM attempts a LEFT JOIN exchanges x ON x.id = a.exchange LEFT JOIN events e ON e.number = a.event
		WHERE a.webhook_id = ? AND a.id >= ? AND a.id < ? ORDER BY a.id`)
	examineCounts = newQuery(`SELECT hour, event_type, http_status, success, failed, retrying FROM counts WHERE webhook_id = ? AND hour >= ? AND hour < ?`)
)

// ExamineWebhook implements [store.Examinable].
func (s *Store) ExamineWebhook(ctx context.Context, p store.ExamineWebhook) (found store.ExaminedWebhook, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		e := examination{conn: c}
		if err := e.webhook(&p); err != nil || e.WebhookID.IsZero() {
			return err
		}
		err := e.history(&p)
		found = e.ExaminedWebhook
		return err
	})
	return found, err
}

// examination is an examined webhook in the making.
type examination struct {
	*conn
	store.ExaminedWebhook
}

// webhook finds the webhook, and in its first part looks at all but its history.
func (e *examination) webhook(p *store.ExamineWebhook) error {
	if p.From.Hour > 0 {
		e.WebhookID = p.From.WebhookID
		return nil
	}
	row := e.query(examineNext).id(p.From.WebhookID)
	if _, err := row.one(); err != nil {
		return err
	}
	e.WebhookID, e.First = row.colID(0), true
	if err := row.end(); err != nil || e.WebhookID.IsZero() {
		return err
	}
	row = e.query(examineWebhook).id(e.WebhookID)
	found, err := row.one()
	if err != nil {
		return err
	}
	if found {
		e.Exists, e.EnvironmentID, e.Deleted, e.HasOwner = true, row.colID(0), row.colBool(1), row.colBool(2)
		keys := e.keys
		if e.Deleted { // its secrets are of no use
			keys = nil
		}
		e.Unreadable = settings.Unreadable(row.colBlob(3), e.WebhookID, keys)
		e.Clean, e.Jobs = e.Deleted && row.colBool(4), int(row.colInt(5))
		e.Secrets = e.Clean && settings.HasSecrets(row.colBlob(3), e.WebhookID)
	}
	return errors.Join(row.end(), e.totals(), e.queue())
}

func (e *examination) totals() error {
	kept, counted := e.query(examineTotals).id(e.WebhookID), e.query(examineSums).id(e.WebhookID)
	for kept.next() {
		e.Total(kept.colText(0)).Kept = store.ExaminedSum{Open: kept.colInt(1), Success: kept.colInt(2), Failed: kept.colInt(3), Retrying: kept.colInt(4)}
	}
	for counted.next() {
		e.Total(counted.colText(0)).Counted = store.ExaminedSum{Success: counted.colInt(2), Failed: counted.colInt(3), Retrying: counted.colInt(4)}
	}
	return errors.Join(kept.end(), counted.end())
}

func (e *examination) queue() error {
	rows := e.query(examineQueue).id(e.WebhookID)
	for rows.next() {
		e.Total(rows.colText(1)).Counted.Open++
		open := store.ExaminedOpen{ID: rows.colID(0), DueAt: rows.colTime(2), NoEvent: rows.colBool(3), NoSession: rows.colBool(5)}
		open.OtherEnvironment = !open.NoEvent && rows.colBool(4)
		e.AddOpen(open)
	}
	return rows.end()
}

// history looks at some hours of what is finished.
func (e *examination) history(p *store.ExamineWebhook) error {
	from, to, untilHour := layout.StartOfHour(p.From.Hour), layout.EndOfTime, int64(math.MaxInt64)
	if e.First {
		from = carteiro.ID{}
	}
	e.Next = store.ExamineCursor{WebhookID: e.WebhookID}
	row := e.query(examineEnd).id(e.WebhookID).id(from).int(int64(p.Limit))
	found, err := row.one()
	if err != nil {
		return err
	}
	if found {
		untilHour = max(layout.HourOf(row.colID(0)), layout.HourOf(from)+1)
		to, e.Next.Hour = layout.StartOfHour(untilHour), untilHour
	}
	return errors.Join(row.end(), e.attempts(from, to), e.counts(layout.HourOf(from), untilHour))
}

func (e *examination) attempts(from, to carteiro.ID) error {
	rows := e.query(examineAttempts).id(e.WebhookID).id(from).id(to)
	for rows.next() {
		id := rows.colID(0)
		hour := store.ExaminedHour{Hour: layout.HourOf(id), EventType: rows.colText(1), HTTPStatus: int(rows.colInt(2))}
		e.Finish(hour, rows.colInt(3) == layout.StatusSuccess, rows.colBool(4), rows.colTime(5))
		e.AddFaulty(store.ExaminedFaulty{ID: id, NoEvent: rows.colBool(6), NoExchange: rows.colBool(7)})
	}
	return rows.end()
}

func (e *examination) counts(from, to int64) error {
	rows := e.query(examineCounts).id(e.WebhookID).int(from).int(to)
	for rows.next() {
		hour := store.ExaminedHour{Hour: rows.colInt(0), EventType: rows.colText(1), HTTPStatus: int(rows.colInt(2))}
		e.Count(hour).Kept = store.ExaminedSum{Success: rows.colInt(3), Failed: rows.colInt(4), Retrying: rows.colInt(5)}
	}
	return rows.end()
}

var (
	examineSessions = newQuery(`SELECT id, node, until, (SELECT count(*) FROM open INDEXED BY open_held WHERE lease = sessions.id) FROM sessions`)
	examineQueues   = newQuery(`SELECT environment_id, sum(kept), sum(counted) FROM (
			SELECT environment_id, open AS kept, 0 AS counted FROM queues UNION ALL SELECT environment_id, 0, 1 FROM open)
		GROUP BY environment_id`)
	examineActivity = newQuery(`SELECT environment_id, hour, sum(success), sum(failed), sum(minute_success), sum(minute_failed) FROM (
			SELECT environment_id, slot AS hour, success, failed, 0 AS minute_success, 0 AS minute_failed FROM activity WHERE grain = 2
			UNION ALL SELECT environment_id, slot / 60, 0, 0, success, failed FROM activity WHERE grain = 1)
		GROUP BY environment_id, hour`)
	examineExchanges = newQuery(`SELECT (SELECT count(*) FROM exchanges) - (SELECT count(*) FROM attempts)`)
)

// ExamineNodes implements [store.Examinable].
func (s *Store) ExamineNodes(ctx context.Context, p store.ExamineNodes) (found store.ExaminedNodes, err error) {
	found.Now = p.Now
	err = s.readSnapshot(ctx, func(c *conn) error {
		rows := c.query(examineSessions)
		for rows.next() {
			found.Sessions = append(found.Sessions, store.ExaminedSession{
				Session: store.Session{ID: rows.colInt(0), Node: rows.colText(1)}, Until: rows.colTime(2), Held: int(rows.colInt(3)),
			})
		}
		queues := c.query(examineQueues)
		for queues.next() {
			found.Queues = append(found.Queues, store.ExaminedQueue{
				EnvironmentID: queues.colID(0), Kept: queues.colInt(1), Counted: queues.colInt(2),
			})
		}
		activity := c.query(examineActivity)
		for activity.next() {
			found.Activity = append(found.Activity, store.ExaminedActivity{
				EnvironmentID: activity.colID(0), Hour: activity.colInt(1), Success: activity.colInt(2), Failed: activity.colInt(3),
				MinuteSuccess: activity.colInt(4), MinuteFailed: activity.colInt(5),
			})
		}
		var err error
		found.Unclaimed, err = c.query(examineExchanges).number()
		return errors.Join(rows.end(), queues.end(), activity.end(), err)
	})
	return found, err
}
