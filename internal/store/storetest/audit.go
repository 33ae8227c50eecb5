package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
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
				got, page := w.listAudit(p)
				equal(w.t, "entries by "+show(p), []any{got, page.Next}, []any{want[i : i+1], carteiro.ID{}})
				equal(w.t, "total by "+show(p), page.Total, 1)
				p.EnvironmentID = environments[1-i]
				read, err := w.GetAudit(w.t.Context(), store.GetAudit{EnvironmentID: p.EnvironmentID, IDs: page.IDs})
				w.ok(err)
				equal(w.t, "entries read by another environment", len(read), 0)
			}
		}
		more := true
		for ; more; more = w.purgeAudit(w.now.Add(time.Hour)) {
		}
		_, left := w.listAudit(store.ListAudit{Limit: 10})
		equal(w.t, "entries left", left, store.AuditPage{})
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
			got, page := w.listAudit(p)
			equal(w.t, "more", !page.Next.IsZero(), more)
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
	{"pages follow one another by number and by cursor, and the total is that of all of them", func(w *world) {
		environments := w.fillAudit(30)
		for _, p := range []store.ListAudit{
			{}, {EnvironmentID: environments[0]}, {EnvironmentID: environments[1]}, {EnvironmentID: environments[0], Action: carteiro.WebhookEnabled},
			{Actor: carteiro.ActorSystem}, {Subject: carteiro.SubjectToken}, {From: w.now.Add(-20 * time.Minute), To: w.now.Add(-5 * time.Minute)},
		} {
			p.Limit = 100
			want, whole := w.listAudit(p)
			if whole.Total < 7 || len(want) != whole.Total {
				w.t.Fatalf("%d entries of %d by %s", len(want), whole.Total, show(p))
			}
			var byNumber, byCursor []carteiro.AuditEntry
			p.Limit = 3
			for more := true; more; {
				p.Before, p.Offset = carteiro.ID{}, len(byNumber)
				entries, page := w.listAudit(p)
				equal(w.t, "total by number", []any{page.Total, page.TotalIsLowerBound}, []any{whole.Total, false})
				byNumber, more = append(byNumber, entries...), !page.Next.IsZero()
				if last := len(byNumber) == whole.Total; last == more {
					w.t.Fatalf("more is %t after %d entries of %d", more, len(byNumber), whole.Total)
				}
			}
			p.Offset = 0
			for more := true; more; {
				entries, page := w.listAudit(p)
				equal(w.t, "total by cursor", []any{page.Total, page.TotalIsLowerBound}, []any{whole.Total, false})
				byCursor, p.Before, more = append(byCursor, entries...), page.Next, !page.Next.IsZero()
			}
			equal(w.t, "by number", byNumber, want)
			equal(w.t, "by cursor", byCursor, want)
			p.Before, p.Offset = carteiro.ID{}, whole.Total
			_, behind := w.listAudit(p)
			equal(w.t, "after the end", behind, store.AuditPage{Total: whole.Total})
		}
	}},
	{"a list scans so many entries, and its cursor leads on to the older ones", func(w *world) {
		environments := w.fillAudit(30)
		for _, p := range []store.ListAudit{
			{Limit: 2}, {EnvironmentID: environments[0], Limit: 2}, {EnvironmentID: environments[0], Subject: carteiro.SubjectToken, Limit: 2},
			{EnvironmentID: environments[0], Action: carteiro.WebhookDeleted, Limit: 2},
		} {
			all := p
			all.Limit = 100
			want, whole := w.listAudit(all)
			p.MaxScan = 4
			var found []carteiro.AuditEntry
			calls := 0
			for more := true; more; calls++ {
				entries, page := w.listAudit(p)
				equal(w.t, "more than were counted", page.TotalIsLowerBound, true)
				if page.Total > p.MaxScan || page.Total > whole.Total {
					w.t.Errorf("%d of %d were counted among %d", page.Total, whole.Total, p.MaxScan)
				}
				found, p.Before, more = append(found, entries...), page.Next, !page.Next.IsZero()
			}
			equal(w.t, "found by "+show(p), found, want)
			if calls < 3 {
				w.t.Errorf("%d calls scanned everything", calls)
			}
			p.Before, p.Offset = carteiro.ID{}, 4
			entries, page := w.listAudit(p)
			equal(w.t, "entries after those that are scanned", []any{len(entries), page.Next.IsZero()}, []any{0, false})
		}
		p := store.ListAudit{EnvironmentID: environments[1], Limit: 100}
		_, whole := w.listAudit(p)
		p.MaxScan = whole.Total
		_, exact := w.listAudit(p)
		equal(w.t, "exactly as many as are scanned", exact, whole)
	}},
}

// fillAudit writes n entries of two environments, one a minute, with different actors, actions and subjects.
func (w *world) fillAudit(n int) (environments [2]carteiro.ID) {
	environments = [2]carteiro.ID{w.newID(), w.newID()}
	for i := range n {
		w.pass(time.Minute)
		hook, entry := w.webhook(), w.entry(carteiro.WebhookUpdated, carteiro.SubjectWebhook, w.newID())
		entry.EnvironmentID = environments[i%3%2]
		if i%2 == 0 {
			entry.Actor.Kind, entry.Action = carteiro.ActorSystem, carteiro.WebhookEnabled
		}
		if i%4 > 1 {
			entry.Subject.Kind = carteiro.SubjectToken
		}
		w.ok(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: hook, Audit: entry}))
	}
	return environments
}

// listAudit lists a page and reads its entries.
func (w *world) listAudit(p store.ListAudit) ([]carteiro.AuditEntry, store.AuditPage) {
	w.t.Helper()
	entries, page, err := readAudit(w.t.Context(), w, p)
	w.ok(err)
	equal(w.t, "entries of the page", len(entries), len(page.IDs))
	for i := range entries {
		equal(w.t, "an entry of the page", entries[i].ID, page.IDs[i])
	}
	return entries, page
}

func readAudit(ctx context.Context, s store.Audit, p store.ListAudit) (entries []carteiro.AuditEntry, page store.AuditPage, err error) {
	if page, err = s.ListAudit(ctx, p); err == nil {
		entries, err = s.GetAudit(ctx, store.GetAudit{EnvironmentID: p.EnvironmentID, IDs: page.IDs})
	}
	return entries, page, err
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
	entries, _ := w.listAudit(p)
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
