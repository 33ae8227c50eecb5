package storetest

import (
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var environments = []story{
	{"are listed, oldest first, and may share a name", func(w *world) {
		var want []carteiro.Environment
		for range 3 {
			e, _ := w.environment("production")
			want = append(want, e)
			w.pass(time.Second)
		}
		got, err := w.ListEnvironments(w.t.Context())
		w.ok(err)
		equal(w.t, "environments", got, want)
	}},
	{"come with themselves as the owner of their operators' webhooks, by the name they have", func(w *world) {
		one, _ := w.environment("one")
		own := store.OwnerRef{EnvironmentID: one.ID, Kind: carteiro.OwnerEnvironment, ID: one.ID}
		owner, err := w.GetOwner(w.t.Context(), own)
		w.ok(err)
		equal(w.t, "owner", owner, one.Owner())
		one.Name = "\xff É"
		_, err = w.RenameEnvironment(w.t.Context(), store.RenameEnvironment{ID: one.ID, Name: one.Name})
		w.ok(err)
		owner, err = w.GetOwner(w.t.Context(), own)
		w.ok(err)
		equal(w.t, "renamed", owner, one.Owner())
	}},
	{"are renamed", func(w *world) {
		one, _ := w.environment("one")
		two, _ := w.environment("two")
		one.Name = "\x00\xff é"
		got, err := w.RenameEnvironment(w.t.Context(), store.RenameEnvironment{ID: one.ID, Name: one.Name})
		w.ok(err)
		equal(w.t, "renamed", got, one)
		all, err := w.ListEnvironments(w.t.Context())
		w.ok(err)
		equal(w.t, "environments", all, []carteiro.Environment{one, two})
		_, err = w.RenameEnvironment(w.t.Context(), store.RenameEnvironment{ID: w.newID(), Name: "three"})
		w.wantErr(err, store.ErrNotFound)
	}},
	{"an id or a token is taken once", func(w *world) {
		e, token := w.environment("one")
		again := store.CreateEnvironment{Environment: e, Token: w.token(e.ID, "other")}
		w.wantErr(w.CreateEnvironment(w.t.Context(), again), store.ErrConflict)
		again = store.CreateEnvironment{
			Environment: carteiro.Environment{ID: w.newID(), Name: "two", CreatedAt: w.now},
			Token:       token,
		}
		w.wantErr(w.CreateEnvironment(w.t.Context(), again), store.ErrConflict)
		got, err := w.ListEnvironments(w.t.Context())
		w.ok(err)
		equal(w.t, "environments", got, []carteiro.Environment{e})
	}},
	{"a token is found by its hash, whether it has expired or not", func(w *world) {
		e, token := w.environment("one")
		w.wantToken(token)
		expired := w.token(e.ID, "expired")
		expired.ExpiresAt = w.now.Add(-time.Hour)
		w.ok(w.RotateToken(w.t.Context(), store.RotateToken{Token: expired, OldEndsAt: w.now.Add(time.Hour)}))
		w.wantToken(expired)
		_, err := w.FindToken(w.t.Context(), carteiro.HashToken("unknown"))
		w.wantErr(err, store.ErrNotFound)
	}},
	{"rotating ends the other tokens of the environment, but none later than it would", func(w *world) {
		e, first := w.environment("one")
		_, stranger := w.environment("two")
		second := w.token(e.ID, "second")
		second.ExpiresAt = w.now.Add(time.Minute)
		ends := w.now.Add(time.Hour)
		w.ok(w.RotateToken(w.t.Context(), store.RotateToken{Token: second, OldEndsAt: ends}))
		first.ExpiresAt, first.ReplacedBy = ends, second.ID
		third := w.token(e.ID, "third")
		w.ok(w.RotateToken(w.t.Context(), store.RotateToken{Token: third, OldEndsAt: ends.Add(time.Hour)}))
		second.ReplacedBy = third.ID
		for _, token := range []carteiro.Token{first, second, third, stranger} {
			w.wantToken(token)
		}
		fourth := w.token(e.ID, "fourth")
		w.ok(w.RotateToken(w.t.Context(), store.RotateToken{Token: fourth, OldEndsAt: w.now}))
		third.ReplacedBy = fourth.ID
		first.ExpiresAt, second.ExpiresAt, third.ExpiresAt = w.now, w.now, w.now
		for _, token := range []carteiro.Token{first, second, third, stranger} {
			w.wantToken(token)
		}
	}},
	{"rotating needs the environment", func(w *world) {
		token := w.token(w.newID(), "x")
		w.wantErr(w.RotateToken(w.t.Context(), store.RotateToken{Token: token, OldEndsAt: w.now}), store.ErrNotFound)
		_, err := w.FindToken(w.t.Context(), token.Hash)
		w.wantErr(err, store.ErrNotFound)
	}},
	{"a derived token ends with the one it comes from, and is forgotten when it is a session's", func(w *world) {
		e, first := w.environment("one")
		session := w.token(carteiro.ID{}, "session")
		session.Session, session.ExpiresAt = true, w.now.Add(12*time.Hour)
		p := store.DeriveToken{Token: session, From: first.Hash, Now: w.now}
		got, err := w.DeriveToken(w.t.Context(), p)
		w.ok(err)
		session.EnvironmentID, session.ParentID, session.Name, session.Scopes = e.ID, first.ID, first.Name, first.Scopes
		equal(w.t, "derived", got, session)
		w.wantToken(session)

		second := w.token(e.ID, "second")
		w.ok(w.RotateToken(w.t.Context(), store.RotateToken{Token: second, OldEndsAt: w.now.Add(time.Hour)}))
		session.ExpiresAt = w.now.Add(time.Hour)
		w.wantToken(session)
		late := w.token(carteiro.ID{}, "late")
		late.Session, late.ExpiresAt = true, w.now.Add(12*time.Hour)
		got, err = w.DeriveToken(w.t.Context(), store.DeriveToken{Token: late, From: first.Hash, Now: w.now})
		w.ok(err)
		equal(w.t, "end of one derived later", got.ExpiresAt, w.now.Add(time.Hour))

		w.pass(time.Hour)
		for name, from := range map[string]carteiro.TokenHash{"ended": first.Hash, "unknown": carteiro.HashToken("unknown")} {
			_, err := w.DeriveToken(w.t.Context(), store.DeriveToken{Token: w.token(carteiro.ID{}, name), From: from, Now: w.now})
			w.wantErr(err, store.ErrNotFound)
		}
		for _, hash := range []carteiro.TokenHash{session.Hash, session.Hash, second.Hash, carteiro.HashToken("unknown")} {
			w.ok(w.ForgetToken(w.t.Context(), hash))
		}
		_, err = w.FindToken(w.t.Context(), session.Hash)
		w.wantErr(err, store.ErrNotFound)
		w.wantToken(second)

		w.purgeAll(w.now)
		_, err = w.FindToken(w.t.Context(), late.Hash)
		w.wantErr(err, store.ErrNotFound)
		first.ExpiresAt, first.ReplacedBy = w.now, second.ID
		w.wantToken(first) // no session: it is told apart from one that never was
	}},
	{"the store answers", func(w *world) { w.ok(w.Ping(w.t.Context())) }},
}

func (w *world) token(environment carteiro.ID, secret string) carteiro.Token {
	return carteiro.Token{
		ID: w.newID(), EnvironmentID: environment, Name: "\x00\xff é", Hash: carteiro.HashToken(secret), Scopes: carteiro.ScopeAll, CreatedAt: w.now,
	}
}

func (w *world) environment(name string) (carteiro.Environment, carteiro.Token) {
	w.t.Helper()
	e := carteiro.Environment{ID: w.newID(), Name: name, CreatedAt: w.now}
	token := w.token(e.ID, e.ID.String())
	w.ok(w.CreateEnvironment(w.t.Context(), store.CreateEnvironment{Environment: e, Token: token}))
	return e, token
}

func (w *world) wantToken(want carteiro.Token) {
	w.t.Helper()
	got, err := w.FindToken(w.t.Context(), want.Hash)
	w.ok(err)
	equal(w.t, "token", got, want)
}
