package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// isHeard is true of a webhook w whose environment is told of it: one of an agent or a campaign that is not deleted, where the
// environment has a webhook of its own.
const isHeard = `w.owner_kind <> 3 AND w.deleted_at IS NULL AND EXISTS (SELECT FROM webhooks o
	WHERE o.environment_id = w.environment_id AND o.owner_kind = 3 AND o.owner_id = w.environment_id AND o.deleted_at IS NULL)`

const (
	// insertNotices is for results and for webhooks about to be disabled. The webhooks must be locked, so that their notices are
	// numbered in the order in which the changes are committed; none is written of disabling a
	// webhook that is off already, or whose version is another one than was sent to.
	insertNotices = `INSERT INTO notices (at, environment_id, type, webhook_id, since, disabled_by, error,
			attempt_id, event_id, event_type, number, http_status)
		SELECT u.at, w.environment_id, u.type, w.id, u.since, u.disabled_by, u.error, u.attempt_id, u.event_id, u.event_type, u.number, u.http_status
		FROM unnest($1::timestamptz[], $2::text[], $3::uuid[], $4::timestamptz[], $5::text[], $6::bytea[],
			$7::uuid[], $8::uuid[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[]) WITH ORDINALITY
			AS u (at, type, webhook_id, since, disabled_by, error, attempt_id, event_id, event_type, number, http_status, version, n)
		JOIN webhooks w ON w.id = u.webhook_id
		WHERE (u.disabled_by = '' OR w.enabled AND w.version = coalesce(NULLIF(u.version, -1), w.version)) AND ` + isHeard + ` ORDER BY u.n`
	// numberNotices has the numbers that are given from now on be above those that were imported.
	numberNotices = `SELECT setval(pg_get_serial_sequence('notices', 'seq'), max(seq)) FROM notices`
	keepNotices   = `SELECT seq FROM notices WHERE seq = ANY ($1) ORDER BY seq FOR UPDATE`
	takeNotices   = `DELETE FROM notices WHERE seq = ANY ($1)`
)

// noticeRows are notices on their way into the database, in the order of the changes.
type noticeRows struct {
	at                    times
	types, disabledBy     texts
	webhooks              ids
	since                 times
	errors                octets
	attempts, events      maybeIDs
	eventTypes            texts
	numbers, httpStatuses ints
	versions              ints
}

// anyVersion stands for whatever version a webhook has.
const anyVersion = -1

// add adds a notice. That a webhook is disabled is only written if it has the version.
func (r *noticeRows) add(n *carteiro.Notification, version int64) {
	r.versions = append(r.versions, version)
	r.at, r.types, r.webhooks = append(r.at, n.At), append(r.types, n.Type), append(r.webhooks, n.WebhookID)
	r.since, r.disabledBy, r.errors = append(r.since, n.Since), append(r.disabledBy, string(n.DisabledBy)), append(r.errors, n.Error)
	r.attempts, r.events, r.eventTypes = append(r.attempts, n.Last.ID), append(r.events, n.Last.EventID), append(r.eventTypes, n.Last.EventType)
	r.numbers, r.httpStatuses = append(r.numbers, int64(n.Last.Number)), append(r.httpStatuses, int64(n.Last.HTTPStatus))
}

func (r *noticeRows) queue(b *pgx.Batch) {
	if len(r.webhooks) > 0 {
		b.Queue(insertNotices, r.at, r.types, r.webhooks, r.since, r.disabledBy, r.errors, r.attempts, r.events, r.eventTypes, r.numbers, r.httpStatuses, r.versions)
	}
}

// notice writes one notice of a webhook that is locked.
func (t *tx) notice(n *carteiro.Notification) error {
	if n == nil {
		return nil
	}
	var rows noticeRows
	rows.add(n, anyVersion)
	b := new(pgx.Batch)
	rows.queue(b)
	return t.SendBatch(t.ctx, b).Close()
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
		told = make([]bool, len(p.Tidings))
		taken, err := g.keepNotices(p.Tidings)
		if err != nil {
			return err
		}
		a := acceptance{group: g, keys: newKeyring()}
		for i, tiding := range taken {
			told[i] = true
			if tiding.Item == nil {
				continue
			}
			if err := a.add(tiding.Item, store.Session{}); err != nil {
				return fmt.Errorf("publish operator event %d: %w", tiding.Notice, err)
			}
		}
		waiting = a.open.waitingOf()
		b := new(pgx.Batch)
		b.Queue(takeNotices, numbersOf(taken))
		a.queue(b)
		return g.commit(b)
	})
	if err != nil {
		return nil, err
	}
	s.hints.waiting(waiting)
	return told, nil
}

// keepNotices begins the transaction and locks notices. It gives those before the first one that is gone.
func (g *group) keepNotices(tidings []store.Tiding) ([]store.Tiding, error) {
	there := 0
	b := new(pgx.Batch)
	b.Queue(keepNotices, numbersOf(tidings)).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var seq int64
			if err := rows.Scan(&seq); err != nil {
				return err
			}
			if there < len(tidings) && tidings[there].Notice == seq {
				there++
			}
		}
		return rows.Err()
	})
	err := g.begin(b)
	return tidings[:there], err
}

func numbersOf(tidings []store.Tiding) ints {
	numbers := make(ints, len(tidings))
	for i := range tidings {
		numbers[i] = tidings[i].Notice
	}
	return numbers
}
