package storetest

import (
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// twin is another environment with an owner of the same id, as the ids of owners are their callers' own.
type twin struct {
	*world
	environment carteiro.Environment
	token       carteiro.Token
	owner       store.OwnerRef
}

func (w *world) twin() twin {
	w.t.Helper()
	e, token := w.environment("elsewhere")
	t := twin{world: w, environment: e, token: token, owner: store.OwnerRef{EnvironmentID: e.ID, Kind: w.owner.Kind, ID: w.owner.ID}}
	w.putOwner(t.owner, "Elsewhere")
	return t
}

// webhook stores one of the twin's.
func (t twin) webhook() *carteiro.Webhook {
	t.t.Helper()
	hook := t.newWebhook()
	hook.EnvironmentID = t.environment.ID
	t.ok(t.CreateWebhook(t.t.Context(), store.CreateWebhook{Webhook: hook}))
	return hook
}

// publish accepts an event of the twin's.
func (t twin) publish(session store.Session, hook carteiro.ID) *carteiro.Delivery {
	t.t.Helper()
	event := t.newEvent("event_action")
	event.EnvironmentID = t.environment.ID
	item := t.item(event, session, hook)
	t.accept(session, item)
	return delivery(event, item.Attempts[0])
}

// everything gives what the twin's environment shows of a webhook.
func (t twin) everything(hook carteiro.ID) []any {
	t.t.Helper()
	overview, err := t.Overview(t.t.Context(), store.Overview{EnvironmentID: t.environment.ID, Now: t.now, From: t.now.Add(-time.Hour), Failing: 5})
	t.ok(err)
	events, err := t.ListEvents(t.t.Context(), store.ListEvents{EnvironmentID: t.environment.ID, Limit: 10})
	t.ok(err)
	return []any{t.list(store.ListLogs{WebhookID: hook}), overview, events}
}

// isolated are the verbs that take an environment. Of each it is told that it neither reads nor changes anything of another.
var isolated = []story{
	{"deleting an agent leaves the agent, the webhooks and the campaigns of another environment", func(w *world) {
		t := w.twin()
		hook, own := t.webhook(), w.webhook()
		campaign := carteiro.Owner{
			EnvironmentID: t.environment.ID, Kind: carteiro.OwnerCampaign, ID: w.newID(), Name: "Autumn", AgentID: w.owner.ID, CreatedAt: w.now, UpdatedAt: w.now,
		}
		_, _, err := w.PutOwner(w.t.Context(), store.PutOwner{Owner: campaign})
		w.ok(err)
		deleted, err := w.DeleteOwner(w.t.Context(), store.DeleteOwner{OwnerRef: w.owner, Now: w.now})
		w.ok(err)
		equal(w.t, "deleted", deleted, []carteiro.ID{own.ID})
		equal(w.t, "webhook elsewhere", w.stored(hook.ID).Deleted(), false)
		_, err = w.GetOwner(w.t.Context(), t.owner)
		w.ok(err)
		got, err := w.GetOwner(w.t.Context(), store.OwnerRef{EnvironmentID: campaign.EnvironmentID, Kind: campaign.Kind, ID: campaign.ID})
		w.ok(err)
		equal(w.t, "campaign elsewhere", got, campaign)
	}},
	{"owners and webhooks are found, changed and counted in their own environment", func(w *world) {
		t := w.twin()
		hook := t.webhook()
		t.webhook()
		w.putOwner(w.owner, "Renamed")
		owner, err := w.GetOwner(w.t.Context(), t.owner)
		w.ok(err)
		equal(w.t, "name elsewhere", owner.Name, "Elsewhere")
		owners, total, err := w.ListOwners(w.t.Context(), store.ListOwners{EnvironmentID: w.owner.EnvironmentID, Kind: w.owner.Kind, Limit: 10})
		w.ok(err)
		equal(w.t, "owners", []any{len(owners), total, owners[0].Name}, []any{1, 1, "Renamed"})
		webhooks, err := w.ListWebhooks(w.t.Context(), w.owner)
		w.ok(err)
		equal(w.t, "webhooks", len(webhooks), 0)
		found, total, err := w.FindWebhooks(w.t.Context(), store.FindWebhooks{EnvironmentID: w.owner.EnvironmentID, Limit: 10})
		w.ok(err)
		equal(w.t, "found", []int{len(found), total}, []int{0, 0})
		one := w.newWebhook()
		w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: one, Most: 1}))
		webhooks, err = w.ListWebhooks(w.t.Context(), t.owner)
		w.ok(err)
		equal(w.t, "webhooks elsewhere", []any{len(webhooks), webhooks[0].ID}, []any{2, hook.ID})
	}},
	{"webhooks are listed and counted by their own owner", func(w *world) {
		sameID := store.OwnerRef{EnvironmentID: w.owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: w.owner.ID}
		sameKind := store.OwnerRef{EnvironmentID: w.owner.EnvironmentID, Kind: w.owner.Kind, ID: w.newID()}
		elsewhere := w.twin().owner
		owners := []store.OwnerRef{w.owner, sameID, sameKind, elsewhere}
		w.putOwner(sameID, "Autumn")
		w.putOwner(sameKind, "Sales")
		create := func(owner store.OwnerRef) (*carteiro.Webhook, error) {
			hook := w.newWebhook()
			hook.EnvironmentID, hook.OwnerKind, hook.OwnerID = owner.EnvironmentID, owner.Kind, owner.ID
			return hook, w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: hook, Most: 1})
		}
		for _, owner := range owners {
			webhooks, err := w.ListWebhooks(w.t.Context(), owner)
			w.ok(err)
			equal(w.t, "before its first", len(webhooks), 0)
			hook, err := create(owner)
			w.ok(err)
			webhooks, err = w.ListWebhooks(w.t.Context(), owner)
			w.ok(err)
			equal(w.t, "webhooks", webhooks, []*carteiro.Webhook{hook})
		}
		for _, owner := range owners {
			_, err := create(owner)
			w.wantErr(err, store.ErrTooMany)
		}
		_, err := w.DeleteOwner(w.t.Context(), store.DeleteOwner{OwnerRef: w.owner, Now: w.now})
		w.ok(err)
		for _, owner := range owners[1:] {
			webhooks, err := w.ListWebhooks(w.t.Context(), owner)
			w.ok(err)
			equal(w.t, "webhooks after another owner was deleted", len(webhooks), 1)
		}
	}},
	{"a log entry is retried and previewed by its own owner", func(w *world) {
		hook, session := w.webhook(), w.join()
		d := w.publish(session, hook.ID)
		w.fail(session, d, false)
		own := w.retryOf(d)
		for _, owner := range []store.OwnerRef{
			{EnvironmentID: w.newID(), Kind: w.owner.Kind, ID: w.owner.ID},
			{EnvironmentID: w.owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: w.owner.ID},
			{EnvironmentID: w.owner.EnvironmentID, Kind: w.owner.Kind, ID: w.newID()},
		} {
			p := own
			p.OwnerRef = owner
			_, err := w.Retry(w.t.Context(), p)
			w.wantErr(err, store.ErrNotFound)
			_, err = w.PreviewRetry(w.t.Context(), store.PreviewRetry{LogRef: p.LogRef, Now: p.Now, NotBefore: p.NotBefore, NewID: p.NewID})
			w.wantErr(err, store.ErrNotFound)
			_, err = w.CreateBulkRetry(w.t.Context(), store.CreateBulkRetry{OwnerRef: owner, ID: w.newID(), WebhookID: hook.ID, Now: w.now})
			w.wantErr(err, store.ErrNotFound)
		}
		w.retry(own)
	}},
	{"a log entry is retried, previewed and bulk retried by its own environment", func(w *world) {
		t, session := w.twin(), w.join()
		hook := t.webhook()
		d := t.publish(session, hook.ID)
		w.fail(session, d, false)
		p := w.retryOf(d) // with the owner of the same id in the wrong environment
		_, err := w.Retry(w.t.Context(), p)
		w.wantErr(err, store.ErrNotFound)
		_, err = w.PreviewRetry(w.t.Context(), store.PreviewRetry{LogRef: p.LogRef, Now: p.Now, NotBefore: p.NotBefore, NewID: p.NewID})
		w.wantErr(err, store.ErrNotFound)
		_, err = w.CreateBulkRetry(w.t.Context(), store.CreateBulkRetry{OwnerRef: w.owner, ID: w.newID(), WebhookID: hook.ID, Now: w.now})
		w.wantErr(err, store.ErrNotFound)
		equal(w.t, "entries", w.list(store.ListLogs{WebhookID: hook.ID}).Total, 1)
		p.OwnerRef = t.owner
		_, err = w.Retry(w.t.Context(), p)
		w.ok(err)
	}},
	{"tokens are listed, replaced, revoked and rotated in their own environment", func(w *world) {
		one, own := w.environment("one")
		t := w.twin()
		tokens, total, err := w.ListTokens(w.t.Context(), store.ListTokens{EnvironmentID: one.ID, Limit: 10})
		w.ok(err)
		equal(w.t, "tokens", []any{len(tokens), total, tokens[0].ID}, []any{1, 1, own.ID})
		ref := store.TokenRef{EnvironmentID: one.ID, ID: t.token.ID}
		_, err = w.RevokeToken(w.t.Context(), store.RevokeToken{TokenRef: ref})
		w.wantErr(err, store.ErrNotFound)
		_, err = w.ReplaceToken(w.t.Context(), store.ReplaceToken{TokenRef: ref, Token: w.token(one.ID, "new"), Now: w.now, OldEndsAt: w.now})
		w.wantErr(err, store.ErrNotFound)
		w.ok(w.RotateToken(w.t.Context(), store.RotateToken{Token: w.token(one.ID, "rotated"), OldEndsAt: w.now}))
		w.wantToken(t.token)
	}},
	{"events are read in their own environment", func(w *world) {
		t := w.twin()
		hook := t.webhook()
		d := t.publish(store.Session{}, hook.ID)
		page, err := w.ListEvents(w.t.Context(), store.ListEvents{EnvironmentID: w.owner.EnvironmentID, Limit: 10})
		w.ok(err)
		equal(w.t, "events", []int{len(page.Events), page.Total}, []int{0, 0})
		page, err = w.ListEvents(w.t.Context(), store.ListEvents{EnvironmentID: w.owner.EnvironmentID, IDs: []carteiro.ID{d.EventID}, Limit: 10})
		w.ok(err)
		equal(w.t, "events by id", len(page.Events), 0)
		_, err = w.GetEvent(w.t.Context(), store.EventRef{EnvironmentID: w.owner.EnvironmentID, ID: d.EventID})
		w.wantErr(err, store.ErrNotFound)
		_, err = w.GetEvent(w.t.Context(), store.EventRef{EnvironmentID: t.environment.ID, ID: d.EventID})
		w.ok(err)
	}},
	{"the overview counts its own environment", func(w *world) {
		t, session := w.twin(), w.join()
		hook := t.webhook()
		w.fail(session, t.publish(session, hook.ID), true)
		t.publish(session, hook.ID)
		t.publish(store.Session{}, hook.ID)
		got, err := w.Overview(w.t.Context(), store.Overview{EnvironmentID: w.owner.EnvironmentID, Now: w.now, From: w.now.Add(-time.Hour), ByMinute: true, Failing: 5})
		w.ok(err)
		equal(w.t, "overview", []any{len(got.Activity), got.Queue, len(got.Failing)}, []any{0, store.QueueState{}, 0})
	}},
	{"an idempotency key stands for its own environment", func(w *world) {
		t := w.twin()
		for _, environment := range []carteiro.ID{w.owner.EnvironmentID, t.environment.ID} {
			key := w.key("k", 1)
			key.EnvironmentID = environment
			result, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Key: key})
			w.ok(err)
			equal(w.t, "replayed", result.Replay != nil, false)
		}
	}},
	{"whether a probe is held is asked of its own webhook", func(w *world) {
		t, session := w.twin(), w.join()
		other := t.webhook()
		hook := w.broken(session, 1)
		w.pass(time.Hour)
		probe, event := w.probe(session, hook), t.newEvent("event_action")
		event.EnvironmentID = t.environment.ID
		item := t.item(event, session, other.ID)
		item.Attempts[0].ID = probe.ID // as a caller elsewhere may happen to have it
		t.accept(session, item)
		w.ok(w.Release(w.t.Context(), store.Release{Session: session, Attempts: []store.AttemptRef{{WebhookID: hook.ID, ID: probe.ID}}}))
		equal(w.t, "the probe", w.probe(session, hook).ID, probe.ID)
	}},
	{"a purge takes what is old in one environment and leaves what is young in another", func(w *world) {
		t, session := w.twin(), w.join()
		own, hook := w.webhook(), t.webhook()
		accept := func(key *store.Key) bool {
			result, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Key: key})
			w.ok(err)
			return result.Replay != nil
		}
		ownKey, key := w.key("k", 1), w.key("k", 1)
		key.EnvironmentID, key.ExpiresAt = t.environment.ID, w.now.Add(10*day)
		accept(ownKey)
		accept(key)
		w.succeed(session, w.publish(session, own.ID))
		old := t.publish(session, hook.ID) // pending, so that it stays
		w.nextDay()
		w.pass(day)
		young := t.publish(session, hook.ID)
		w.fail(session, young, false)
		before := t.everything(hook.ID)
		w.purgeAll(w.now.Truncate(day))
		equal(w.t, "entries left", w.list(store.ListLogs{WebhookID: own.ID}), store.LogPage{})
		equal(w.t, "elsewhere", t.everything(hook.ID), before)
		equal(w.t, "pending elsewhere", w.log(hook.ID, old.ID).Status, carteiro.StatusPending)
		equal(w.t, "keys that are known", []bool{accept(ownKey), accept(key)}, []bool{false, true})
	}},
	{"a job of another environment with the same id neither pauses nor ends with this one", func(w *world) {
		t, session := w.twin(), w.join()
		own, hook := w.webhook(), t.webhook()
		w.fail(session, w.publish(session, own.ID), false)
		w.fail(session, t.publish(session, hook.ID), false)
		w.pass(time.Second)
		id := w.newID()
		for _, p := range []store.CreateBulkRetry{{OwnerRef: w.owner, WebhookID: own.ID}, {OwnerRef: t.owner, WebhookID: hook.ID}} {
			p.ID, p.Matched, p.Now = id, 1, w.now
			_, err := w.CreateBulkRetry(w.t.Context(), p)
			w.ok(err)
		}
		elsewhere := func() carteiro.BulkRetry {
			job, err := w.GetBulkRetry(w.t.Context(), store.BulkRef{WebhookID: hook.ID, ID: id})
			w.ok(err)
			return job
		}
		want := elsewhere()
		for _, status := range []carteiro.BulkStatus{carteiro.BulkPaused, carteiro.BulkRunning, carteiro.BulkCancelled} {
			w.pass(time.Second)
			job, err := w.ChangeBulkRetry(w.t.Context(), store.ChangeBulkRetry{BulkRef: store.BulkRef{WebhookID: own.ID, ID: id}, Status: status, Now: w.now})
			w.ok(err)
			equal(w.t, "changed", []any{job.WebhookID, job.Status == status || job.Status == carteiro.BulkQueued}, []any{own.ID, true})
			equal(w.t, "elsewhere", elsewhere(), want)
		}
		step := w.step(1, 100)
		equal(w.t, "goes on", []any{step.Job.WebhookID, step.Retried}, []any{hook.ID, 1})
	}},
	{"an environment is renamed alone", func(w *world) {
		one, _ := w.environment("one")
		t := w.twin()
		_, err := w.RenameEnvironment(w.t.Context(), store.RenameEnvironment{ID: one.ID, Name: "renamed"})
		w.ok(err)
		all, err := w.ListEnvironments(w.t.Context())
		w.ok(err)
		equal(w.t, "names", []string{all[0].Name, all[1].Name}, []string{"renamed", "elsewhere"})
		own, err := w.GetOwner(w.t.Context(), store.OwnerRef{EnvironmentID: t.environment.ID, Kind: carteiro.OwnerEnvironment, ID: t.environment.ID})
		w.ok(err)
		equal(w.t, "owner elsewhere", own.Name, "elsewhere")
	}},
}
