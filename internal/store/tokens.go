package store

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
)

// Tokens are the verbs on the tokens of environments, and on the sessions that come from them.
type Tokens interface {
	// FindToken looks a token up by its hash, expired ones included. It fails with ErrNotFound.
	FindToken(ctx context.Context, hash carteiro.TokenHash) (carteiro.Token, error)
	// ListTokens gives a page of an environment's tokens, oldest first, and how many there are in all: those that have
	// expired too, but no sessions. The hashes are left out.
	ListTokens(ctx context.Context, p ListTokens) (tokens []carteiro.Token, total int, err error)
	// CreateToken adds a token to an environment. It fails with ErrNotFound when there is no such environment, and with
	// ErrConflict when the id or the hash is taken.
	CreateToken(ctx context.Context, p CreateToken) error
	// RevokeToken removes a token and the sessions that come from it, and gives it back as it was. Sessions that began
	// before it was kept where they come from are removed with any token of their environment. It fails with ErrNotFound
	// when the environment has no such token, and for sessions.
	RevokeToken(ctx context.Context, p RevokeToken) (carteiro.Token, error)
	// ReplaceToken adds a token in the place of another that has not ended by p.Now: it takes over name and scopes, and
	// the end unless it has one, and the old one ends, with its sessions, at p.OldEndsAt if not before, and names its successor. It
	// returns the new one as stored. It fails with ErrNotFound if the environment has no such token, and with ErrConflict if the old
	// one has been replaced already (it would pass on an end that is near) or the id or the hash is taken.
	ReplaceToken(ctx context.Context, p ReplaceToken) (carteiro.Token, error)
	// RotateToken adds a token to an environment, which replaces all others and ends them at p.OldEndsAt (those that would end
	// earlier keep their end). It fails with ErrNotFound when there is no such environment.
	RotateToken(ctx context.Context, p RotateToken) error
	// NoteTokenUse sets when tokens were last used, unless they were used later. Those that are not there are ignored.
	NoteTokenUse(ctx context.Context, uses []TokenUse) error

	// DeriveToken adds a session of another token that has not ended, and gives it back as stored: it has the other's
	// environment, name and scopes, ends when the other does, if not before, and shares its fate when that is revoked,
	// replaced or rotated. It fails with ErrNotFound when the other is not there or has ended by p.Now.
	DeriveToken(ctx context.Context, p DeriveToken) (carteiro.Token, error)
	// ForgetToken removes a token that is a session's. Of any other, or none, nothing is changed.
	ForgetToken(ctx context.Context, hash carteiro.TokenHash) error
}

// ListTokens is the parameter of [Tokens.ListTokens].
type ListTokens struct {
	EnvironmentID carteiro.ID
	Limit, Offset int
}

// CreateToken is the parameter of [Tokens.CreateToken].
type CreateToken struct {
	Token carteiro.Token // its EnvironmentID says where
	Audit *carteiro.AuditEntry
	Key   *Key // of the call, if any: if it was used before, CreateToken fails with a [*KeyUsedError]
}

// TokenRef names a token and the environment whose it must be.
type TokenRef struct {
	EnvironmentID, ID carteiro.ID
}

// RevokeToken is the parameter of [Tokens.RevokeToken].
type RevokeToken struct {
	TokenRef
	Audit *carteiro.AuditEntry // the token's name is filled in
}

// ReplaceToken is the parameter of [Tokens.ReplaceToken].
type ReplaceToken struct {
	TokenRef                 // the old one
	Token     carteiro.Token // the new one: id, hash, CreatedAt and, if another than the old one's, ExpiresAt
	Now       time.Time
	OldEndsAt time.Time
	Audit     *carteiro.AuditEntry // name and changes are filled in
}

// RotateToken is the parameter of [Tokens.RotateToken].
type RotateToken struct {
	Token     carteiro.Token // new; its EnvironmentID says where
	OldEndsAt time.Time
	Audit     *carteiro.AuditEntry
}

// TokenUse says when a token was last used.
type TokenUse struct {
	ID carteiro.ID
	At time.Time
}

// DeriveToken is the parameter of [Tokens.DeriveToken].
type DeriveToken struct {
	Token carteiro.Token // new: id, hash, CreatedAt, ExpiresAt and Session
	From  carteiro.TokenHash
	Now   time.Time
	Audit *carteiro.AuditEntry
}

// Derive makes the session that p asks for of the token that it comes from. Databases share it, so that they agree.
func (p *DeriveToken) Derive(from *carteiro.Token) carteiro.Token {
	token := p.Token
	token.EnvironmentID, token.Name, token.Scopes, token.ParentID = from.EnvironmentID, from.Name, from.Scopes, from.ID
	if end := from.ExpiresAt; !end.IsZero() && !token.Expired(end) {
		token.ExpiresAt = end
	}
	return token
}

// Check returns why a token cannot be replaced, or nil.
func (p *ReplaceToken) Check(old *carteiro.Token) error {
	switch {
	case old.Expired(p.Now):
		return ErrNotFound
	case !old.ReplacedBy.IsZero():
		return ErrConflict
	}
	return nil
}

// Replace makes the token that p asks for in the place of the old one.
func (p *ReplaceToken) Replace(old *carteiro.Token) carteiro.Token {
	token := p.Token
	token.EnvironmentID, token.Name, token.Scopes = old.EnvironmentID, old.Name, old.Scopes
	if token.ExpiresAt.IsZero() {
		token.ExpiresAt = old.ExpiresAt
	}
	return token
}
