package storetest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var registry = []story{
	{"a key creates one webhook, owner or token, also for callers at once, and is not used up by a call that fails", func(w *world) {
		e, _ := w.environment("keys")
		owner := store.OwnerRef{EnvironmentID: e.ID, Kind: carteiro.OwnerAgent, ID: w.newID()}
		w.putOwner(owner, "Ana")
		key := func(name string) *store.Key {
			key := w.key(name, 1)
			key.EnvironmentID = e.ID
			return key
		}
		// Each gives a call with ids of its own.
		newWebhook := func(key *store.Key, most int) func() error {
			hook := w.newWebhook()
			hook.EnvironmentID, hook.OwnerID = e.ID, owner.ID
			return func() error {
				return w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: hook, Most: most, Key: key})
			}
		}
		newAgent := func() func() error {
			agent := carteiro.Owner{EnvironmentID: e.ID, Kind: carteiro.OwnerAgent, ID: w.newID(), Name: "x", CreatedAt: w.now, UpdatedAt: w.now}
			return func() error {
				_, _, err := w.PutOwner(w.t.Context(), store.PutOwner{Key: key("agent"), Owner: agent})
				return err
			}
		}
		newToken := func() func() error {
			token := w.token(e.ID, w.newID().String())
			return func() error { return w.CreateToken(w.t.Context(), store.CreateToken{Token: token, Key: key("token")}) }
		}
		w.ok(newWebhook(nil, 1)())
		w.wantErr(newWebhook(key("webhook"), 1)(), store.ErrTooMany)
		for name, create := range map[string]func() func() error{
			"webhook": func() func() error { return newWebhook(key("webhook"), 2) }, "agent": newAgent, "token": newToken,
		} {
			calls, errs := make([]func() error, 8), make([]error, 8)
			for i := range calls {
				calls[i] = create()
			}
			var all sync.WaitGroup
			for i, call := range calls {
				all.Go(func() { errs[i] = call() })
			}
			all.Wait()
			made := 0
			for _, err := range errs {
				var used *store.KeyUsedError
				switch {
				case err == nil:
					made++
				case !errors.As(err, &used):
					w.t.Errorf("%s: %v", name, err)
				default:
					equal(w.t, "the answer of "+name, used.Replay, store.Replay{Fingerprint: [32]byte{1}, Answer: []byte{'a', 1}})
				}
			}
			equal(w.t, "made of "+name, made, 1)
		}
		_, webhooks, err := w.FindWebhooks(w.t.Context(), store.FindWebhooks{EnvironmentID: e.ID, Limit: 10})
		w.ok(err)
		_, owners, err := w.ListOwners(w.t.Context(), store.ListOwners{EnvironmentID: e.ID, Kind: carteiro.OwnerAgent, Limit: 10})
		w.ok(err)
		_, tokens, err := w.ListTokens(w.t.Context(), store.ListTokens{EnvironmentID: e.ID, Limit: 10})
		w.ok(err)
		equal(w.t, "in all", []int{webhooks, owners, tokens}, []int{2, 2, 2})
		w.pass(25 * time.Hour)
		w.ok(newAgent()())
	}},
	{"webhooks are found by their names, in all of an environment and nowhere else", func(w *world) {
		campaign := store.OwnerRef{EnvironmentID: w.owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: w.newID()}
		stranger := store.OwnerRef{EnvironmentID: w.newID(), Kind: carteiro.OwnerAgent, ID: w.newID()}
		w.putOwner(campaign, "Autumn")
		w.putOwner(stranger, "Elsewhere")
		want := make(map[string]store.FoundWebhook)
		for name, ref := range map[string]store.OwnerRef{
			"Ângela's CRM": w.owner, "crm of the house": campaign, "billing": w.owner, "CRM elsewhere": stranger, "CRM, gone": w.owner,
		} {
			webhook := w.newWebhook()
			webhook.Name, webhook.EnvironmentID, webhook.OwnerKind, webhook.OwnerID = name, ref.EnvironmentID, ref.Kind, ref.ID
			w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: webhook}))
			owner, err := w.GetOwner(w.t.Context(), ref)
			w.ok(err)
			want[name] = store.FoundWebhook{Webhook: webhook, OwnerName: owner.Name}
		}
		w.remove(want["CRM, gone"].ID)
		billing := w.change(want["billing"].ID, func(webhook *carteiro.Webhook) { webhook.Name = "Accounts" })
		for search, names := range map[string][]string{
			"": {"Accounts", "crm of the house", "Ângela's CRM"}, "crm": {"crm of the house", "Ângela's CRM"}, "âNG": {"Ângela's CRM"},
			"accounts": {"Accounts"}, "billing": nil, "%": nil, "'": {"Ângela's CRM"},
		} {
			var all []store.FoundWebhook
			for _, name := range names {
				found := want[name]
				if name == "Accounts" {
					found = store.FoundWebhook{Webhook: billing, OwnerName: "Reception"}
				}
				all = append(all, found)
			}
			got, total, err := w.FindWebhooks(w.t.Context(), store.FindWebhooks{EnvironmentID: w.owner.EnvironmentID, Search: search, Limit: 10})
			w.ok(err)
			equal(w.t, "total of "+search, total, len(all))
			equal(w.t, "found by "+search, got, all)
		}
		got, total, err := w.FindWebhooks(w.t.Context(), store.FindWebhooks{EnvironmentID: w.owner.EnvironmentID, Limit: 1, Offset: 1})
		w.ok(err)
		equal(w.t, "a page", []any{got[0].Name, len(got), total}, []any{"crm of the house", 1, 3})
	}},
	{"an owner is created once and then changed, keeping its time", func(w *world) {
		ref := store.OwnerRef{EnvironmentID: w.owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: w.newID()}
		want := carteiro.Owner{
			EnvironmentID: ref.EnvironmentID, Kind: ref.Kind, ID: ref.ID, Name: "Autumn", AgentID: w.owner.ID,
			CreatedAt: w.now, UpdatedAt: w.now,
		}
		got, created, err := w.PutOwner(w.t.Context(), store.PutOwner{Owner: want})
		w.ok(err)
		equal(w.t, "owner", got, want)
		equal(w.t, "created", created, true)

		w.pass(time.Hour)
		changed := want
		changed.Name, changed.AgentID, changed.CreatedAt, changed.UpdatedAt = "Winter", carteiro.ID{}, w.now, w.now
		got, created, err = w.PutOwner(w.t.Context(), store.PutOwner{Owner: changed, KeepAgent: true})
		w.ok(err)
		want.Name, want.UpdatedAt = "Winter", w.now
		equal(w.t, "owner", got, want)
		equal(w.t, "created", created, false)

		again := changed
		again.Name = "Spring"
		_, _, err = w.PutOwner(w.t.Context(), store.PutOwner{Owner: again, CreateOnly: true})
		w.wantErr(err, store.ErrConflict)

		_, _, err = w.PutOwner(w.t.Context(), store.PutOwner{Owner: changed})
		w.ok(err)
		want.AgentID = carteiro.ID{}
		got, err = w.GetOwner(w.t.Context(), ref)
		w.ok(err)
		equal(w.t, "owner", got, want)
	}},
	{"an id may stand in several environments and for both kinds", func(w *world) {
		elsewhere := store.OwnerRef{EnvironmentID: w.newID(), Kind: w.owner.Kind, ID: w.owner.ID}
		campaign := store.OwnerRef{EnvironmentID: w.owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: w.owner.ID}
		for _, ref := range []store.OwnerRef{elsewhere, campaign} {
			_, err := w.GetOwner(w.t.Context(), ref)
			w.wantErr(err, store.ErrNotFound)
			want := w.putOwner(ref, "Another")
			got, err := w.GetOwner(w.t.Context(), ref)
			w.ok(err)
			equal(w.t, "owner", got, want)
		}
		got, err := w.GetOwner(w.t.Context(), w.owner)
		w.ok(err)
		equal(w.t, "name", got.Name, "Reception")
	}},
	{"owners are listed by page, newest first, and searched in any case", func(w *world) {
		environment := w.newID()
		var all []carteiro.Owner
		for _, name := range []string{"São Paulo", "100%", "SÃO JOSÉ", "a_b", "São Bento"} {
			w.pass(time.Second)
			ref := store.OwnerRef{EnvironmentID: environment, Kind: carteiro.OwnerAgent, ID: w.newID()}
			all = slices.Insert(all, 0, w.putOwner(ref, name))
		}
		for search, want := range map[string][]carteiro.Owner{
			"":    all,
			"são": {all[0], all[2], all[4]},
			"J":   {all[2]},
			"%":   {all[3]},
			"_":   {all[1]},
			"x":   nil,
		} {
			for offset := range 6 {
				got, total, err := w.ListOwners(w.t.Context(), store.ListOwners{
					EnvironmentID: environment, Kind: carteiro.OwnerAgent, Search: search, Limit: 2, Offset: offset,
				})
				w.ok(err)
				equal(w.t, "total of "+search, total, len(want))
				if page := window(want, offset, 2); len(page)+len(got) > 0 {
					equal(w.t, "page of "+search, got, page)
				}
			}
		}
	}},
	{"a deleted agent takes its webhooks along and leaves its campaigns", func(w *world) {
		campaign := carteiro.Owner{
			EnvironmentID: w.owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: w.newID(), Name: "Autumn", AgentID: w.owner.ID,
			CreatedAt: w.now, UpdatedAt: w.now,
		}
		_, _, err := w.PutOwner(w.t.Context(), store.PutOwner{Owner: campaign})
		w.ok(err)
		one, two, gone := w.webhook(), w.webhook(), w.webhook()
		w.remove(gone.ID)
		w.pass(time.Hour)
		deleted, err := w.DeleteOwner(w.t.Context(), store.DeleteOwner{OwnerRef: w.owner, Now: w.now})
		w.ok(err)
		slices.SortFunc(deleted, compareIDs)
		equal(w.t, "deleted", deleted, []carteiro.ID{one.ID, two.ID})
		w.wantWebhook(one.ID, func(want *carteiro.Webhook) {
			*want = *one
			want.EraseSecrets()
			want.Version, want.DeletedAt, want.UpdatedAt = 2, w.now, w.now
		})

		_, err = w.GetOwner(w.t.Context(), w.owner)
		w.wantErr(err, store.ErrNotFound)
		_, err = w.DeleteOwner(w.t.Context(), store.DeleteOwner{OwnerRef: w.owner, Now: w.now})
		w.wantErr(err, store.ErrNotFound)
		left, err := w.GetOwner(w.t.Context(), store.OwnerRef{EnvironmentID: campaign.EnvironmentID, Kind: campaign.Kind, ID: campaign.ID})
		w.ok(err)
		campaign.AgentID = carteiro.ID{}
		equal(w.t, "campaign", left, campaign)

		w.putOwner(w.owner, "Back again")
		webhooks, err := w.ListWebhooks(w.t.Context(), w.owner)
		w.ok(err)
		equal(w.t, "webhooks of the new agent", len(webhooks), 0)
	}},
	{"a webhook is read as it was stored", func(w *world) {
		want := w.webhook()
		equal(w.t, "version", want.Version, int64(1))
		w.wantWebhook(want.ID, func(got *carteiro.Webhook) { *got = *want })
		w.wantErr(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: want}), store.ErrConflict)
		_, err := w.GetWebhook(w.t.Context(), w.newID())
		w.wantErr(err, store.ErrNotFound)
	}},
	{"a webhook needs its owner", func(w *world) {
		for _, change := range []func(*carteiro.Webhook){
			func(webhook *carteiro.Webhook) { webhook.OwnerID = w.newID() },
			func(webhook *carteiro.Webhook) { webhook.OwnerKind = carteiro.OwnerCampaign },
			func(webhook *carteiro.Webhook) { webhook.EnvironmentID = w.newID() },
		} {
			webhook := w.newWebhook()
			change(webhook)
			w.wantErr(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: webhook}), store.ErrNotFound)
			_, err := w.GetWebhook(w.t.Context(), webhook.ID)
			w.wantErr(err, store.ErrNotFound)
		}
	}},
	{"a change needs the version that it was made from", func(w *world) {
		webhook := w.webhook()
		stale := *webhook
		w.pass(time.Minute)
		webhook.Name, webhook.Enabled, webhook.Events, webhook.PayloadTemplates, webhook.UpdatedAt = "New", false, nil, nil, w.now
		webhook.FailuresInARow = 7
		w.ok(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: webhook}))
		equal(w.t, "version", webhook.Version, int64(2))
		want := *webhook
		want.FailuresInARow = 0
		w.wantWebhook(webhook.ID, func(got *carteiro.Webhook) { *got = want })
		w.wantErr(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: &stale}), store.ErrConflict)
		equal(w.t, "version of the stale copy", stale.Version, int64(1))
		w.wantWebhook(webhook.ID, func(got *carteiro.Webhook) { *got = want })
		unknown := w.newWebhook()
		w.wantErr(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: unknown}), store.ErrNotFound)
	}},
	{"a deleted webhook can be read and not changed", func(w *world) {
		webhook := w.webhook()
		w.remove(webhook.ID)
		stored, err := w.GetWebhook(w.t.Context(), webhook.ID)
		w.ok(err)
		equal(w.t, "deleted at", stored.DeletedAt, w.now)
		w.wantErr(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: stored}), store.ErrNotFound)
	}},
	{"an owner's webhooks are listed, oldest first, without the deleted", func(w *world) {
		first := w.webhook()
		w.pass(time.Second)
		second, gone := w.webhook(), w.webhook()
		w.remove(gone.ID)
		got, err := w.ListWebhooks(w.t.Context(), w.owner)
		w.ok(err)
		equal(w.t, "webhooks", got, []*carteiro.Webhook{first, second})
	}},
}

// wantWebhook checks a stored webhook against what want makes of an empty one.
func (w *world) wantWebhook(id carteiro.ID, want func(*carteiro.Webhook)) {
	w.t.Helper()
	got, err := w.GetWebhook(w.t.Context(), id)
	w.ok(err)
	wanted := new(carteiro.Webhook)
	want(wanted)
	equal(w.t, "webhook", got, wanted)
}
