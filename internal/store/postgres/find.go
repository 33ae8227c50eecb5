package postgres

import (
	"context"

	"github.com/carteiro/carteiro/internal/store"
)

const (
	// ownerName is the column behind webhookColumns that readFound wants.
	ownerName = `coalesce((SELECT name FROM owners o
		WHERE o.environment_id = webhooks.environment_id AND o.kind = webhooks.owner_kind AND o.id = webhooks.owner_id), '')`

	foundWebhooks = ` FROM webhooks WHERE environment_id = $1 AND deleted_at IS NULL AND ($2 = ''::bytea OR position($2 IN folded) > 0)`
	findWebhooks  = `SELECT ` + webhookColumns + `, ` + ownerName + foundWebhooks + ` ORDER BY folded, id LIMIT $3 OFFSET $4`
	countWebhooks = `SELECT count(*)` + foundWebhooks
)

// FindWebhooks implements [store.Registry].
func (s *Store) FindWebhooks(ctx context.Context, p store.FindWebhooks) (found []store.FoundWebhook, total int, err error) {
	search := fold(p.Search)
	err = s.inSnapshot(ctx, func(t *tx) error {
		if err := t.row(countWebhooks, id(p.EnvironmentID), search)(&total); err != nil {
			return err
		}
		found, err = t.foundBy(findWebhooks, id(p.EnvironmentID), search, p.Limit, p.Offset)
		return err
	})
	return found, total, err
}

// foundBy gives what a query of webhookColumns and ownerName does.
func (t *tx) foundBy(sql string, args ...any) (found []store.FoundWebhook, err error) {
	err = t.each(func(scan func(...any) error) error {
		var w store.FoundWebhook
		w.Webhook, err = t.readWebhook(scan, octet{&w.OwnerName})
		found = append(found, w)
		return err
	}, sql, args...)
	return found, err
}
