package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// maxGrace is how long a token may be good beside the one that takes its place.
const maxGrace = 30 * 24 * time.Hour

// tokenJSON is a token as it is shown: without its secret, which nobody has any more.
type tokenJSON struct {
	ID         carteiro.ID `json:"id"`
	Name       string      `json:"name"`
	Scopes     []string    `json:"scopes"`
	CreatedAt  timestamp   `json:"created_at"`
	ExpiresAt  timestamp   `json:"expires_at,omitzero"`
	LastUsedAt timestamp   `json:"last_used_at,omitzero"`
}

// createdToken is the only time that a token is seen whole.
type createdToken struct {
	tokenJSON
	Secret string `json:"token"`
}

func showToken(t *carteiro.Token) tokenJSON {
	return tokenJSON{t.ID, t.Name, t.Scopes.Names(), timestamp(t.CreatedAt), timestamp(t.ExpiresAt), timestamp(t.LastUsedAt)}
}

// newToken makes a token of the request's environment, but for its name and scopes, and gives its secret.
func (r *request) newToken() (carteiro.Token, string) {
	secret := carteiro.NewTokenSecret()
	return carteiro.Token{
		ID: r.s.IDs.New(r.begun), EnvironmentID: r.environment, Hash: carteiro.HashToken(secret),
		CreatedAt: r.begun.UTC().Truncate(time.Microsecond),
	}, secret
}

func (s *server) listTokens(r *request) error {
	if _, err := r.ofEnvironment(); err != nil {
		return err
	}
	q := r.query()
	p := q.page(defaultOwners)
	if err := q.faults.err(); err != nil {
		return err
	}
	tokens, total, err := s.Admin.ListTokens(r.Context(), store.ListTokens{EnvironmentID: r.environment, Limit: p.PerPage, Offset: p.offset()})
	if err != nil {
		return err
	}
	p.setTotal(total)
	shown := make([]tokenJSON, len(tokens))
	for i := range tokens {
		shown[i] = showToken(&tokens[i])
	}
	return r.respond(http.StatusOK, answer{Data: shown, Pagination: p})
}

var tokenFields = []string{fieldName, fieldScopes, fieldExpiresAt}

func (s *server) createToken(r *request) error {
	if _, err := r.ofEnvironment(); err != nil {
		return err
	}
	var f faults
	c, answered, err := r.creation(&f, "")
	if err != nil || answered {
		return err
	}
	in, err := r.strictInput(tokenFields, true, &f)
	if err != nil {
		return err
	}
	token, secret := r.newToken()
	in.requiredText(&token.Name, fieldName, maxName)
	in.scopes(&token.Scopes)
	in.expiry(&token.ExpiresAt, r.begun)
	if err := f.err(); err != nil {
		return err
	}
	entry := r.auditEntry(carteiro.TokenCreated, carteiro.Subject{Kind: carteiro.SubjectToken, ID: token.ID, Name: token.Name})
	entry.Changes = carteiro.TokenMade(&token)
	if err := c.keep(answer{Message: msgTokenCreated, Data: showToken(&token)}); err != nil {
		return err
	}
	err = s.Admin.CreateToken(r.Context(), store.CreateToken{Token: token, Audit: entry, Key: c.key})
	if answered, err := c.settle(err); err != nil || answered {
		return missing(err, errEnvironmentNotFound)
	}
	return r.respond(http.StatusCreated, answer{Message: msgTokenCreated, Data: createdToken{showToken(&token), secret}})
}

// scopes reads the list of a token's scopes, which has at least one.
func (in *input) scopes(into *carteiro.Scopes) {
	raw, ok := in.required(fieldScopes)
	if !ok {
		return
	}
	if !isArray(raw) {
		in.fault(fieldScopes, mustBeArray)
		return
	}
	for m := walk(raw); m.NextItem(); {
		if !isString(m.Value) {
			in.fault(fieldScopes, isNotAmongTheSelection)
			return
		}
		scope, err := carteiro.ParseScopes(text(m.Value))
		if err != nil {
			in.fault(fieldScopes, isNotAmongTheSelection)
			return
		}
		*into |= scope
	}
	if *into == 0 {
		in.fault(fieldScopes, mustContainAtLeast, 1)
	}
}

// expiry reads when a token ends, which must be still to come.
func (in *input) expiry(into *time.Time, now time.Time) {
	var at time.Time
	in.time(&at, fieldExpiresAt)
	if !at.IsZero() && !at.After(now) {
		in.fault(fieldExpiresAt, mustBeInFuture)
		return
	}
	*into = at
}

func (r *request) tokenRef() (ref store.TokenRef, err error) {
	if _, err := r.ofEnvironment(); err != nil {
		return ref, err
	}
	id, err := r.pathID(pathToken, errTokenNotFound)
	return store.TokenRef{EnvironmentID: r.environment, ID: id}, err
}

func (s *server) revokeToken(r *request) error {
	ref, err := r.tokenRef()
	if err != nil {
		return err
	}
	_, err = s.Directory.RevokeToken(r.Context(), store.RevokeToken{
		TokenRef: ref, Audit: r.auditEntry(carteiro.TokenRevoked, carteiro.Subject{Kind: carteiro.SubjectToken, ID: ref.ID}),
	})
	if err != nil {
		return missing(err, errTokenNotFound)
	}
	return r.respond(http.StatusOK, answer{Message: msgTokenRevoked})
}

var rotateFields = []string{fieldGrace, fieldExpiresAt}

func (s *server) rotateToken(r *request) error {
	ref, err := r.tokenRef()
	if err != nil {
		return err
	}
	var f faults
	in, err := r.strictInput(rotateFields, false, &f)
	if err != nil {
		return err
	}
	var grace int
	in.integer(&grace, fieldGrace, 0, int(maxGrace/time.Second))
	token, secret := r.newToken()
	in.expiry(&token.ExpiresAt, r.begun)
	if err := f.err(); err != nil {
		return err
	}
	ends := r.begun.Add(time.Duration(grace) * time.Second)
	token, err = s.Directory.ReplaceToken(r.Context(), store.ReplaceToken{
		TokenRef: ref, Token: token, Now: r.begun, OldEndsAt: ends,
		Audit: r.auditEntry(carteiro.TokenRotated, carteiro.Subject{Kind: carteiro.SubjectToken, ID: ref.ID}),
	})
	if errors.Is(err, store.ErrConflict) {
		return errTokenReplaced
	}
	if err != nil {
		return missing(err, errTokenNotFound)
	}
	return r.respond(http.StatusCreated, answer{Message: msgTokenRotated, Data: createdToken{showToken(&token), secret}})
}
