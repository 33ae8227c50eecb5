package postgres

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/settings"
)

const (
	secretKeys = `SELECT sealed_by, count(*) FROM webhooks WHERE sealed_by IS NOT NULL AND deleted_at IS NULL GROUP BY sealed_by ORDER BY sealed_by COLLATE "C"`
	// What another node is at is left to it.
	sealedWith = `SELECT ` + webhookColumns + ` FROM webhooks WHERE sealed_by = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`
	// sealedNarrowly are those with headers that count as secret by now and did not when they were stored.
	sealedNarrowly = `SELECT ` + webhookColumns + ` FROM webhooks
		WHERE position('` + settings.HasHeaders + `' IN settings::text) > 0 AND position('` + settings.HasRule + `' IN settings::text) = 0
			AND deleted_at IS NULL
		ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`
	// Nodes of an earlier release leave the column as it is by default.
	allReadWidely = `SELECT NOT EXISTS (SELECT FROM sessions WHERE reads < 1)`
	reseal        = `UPDATE webhooks SET settings = $2, sealed_by = $3 WHERE id = $1`
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

// readWidely says whether every node reads encrypted headers of all names. Once they do it stays so: a node of the release
// before refuses a database of this layout when it starts.
func (s *Store) readWidely(ctx context.Context) bool {
	if s.wide.Load() {
		return true
	}
	var all bool
	err := s.read(ctx, func(t *tx) error { return t.row(allReadWidely)(&all) })
	if err == nil && all {
		s.wide.Store(true)
	}
	return err == nil && all
}

// Reseal implements [store.Secrets].
func (s *Store) Reseal(ctx context.Context, p store.Reseal) (n int, err error) {
	wide := s.readWidely(ctx)
	query, args := sealedWith, []any{p.Key, p.Limit}
	if p.Key != "" && p.Key == s.keys.First() {
		if !wide {
			return 0, nil
		}
		query, args = sealedNarrowly, []any{p.Limit}
	}
	err = s.inTx(ctx, func(t *tx) error {
		var webhooks []*carteiro.Webhook
		err := t.each(func(scan func(...any) error) error {
			w, err := t.readWebhook(scan)
			webhooks = append(webhooks, w)
			return err
		}, query, args...)
		if err != nil {
			return err
		}
		for _, w := range webhooks {
			encoded, by, err := settings.Encode(w, t.keys, wide)
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
