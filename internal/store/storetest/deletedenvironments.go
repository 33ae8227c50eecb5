package storetest

import (
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// cleanEnvironments does what a server does with deleted environments, a little at a time, until it has to wait.
func (w *world) cleanEnvironments(settledBefore time.Time) {
	w.t.Helper()
	p := store.CleanEnvironment{Limit: 2, SettledBefore: settledBefore}
	for range 1000 {
		w.clean(settledBefore)
		cleaned, err := w.CleanEnvironment(w.t.Context(), p)
		w.ok(err)
		for _, owner := range cleaned.Owners {
			_, err := w.DeleteOwner(w.t.Context(), store.DeleteOwner{OwnerRef: owner, Now: w.now})
			w.ok(err)
		}
		if cleaned.ID.IsZero() {
			return
		}
		if !cleaned.More {
			p.After = cleaned.ID
		}
	}
	w.t.Fatal("cleaning does not end")
}

// fill gives an environment some of everything, the same ids and names in each. held is an attempt that the session holds.
func (t twin) fill(session store.Session) (hook *carteiro.Webhook, held *carteiro.Delivery) {
	t.t.Helper()
	hook = t.webhook()
	operators := t.newWebhook()
	operators.EnvironmentID, operators.OwnerKind, operators.OwnerID = t.environment.ID, carteiro.OwnerEnvironment, t.environment.ID
	t.ok(t.CreateWebhook(t.t.Context(), store.CreateWebhook{Webhook: operators}))
	for i := range 7 {
		d := t.publish(session, hook.ID)
		switch i % 3 {
		case 0:
			t.succeed(session, d)
		case 1:
			t.fail(session, d, i == 1)
		}
		if i == 6 {
			t.publish(store.Session{}, hook.ID)
		}
		t.pass(time.Hour)
	}
	held = t.publish(session, hook.ID)
	test, unwanted := t.newEvent("event_action"), t.newEvent("event_action")
	test.EnvironmentID, test.Test, unwanted.EnvironmentID, unwanted.Undelivered = t.environment.ID, true, t.environment.ID, carteiro.NotSubscribed
	item := t.item(test, session, hook.ID)
	item.Attempts[0].Trigger, item.Key = carteiro.TriggerTest, t.key("key", 1)
	item.Key.EnvironmentID = t.environment.ID
	t.accept(session, item, t.item(unwanted, store.Session{}))
	again := delivery(test, item.Attempts[0])
	t.fail(session, again, false)
	p := t.retryOf(again)
	p.OwnerRef, p.Session, p.Held = t.owner, session, true
	t.fail(session, t.retry(p).Delivery, false)
	_, err := t.CreateBulkRetry(t.t.Context(), store.CreateBulkRetry{OwnerRef: t.owner, ID: t.newID(), WebhookID: hook.ID, Now: t.now})
	t.ok(err)
	return hook, held
}

// holdings counts what there is of an environment.
func (t twin) holdings(hook carteiro.ID) (counts []int) {
	t.t.Helper()
	overview, err := t.Overview(t.t.Context(), store.Overview{EnvironmentID: t.environment.ID, Now: t.now, From: t.now.Add(-24 * time.Hour)})
	t.ok(err)
	_, jobs, err := t.ListBulkRetries(t.t.Context(), store.ListBulkRetries{WebhookID: hook, Limit: 10})
	t.ok(err)
	_, owners, err := t.ListOwners(t.t.Context(), store.ListOwners{EnvironmentID: t.environment.ID, Kind: t.owner.Kind, Limit: 10})
	t.ok(err)
	_, webhooks, err := t.FindWebhooks(t.t.Context(), store.FindWebhooks{EnvironmentID: t.environment.ID, Limit: 10})
	t.ok(err)
	_, tokens, err := t.ListTokens(t.t.Context(), store.ListTokens{EnvironmentID: t.environment.ID, Limit: 10})
	t.ok(err)
	done := 0
	for _, slot := range overview.Activity {
		done += slot.Success + slot.Failed
	}
	return []int{
		t.list(store.ListLogs{WebhookID: hook}).Total, t.list(store.ListLogs{WebhookID: hook, Status: carteiro.StatusFailed}).Total,
		t.listEvents(store.ListEvents{EnvironmentID: t.environment.ID}).Total, overview.Queue.Open, done, jobs, owners, webhooks, tokens,
	}
}

var deletingEnvironments = []story{
	{"an empty environment is deleted, and its name and tokens are free; one in use only by force", func(w *world) {
		e, token := w.environment("staging")
		remove := func(id carteiro.ID, force bool) error {
			return w.DeleteEnvironment(w.t.Context(), store.DeleteEnvironment{ID: id, Now: w.now, Force: force})
		}
		w.wantErr(remove(w.newID(), true), store.ErrNotFound)
		for name, use := range map[string]func(e carteiro.Environment){
			"an agent": func(e carteiro.Environment) {
				w.putOwner(store.OwnerRef{EnvironmentID: e.ID, Kind: carteiro.OwnerAgent, ID: w.newID()}, "Ana")
			},
			"a webhook": func(e carteiro.Environment) {
				hook := w.newWebhook()
				hook.EnvironmentID, hook.OwnerKind, hook.OwnerID = e.ID, carteiro.OwnerEnvironment, e.ID
				w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: hook}))
			},
			"an event": func(e carteiro.Environment) {
				event := w.newEvent("event_action")
				event.EnvironmentID, event.Undelivered = e.ID, carteiro.NoWebhook
				w.accept(store.Session{}, w.item(event, store.Session{}))
			},
		} {
			used, usedToken := w.environment("with " + name)
			use(used)
			w.wantErr(remove(used.ID, false), store.ErrConflict)
			w.wantToken(usedToken)
			w.ok(remove(used.ID, true))
		}
		w.ok(remove(e.ID, false))
		w.wantErr(remove(e.ID, true), store.ErrNotFound)
		_, err := w.FindToken(w.t.Context(), token.Hash)
		w.wantErr(err, store.ErrNotFound)
		_, err = w.RenameEnvironment(w.t.Context(), store.RenameEnvironment{ID: e.ID, Name: "x"})
		w.wantErr(err, store.ErrNotFound)
		w.wantErr(w.CreateToken(w.t.Context(), store.CreateToken{Token: w.token(e.ID, "late")}), store.ErrNotFound)
		_, err = w.DeriveToken(w.t.Context(), store.DeriveToken{From: token.Hash, Token: w.token(e.ID, "late"), Now: w.now})
		w.wantErr(err, store.ErrNotFound)
		again, _ := w.environment("staging")
		all, err := w.ListEnvironments(w.t.Context())
		w.ok(err)
		equal(w.t, "environments", all, []carteiro.Environment{again})
		w.cleanEnvironments(w.now.Add(time.Second))
	}},
	{"everything of a deleted environment goes in small steps, and nothing of another", func(w *world) {
		session, doomed, kept := w.join(), w.twin(), w.twin()
		hook, held := doomed.fill(session)
		other, _ := kept.fill(session)
		want := kept.holdings(other.ID)
		w.derive(doomed.token, "session")
		w.ok(w.DeleteEnvironment(w.t.Context(), store.DeleteEnvironment{ID: doomed.environment.ID, Now: w.now, Force: true}))
		w.wantToken(kept.token)
		w.pass(time.Second)
		deleted := w.now

		w.cleanEnvironments(deleted)
		w.wantHealthy()
		equal(w.t, "while a session holds an attempt", w.stored(hook.ID).Deleted(), true)
		equal(w.t, "what is held", w.log(hook.ID, held.ID).Status, carteiro.StatusPending)
		w.end(session)
		w.pass(time.Second)
		w.cleanEnvironments(w.now)
		w.wantHealthy()
		_, err := w.GetWebhook(w.t.Context(), hook.ID)
		w.wantErr(err, store.ErrNotFound)
		equal(w.t, "what is left", doomed.holdings(hook.ID), make([]int, 9))
		cleaned, err := w.CleanEnvironment(w.t.Context(), store.CleanEnvironment{ID: doomed.environment.ID, Limit: 10})
		w.ok(err)
		equal(w.t, "visited again", cleaned, store.CleanedEnvironment{})
		equal(w.t, "of the other environment", kept.holdings(other.ID), want)
		key := w.key("key", 1)
		key.EnvironmentID = doomed.environment.ID
		result, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Key: key})
		w.ok(err)
		equal(w.t, "its key is free", result.Replay == nil, true)
	}},
}
