package postgres

import (
	"context"

	"carteiro"
	"carteiro/internal/store"
	"carteiro/internal/store/settings"
)

const (
	secretKeys = `SELECT sealed_by, count(*) FROM webhooks WHERE sealed_by IS NOT NULL AND deleted_at IS NULL GROUP BY sealed_by ORDER BY sealed_by COLLATE "C"`
	// What another node is at is left to it.
	sealedWith = `SELECT ` + webhookColumns + ` FROM webhooks WHERE sealed_by = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`
	reseal     = `UPDATE webhooks SET settings = $2, sealed_by = $3 WHERE id = $1`
)

// SecretKeys implements [store.Secrets].
func (s *Store) SecretKeys(ctx context.Context) (keys []store.SecretKey, err error) {
	err = s.read(ctx, func(t *tx) error {
		keys = nil
		return t.each(func(scan func(...any) error) error {
			var k store.SecretKey
			err := scan(&k.Name, &k.Webhooks)
			keys = append(keys, k)
			return err
		}, secretKeys)
	})
	return keys, err
}

// Reseal implements [store.Secrets].
func (s *Store) Reseal(ctx context.Context, p store.Reseal) (n int, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		var webhooks []*carteiro.Webhook
		err := t.each(func(scan func(...any) error) error {
			w, err := t.readWebhook(scan)
			webhooks = append(webhooks, w)
			return err
		}, sealedWith, p.Key, p.Limit)
		if err != nil {
			return err
		}
		for _, w := range webhooks {
			encoded, by, err := settings.Encode(w, t.keys)
			if err != nil {
				return err
			}
			if _, err := t.run(reseal, id(w.ID), encoded, by); err != nil {
				return err
			}
		}
		n = len(webhooks)
		return nil
	})
	return n, err
}
