package postgres

import (
	"testing"

	"carteiro/internal/seal"
	"carteiro/internal/store"
	"carteiro/internal/store/postgres/postgrestest"
	"carteiro/internal/store/storetest"
)

func TestSecretsAreSealed(t *testing.T) {
	template := emptyTemplate(t)
	storetest.Sealing(t, func(t *testing.T) func(*seal.Keyring) store.Store {
		url := postgrestest.Database(t, template)
		return func(keys *seal.Keyring) store.Store {
			s, err := Open(t.Context(), url, Options{Connections: 8, Keys: keys})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
	})
}
