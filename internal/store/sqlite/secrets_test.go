package sqlite

import (
	"bytes"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/settings"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
	"github.com/carteiro/carteiro/internal/store/storetest"
)

var settingsOf = newQuery(`SELECT settings FROM webhooks WHERE id = ?`)

func TestSecretsAreSealed(t *testing.T) {
	storetest.Sealing(t, func(t *testing.T) func(*seal.Keyring) store.Store {
		path := filepath.Join(t.TempDir(), "carteiro.db")
		return func(keys *seal.Keyring) store.Store { return reopen(t, path, Options{Shared: true, Keys: keys}) }
	})
}

// In a database of the release before, headers that count as secret by now lie open, also beside secrets that are encrypted.
func TestHeadersThatBecameSecretAreSealed(t *testing.T) {
	path, keys := filepath.Join(t.TempDir(), "carteiro.db"), storetest.Keys(t, "a")
	s := reopen(t, path, Options{Keys: keys})
	hook := storetest.OwnWebhook(t, s, carteiro.Header{Key: "X-JWT", Value: "planted"}, carteiro.Header{Key: "X-Team", Value: "planted too", Secret: true})
	encoded, by, err := settings.Encode(hook, keys, false)
	must(t, err)
	must(t, s.writer.write(t.Context(), 1, func(tx *tx) error { return sqlstore.PutSettings(tx, hook.ID, encoded, by) }))
	for _, want := range []int{1, 0} {
		if n, err := s.Reseal(t.Context(), store.Reseal{Key: keys.First(), Limit: 10}); n != want || err != nil {
			t.Errorf("sealed %d webhooks, %v, want %d", n, err, want)
		}
	}
	got, err := s.GetWebhook(t.Context(), hook.ID)
	if must(t, err); !reflect.DeepEqual(got, hook) {
		t.Errorf("read %#v", got)
	}
	must(t, s.read(t.Context(), func(c *conn) error {
		row := c.query(settingsOf).id(hook.ID)
		if _, err := row.one(); err != nil {
			return err
		}
		if text := row.colBlob(0); bytes.Contains(text, []byte("planted")) {
			t.Errorf("stored as %s", text)
		}
		return row.end()
	}))
}

// The secrets of webhooks that an earlier release deleted are encrypted with a key that may be lost by now.
func TestSecretsOfWebhooksThatAnEarlierReleaseDeletedAreErased(t *testing.T) {
	path, keys := filepath.Join(t.TempDir(), "carteiro.db"), storetest.Keys(t, "a")
	s := reopen(t, path, Options{Keys: keys})
	hook := storetest.OwnWebhook(t, s, carteiro.Header{Key: "X-JWT", Value: "planted"})
	must(t, s.writer.write(t.Context(), 1, func(tx *tx) error { return tx.exec("UPDATE webhooks SET deleted_at = 1") }))
	closeStore(t, s)
	s = reopen(t, path, Options{})
	used, err := s.SecretKeys(t.Context())
	if must(t, err); len(used) > 0 {
		t.Errorf("a deleted webhook needs the keys %v", used)
	}
	if w, err := s.GetWebhook(t.Context(), hook.ID); err != nil || w.Secret != "" {
		t.Errorf("read %#v, %v", w, err)
	}
	for _, want := range []carteiro.ID{hook.ID, {}} { // it is clean then
		cleaned, err := s.CleanDeleted(t.Context(), store.CleanDeleted{Now: start, SettledBefore: start, Limit: 1})
		if must(t, err); cleaned.WebhookID != want {
			t.Errorf("cleaned %v, want %v", cleaned.WebhookID, want)
		}
	}
	must(t, s.read(t.Context(), func(c *conn) error {
		row := c.query(settingsOf).id(hook.ID)
		if _, err := row.one(); err != nil {
			return err
		}
		if text := row.colBlob(0); bytes.Contains(text, []byte("sealed")) || bytes.Contains(text, []byte("planted")) {
			t.Errorf("stored as %s", text)
		}
		return row.end()
	}))
}
