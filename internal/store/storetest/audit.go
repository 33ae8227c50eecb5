package storetest

import (
	"fmt"
	"time"

	"carteiro"
	"carteiro/internal/store"
)

var audits = []story{
	{"an entry is written with the change, and says what only the database knew", func(w *world) {
		e, token := w.environment("one")
		w.owner.EnvironmentID = e.ID
		change := func(action carteiro.AuditAction, kind carteiro.SubjectKind, id carteiro.ID) *carteiro.AuditEntry {
			w.pass(time.Second)
			return w.entry(action, kind, id)
		}
		_, err := w.RenameEnvironment(w.t.Context(), store.RenameEnvironment{
			ID: e.ID, Name: "\x00 two", Audit: change(carteiro.EnvironmentRenamed, carteiro.SubjectEnvironment, e.ID),
		})
		w.ok(err)
		second := w.token(e.ID, "second")
		second.Name = "ci"
		w.ok(w.CreateToken(w.t.Context(), store.CreateToken{Token: second, Audit: change(carteiro.TokenCreated, carteiro.SubjectToken, second.ID)}))
		third, rotatedAt := w.token(e.ID, "third"), w.now
		_, err = w.ReplaceToken(w.t.Context(), store.ReplaceToken{
			TokenRef: refOf(second), Token: third, Now: w.now, OldEndsAt: w.now.Add(time.Hour),
			Audit: change(carteiro.TokenRotated, carteiro.SubjectToken, second.ID),
		})
		w.ok(err)
		_, err = w.RevokeToken(w.t.Context(), store.RevokeToken{TokenRef: refOf(second), Audit: change(carteiro.TokenRevoked, carteiro.SubjectToken, second.ID)})
		w.ok(err)
		w.derive(token, "session")
		put := func(name string) {
			_, _, err := w.PutOwner(w.t.Context(), store.PutOwner{
				Owner: carteiro.Owner{EnvironmentID: e.ID, Kind: w.owner.Kind, ID: w.owner.ID, Name: name, CreatedAt: w.now, UpdatedAt: w.now},
				Audit: change("", carteiro.SubjectAgent, w.owner.ID),
			})
			w.ok(err)
		}
		put("Reception")
		put("Front desk")
		hook := w.newWebhook()
		w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: hook, Audit: change(carteiro.WebhookCreated, carteiro.SubjectWebhook, hook.ID)}))
		stale := *hook
		w.ok(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: hook, Audit: change(carteiro.WebhookUpdated, carteiro.SubjectWebhook, hook.ID)}))
		err = w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: &stale, Audit: change(carteiro.WebhookUpdated, carteiro.SubjectWebhook, hook.ID)})
		w.wantErr(err, store.ErrConflict) // and so there is no entry
		_, err = w.RotateTokens(e.ID, change(carteiro.EnvironmentRotated, carteiro.SubjectEnvironment, e.ID))
		w.ok(err)
		_, err = w.DeleteOwner(w.t.Context(), store.DeleteOwner{OwnerRef: w.owner, Now: w.now, Audit: change(carteiro.OwnerDeleted, carteiro.SubjectAgent, w.owner.ID)})
		w.ok(err)

		w.wantAudit(store.ListAudit{EnvironmentID: e.ID},
			"owner.deleted Front desk", "environment.rotated ", "webhook.updated ", "webhook.created ", `owner.updated Front desk name "Reception" "Front desk"`,
			`owner.created Reception name  "Reception"`, "token.revoked ci", "token.rotated ci"+rotated(second, third, rotatedAt.Add(time.Hour)), "token.created ", `environment.renamed `+"\x00 two"+` name "one" "\u0000 two"`)
	}},
	{"a token that takes another's place is told of with when both end", func(w *world) {
		e, _ := w.environment("one")
		w.owner.EnvironmentID = e.ID
		first, second := w.token(e.ID, "first"), w.token(e.ID, "second")
		first.Name, first.ExpiresAt, second.ExpiresAt = "ci", w.now.Add(time.Minute), w.now.Add(time.Hour)
		w.ok(w.CreateToken(w.t.Context(), store.CreateToken{Token: first}))
		_, err := w.ReplaceToken(w.t.Context(), store.ReplaceToken{
			TokenRef: refOf(first), Token: second, Now: w.now, OldEndsAt: w.now.Add(time.Hour), // which it does not live to see
			Audit: w.entry(carteiro.TokenRotated, carteiro.SubjectToken, first.ID),
		})
		w.ok(err)
		ends := func(at time.Time) string { return at.UTC().Format(`"2006-01-02T15:04:05.000000Z"`) }
		w.wantAudit(store.ListAudit{EnvironmentID: e.ID},
			"token.rotated ci"+rotated(first, second, first.ExpiresAt)+" expires_at "+ends(first.ExpiresAt)+" "+ends(second.ExpiresAt))
	}},
	{"retries are written down when they are granted, jobs when they change, and a receiver's 410 when it switches off", func(w *world) {
		hook, session := w.webhook(), w.join()
		d := w.publish(session, hook.ID)
		w.fail(session, d, false)
		p := w.retryOf(d)
		p.Audit = w.entry(carteiro.LogRetried, carteiro.SubjectLog, d.ID)
		p.Key = w.key("once", 1)
		w.retry(p)
		p.NewID, p.Audit = w.newID(), w.entry(carteiro.LogRetried, carteiro.SubjectLog, d.ID)
		if got := w.retry(p); got.Replay == nil {
			w.t.Fatalf("a key was granted twice: %+v", got)
		}
		p.NewID, p.Audit, p.Key = w.newID(), w.entry(carteiro.LogRetried, carteiro.SubjectLog, d.ID), nil
		if got := w.retry(p); got.Refused == "" {
			w.t.Fatalf("a retry was granted twice: %+v", got)
		}
		job, err := w.CreateBulkRetry(w.t.Context(), store.CreateBulkRetry{
			OwnerRef: w.owner, ID: w.newID(), WebhookID: hook.ID, Now: w.now, Audit: w.entry(carteiro.BulkRetryBegun, carteiro.SubjectBulkRetry, hook.ID),
		})
		w.ok(err)
		for range 2 {
			_, err = w.ChangeBulkRetry(w.t.Context(), store.ChangeBulkRetry{
				BulkRef: store.BulkRef{WebhookID: hook.ID, ID: job.ID}, Status: carteiro.BulkPaused, Now: w.now,
				Audit: w.entry(carteiro.BulkRetryPaused, carteiro.SubjectBulkRetry, job.ID),
			})
			w.ok(err)
		}
		one, two := w.publish(session, hook.ID), w.publish(session, hook.ID)
		gone := func(d *carteiro.Delivery) store.Result {
			return store.Result{
				Delivery: d, Outcome: w.failure(d), DisableWebhook: true, Audit: w.entry(carteiro.WebhookTurnedOff, carteiro.SubjectWebhook, hook.ID),
			}
		}
		_, err = w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: []store.Result{gone(one), gone(two)}})
		w.ok(err)
		w.record(session, gone(one)) // held by nobody any more
		w.wantAudit(store.ListAudit{EnvironmentID: w.owner.EnvironmentID}, "webhook.disabled ", "bulk_retry.paused ", "bulk_retry.begun ", "log.retried ")
	}},
	{"tells of webhooks that were failing for too long", func(w *world) {
		hook := w.broken(w.join(), 0)
		w.pass(time.Hour)
		for range 2 {
			_, err := w.DisableFailing(w.t.Context(), store.DisableFailing{
				Now: w.now, OpenedBefore: w.now, Limit: 10, Audit: func(hook *carteiro.Webhook) *carteiro.AuditEntry {
					return carteiro.TurnedOff(hook, w.newID(), "failing for too long")
				},
			})
			w.ok(err)
		}
		w.wantAudit(store.ListAudit{EnvironmentID: hook.EnvironmentID}, "webhook.disabled "+hook.Name+" enabled true false")
	}},
	{"is listed and purged for each environment apart, whatever else the entries have in common", func(w *world) {
		environments := []carteiro.ID{w.newID(), w.newID()}
		entry := w.entry(carteiro.WebhookUpdated, carteiro.SubjectWebhook, w.newID())
		var want []carteiro.AuditEntry
		for _, environment := range environments {
			w.pass(time.Minute)
			one, hook := *entry, w.webhook()
			one.ID, one.EnvironmentID = w.newID(), environment
			w.ok(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: hook, Audit: &one}))
			want = append(want, one)
		}
		for _, p := range []store.ListAudit{
			{}, {Actor: entry.Actor.Kind}, {Action: entry.Action}, {Subject: entry.Subject.Kind}, {Subject: entry.Subject.Kind, SubjectID: entry.Subject.ID},
			{From: w.now.Add(-time.Hour)}, {To: w.now.Add(time.Hour)}, {Before: w.newID()},
		} {
			for i, environment := range environments {
				p.EnvironmentID, p.Limit = environment, 1
				got, more, err := w.ListAudit(w.t.Context(), p)
				w.ok(err)
				equal(w.t, "entries by "+show(p), []any{got, more}, []any{want[i : i+1], false})
			}
		}
		more := true
		for ; more; more = w.purgeAudit(w.now.Add(time.Hour)) {
		}
		left, _, err := w.ListAudit(w.t.Context(), store.ListAudit{Limit: 10})
		w.ok(err)
		equal(w.t, "entries left", len(left), 0)
	}},
	{"is listed newest first, by filters, in pages, and whole", func(w *world) {
		first, other := w.owner.EnvironmentID, w.newID()
		var all []carteiro.AuditEntry
		begun := w.now
		for i := range 6 {
			w.pass(time.Minute)
			entry := w.entry(carteiro.WebhookUpdated, carteiro.SubjectWebhook, w.newID())
			entry.RequestID, entry.RemoteAddress = "request", "2001:db8::1"
			entry.Subject.WebhookID, entry.Actor.TokenID = w.newID(), w.newID()
			entry.Changes = []carteiro.FieldChange{carteiro.NewFieldChange("timeout", 1, 2), {Field: "webhook_secret"}}
			if i == 5 {
				entry.EnvironmentID, entry.Actor.Kind = other, carteiro.ActorSystem
				entry.Subject.OwnerKind, entry.Subject.OwnerID = 0, carteiro.ID{} // as before this was kept
			}
			hook := w.webhook()
			w.ok(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: hook, Audit: entry}))
			all = append([]carteiro.AuditEntry{*entry}, all...)
		}
		list := func(p store.ListAudit, more bool, want ...carteiro.AuditEntry) {
			w.t.Helper()
			if p.Limit == 0 {
				p.Limit = 100
			}
			got, left, err := w.ListAudit(w.t.Context(), p)
			w.ok(err)
			equal(w.t, "more", left, more)
			if len(got)+len(want) > 0 {
				equal(w.t, "entries", got, want)
			}
		}
		list(store.ListAudit{}, false, all...)
		list(store.ListAudit{EnvironmentID: first}, false, all[1:]...)
		list(store.ListAudit{EnvironmentID: other}, false, all[0])
		list(store.ListAudit{EnvironmentID: w.newID()}, false)
		list(store.ListAudit{EnvironmentID: first, Limit: 2}, true, all[1:3]...)
		list(store.ListAudit{EnvironmentID: first, Limit: 3, Before: all[2].ID}, false, all[3:]...)
		list(store.ListAudit{Actor: carteiro.ActorSystem}, false, all[0])
		list(store.ListAudit{Action: carteiro.WebhookDeleted}, false)
		list(store.ListAudit{Subject: carteiro.SubjectToken}, false)
		list(store.ListAudit{Subject: carteiro.SubjectWebhook, Action: carteiro.WebhookUpdated, SubjectID: all[4].Subject.ID}, false, all[4])
		list(store.ListAudit{From: begun.Add(2 * time.Minute), To: begun.Add(4 * time.Minute)}, false, all[3:5]...)

		purge := func(before time.Time) {
			_, err := w.Purge(w.t.Context(), store.Purge{Now: w.now, Before: begun, AuditBefore: before, Limit: 100})
			w.ok(err)
		}
		purge(time.Time{})
		list(store.ListAudit{}, false, all...)
		purge(begun.Add(4 * time.Minute))
		list(store.ListAudit{}, false, all[:3]...)
	}},
}

// purgeAudit deletes one entry from before a time, and says whether there may be more.
func (w *world) purgeAudit(before time.Time) (more bool) {
	w.t.Helper()
	more, err := w.Purge(w.t.Context(), store.Purge{Now: w.now, Before: w.now.Truncate(day), AuditBefore: before, Limit: 1})
	w.ok(err)
	return more
}

// rotated is what an entry tells of a token that took another's place.
func rotated(old, token carteiro.Token, ends time.Time) string {
	return fmt.Sprintf(` token_id %q %q old_ends_at  %q`, old.ID, token.ID, ends.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// RotateTokens gives an environment one new token.
func (w *world) RotateTokens(environment carteiro.ID, audit *carteiro.AuditEntry) (carteiro.Token, error) {
	token := w.token(environment, w.newID().String())
	return token, w.RotateToken(w.t.Context(), store.RotateToken{Token: token, OldEndsAt: w.now.Add(time.Hour), Audit: audit})
}

func (w *world) entry(action carteiro.AuditAction, kind carteiro.SubjectKind, id carteiro.ID) *carteiro.AuditEntry {
	return &carteiro.AuditEntry{
		ID: w.newID(), EnvironmentID: w.owner.EnvironmentID, Actor: carteiro.Actor{Kind: carteiro.ActorToken, Name: "\x00\xff é"},
		Action: action, Subject: carteiro.Subject{Kind: kind, ID: id, OwnerKind: w.owner.Kind, OwnerID: w.owner.ID},
	}
}

// wantAudit checks the entries, the newest first, each as "action name field before after".
func (w *world) wantAudit(p store.ListAudit, want ...string) {
	w.t.Helper()
	p.Limit = 100
	entries, _, err := w.ListAudit(w.t.Context(), p)
	w.ok(err)
	var got []string
	for _, e := range entries {
		text := string(e.Action) + " " + e.Subject.Name
		for _, c := range e.Changes {
			text += " " + c.Field + " " + string(c.Before) + " " + string(c.After)
		}
		got = append(got, text)
	}
	equal(w.t, "entries", got, want)
}
