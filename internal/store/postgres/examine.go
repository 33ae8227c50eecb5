package postgres

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/settings"
)

var _ store.Examinable = (*Store)(nil)

const (
	examineEvents = `SELECT id, test FROM events WHERE id > $1 ORDER BY id LIMIT $2`
	// The attempts of the events of a page: first ones, whose ids are siblings of the events', later ones and those of
	// replays, and open ones.
	examineFirst = `SELECT a.event_id, a.webhook_id, a.id, a.number, a.chain_start, a.previous_id, false, a.status = 1, a.http_status
		FROM webhooks w CROSS JOIN LATERAL (SELECT * FROM attempts a WHERE a.webhook_id = w.id AND a.id BETWEEN $1 AND $2 AND a.number = 1 AND a.trigger <> 4) a`
	examineLater = `SELECT a.event_id, a.webhook_id, a.id, a.number, a.chain_start, a.previous_id, false, a.status = 1, a.http_status
		FROM attempts a WHERE a.event_id = ANY ($1) AND (a.number > 1 OR a.trigger = 4) AND a.id >= $2`
	examineOpen = `SELECT o.event_id, o.webhook_id, o.id, o.number, o.chain_start, o.previous_id, true, false, 0
		FROM open o WHERE o.event_id = ANY ($1)`
)

// examine is inSnapshot for what may take longer than a verb.
func (s *Store) examine(ctx context.Context, do func(*tx) error) error {
	return s.transact(ctx, examineWithin, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(t *tx) error {
		if err := t.steps(`SET LOCAL statement_timeout = 0`, `SET LOCAL enable_hashjoin = on`); err != nil {
			return err
		}
		return do(t)
	})
}

// examineWithin is how long one answer may take, at most.
const examineWithin = 10 * time.Minute

// ExamineEvents implements [store.Examinable].
func (s *Store) ExamineEvents(ctx context.Context, p store.ExamineEvents) (events []store.ExaminedEvent, err error) {
	err = s.examine(ctx, func(t *tx) error {
		events = nil
		places := make(map[carteiro.ID]int) // in events
		var page ids
		err := t.each(func(scan func(...any) error) error {
			e := store.ExaminedEvent{Kept: -1}
			err := scan(toID(&e.ID), &e.Test)
			places[e.ID] = len(events)
			events, page = append(events, e), append(page, e.ID)
			return err
		}, examineEvents, [16]byte(p.After), p.Limit)
		if err != nil || len(events) == 0 {
			return err
		}
		add := func(scan func(...any) error) error {
			var event carteiro.ID
			var a store.ExaminedAttempt
			err := scan(toID(&event), toID(&a.WebhookID), toID(&a.ID), &a.Number, &a.ChainStart, toID(&a.PreviousID), &a.Open, &a.Success, &a.HTTPStatus)
			if i, of := places[event]; of {
				events[i].Attempts = append(events[i].Attempts, a)
			}
			return err
		}
		first, last := page[0], page[len(page)-1]
		return errors.Join(
			t.each(add, examineFirst, [16]byte(first.MinSibling()), [16]byte(last.MaxSibling())),
			t.each(add, examineLater, page, [16]byte(beforeRetries(first))),
			t.each(add, examineOpen, page),
		)
	})
	return events, err
}

const (
	// Each least id is looked up in an index.
	examineNext = `SELECT id FROM (
			(SELECT id FROM webhooks WHERE id > $1 ORDER BY id LIMIT 1)
			UNION ALL (SELECT webhook_id FROM attempts WHERE webhook_id > $1 ORDER BY webhook_id LIMIT 1)
			UNION ALL (SELECT webhook_id FROM open WHERE webhook_id > $1 ORDER BY webhook_id LIMIT 1)
			UNION ALL (SELECT webhook_id FROM counts WHERE webhook_id > $1 ORDER BY webhook_id LIMIT 1)
			UNION ALL (SELECT webhook_id FROM totals WHERE webhook_id > $1 ORDER BY webhook_id LIMIT 1)) ids
		ORDER BY id LIMIT 1`
	examineWebhook = `SELECT environment_id, deleted_at IS NOT NULL, EXISTS (SELECT FROM owners o
		WHERE o.environment_id = w.environment_id AND o.kind = w.owner_kind AND o.id = w.owner_id), settings,
		deleted_at IS NOT NULL AND cleaned, (SELECT count(*) FROM bulk_retries b WHERE b.webhook_id = w.id AND b.status <= 3) FROM webhooks w WHERE id = $1`
	examineTotals = `SELECT event_type, sum(open)::bigint, sum(success)::bigint, sum(failed)::bigint, sum(retrying)::bigint FROM totals
		WHERE webhook_id = $1 GROUP BY event_type`
	examineSums = `SELECT event_type, 0::bigint, sum(success)::bigint, sum(failed)::bigint, sum(retrying)::bigint FROM counts
		WHERE webhook_id = $1 GROUP BY event_type`
	examineQueue = `SELECT o.id, o.event_type, o.due_at, e.id IS NULL, e.id IS NOT NULL AND e.environment_id <> o.environment_id,
			o.lease IS NOT NULL AND s.id IS NULL
		FROM open o LEFT JOIN events e ON e.id = o.event_id LEFT JOIN sessions s ON s.id = o.lease WHERE o.webhook_id = $1`

	examineEnd      = `SELECT id FROM attempts WHERE webhook_id = $1 AND id >= $2 ORDER BY id LIMIT 1 OFFSET $3`
	examineAttempts = `SELECT a.id, a.event_type, a.http_status, a.status, a.status = 2 AND EXISTS ` + retryOf + `, a.finished_at, e.id IS NULL
		FROM attempts a LEFT JOIN events e ON e.id = a.event_id WHERE a.webhook_id = $1 AND a.id >= $2 AND a.id < $3`
	examineCounts = `SELECT hour, event_type, http_status, sum(success)::bigint, sum(failed)::bigint, sum(retrying)::bigint FROM counts
		WHERE webhook_id = $1 AND hour >= $2 AND hour < $3 GROUP BY hour, event_type, http_status`
)

// ExamineWebhook implements [store.Examinable].
func (s *Store) ExamineWebhook(ctx context.Context, p store.ExamineWebhook) (found store.ExaminedWebhook, err error) {
	err = s.examine(ctx, func(t *tx) error {
		e := examination{tx: t}
		if err := e.webhook(&p); err != nil || e.WebhookID.IsZero() {
			found = store.ExaminedWebhook{}
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
	*tx
	store.ExaminedWebhook
}

// webhook finds the webhook, and in its first part looks at all but its history.
func (e *examination) webhook(p *store.ExamineWebhook) error {
	if p.From.Hour > 0 {
		e.WebhookID = p.From.WebhookID
		return nil
	}
	found, err := e.found(examineNext, [16]byte(p.From.WebhookID))(toID(&e.WebhookID))
	if err != nil || !found {
		return err
	}
	e.First = true
	var encoded []byte
	e.Exists, err = e.found(examineWebhook, id(e.WebhookID))(toID(&e.EnvironmentID), &e.Deleted, &e.HasOwner, &encoded, &e.Clean, &e.Jobs)
	if e.Exists && err == nil {
		keys := e.keys
		if e.Deleted { // its secrets are of no use
			keys = nil
		}
		e.Unreadable = settings.Unreadable(encoded, e.WebhookID, keys)
		e.Secrets = e.Clean && settings.HasSecrets(encoded, e.WebhookID)
	}
	return errors.Join(err, e.totals(), e.queue())
}

func (e *examination) totals() error {
	var eventType string
	var sum store.ExaminedSum
	read := func(keep func()) func(scan func(...any) error) error {
		return func(scan func(...any) error) error {
			err := scan(&eventType, &sum.Open, &sum.Success, &sum.Failed, &sum.Retrying)
			keep()
			return err
		}
	}
	return errors.Join(
		e.each(read(func() { e.Total(eventType).Kept = sum }), examineTotals, id(e.WebhookID)),
		e.each(read(func() { e.Total(eventType).Counted = sum }), examineSums, id(e.WebhookID)),
	)
}

func (e *examination) queue() error {
	return e.each(func(scan func(...any) error) error {
		var open store.ExaminedOpen
		var eventType string
		err := scan(toID(&open.ID), &eventType, toTime(&open.DueAt), &open.NoEvent, &open.OtherEnvironment, &open.NoSession)
		e.Total(eventType).Counted.Open++
		e.AddOpen(open)
		return err
	}, examineQueue, id(e.WebhookID))
}

// history looks at some hours of what is finished.
func (e *examination) history(p *store.ExamineWebhook) error {
	from, to, untilHour := layout.StartOfHour(p.From.Hour), layout.EndOfTime, int64(math.MaxInt64)
	if e.First {
		from = carteiro.ID{}
	}
	e.Next = store.ExamineCursor{WebhookID: e.WebhookID}
	var behind carteiro.ID
	found, err := e.found(examineEnd, id(e.WebhookID), [16]byte(from), p.Limit)(toID(&behind))
	if err != nil {
		return err
	}
	if found {
		untilHour = max(layout.HourOf(behind), layout.HourOf(from)+1)
		to, e.Next.Hour = layout.StartOfHour(untilHour), untilHour
	}
	return errors.Join(e.attempts(from, to), e.counts(layout.HourOf(from), untilHour))
}

func (e *examination) attempts(from, to carteiro.ID) error {
	return e.each(func(scan func(...any) error) error {
		var a store.ExaminedFaulty
		var hour store.ExaminedHour
		var status int64
		var retrying bool
		var recorded time.Time
		err := scan(toID(&a.ID), &hour.EventType, &hour.HTTPStatus, &status, &retrying, toTime(&recorded), &a.NoEvent)
		hour.Hour = layout.HourOf(a.ID)
		e.Finish(hour, status == layout.StatusSuccess, retrying, recorded)
		e.AddFaulty(a)
		return err
	}, examineAttempts, id(e.WebhookID), [16]byte(from), [16]byte(to))
}

func (e *examination) counts(from, to int64) error {
	return e.each(func(scan func(...any) error) error {
		var hour store.ExaminedHour
		var sum store.ExaminedSum
		err := scan(&hour.Hour, &hour.EventType, &hour.HTTPStatus, &sum.Success, &sum.Failed, &sum.Retrying)
		e.Count(hour).Kept = sum
		return err
	}, examineCounts, id(e.WebhookID), from, to)
}

const (
	examineSessions = `SELECT id, node, until, (SELECT count(*) FROM open WHERE lease = sessions.id) FROM sessions`
	examineQueues   = `SELECT environment_id, sum(kept)::bigint, sum(counted)::bigint FROM (
			SELECT environment_id, open AS kept, 0 AS counted FROM queues UNION ALL SELECT environment_id, 0, 1 FROM open) both_sides
		GROUP BY environment_id`
	examineActivity = `SELECT environment_id, hour, sum(success)::bigint, sum(failed)::bigint, sum(minute_success)::bigint, sum(minute_failed)::bigint FROM (
			SELECT environment_id, slot AS hour, success, failed, 0 AS minute_success, 0 AS minute_failed FROM activity WHERE grain = 2
			UNION ALL SELECT environment_id, slot / 60, 0, 0, success, failed FROM activity WHERE grain = 1) both_grains
		GROUP BY environment_id, hour`
)

// ExamineNodes implements [store.Examinable]. Leases are kept by the database's clock.
func (s *Store) ExamineNodes(ctx context.Context, _ store.ExamineNodes) (found store.ExaminedNodes, err error) {
	err = s.examine(ctx, func(t *tx) error {
		found = store.ExaminedNodes{}
		if err := t.row(`SELECT clock_timestamp()`)(toTime(&found.Now)); err != nil {
			return err
		}
		return errors.Join(
			t.each(func(scan func(...any) error) error {
				var session store.ExaminedSession
				err := scan(&session.ID, &session.Node, toTime(&session.Until), &session.Held)
				found.Sessions = append(found.Sessions, session)
				return err
			}, examineSessions),
			t.each(func(scan func(...any) error) error {
				var q store.ExaminedQueue
				err := scan(toID(&q.EnvironmentID), &q.Kept, &q.Counted)
				found.Queues = append(found.Queues, q)
				return err
			}, examineQueues),
			t.each(func(scan func(...any) error) error {
				var a store.ExaminedActivity
				err := scan(toID(&a.EnvironmentID), &a.Hour, &a.Success, &a.Failed, &a.MinuteSuccess, &a.MinuteFailed)
				found.Activity = append(found.Activity, a)
				return err
			}, examineActivity),
		)
	})
	return found, err
}
