package sqlite

import (
	"context"

	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/settings"
)

var (
	secretKeys = newQuery(`SELECT sealed_by, count(*) FROM webhooks INDEXED BY webhooks_by_key
		WHERE sealed_by IS NOT NULL AND deleted_at IS NULL GROUP BY sealed_by ORDER BY sealed_by`)
	sealedWith = newQuery(`SELECT ` + webhookColumns + ` FROM webhooks INDEXED BY webhooks_by_key
		WHERE sealed_by = ? AND deleted_at IS NULL ORDER BY id LIMIT ?`)
	// sealedNarrowly are those with headers that count as secret by now and did not when they were stored.
	sealedNarrowly = newQuery(`SELECT ` + webhookColumns + ` FROM webhooks
		WHERE instr(settings, CAST('` + settings.HasHeaders + `' AS BLOB)) > 0 AND instr(settings, CAST('` + settings.HasRule + `' AS BLOB)) = 0
			AND deleted_at IS NULL
		ORDER BY id LIMIT ?`)
	putSealed = newQuery(`UPDATE webhooks SET settings = ?2, sealed_by = ?3 WHERE id = ?1`)
)

// SecretKeys implements [store.Secrets].
func (s *Store) SecretKeys(ctx context.Context) (keys []store.SecretKey, err error) {
	err = s.read(ctx, func(c *conn) error {
		rows := c.query(secretKeys)
		for rows.next() {
			keys = append(keys, store.SecretKey{Name: rows.colText(0), Webhooks: int(rows.colInt(1))})
		}
		return rows.end()
	})
	return keys, err
}

// Reseal implements [store.Secrets].
func (s *Store) Reseal(ctx context.Context, p store.Reseal) (n int, err error) {
	err = s.writer.write(ctx, p.Limit, func(t *tx) error {
		n, err = t.reseal(p)
		return err
	})
	return n, err
}

func (t *tx) reseal(p store.Reseal) (int, error) {
	rows := t.query(sealedWith).text(p.Key).int(int64(p.Limit))
	if p.Key != "" && p.Key == t.keys.First() {
		rows = t.query(sealedNarrowly).int(int64(p.Limit))
	}
	webhooks, err := readWebhooks(rows)
	if err != nil {
		return 0, err
	}
	for _, w := range webhooks {
		encoded, by, err := settings.Encode(w, t.keys, true)
		if err != nil {
			return 0, err
		}
		if err := t.write(putSealed).id(w.ID).blob(encoded).maybeText(by).run(); err != nil {
			return 0, err
		}
	}
	return len(webhooks), nil
}
