package sqlite

import (
	"path/filepath"
	"testing"

	"carteiro/internal/seal"
	"carteiro/internal/store"
	"carteiro/internal/store/storetest"
)

func TestSecretsAreSealed(t *testing.T) {
	storetest.Sealing(t, func(t *testing.T) func(*seal.Keyring) store.Store {
		path := filepath.Join(t.TempDir(), "carteiro.db")
		return func(keys *seal.Keyring) store.Store { return reopen(t, path, Options{Shared: true, Keys: keys}) }
	})
}
