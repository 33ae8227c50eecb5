package postgres

import (
	"context"

	"github.com/carteiro/carteiro/internal/store"
)

const (
	openEverywhere = `SELECT coalesce(sum(open), 0)::bigint FROM queues`
	// From one webhook to the next by the index, as backlog does, instead of all of it.
	firstWaiting = `WITH RECURSIVE waiting AS (
			(SELECT webhook_id, due_at FROM open WHERE lease IS NULL ORDER BY webhook_id, due_at LIMIT 1)
			UNION ALL
			SELECT next.webhook_id, next.due_at FROM waiting w CROSS JOIN LATERAL (
				SELECT webhook_id, due_at FROM open WHERE lease IS NULL AND webhook_id > w.webhook_id ORDER BY webhook_id, due_at LIMIT 1) next)
		SELECT min(due_at) FROM waiting w LEFT JOIN LATERAL (SELECT opened_at FROM webhooks
			WHERE id = w.webhook_id AND enabled AND deleted_at IS NULL LIMIT 1) c ON true
		WHERE c.opened_at IS NULL`
	databaseSize = `SELECT pg_database_size(current_database())`
)

const webhooksByStatus = `SELECT count(*) FILTER (WHERE enabled AND opened_at IS NULL), count(*) FILTER (WHERE NOT enabled),
	count(*) FILTER (WHERE enabled AND opened_at IS NOT NULL),
	count(*) FILTER (WHERE enabled AND opened_at IS NOT NULL AND EXISTS (SELECT FROM open o WHERE o.webhook_id = w.id AND o.id = w.probe AND o.lease IS NOT NULL))
	FROM webhooks w WHERE deleted_at IS NULL`

// Vitals implements [store.Logs].
func (s *Store) Vitals(ctx context.Context) (v store.Vitals, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		if err := t.row(openEverywhere)(&v.Open); err != nil {
			return err
		}
		if err := t.row(firstWaiting)(toTime(&v.OldestWaiting)); err != nil {
			return err
		}
		if err := t.row(webhooksByStatus)(&v.Active, &v.Disabled, &v.Failing, &v.Probing); err != nil {
			return err
		}
		return t.row(databaseSize)(&v.Bytes)
	})
	return v, err
}
