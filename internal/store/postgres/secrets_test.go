package postgres

import (
	"reflect"
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
	"github.com/carteiro/carteiro/internal/store/storetest"
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

// A node of the release before reads no header as encrypted that was not secret to it. Headers that count as secret by now
// are encrypted once no such node is left.
func TestHeadersThatBecameSecretAreSealedOnceEveryNodeReadsThem(t *testing.T) {
	keys := storetest.Keys(t, "a")
	s, err := Open(t.Context(), postgrestest.Database(t, emptyTemplate(t)), Options{Connections: 8, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	change := func(sql string) {
		t.Helper()
		if err := s.inTx(t.Context(), func(tx *tx) error { _, err := tx.run(sql); return err }); err != nil {
			t.Fatal(err)
		}
	}
	change(`INSERT INTO sessions (node, until) VALUES ('of the release before', now() + interval '1 hour')`)
	hook := storetest.OwnWebhook(t, s, carteiro.Header{Key: "X-JWT", Value: "planted"}, carteiro.Header{Key: "X-Team", Value: "planted too", Secret: true})
	stored := func() (text string) {
		t.Helper()
		if err := s.read(t.Context(), func(tx *tx) error { return tx.row(`SELECT settings::text FROM webhooks`)(&text) }); err != nil {
			t.Fatal(err)
		}
		return text
	}
	if !strings.Contains(stored(), "planted") {
		t.Errorf("stored as %s, which the older node cannot read", stored())
	}
	sealed := func(want int) {
		t.Helper()
		if n, err := s.Reseal(t.Context(), store.Reseal{Key: keys.First(), Limit: 10}); n != want || err != nil {
			t.Errorf("sealed %d webhooks, %v, want %d", n, err, want)
		}
	}
	sealed(0)
	change(`DELETE FROM sessions`)
	sealed(1)
	sealed(0)
	if got, err := s.GetWebhook(t.Context(), hook.ID); err != nil || !reflect.DeepEqual(got, hook) || strings.Contains(stored(), "planted") {
		t.Errorf("read %#v, %v\nstored as %s", got, err, stored())
	}
}

// The secrets of webhooks that an earlier release deleted are encrypted with a key that may be lost by now.
func TestSecretsOfWebhooksThatAnEarlierReleaseDeletedAreErased(t *testing.T) {
	url := postgrestest.Database(t, emptyTemplate(t))
	open := func(keys string) *Store {
		t.Helper()
		s, err := Open(t.Context(), url, Options{Connections: 8, Keys: storetest.Keys(t, keys)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	s := open("a")
	hook := storetest.OwnWebhook(t, s, carteiro.Header{Key: "X-JWT", Value: "planted"})
	if _, err := s.pool.Exec(t.Context(), `UPDATE webhooks SET deleted_at = to_timestamp(1)`); err != nil {
		t.Fatal(err)
	}
	s = open("b")
	if used, err := s.SecretKeys(t.Context()); err != nil || len(used) > 0 {
		t.Errorf("a deleted webhook needs the keys %v, %v", used, err)
	}
	if w, err := s.GetWebhook(t.Context(), hook.ID); err != nil || w.Secret != "" {
		t.Errorf("read %#v, %v", w, err)
	}
	for _, want := range []carteiro.ID{hook.ID, {}} { // it is clean then
		cleaned, err := s.CleanDeleted(t.Context(), store.CleanDeleted{Now: start, SettledBefore: start, Limit: 1})
		if err != nil || cleaned.WebhookID != want {
			t.Errorf("cleaned %v, %v, want %v", cleaned.WebhookID, err, want)
		}
	}
	var stored string
	err := s.read(t.Context(), func(tx *tx) error { return tx.row(`SELECT settings::text FROM webhooks`)(&stored) })
	if err != nil || strings.Contains(stored, "sealed") || strings.Contains(stored, "planted") {
		t.Errorf("stored as %s, %v", stored, err)
	}
}
