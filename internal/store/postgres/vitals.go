package postgres

import (
	"context"
	"fmt"

	"carteiro"
	"carteiro/internal/store"
)

const (
	openEverywhere = `SELECT coalesce(sum(open), 0)::bigint FROM queues`
	// In each environment the first of the index, instead of all of it.
	firstWaiting = `SELECT min(due_at) FROM (SELECT DISTINCT environment_id FROM queues) q CROSS JOIN LATERAL
		(SELECT due_at FROM open o WHERE o.environment_id = q.environment_id AND lease IS NULL ORDER BY due_at LIMIT 1) o`
	databaseSize = `SELECT pg_database_size(current_database())`
)

var webhooksByStatus = fmt.Sprintf(`SELECT count(*) FILTER (WHERE enabled AND failures_in_a_row < %[1]d), count(*) FILTER (WHERE NOT enabled),
	count(*) FILTER (WHERE enabled AND failures_in_a_row >= %[1]d) FROM webhooks WHERE deleted_at IS NULL`, carteiro.FailuresForError)

// Vitals implements [store.Logs].
func (s *Store) Vitals(ctx context.Context) (v store.Vitals, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		if err := t.row(openEverywhere)(&v.Open); err != nil {
			return err
		}
		if err := t.row(firstWaiting)(toTime(&v.OldestWaiting)); err != nil {
			return err
		}
		if err := t.row(webhooksByStatus)(&v.Active, &v.Disabled, &v.Failing); err != nil {
			return err
		}
		return t.row(databaseSize)(&v.Bytes)
	})
	return v, err
}
