package sqlite

import (
	"context"

	"github.com/carteiro/carteiro/internal/store"
)

var (
	openEverywhere = newQuery(`SELECT coalesce(sum(open), 0) FROM queues`)
	// Of each webhook the first of the index, instead of all of it.
	firstWaiting = newQuery(`SELECT min((SELECT due_at FROM open INDEXED BY open_waiting
		WHERE webhook_id = w.id AND lease IS NULL ORDER BY due_at LIMIT 1)) FROM webhooks w
		WHERE opened_at IS NULL OR NOT enabled OR deleted_at IS NOT NULL`)
	webhooksByStatus = newQuery(`SELECT total(enabled AND opened_at IS NULL), total(NOT enabled),
		total(enabled AND opened_at IS NOT NULL),
		total(enabled AND opened_at IS NOT NULL AND EXISTS (SELECT 1 FROM open WHERE webhook_id = w.id AND id = probe AND lease IS NOT NULL)) FROM webhooks w WHERE deleted_at IS NULL`)
	fileSize = newQuery(`SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`)
)

// Vitals implements [store.Logs].
func (s *Store) Vitals(ctx context.Context) (v store.Vitals, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		for _, part := range []struct {
			row  *stmt
			read func(row *stmt)
		}{
			{c.query(openEverywhere), func(row *stmt) { v.Open = int(row.colInt(0)) }},
			{c.query(firstWaiting), func(row *stmt) { v.OldestWaiting = row.colTime(0) }},
			{c.query(webhooksByStatus), func(row *stmt) {
				v.Active, v.Disabled, v.Failing = int(row.colInt(0)), int(row.colInt(1)), int(row.colInt(2))
				v.Probing = int(row.colInt(3))
			}},
			{c.query(fileSize), func(row *stmt) { v.Bytes = row.colInt(0) }},
		} {
			if _, err := part.row.one(); err != nil {
				return err
			}
			part.read(part.row)
			if err := part.row.end(); err != nil {
				return err
			}
		}
		return nil
	})
	return v, err
}
