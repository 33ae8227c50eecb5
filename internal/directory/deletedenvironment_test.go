package directory_test

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
)

func TestADeletedEnvironmentIsGoneHereAtOnceAndElsewhereWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids, now := new(carteiro.IDSource), time.Now()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
		must(err)
		defer func() { must(s.Close()) }()
		e := carteiro.Environment{ID: ids.New(now), Name: "staging", CreatedAt: now}
		token := carteiro.Token{ID: ids.New(now), EnvironmentID: e.ID, Hash: carteiro.HashToken("talq_x"), Scopes: carteiro.ScopeAll, CreatedAt: now}
		must(s.CreateEnvironment(t.Context(), store.CreateEnvironment{Environment: e, Token: token}))
		owner := carteiro.Owner{EnvironmentID: e.ID, Kind: carteiro.OwnerAgent, ID: ids.New(now), Name: "Ana", CreatedAt: now, UpdatedAt: now}
		_, _, err = s.PutOwner(t.Context(), store.PutOwner{Owner: owner})
		must(err)
		ref := store.OwnerRef{EnvironmentID: e.ID, Kind: owner.Kind, ID: owner.ID}
		hook := &carteiro.Webhook{
			ID: ids.New(now), EnvironmentID: e.ID, OwnerKind: owner.Kind, OwnerID: owner.ID, Events: []string{"event_action"}, Enabled: true,
			CreatedAt: now, UpdatedAt: now,
		}
		must(s.CreateWebhook(t.Context(), store.CreateWebhook{Webhook: hook}))
		here, elsewhere := directory.New(s, true), directory.New(s, true)
		for _, d := range []*directory.Directory{here, elsewhere} {
			_, err := d.Token(t.Context(), token.Hash)
			must(err)
			_, err = d.Recipients(t.Context(), ref, carteiro.ID{}, "event_action")
			must(err)
			_, err = d.Webhook(t.Context(), hook.ID)
			must(err)
		}
		wantGone := func(d *directory.Directory) {
			t.Helper()
			if _, err := d.Token(t.Context(), token.Hash); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the token: %v", err)
			}
			if _, err := d.Recipients(t.Context(), ref, carteiro.ID{}, "event_action"); !errors.Is(err, directory.ErrOwnerNotFound) {
				t.Errorf("the agent: %v", err)
			}
			if w, err := d.Webhook(t.Context(), hook.ID); err != nil || !w.Deleted() {
				t.Errorf("the webhook: %+v, %v", w, err)
			}
		}
		if err := here.DeleteEnvironment(t.Context(), store.DeleteEnvironment{ID: e.ID, Now: time.Now()}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("without force: %v", err)
		}
		must(here.DeleteEnvironment(t.Context(), store.DeleteEnvironment{ID: e.ID, Now: time.Now(), Force: true}))
		wantGone(here)
		<-time.After(directory.Freshness)
		wantGone(elsewhere)
	})
}
