package sqlstore

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// Queries of the overview and of the vitals.
var (
	OpenIn   = NewQuery(`SELECT coalesce(sum(open), 0)::bigint FROM queues WHERE environment_id = $1`)
	CountDue = NewQuery(`SELECT count(*), min(due_at) FROM (SELECT due_at FROM open INDEXED BY open_queue
		WHERE environment_id = $1 AND lease IS NULL AND due_at <= $2 ORDER BY due_at LIMIT $3) due`)
	CountScheduled = NewQuery(`SELECT count(*), min(due_at) FROM (SELECT due_at FROM open INDEXED BY open_queue
		WHERE environment_id = $1 AND lease IS NULL AND due_at > $2 ORDER BY due_at LIMIT $3) scheduled`)
	CountHeld = NewQuery(`SELECT count(*), min(due_at) FROM (SELECT due_at FROM open INDEXED BY open_held
		WHERE lease IS NOT NULL AND environment_id = $1 LIMIT $2) held`)
	FailedLast = NewQuery(`SELECT ` + WebhookColumns + `, ` + OwnerName + ` FROM webhooks INDEXED BY webhooks_by_failure
		WHERE environment_id = $1 AND last_failed_at >= $2 ORDER BY last_failed_at DESC LIMIT $3`)
	OutcomesSince = NewQueries(`SELECT webhook_id, sum(success)::bigint, sum(failed)::bigint FROM unnest($1::uuid[]) AS u (id)
		JOIN counts ON webhook_id = u.id WHERE hour >= $2 GROUP BY webhook_id`,
		toSQLite(`SELECT webhook_id, sum(success), sum(failed) FROM counts WHERE webhook_id = ANY ($1::uuid[]) AND hour >= $2 GROUP BY webhook_id`))

	openEverywhere = NewQuery(`SELECT coalesce(sum(open), 0)::bigint FROM queues`)
	// FirstWaiting reads the first entry of each webhook in the index.
	FirstWaiting = NewQueries(`WITH RECURSIVE waiting AS (
			(SELECT webhook_id, due_at FROM open WHERE lease IS NULL ORDER BY webhook_id, due_at LIMIT 1)
			UNION ALL
			SELECT next.webhook_id, next.due_at FROM waiting w CROSS JOIN LATERAL (
				SELECT webhook_id, due_at FROM open WHERE lease IS NULL AND webhook_id > w.webhook_id ORDER BY webhook_id, due_at LIMIT 1) next)
		SELECT min(due_at) FROM waiting w LEFT JOIN LATERAL (SELECT opened_at FROM webhooks
			WHERE id = w.webhook_id AND enabled AND deleted_at IS NULL LIMIT 1) c ON true
		WHERE c.opened_at IS NULL`,
		`SELECT min((SELECT due_at FROM open INDEXED BY open_waiting
			WHERE webhook_id = w.id AND lease IS NULL ORDER BY due_at LIMIT 1)) FROM webhooks w
			WHERE opened_at IS NULL OR NOT enabled OR deleted_at IS NOT NULL`)
	webhooksByStatus = NewQuery(`SELECT count(*) FILTER (WHERE enabled AND opened_at IS NULL), count(*) FILTER (WHERE NOT enabled),
		count(*) FILTER (WHERE enabled AND opened_at IS NOT NULL),
		count(*) FILTER (WHERE enabled AND opened_at IS NOT NULL
			AND EXISTS (SELECT 1 FROM open o WHERE o.webhook_id = w.id AND o.id = w.probe AND o.lease IS NOT NULL))
		FROM webhooks w WHERE deleted_at IS NULL`)
	databaseSize = NewQueries(`SELECT pg_database_size(current_database())`, `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`)
)

// Overview implements [store.Logs].
func (s *Store) Overview(ctx context.Context, p store.Overview) (o store.OverviewResult, err error) {
	grain := layout.GrainHour
	if p.ByMinute {
		grain = layout.GrainMinute
	}
	err = s.db.Snapshot(ctx, func(t Tx) error {
		if o.Activity, err = t.Activity(p.EnvironmentID, grain, p.From); err != nil {
			return err
		}
		if o.Queue, err = queueState(t, p.EnvironmentID, layout.Micros(p.Now)); err != nil {
			return err
		}
		o.Failing, err = failing(t, &p)
		return err
	})
	return o, err
}

// queueState counts open attempts, of each kind no more than an overview reports.
func queueState(t Tx, environment carteiro.ID, now time.Time) (q store.QueueState, err error) {
	if err := row(t, OpenIn, environment)(&q.Open); err != nil {
		return q, err
	}
	var heldSince, dueSince time.Time
	if err := row(t, CountHeld, environment, store.MaxQueueCount)(&q.Held, &heldSince); err != nil {
		return q, err
	}
	if err := row(t, CountDue, environment, now, store.MaxQueueCount)(&q.Due, &dueSince); err != nil {
		return q, err
	}
	if err := row(t, CountScheduled, environment, now, store.MaxQueueCount)(&q.Scheduled, &q.NextDue); err != nil {
		return q, err
	}
	q.More = max(q.Held, q.Due, q.Scheduled) == store.MaxQueueCount
	q.OldestDue = heldSince
	if q.OldestDue.IsZero() || !dueSince.IsZero() && dueSince.Before(q.OldestDue) {
		q.OldestDue = dueSince
	}
	return q, nil
}

// failing sums the outcomes of the webhooks that failed last, and returns the worst.
func failing(t Tx, p *store.Overview) (worst []store.FailingWebhook, err error) {
	hour := layout.SlotOf(layout.GrainHour, p.From)
	candidates, err := readFound(t, FailedLast, p.EnvironmentID, layout.StartOfSlot(layout.GrainHour, hour), store.MaxFailing)
	if err != nil || len(candidates) == 0 {
		return nil, err
	}
	var webhooks []carteiro.ID
	for _, w := range candidates {
		webhooks = append(webhooks, w.ID)
	}
	type outcomes struct{ success, failed int }
	counts := make(map[carteiro.ID]outcomes, len(candidates))
	err = t.Each(func(scan Scan) error {
		var webhook carteiro.ID
		var o outcomes
		err := scan(&webhook, &o.success, &o.failed)
		counts[webhook] = o
		return err
	}, OutcomesSince, webhooks, hour)
	if err != nil {
		return nil, err
	}
	for _, w := range candidates {
		if o := counts[w.ID]; o.failed > 0 && !w.Deleted() {
			worst = append(worst, store.FailingWebhook{FoundWebhook: w, Success: o.success, Failed: o.failed})
		}
	}
	return layout.Worst(worst, p.Failing), nil
}

// Vitals implements [store.Logs].
func (s *Store) Vitals(ctx context.Context) (v store.Vitals, err error) {
	err = s.db.Snapshot(ctx, func(t Tx) error {
		if err := row(t, openEverywhere)(&v.Open); err != nil {
			return err
		}
		if err := row(t, FirstWaiting)(&v.OldestWaiting); err != nil {
			return err
		}
		if err := row(t, webhooksByStatus)(&v.Active, &v.Disabled, &v.Failing, &v.Probing); err != nil {
			return err
		}
		return row(t, databaseSize)(&v.Bytes)
	})
	return v, err
}
