package storetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
)

// Keys gives a ring of keys that are the same at every run: "a" is one, "ba" is two, of which b encrypts. "" is none.
func Keys(t testing.TB, names string) *seal.Keyring {
	t.Helper()
	var text strings.Builder
	for _, name := range names {
		text.WriteString(base64.StdEncoding.EncodeToString(append([]byte{0}, bytes.Repeat([]byte{byte(name)}, seal.KeyBytes-1)...)) + "\n")
	}
	keys, err := seal.Parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// Sealing holds a database against what it promises of secrets. open opens one and the same database of a test again and
// again, with other keys.
func Sealing(t *testing.T, database func(t *testing.T) (open func(*seal.Keyring) store.Store)) {
	for _, s := range []struct {
		name string
		tell func(w *world, open func(*seal.Keyring) store.Store)
	}{
		{"what lay open is encrypted in batches, and reads the same before and after", sealedInBatches},
		{"a key is left while webhooks change and others work on it too", sealedTogether},
		{"what was sealed is opened in batches, reads the same, and needs no key then", unsealedInBatches},
		{"without the key nothing is given, and with it all is there", notWithoutTheKey},
		{"what needs no secrets is done without the key", doneWithoutTheKey},
		{"what has no secrets has no key", noSecretNoKey},
		{"the secrets of a webhook are erased when it or its owner is deleted", erasedWithTheWebhook},
	} {
		t.Run(s.name, func(t *testing.T) {
			open := database(t)
			s.tell(newWorld(t, open(nil)), open)
		})
	}
}

func (w *world) wantKeys(s store.Store, want ...store.SecretKey) {
	w.t.Helper()
	keys, err := s.SecretKeys(w.t.Context())
	w.ok(err)
	if len(keys)+len(want) > 0 {
		equal(w.t, "keys", keys, want)
	}
}

func sealedInBatches(w *world, open func(*seal.Keyring) store.Store) {
	var all []*carteiro.Webhook
	for range 5 {
		all = append(all, w.webhook())
	}
	w.remove(all[3].ID)
	all[3].DeletedAt, all[3].Version = w.now, 2
	all[3].EraseSecrets()
	w.wantKeys(w.Store, store.SecretKey{Webhooks: 4})

	s := open(Keys(w.t, "a"))
	var batches []int
	for {
		n, err := s.Reseal(w.t.Context(), store.Reseal{Limit: 2})
		w.ok(err)
		if n == 0 {
			break
		}
		batches = append(batches, n)
	}
	equal(w.t, "batches", batches, []int{2, 2})
	w.wantKeys(s, store.SecretKey{Name: Keys(w.t, "a").First(), Webhooks: 4})
	for _, want := range all {
		got, err := s.GetWebhook(w.t.Context(), want.ID)
		w.ok(err)
		equal(w.t, "webhook", got, want)
	}
}

func sealedTogether(w *world, open func(*seal.Keyring) store.Store) {
	s := open(Keys(w.t, "a"))
	w.Store = s
	var all []*carteiro.Webhook
	for range 40 {
		all = append(all, w.webhook())
	}
	both := open(Keys(w.t, "ba"))
	var work sync.WaitGroup
	faults := make(chan error, 8)
	for range 4 {
		work.Go(func() {
			for n := 1; n > 0; {
				var err error
				if n, err = both.Reseal(context.WithoutCancel(w.t.Context()), store.Reseal{Key: Keys(w.t, "a").First(), Limit: 3}); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	for _, webhook := range all[:10] {
		webhook.Name = "Changed meanwhile"
		w.ok(both.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: webhook}))
	}
	work.Wait()
	close(faults)
	for err := range faults {
		w.t.Error(err)
	}
	for n := 1; n > 0; { // what one left to another that got it later
		var err error
		n, err = both.Reseal(w.t.Context(), store.Reseal{Key: Keys(w.t, "a").First(), Limit: 100})
		w.ok(err)
	}
	alone := open(Keys(w.t, "b"))
	w.wantKeys(alone, store.SecretKey{Name: Keys(w.t, "b").First(), Webhooks: 40})
	for _, want := range all {
		got, err := alone.GetWebhook(w.t.Context(), want.ID)
		w.ok(err)
		equal(w.t, "webhook", got, want)
	}
}

func unsealedInBatches(w *world, open func(*seal.Keyring) store.Store) {
	w.Store = open(Keys(w.t, "ba"))
	var all []*carteiro.Webhook
	for range 5 {
		all = append(all, w.webhook())
	}
	w.Store = open(Keys(w.t, "ba").Opening())
	all = append(all, w.webhook())
	sealed := Keys(w.t, "b").First()
	w.wantKeys(w.Store, store.SecretKey{Webhooks: 1}, store.SecretKey{Name: sealed, Webhooks: 5})
	var batches []int
	for n := 1; n > 0; batches = append(batches, n) {
		var err error
		n, err = w.Reseal(w.t.Context(), store.Reseal{Key: sealed, Limit: 2})
		w.ok(err)
	}
	equal(w.t, "batches", batches, []int{2, 2, 1, 0})
	w.Store = open(nil)
	w.wantKeys(w.Store, store.SecretKey{Webhooks: 6})
	for _, webhook := range all {
		w.wantWebhook(webhook.ID, func(want *carteiro.Webhook) { *want = *webhook })
	}
}

func notWithoutTheKey(w *world, open func(*seal.Keyring) store.Store) {
	w.Store = open(Keys(w.t, "a"))
	webhook := w.webhook()
	for _, keys := range []string{"", "b"} {
		s := open(Keys(w.t, keys))
		_, err := s.GetWebhook(w.t.Context(), webhook.ID)
		if !errors.Is(err, seal.ErrNoKey) || !strings.Contains(err.Error(), webhook.ID.String()) {
			w.t.Errorf("with the keys %q: %v", keys, err)
		}
		_, err = s.ListWebhooks(w.t.Context(), w.owner)
		w.wantErr(err, seal.ErrNoKey)
		_, _, err = s.FindWebhooks(w.t.Context(), store.FindWebhooks{EnvironmentID: w.owner.EnvironmentID, Limit: 10})
		w.wantErr(err, seal.ErrNoKey)
		_, err = s.Reseal(w.t.Context(), store.Reseal{Key: Keys(w.t, "a").First(), Limit: 10})
		w.wantErr(err, seal.ErrNoKey)
		w.wantKeys(s, store.SecretKey{Name: Keys(w.t, "a").First(), Webhooks: 1})
		examined, err := s.(store.Examinable).ExamineWebhook(w.t.Context(), store.ExamineWebhook{Limit: 10}) //nolint:forcetypeassert // both databases are
		w.ok(err)
		// Whoever has no key at all has not set out to decrypt anything.
		if found := examined.Unreadable != ""; found != (keys != "") || found && !strings.Contains(examined.Unreadable, webhook.ID.String()) {
			w.t.Errorf("examined with the keys %q: %q", keys, examined.Unreadable)
		}
	}
	w.wantWebhook(webhook.ID, func(want *carteiro.Webhook) { *want = *webhook })
}

// Of two webhooks that fail for too long the secrets of one cannot be decrypted: both are disabled.
func doneWithoutTheKey(w *world, open func(*seal.Keyring) store.Store) {
	readable, keyless := w.Store, open(Keys(w.t, "a"))
	w.Store = keyless
	session := w.join()
	sealed := w.broken(session, 0)
	w.Store = readable
	lies := w.broken(session, 0)
	w.pass(time.Hour)
	var told []string
	disabled, err := w.DisableFailing(w.t.Context(), store.DisableFailing{
		Now: w.now, OpenedBefore: w.now, Limit: 10, Audit: func(hook *carteiro.Webhook) *carteiro.AuditEntry {
			told = append(told, hook.Name)
			return carteiro.TurnedOff(hook, w.newID(), "failing for too long")
		},
	})
	w.ok(err)
	var ids []carteiro.ID
	for _, hook := range disabled {
		ids = append(ids, hook.ID)
		equal(w.t, "without secrets", hook, withoutSecrets(hook))
	}
	slices.SortFunc(ids, compareIDs)
	equal(w.t, "disabled", ids, []carteiro.ID{sealed.ID, lies.ID})
	equal(w.t, "told", told, []string{sealed.Name, lies.Name})

	gone, err := w.DeleteOwner(w.t.Context(), store.DeleteOwner{OwnerRef: w.owner, Now: w.now})
	w.ok(err)
	equal(w.t, "deleted with their owner", len(gone), 2)
	w.wantKeys(w.Store)
	stored := w.stored(sealed.ID)
	equal(w.t, "stored", []any{stored.Enabled, stored.DisabledBy, stored.DeletedAt}, []any{false, carteiro.DisabledByError, w.now})
	equal(w.t, "its secrets", []any{stored.Secret, stored.AuthorizationValue, stored.FormerSecrets}, []any{"", "", []carteiro.FormerSecret(nil)})
}

// Whichever way a webhook goes, its secrets go with it, and what is left of it needs no key.
func erasedWithTheWebhook(w *world, open func(*seal.Keyring) store.Store) {
	w.Store = open(Keys(w.t, "a"))
	one, other := w.secretive(), w.secretive()
	w.remove(one.ID)
	var audited []carteiro.ID
	_, err := w.DeleteOwner(w.t.Context(), store.DeleteOwner{OwnerRef: w.owner, Now: w.now, AuditWebhook: func(hook *carteiro.Webhook) *carteiro.AuditEntry {
		equal(w.t, "audited without secrets", []any{hook.Deleted(), hook.Secret, hook.AuthorizationValue}, []any{true, "", ""})
		audited = append(audited, hook.ID)
		return nil
	}})
	w.ok(err)
	equal(w.t, "audited", audited[len(audited)-1], other.ID)
	for _, keys := range []string{"a", "", "b"} {
		w.Store = open(Keys(w.t, keys))
		w.wantKeys(w.Store)
		for _, hook := range []*carteiro.Webhook{one, other} {
			stored := w.stored(hook.ID)
			equal(w.t, "signing", []any{stored.Secret, stored.FormerSecrets, stored.AuthorizationValue}, []any{"", []carteiro.FormerSecret(nil), ""})
			equal(w.t, "headers", stored.CustomHeaders, []carteiro.Header{{Key: "X-Plain", Value: "1"}, {Key: "X-Api-Token"}})
			equal(w.t, "the rest", []any{stored.Name, stored.URL, stored.Events}, []any{hook.Name, hook.URL, hook.Events})
		}
		examined, err := w.Store.(store.Examinable).ExamineWebhook(w.t.Context(), store.ExamineWebhook{Limit: 10}) //nolint:forcetypeassert // both databases are
		w.ok(err)
		equal(w.t, "unreadable", examined.Unreadable, "")
	}
}

// secretive creates a webhook with secrets of every kind.
func (w *world) secretive() *carteiro.Webhook {
	w.t.Helper()
	hook := w.newWebhook()
	hook.Secret, hook.AuthorizationValue = "s3cret", "credential"
	hook.FormerSecrets = []carteiro.FormerSecret{{Secret: "former", EndsAt: w.now.Add(time.Hour)}}
	hook.CustomHeaders = []carteiro.Header{{Key: "X-Plain", Value: "1"}, {Key: "X-Api-Token", Value: "hunter2"}}
	w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: hook}))
	return hook
}

func noSecretNoKey(w *world, open func(*seal.Keyring) store.Store) {
	w.Store = open(Keys(w.t, "a"))
	webhook := w.newWebhook()
	webhook.Secret, webhook.AuthorizationValue, webhook.FormerSecrets = "", "", nil
	w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: webhook}))
	w.wantKeys(w.Store)
	webhook.CustomHeaders = []carteiro.Header{{Key: "X-Plain", Value: "1"}, {Key: "X-Api-Token", Value: "hunter2"}}
	w.ok(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: webhook}))
	w.wantKeys(w.Store, store.SecretKey{Name: Keys(w.t, "a").First(), Webhooks: 1})
	w.wantWebhook(webhook.ID, func(want *carteiro.Webhook) { *want = *webhook })
	webhook.CustomHeaders = nil
	w.ok(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: webhook}))
	w.wantKeys(w.Store)
}

// OwnWebhook stores a webhook with a signing secret and these headers, and gives it.
func OwnWebhook(t testing.TB, s store.Store, headers ...carteiro.Header) *carteiro.Webhook {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	owner := carteiro.Owner{EnvironmentID: carteiro.ID{1}, Kind: carteiro.OwnerAgent, ID: carteiro.ID{2}, Name: "Ana", CreatedAt: at, UpdatedAt: at}
	if _, _, err := s.PutOwner(t.Context(), store.PutOwner{Owner: owner}); err != nil {
		t.Fatal(err)
	}
	w := &carteiro.Webhook{
		ID: carteiro.ID{3}, EnvironmentID: owner.EnvironmentID, OwnerKind: owner.Kind, OwnerID: owner.ID, Name: "CRM", URL: "https://example.com",
		Events: []string{"event_action"}, Secret: "planted secret", Enabled: true, HTTPMethod: "POST", AuthorizationScheme: carteiro.AuthorizationNone,
		CustomHeaders: headers, Timeout: time.Second, CreatedAt: at, UpdatedAt: at,
	}
	if err := s.CreateWebhook(t.Context(), store.CreateWebhook{Webhook: w}); err != nil {
		t.Fatal(err)
	}
	return w
}
