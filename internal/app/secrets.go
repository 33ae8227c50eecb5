package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/jobs"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
)

// openWithKeys opens the server's database, if the keys that it needs are there.
func openWithKeys(ctx context.Context, d config.Database, keys *seal.Keyring, h hooks) (store.Store, error) {
	s, err := openDatabase(ctx, d, Exclusive, keys, h)
	if err != nil {
		return nil, err
	}
	if err := CheckKeys(ctx, s, keys); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// CheckKeys fails when secrets in the database are encrypted with a key that is not there: a server without it would
// deliver nothing to those webhooks, and must not begin.
func CheckKeys(ctx context.Context, s store.Secrets, keys *seal.Keyring) error {
	used, err := s.SecretKeys(ctx)
	if err != nil {
		return err
	}
	for _, key := range used {
		if key.Name != "" && !keys.Has(key.Name) {
			given := "no key is set"
			if keys != nil {
				given = "the first that is set is " + cmp.Or(keys.First(), "none")
			}
			return fmt.Errorf("the secrets of %d webhooks are encrypted with the key %s, which is not among the keys: %s "+
				"(CARTEIRO_ENCRYPTION_KEY or --encryption-key-file; add the missing one behind the others)", key.Webhooks, key.Name, given)
		}
	}
	return nil
}

// EncryptsWith names the key that encrypts secrets; "" when they are stored as they are.
func (a *App) EncryptsWith() string { return a.keys.First() }

// reseal has what lies open, or is encrypted with a former key, encrypted with the present one.
func (a *App) reseal(ctx context.Context) {
	if a.keys.First() == "" {
		return
	}
	switch n, err := jobs.Reseal(ctx, a.store, a.keys.First()); {
	case err != nil && ctx.Err() == nil:
		a.logger.Warn("not all secrets are encrypted with the first key; the next start, or carteiro secrets rotate, tries again",
			"key", a.keys.First(), "webhooks", n, "error", err)
	case n > 0:
		a.logger.Info("secrets encrypted with the first key", "key", a.keys.First(), "webhooks", n)
	}
}
