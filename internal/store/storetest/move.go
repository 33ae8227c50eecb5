package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Move holds two databases against what the port says of carrying everything from one into the other. The functions give
// empty ones that are closed when their test ends.
func Move(t *testing.T, open, openTarget func(t *testing.T) store.Movable) {
	for _, s := range moving {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.tell(newWorld(t, open(t)), openTarget(t))
		})
	}
}

var moving = []struct {
	name string
	tell func(w *world, target store.Movable)
}{
	{"both go on alike, history 1", func(w *world, target store.Movable) { w.moveHistory(1, target) }},
	{"both go on alike, history 2", func(w *world, target store.Movable) { w.moveHistory(2, target) }},

	{"environments, tokens, owners and webhooks are the same", func(w *world, target store.Movable) {
		tokens := w.someEnvironments()
		webhooks := []carteiro.ID{w.webhook().ID, w.webhook().ID, w.webhook().ID}
		entry := w.entry(carteiro.WebhookUpdated, carteiro.SubjectWebhook, webhooks[0])
		entry.Changes = []carteiro.FieldChange{carteiro.NewFieldChange("name", "\x00 <a>", nil)}
		hook, err := w.GetWebhook(w.t.Context(), webhooks[0])
		w.ok(err)
		w.ok(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: hook, Audit: entry}))
		w.change(webhooks[1], func(webhook *carteiro.Webhook) { webhook.Name, webhook.Enabled = "\x00\xff é", false })
		w.remove(webhooks[2])
		campaign := store.OwnerRef{EnvironmentID: w.owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: w.owner.ID}
		w.pass(time.Second)
		_, _, err = w.PutOwner(w.t.Context(), store.PutOwner{Owner: carteiro.Owner{
			EnvironmentID: campaign.EnvironmentID, Kind: campaign.Kind, ID: campaign.ID, Name: "HERBST Ä", AgentID: w.owner.ID, CreatedAt: w.now, UpdatedAt: w.now,
		}})
		w.ok(err)
		w.copyTo(target, 2, 1<<20)

		alike(w, target, "environments", func(s store.Store) (any, error) { return s.ListEnvironments(w.t.Context()) })
		for _, hash := range tokens {
			alike(w, target, "token", func(s store.Store) (any, error) { return s.FindToken(w.t.Context(), hash) })
		}
		alike(w, target, "audit log", func(s store.Store) (any, error) {
			entries, _, err := readAudit(w.t.Context(), s, store.ListAudit{Limit: 100})
			if len(entries) == 0 {
				w.t.Error("there is too little to compare")
			}
			return entries, err
		})
		for _, ref := range []store.OwnerRef{w.owner, campaign} {
			alike(w, target, "owner", func(s store.Store) (any, error) { return s.GetOwner(w.t.Context(), ref) })
			alike(w, target, "webhooks", func(s store.Store) (any, error) { return s.ListWebhooks(w.t.Context(), ref) })
			alike(w, target, "owners", func(s store.Store) (any, error) {
				owners, total, err := s.ListOwners(w.t.Context(), store.ListOwners{EnvironmentID: ref.EnvironmentID, Kind: ref.Kind, Search: "ä", Limit: 10})
				return fmt.Sprint(owners, total), err
			})
		}
		for _, id := range webhooks {
			alike(w, target, "webhook", func(s store.Store) (any, error) { return s.GetWebhook(w.t.Context(), id) })
		}
	}},

	{"what environments are to be told is told in the target", func(w *world, target store.Movable) {
		session, hook, operators := w.join(), w.webhook(), w.operators()
		for range 5 {
			w.exhaust(session, hook.ID)
			w.pass(time.Second)
		}
		w.copyTo(target, 2, 1<<20)
		alike(w, target, "notices", func(s store.Store) (any, error) { return listNotices(w, s), nil })
		found := listNotices(w, target)
		if len(found) < 6 {
			w.t.Fatalf("%d notices are too few to compare", len(found))
		}
		told, err := target.TellNotices(w.t.Context(), store.TellNotices{Now: w.now, Tidings: []store.Tiding{w.tiding(found[0], operators.ID)}})
		w.ok(err)
		equal(w.t, "told", told, []bool{true})
	}},

	{"sessions, bulk retries, failures, activity and queues are the same", func(w *world, target store.Movable) {
		webhook, session := w.webhook(), w.join()
		from := w.someEnvironments()[0]
		derived := carteiro.Token{ID: w.newID(), Hash: carteiro.HashToken("derived"), CreatedAt: w.now, ExpiresAt: w.now.Add(time.Hour), Session: true}
		_, err := w.DeriveToken(w.t.Context(), store.DeriveToken{From: from, Token: derived, Now: w.now})
		w.ok(err)
		begin := w.now
		for range 3 {
			for range 3 {
				w.fail(session, w.publish(session, webhook.ID), true)
			}
			w.pass(50 * time.Minute)
		}
		done := w.begin(webhook, carteiro.BulkFilter{EventType: "event_rare"})
		w.step(1, 100)
		w.pass(time.Second)
		open := w.begin(webhook, carteiro.BulkFilter{HTTP: &carteiro.StatusRange{Min: 500, Max: 599}, From: begin.Add(time.Minute)})
		w.step(1, 1)
		w.copyTo(target, 2, 1<<20)

		alike(w, target, "session", func(s store.Store) (any, error) { return s.FindToken(w.t.Context(), derived.Hash) })
		alike(w, target, "webhook", func(s store.Store) (any, error) { return s.GetWebhook(w.t.Context(), webhook.ID) })
		for _, job := range []carteiro.BulkRetry{done, open} {
			alike(w, target, "bulk retry", func(s store.Store) (any, error) {
				return s.GetBulkRetry(w.t.Context(), store.BulkRef{WebhookID: webhook.ID, ID: job.ID})
			})
		}
		for _, minutes := range []bool{true, false} {
			if len(w.overview(begin, minutes).Activity) < 2 {
				w.t.Fatal("there is too little to compare")
			}
			there := *w
			there.Store = target
			want := w.overview(begin, minutes)
			want.Queue.Due, want.Queue.Held = want.Queue.Due+want.Queue.Held, 0
			equal(w.t, "overview", there.overview(begin, minutes), want)
		}
		for name, f := range map[string]*carteiro.StatusRange{"no answer": {}, "5xx": {Min: 500, Max: 599}} {
			alike(w, target, name, func(s store.Store) (any, error) {
				page, err := s.ListLogs(w.t.Context(), store.ListLogs{WebhookID: webhook.ID, HTTP: f, Limit: 1})
				return page.Total, err
			})
		}
	}},

	{"what was held is free", func(w *world, target store.Movable) {
		webhook, session := w.webhook().ID, w.join()
		held, free := w.publish(session, webhook), w.publish(store.Session{}, webhook)
		w.copyTo(target, 100, 1<<20)
		there := *w
		there.Store = target
		equal(w.t, "claimed in the target", there.claim(there.join(), webhook), []*carteiro.Delivery{held, free})
	}},

	{"a page has no more than it may, and always something", func(w *world, _ store.Movable) {
		webhook, session := w.webhook().ID, w.join()
		for range 3 {
			w.succeed(session, w.publish(session, webhook))
		}
		for _, section := range []store.Section{store.SectionEvents, store.SectionAttempts} {
			for _, p := range []store.Export{{Limit: 1, MaxBytes: 1 << 20}, {Limit: 100, MaxBytes: 1}} {
				p.From = store.Cursor{Section: section}
				for range 3 {
					page := w.export(w.source(), p)
					if page.Len() != 1 || page.Next.Section != section {
						w.t.Fatalf("%d %s on a page of %+v, next %+v", page.Len(), section, p, page.Next)
					}
					p.From = page.Next
				}
				if page := w.export(w.source(), p); page.Len() != 0 || page.Next.Section != section+1 {
					w.t.Fatalf("%d %s behind the last", page.Len(), section)
				}
			}
		}
	}},

	{"a page is stored once", func(w *world, target store.Movable) {
		w.publish(store.Session{}, w.webhook().ID)
		_, err := target.BeginImport(w.t.Context(), "there")
		w.ok(err)
		page := w.export(w.source(), store.Export{Limit: 10, MaxBytes: 1 << 20, From: store.Cursor{Section: store.SectionEnvironments}})
		w.ok(target.Import(w.t.Context(), &page))
		w.wantErr(target.Import(w.t.Context(), &page), store.ErrConflict)
		reached, err := target.BeginImport(w.t.Context(), "there")
		w.ok(err)
		equal(w.t, "how far it has come", reached, page.Next)
	}},

	{"a page that cannot be stored changes nothing", func(w *world, target store.Movable) {
		webhook := w.webhook().ID
		w.publish(store.Session{}, webhook)
		_, err := target.BeginImport(w.t.Context(), "there")
		w.ok(err)
		owners := w.export(w.source(), store.Export{Limit: 10, MaxBytes: 1 << 20, From: store.Cursor{Section: store.SectionOwners}})
		owners.From = store.Cursor{}
		owners.Owners = append(owners.Owners, owners.Owners[0])
		if err := target.Import(w.t.Context(), &owners); err == nil {
			w.t.Fatal("the same owner was stored twice")
		}
		reached, err := target.BeginImport(w.t.Context(), "there")
		w.ok(err)
		equal(w.t, "how far it has come", reached, store.Cursor{})
		_, err = target.GetOwner(w.t.Context(), w.owner)
		w.wantErr(err, store.ErrNotFound)
	}},

	{"a target that is not empty is refused", func(w *world, target store.Movable) {
		_, err := w.source().BeginImport(w.t.Context(), "there")
		w.wantErr(err, store.ErrConflict)
		w.copyTo(target, 100, 1<<20)
		_, err = target.BeginImport(w.t.Context(), "there")
		w.wantErr(err, store.ErrConflict)
	}},

	{"a copy from elsewhere is refused", func(w *world, target store.Movable) {
		_, err := target.BeginImport(w.t.Context(), "there")
		w.ok(err)
		_, err = target.BeginImport(w.t.Context(), "elsewhere")
		w.wantErr(err, store.ErrConflict)
	}},
}

// source is the world's store, which can be moved.
func (w *world) source() store.Movable { return w.Store.(store.Movable) }

// alike checks that a question is answered alike by the store and by the one into which it was moved.
func alike(w *world, target store.Store, what string, ask func(store.Store) (any, error)) {
	w.t.Helper()
	want, err := ask(w.Store)
	w.ok(err)
	got, err := ask(target)
	w.ok(err)
	equal(w.t, what, got, want)
}

// someEnvironments makes environments with tokens that end and that do not, and gives the tokens' hashes.
func (w *world) someEnvironments() (tokens []carteiro.TokenHash) {
	for _, name := range []string{"production", "production", "\x00\xff é"} {
		w.pass(time.Microsecond)
		e := carteiro.Environment{ID: w.newID(), Name: name, CreatedAt: w.now}
		for i := range 2 {
			token := carteiro.Token{
				ID: w.newID(), EnvironmentID: e.ID, Hash: carteiro.HashToken(fmt.Sprint(e.ID, i)), CreatedAt: w.now,
				Name: name, Scopes: carteiro.ScopeRead | carteiro.ScopeRetry, LastUsedAt: w.now.Add(time.Second),
			}
			tokens = append(tokens, token.Hash)
			if i == 0 {
				w.ok(w.CreateEnvironment(w.t.Context(), store.CreateEnvironment{Environment: e, Token: token}))
			} else {
				w.ok(w.RotateToken(w.t.Context(), store.RotateToken{Token: token, OldEndsAt: w.now.Add(time.Hour)}))
			}
		}
	}
	return tokens
}

func (w *world) export(from store.Movable, p store.Export) store.Page {
	w.t.Helper()
	page, err := from.Export(w.t.Context(), p)
	w.ok(err)
	return page
}

// copyTo copies everything, in pages of a size, as if the one who does it were new for each page.
func (w *world) copyTo(target store.Movable, limit, maxBytes int) {
	w.t.Helper()
	for {
		reached, err := target.BeginImport(w.t.Context(), "there")
		w.ok(err)
		if reached.Done() {
			break
		}
		page := w.export(w.source(), store.Export{From: reached, Limit: limit, MaxBytes: maxBytes})
		w.ok(target.Import(w.t.Context(), &page))
	}
	w.ok(target.EndImport(w.t.Context()))
	alike(w, target, "counts", func(s store.Store) (any, error) { return s.(store.Movable).Count(w.t.Context()) })
}

// moveHistory tells a history, moves what has come of it, and goes on in both places.
func (w *world) moveHistory(seed uint64, target store.Movable) {
	h := w.tellHistory(seed, 300, newModel())
	w.copyTo(target, 7, 2000)
	// What was held is free in the target: let it be so in the source.
	for _, session := range h.sessions {
		w.end(session[0])
	}
	h.model, h.sessions = target, nil
	h.askEverything()
	h.addSession()
	h.tell(200)
}
