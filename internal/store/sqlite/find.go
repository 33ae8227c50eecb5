package sqlite

import (
	"context"

	"github.com/carteiro/carteiro/internal/store"
)

// ownerName is the column behind webhookColumns that readFound wants.
const ownerName = `coalesce((SELECT name FROM owners o
		WHERE o.environment_id = webhooks.environment_id AND o.kind = webhooks.owner_kind AND o.id = webhooks.owner_id), '')`

var (
	findWebhooks = newQuery(`SELECT ` + webhookColumns + `, ` + ownerName + ` FROM webhooks INDEXED BY webhooks_by_name
		WHERE environment_id = ?1 AND deleted_at IS NULL AND (?2 = '' OR instr(folded, ?2) > 0)
		ORDER BY folded, id LIMIT ?3 OFFSET ?4`)
	countWebhooks = newQuery(`SELECT count(*) FROM webhooks INDEXED BY webhooks_by_name
		WHERE environment_id = ?1 AND deleted_at IS NULL AND (?2 = '' OR instr(folded, ?2) > 0)`)
)

// FindWebhooks implements [store.Registry].
func (s *Store) FindWebhooks(ctx context.Context, p store.FindWebhooks) (found []store.FoundWebhook, total int, err error) {
	search := fold(p.Search)
	err = s.readSnapshot(ctx, func(c *conn) error {
		n, err := c.query(countWebhooks).id(p.EnvironmentID).text(search).number()
		if err != nil {
			return err
		}
		total = int(n)
		rows := c.query(findWebhooks).id(p.EnvironmentID).text(search).int(int64(p.Limit)).int(int64(p.Offset))
		for rows.next() {
			w, err := readFound(rows)
			if err != nil {
				_ = rows.end() // what was read is at fault, not the reading
				return err
			}
			found = append(found, w)
		}
		return rows.end()
	})
	return found, total, err
}

func readFound(row *stmt) (store.FoundWebhook, error) {
	w, err := readWebhook(row)
	return store.FoundWebhook{Webhook: w, OwnerName: row.colText(webhookWidth)}, err
}
