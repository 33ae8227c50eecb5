package sqlstore

import (
	"context"

	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/settings"
)

const narrowEnd = ` AND deleted_at IS NULL ORDER BY id LIMIT $1`

var (
	secretKeys = NewQuery(`SELECT sealed_by, count(*) FROM webhooks INDEXED BY webhooks_by_key
		WHERE sealed_by IS NOT NULL AND deleted_at IS NULL GROUP BY sealed_by ORDER BY sealed_by COLLATE "C"`)
	// Webhooks that another node is encrypting are skipped.
	sealedWith = NewQuery(`SELECT ` + WebhookColumns + ` FROM webhooks INDEXED BY webhooks_by_key
		WHERE sealed_by = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`)
	// sealedNarrowly finds webhooks with headers that count as secret now and did not when they were stored.
	sealedNarrowly = NewQueries(`SELECT `+WebhookColumns+` FROM webhooks
		WHERE position('`+settings.HasHeaders+`' IN settings::text) > 0 AND position('`+settings.HasRule+`' IN settings::text) = 0`+
		narrowEnd+` FOR UPDATE SKIP LOCKED`,
		toSQLite(`SELECT `+WebhookColumns+` FROM webhooks
		WHERE instr(settings, CAST('`+settings.HasHeaders+`' AS BLOB)) > 0 AND instr(settings, CAST('`+settings.HasRule+`' AS BLOB)) = 0`+
			narrowEnd))
	putSettings = NewQuery(`UPDATE webhooks SET settings = $2, sealed_by = $3 WHERE id = $1`)
)

// SecretKeys implements [store.Secrets].
func (s *Store) SecretKeys(ctx context.Context) (keys []store.SecretKey, err error) {
	err = s.db.Read(ctx, func(t Tx) error {
		keys, err = list(t, func(scan Scan) (k store.SecretKey, err error) {
			err = scan(&k.Name, &k.Webhooks)
			return k, err
		}, secretKeys)
		return err
	})
	return keys, err
}

// Reseal implements [store.Secrets].
func (s *Store) Reseal(ctx context.Context, p store.Reseal) (n int, err error) {
	wide := s.db.ReadsWidely(ctx)
	err = s.db.Write(ctx, p.Limit, func(t Tx) error {
		n = 0
		query, args := sealedWith, []any{p.Key, p.Limit}
		if p.Key != "" && p.Key == t.Keys().First() {
			if !wide {
				return nil
			}
			query, args = sealedNarrowly, []any{p.Limit}
		}
		webhooks, err := ReadWebhooks(t, query, args...)
		if err != nil {
			return err
		}
		for _, w := range webhooks {
			encoded, by, err := settings.Encode(w, t.Keys(), wide)
			if err != nil {
				return err
			}
			if _, err := t.Exec(putSettings, w.ID, encoded, by); err != nil {
				return err
			}
		}
		n = len(webhooks)
		return nil
	})
	return n, err
}
