package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"carteiro"
	"carteiro/internal/store"
	"carteiro/internal/store/layout"
)

const noticeColumns = `at, id, environment_id, type, webhook_id, since, failures, disabled_by, error, attempt_id, event_id, event_type, number, http_status`

// isHeard is true of a webhook w whose environment is told of it: one of an agent or a campaign, where the environment has a
// webhook of its own.
const isHeard = `w.owner_kind <> 3 AND EXISTS (SELECT FROM webhooks o
	WHERE o.environment_id = w.environment_id AND o.owner_kind = 3 AND o.owner_id = w.environment_id AND o.deleted_at IS NULL)`

const (
	// insertDisabled is for a webhook that is about to be disabled. Of two that do it at once the second finds it off.
	insertDisabled = `INSERT INTO notices (at, environment_id, type, webhook_id, since, disabled_by, error)
		SELECT $2, w.environment_id, $3, w.id, $4, $5, $6
		FROM (SELECT * FROM webhooks WHERE id = $1 AND enabled FOR NO KEY UPDATE) w WHERE ` + isHeard
	insertExhausted = `INSERT INTO notices (at, environment_id, type, webhook_id, error, attempt_id, event_id, event_type, number, http_status)
		SELECT u.at, w.environment_id, $1, w.id, u.error, u.attempt_id, u.event_id, u.event_type, u.number, u.http_status
		FROM unnest($2::timestamptz[], $3::uuid[], $4::bytea[], $5::uuid[], $6::uuid[], $7::text[], $8::bigint[], $9::bigint[])
			AS u (at, webhook_id, error, attempt_id, event_id, event_type, number, http_status)
		JOIN webhooks w ON w.id = u.webhook_id WHERE ` + isHeard
	listNotices   = `SELECT ` + noticeColumns + ` FROM notices WHERE (at, id) > ($1, $2) ORDER BY at, id LIMIT $3`
	exportNotices = `SELECT ` + noticeColumns + ` FROM notices WHERE $2 > 0 AND (at, id) > ($3, $4) ORDER BY at, id LIMIT $1`
	importNotice  = `INSERT INTO notices (` + noticeColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
	takeNotices   = `DELETE FROM notices n USING unnest($1::timestamptz[], $2::uuid[]) AS u (at, id)
		WHERE n.at = u.at AND n.id = u.id RETURNING n.id`
)

// disabledValues are the parameters of insertDisabled.
func disabledValues(w *carteiro.Webhook, lastError string) []any {
	n := w.DisabledNotice(lastError)
	return []any{id(n.WebhookID), layout.Micros(n.At), n.Type, moment(n.Since), string(n.DisabledBy), []byte(n.Error)}
}

// exhaustion is notices of deliveries that have failed for good.
type exhaustion struct {
	at                         times
	webhooks, attempts, events ids
	errors                     octets
	types                      texts
	numbers, httpStatuses      ints
}

func (e *exhaustion) add(n *carteiro.Notice) {
	e.at, e.webhooks, e.errors = append(e.at, n.At), append(e.webhooks, n.WebhookID), append(e.errors, n.Error)
	e.attempts, e.events, e.types = append(e.attempts, n.Last.ID), append(e.events, n.Last.EventID), append(e.types, n.Last.EventType)
	e.numbers, e.httpStatuses = append(e.numbers, int64(n.Last.Number)), append(e.httpStatuses, int64(n.Last.HTTPStatus))
}

func (e *exhaustion) queue(b *pgx.Batch) {
	if len(e.webhooks) > 0 {
		b.Queue(insertExhausted, carteiro.DeliveryExhaustedEvent, e.at, e.webhooks, e.errors, e.attempts, e.events, e.types, e.numbers, e.httpStatuses)
	}
}

// readNotice reads noticeColumns.
func readNotice(scan func(...any) error) (n carteiro.Notice, err error) {
	err = scan(toTime(&n.At), toID(&n.ID), toID(&n.EnvironmentID), &n.Type, toID(&n.WebhookID), toTime(&n.Since), &n.Failures, &n.DisabledBy,
		octet{&n.Error}, toID(&n.Last.ID), toID(&n.Last.EventID), &n.Last.EventType, &n.Last.Number, &n.Last.HTTPStatus)
	return n, err
}

// noticeValues are those of noticeColumns.
func noticeValues(n *carteiro.Notice) []any {
	return []any{
		moment(n.At), id(n.ID), id(n.EnvironmentID), n.Type, id(n.WebhookID), moment(n.Since), n.Failures, string(n.DisabledBy), []byte(n.Error),
		id(n.Last.ID), id(n.Last.EventID), n.Last.EventType, n.Last.Number, n.Last.HTTPStatus,
	}
}

// ListNotices implements [store.Notices].
func (s *Store) ListNotices(ctx context.Context, p store.ListNotices) (notices []carteiro.Notice, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		notices = nil
		return t.each(func(scan func(...any) error) error {
			n, err := readNotice(scan)
			notices = append(notices, n)
			return err
		}, listNotices, p.After.At, [16]byte(p.After.ID), p.Limit)
	})
	return notices, err
}

// TellNotices implements [store.Notices]. Once begun it is not called off.
func (s *Store) TellNotices(_ context.Context, p store.TellNotices) (told []bool, err error) {
	for _, tiding := range p.Tidings {
		if tiding.Item != nil {
			s.makeDay(tiding.Item.Event.ID, p.Now)
		}
	}
	var waiting []carteiro.ID
	err = s.inGroup(s.shards.others, func(g *group) error {
		gone, err := g.takeNotices(p.Tidings)
		if err != nil {
			return err
		}
		told = make([]bool, len(p.Tidings))
		a := acceptance{group: g, keys: newKeyring()}
		for i, tiding := range p.Tidings {
			if told[i] = gone[tiding.Notice.ID]; !told[i] || tiding.Item == nil {
				continue
			}
			if err := a.add(tiding.Item, store.Session{}); err != nil {
				return fmt.Errorf("tell what happened at %s: %w", tiding.Notice.At, err)
			}
		}
		waiting = a.open.waitingOf()
		b := new(pgx.Batch)
		a.queue(b)
		return g.commit(b)
	})
	if err != nil {
		return nil, err
	}
	s.hints.waiting(waiting)
	return told, nil
}

// takeNotices begins the transaction and deletes the notices that are still there, which it gives.
func (g *group) takeNotices(tidings []store.Tiding) (taken map[carteiro.ID]bool, err error) {
	var at times
	var all ids
	for _, tiding := range tidings {
		at, all = append(at, tiding.Notice.At), append(all, tiding.Notice.ID)
	}
	taken = make(map[carteiro.ID]bool)
	b := new(pgx.Batch)
	b.Queue(takeNotices, at, all).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var one carteiro.ID
			if err := rows.Scan(toID(&one)); err != nil {
				return err
			}
			taken[one] = true
		}
		return rows.Err()
	})
	return taken, g.begin(b)
}
