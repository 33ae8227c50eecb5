package storetest

import (
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var tokens = []story{
	{"are added, and listed without their hashes, the oldest first", func(w *world) {
		e, first := w.environment("one")
		other, _ := w.environment("two")
		w.pass(time.Second)
		second := w.token(e.ID, "second")
		second.Name, second.Scopes, second.ExpiresAt = "ci", carteiro.ScopeRead|carteiro.ScopePublish, w.now.Add(-time.Hour)
		w.ok(w.CreateToken(w.t.Context(), store.CreateToken{Token: second}))
		w.wantToken(second)
		w.derive(first, "session")
		w.ok(w.CreateToken(w.t.Context(), store.CreateToken{Token: w.token(other.ID, "elsewhere")}))

		first.Hash, second.Hash = carteiro.TokenHash{}, carteiro.TokenHash{}
		w.wantTokens(store.ListTokens{EnvironmentID: e.ID, Limit: 10}, 2, first, second)
		w.wantTokens(store.ListTokens{EnvironmentID: e.ID, Limit: 1}, 2, first)
		w.wantTokens(store.ListTokens{EnvironmentID: e.ID, Limit: 1, Offset: 1}, 2, second)
		w.wantTokens(store.ListTokens{EnvironmentID: e.ID, Limit: 1, Offset: 2}, 2)
		w.wantTokens(store.ListTokens{EnvironmentID: w.newID(), Limit: 1}, 0)
	}},
	{"an id or a hash is taken once, and the environment must be there", func(w *world) {
		e, first := w.environment("one")
		sameID, sameHash := w.token(e.ID, "x"), w.token(e.ID, "y")
		sameID.ID, sameHash.Hash = first.ID, first.Hash
		for _, token := range []carteiro.Token{sameID, sameHash} {
			w.wantErr(w.CreateToken(w.t.Context(), store.CreateToken{Token: token}), store.ErrConflict)
		}
		_, err := w.ReplaceToken(w.t.Context(), store.ReplaceToken{TokenRef: refOf(first), Token: sameHash, Now: w.now, OldEndsAt: w.now})
		w.wantErr(err, store.ErrConflict)
		w.wantToken(first)
		w.wantErr(w.CreateToken(w.t.Context(), store.CreateToken{Token: w.token(w.newID(), "z")}), store.ErrNotFound)
	}},
	{"a revoked one is gone with its sessions, and with it nothing else", func(w *world) {
		e, first := w.environment("one")
		_, stranger := w.environment("two")
		second := w.token(e.ID, "second")
		w.ok(w.CreateToken(w.t.Context(), store.CreateToken{Token: second}))
		mine, theirs, strange := w.derive(first, "mine"), w.derive(second, "theirs"), w.derive(stranger, "strange")
		gone, err := w.RevokeToken(w.t.Context(), store.RevokeToken{TokenRef: refOf(first)})
		w.ok(err)
		equal(w.t, "revoked", gone, first)
		w.wantNoToken(first, mine)
		for _, left := range []carteiro.Token{second, theirs, stranger, strange} {
			w.wantToken(left)
		}
		for _, ref := range []store.TokenRef{
			refOf(first), {EnvironmentID: e.ID, ID: stranger.ID}, refOf(theirs), {EnvironmentID: w.newID(), ID: second.ID},
		} {
			_, err := w.RevokeToken(w.t.Context(), store.RevokeToken{TokenRef: ref})
			w.wantErr(err, store.ErrNotFound)
		}
		w.wantToken(second)
		w.wantToken(theirs)
	}},
	{"a replaced one ends with its sessions, and the new one may what it could", func(w *world) {
		e, _ := w.environment("one")
		old, other := w.token(e.ID, "old"), w.token(e.ID, "other")
		old.Name, old.Scopes, old.ExpiresAt = "ci", carteiro.ScopePublish, w.now.Add(time.Hour)
		for _, token := range []carteiro.Token{old, other} {
			w.ok(w.CreateToken(w.t.Context(), store.CreateToken{Token: token}))
		}
		mine, theirs := w.derive(old, "mine"), w.derive(other, "theirs")
		p := store.ReplaceToken{
			TokenRef: refOf(old), Now: w.now, OldEndsAt: w.now.Add(time.Minute),
			Token: carteiro.Token{ID: w.newID(), Hash: carteiro.HashToken("new"), CreatedAt: w.now},
		}
		fresh, err := w.ReplaceToken(w.t.Context(), p)
		w.ok(err)
		want := old
		want.ID, want.Hash, want.CreatedAt = p.Token.ID, p.Token.Hash, p.Token.CreatedAt
		equal(w.t, "the new one", fresh, want)
		w.wantToken(want)
		old.ExpiresAt, mine.ExpiresAt, old.ReplacedBy = p.OldEndsAt, p.OldEndsAt, fresh.ID
		for _, token := range []carteiro.Token{old, mine, other, theirs} {
			w.wantToken(token)
		}
		p.Token.ID, p.Token.Hash, p.Token.ExpiresAt = w.newID(), carteiro.HashToken("newer"), w.now.Add(48*time.Hour)
		_, err = w.ReplaceToken(w.t.Context(), p)
		w.wantErr(err, store.ErrConflict) // it would end with the grace of the old one
		w.wantToken(old)
		w.wantNoToken(p.Token)
		p.TokenRef = refOf(fresh)
		fresh, err = w.ReplaceToken(w.t.Context(), p)
		w.ok(err)
		equal(w.t, "end of one that brings its own", fresh.ExpiresAt, w.now.Add(48*time.Hour))
		w.wantToken(old)

		w.pass(time.Hour)
		p.Token.ID, p.Token.Hash, p.Now = w.newID(), carteiro.HashToken("newest"), w.now
		for _, ref := range []store.TokenRef{refOf(old), refOf(theirs), {EnvironmentID: w.newID(), ID: other.ID}} {
			p.TokenRef = ref
			_, err := w.ReplaceToken(w.t.Context(), p)
			w.wantErr(err, store.ErrNotFound)
		}
		w.wantNoToken(p.Token)
	}},
	{"a forgotten session is gone, and no other session or token", func(w *world) {
		_, token := w.environment("one")
		_, stranger := w.environment("two")
		mine, other, strange := w.derive(token, "mine"), w.derive(token, "other"), w.derive(stranger, "strange")
		for _, hash := range []carteiro.TokenHash{mine.Hash, mine.Hash, token.Hash, carteiro.HashToken("unknown")} {
			w.ok(w.ForgetToken(w.t.Context(), hash))
			w.wantNoToken(mine)
			for _, left := range []carteiro.Token{token, other, stranger, strange} {
				w.wantToken(left)
			}
		}
	}},
	{"the last use is the latest that was noted", func(w *world) {
		_, token := w.environment("one")
		_, other := w.environment("two")
		note := func(at time.Time) {
			w.ok(w.NoteTokenUse(w.t.Context(), []store.TokenUse{{ID: token.ID, At: at}, {ID: w.newID(), At: at}}))
		}
		note(w.now)
		token.LastUsedAt = w.now
		w.wantToken(token)
		note(w.now.Add(-time.Second))
		w.wantToken(token)
		note(w.now.Add(time.Minute))
		token.LastUsedAt = w.now.Add(time.Minute)
		w.wantToken(token)
		w.wantToken(other)
		w.ok(w.NoteTokenUse(w.t.Context(), nil))
	}},
}

func refOf(token carteiro.Token) store.TokenRef {
	return store.TokenRef{EnvironmentID: token.EnvironmentID, ID: token.ID}
}

// derive begins a session of twelve hours.
func (w *world) derive(from carteiro.Token, secret string) carteiro.Token {
	w.t.Helper()
	session, err := w.DeriveToken(w.t.Context(), store.DeriveToken{From: from.Hash, Now: w.now, Token: carteiro.Token{
		ID: w.newID(), Hash: carteiro.HashToken(secret), CreatedAt: w.now, ExpiresAt: w.now.Add(12 * time.Hour), Session: true,
	}})
	w.ok(err)
	return session
}

func (w *world) wantTokens(p store.ListTokens, total int, want ...carteiro.Token) {
	w.t.Helper()
	got, n, err := w.ListTokens(w.t.Context(), p)
	w.ok(err)
	equal(w.t, "tokens in all", n, total)
	if len(got)+len(want) > 0 {
		equal(w.t, "tokens", got, want)
	}
}

func (w *world) wantNoToken(gone ...carteiro.Token) {
	w.t.Helper()
	for _, token := range gone {
		_, err := w.FindToken(w.t.Context(), token.Hash)
		w.wantErr(err, store.ErrNotFound)
	}
}
