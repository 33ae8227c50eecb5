package sqlstore

import (
	"bytes"
	"context"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// Calls that derive, replace, revoke or rotate tokens lock the environment, so that no derived token outlives its parent.
const lockEnvironmentOf = ` FROM environments WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`

const tokenColumns = `id, environment_id, hash, created_at, expires_at, session, name, scopes, last_used_at, parent_id, replaced_by`

// A session without a parent belongs to an unknown token: it ends with any token of its environment.
const tokenFamily = `(id = $2 OR parent_id = $2 OR session AND parent_id IS NULL)` //nolint:gosec // a condition, not a credential

var (
	lockEnvironment = NewQuery(`SELECT 1` + lockEnvironmentOf)
	lockOfToken     = NewQuery(`SELECT 1 FROM environments WHERE id = (SELECT environment_id FROM tokens WHERE hash = $1) FOR UPDATE`)

	insertToken = NewQuery(`INSERT INTO tokens (` + tokenColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`)
	findToken   = NewQuery(`SELECT ` + tokenColumns + ` FROM tokens WHERE hash = $1`)
	getToken    = NewQuery(`SELECT ` + tokenColumns + ` FROM tokens WHERE id = $1 AND environment_id = $2 AND NOT session`)
	listTokens  = NewQuery(`SELECT ` + tokenColumns + ` FROM tokens WHERE environment_id = $1 AND NOT session
		ORDER BY created_at, id LIMIT $2 OFFSET $3`)
	countTokens = NewQuery(`SELECT count(*) FROM tokens WHERE environment_id = $1 AND NOT session`)
	useToken    = NewQuery(`UPDATE tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)`)

	endTokens = NewQuery(`UPDATE tokens SET expires_at = $2 WHERE environment_id = $1 AND (expires_at IS NULL OR expires_at > $2)`)
	endToken  = NewQuery(`UPDATE tokens SET expires_at = $3 WHERE environment_id = $1 AND (expires_at IS NULL OR expires_at > $3)
		AND ` + tokenFamily)
	// Sessions have no successor.
	replaceToken  = NewQuery(`UPDATE tokens SET replaced_by = $3 WHERE environment_id = $1 AND id = $2`)
	replaceTokens = NewQuery(`UPDATE tokens SET replaced_by = $2 WHERE environment_id = $1 AND id <> $2 AND NOT session AND replaced_by IS NULL`)
	deleteToken   = NewQuery(`DELETE FROM tokens WHERE environment_id = $1 AND ` + tokenFamily)
	forgetToken   = NewQuery(`DELETE FROM tokens WHERE hash = $1 AND session`)
)

func addToken(t Tx, token *carteiro.Token) error {
	_, err := t.Exec(insertToken, tokenValues(token)...)
	return t.Conflict(err)
}

// tokenValues are the values of tokenColumns.
func tokenValues(token *carteiro.Token) []any {
	return []any{
		token.ID, token.EnvironmentID, token.Hash[:], token.CreatedAt, token.ExpiresAt, token.Session,
		Text(token.Name), int64(token.Scopes), token.LastUsedAt, token.ParentID, token.ReplacedBy,
	}
}

// readToken reads tokenColumns.
func readToken(scan Scan) (token carteiro.Token, err error) {
	var hash []byte
	var scopes int64
	err = scan(&token.ID, &token.EnvironmentID, &hash, &token.CreatedAt, &token.ExpiresAt, &token.Session,
		(*Text)(&token.Name), &scopes, &token.LastUsedAt, &token.ParentID, &token.ReplacedBy)
	token.Scopes = carteiro.Scopes(scopes) //nolint:gosec // as it was stored
	copy(token.Hash[:], hash)
	return token, err
}

// FindToken implements [store.Tokens].
func (s *Store) FindToken(ctx context.Context, hash carteiro.TokenHash) (token carteiro.Token, err error) {
	err = s.db.Read(ctx, func(t Tx) error {
		token, err = readToken(row(t, findToken, hash[:]))
		return err
	})
	return token, err
}

// ListTokens implements [store.Tokens].
func (s *Store) ListTokens(ctx context.Context, p store.ListTokens) (tokens []carteiro.Token, total int, err error) {
	err = s.db.Snapshot(ctx, func(t Tx) error {
		if err := row(t, countTokens, p.EnvironmentID)(&total); err != nil {
			return err
		}
		tokens, err = list(t, readToken, listTokens, p.EnvironmentID, p.Limit, p.Offset)
		for i := range tokens {
			tokens[i].Hash = carteiro.TokenHash{}
		}
		return err
	})
	return tokens, total, err
}

// CreateToken implements [store.Tokens].
func (s *Store) CreateToken(ctx context.Context, p store.CreateToken) error {
	return s.inEnvironment(ctx, p.Token.EnvironmentID, func(t Tx) error {
		if err := t.CheckKey(p.Key, p.Token.CreatedAt); err != nil {
			return err
		}
		if err := t.PutKey(p.Key); err != nil {
			return err
		}
		if err := addToken(t, &p.Token); err != nil {
			return err
		}
		return AddAudit(t, p.Audit)
	})
}

// inEnvironment runs do while no other call changes the environment's tokens. It fails with store.ErrNotFound.
func (s *Store) inEnvironment(ctx context.Context, environment carteiro.ID, do func(t Tx) error) error {
	return s.db.Write(ctx, 2, func(t Tx) error {
		if err := row(t, lockEnvironment, environment)(new(int)); err != nil {
			return err
		}
		return do(t)
	})
}

// RevokeToken implements [store.Tokens].
func (s *Store) RevokeToken(ctx context.Context, p store.RevokeToken) (token carteiro.Token, err error) {
	err = s.inEnvironment(ctx, p.EnvironmentID, func(t Tx) error {
		if token, err = readToken(row(t, getToken, p.ID, p.EnvironmentID)); err != nil {
			return err
		}
		if _, err := t.Exec(deleteToken, p.EnvironmentID, p.ID); err != nil {
			return err
		}
		return AddAudit(t, store.Named(p.Audit, token.Name))
	})
	return token, err
}

// ReplaceToken implements [store.Tokens].
func (s *Store) ReplaceToken(ctx context.Context, p store.ReplaceToken) (token carteiro.Token, err error) {
	err = s.inEnvironment(ctx, p.EnvironmentID, func(t Tx) error {
		old, err := readToken(row(t, getToken, p.ID, p.EnvironmentID))
		if err != nil {
			return err
		}
		if err := p.Check(&old); err != nil {
			return err
		}
		token = layout.TokenAtMicros(p.Replace(&old))
		if _, err := t.Exec(endToken, p.EnvironmentID, p.ID, p.OldEndsAt); err != nil {
			return err
		}
		if err := addToken(t, &token); err != nil {
			return err
		}
		if _, err := t.Exec(replaceToken, p.EnvironmentID, p.ID, token.ID); err != nil {
			return err
		}
		return AddAudit(t, p.Replaced(&old, &token))
	})
	return token, err
}

// RotateToken implements [store.Tokens].
func (s *Store) RotateToken(ctx context.Context, p store.RotateToken) error {
	return s.inEnvironment(ctx, p.Token.EnvironmentID, func(t Tx) error {
		if _, err := t.Exec(endTokens, p.Token.EnvironmentID, p.OldEndsAt); err != nil {
			return err
		}
		if err := addToken(t, &p.Token); err != nil {
			return err
		}
		if _, err := t.Exec(replaceTokens, p.Token.EnvironmentID, p.Token.ID); err != nil {
			return err
		}
		return AddAudit(t, p.Audit)
	})
}

// NoteTokenUse implements [store.Tokens]. It updates tokens in the order of their ids, so that two nodes cannot deadlock.
func (s *Store) NoteTokenUse(ctx context.Context, uses []store.TokenUse) error {
	uses = slices.Clone(uses)
	slices.SortFunc(uses, func(a, b store.TokenUse) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return s.db.Write(ctx, len(uses), func(t Tx) error {
		for i := range uses {
			if _, err := t.Exec(useToken, uses[i].ID, uses[i].At); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeriveToken implements [store.Tokens].
func (s *Store) DeriveToken(ctx context.Context, p store.DeriveToken) (token carteiro.Token, err error) {
	err = s.db.Write(ctx, 1, func(t Tx) error {
		if err := row(t, lockOfToken, p.From[:])(new(int)); err != nil {
			return err
		}
		from, err := readToken(row(t, findToken, p.From[:]))
		if err != nil {
			return err
		}
		if from.Expired(p.Now) {
			return store.ErrNotFound
		}
		token = layout.TokenAtMicros(p.Derive(&from))
		if err := addToken(t, &token); err != nil {
			return err
		}
		return AddAudit(t, p.Audit)
	})
	return token, err
}

// ForgetToken implements [store.Tokens].
func (s *Store) ForgetToken(ctx context.Context, hash carteiro.TokenHash) error {
	return s.db.Write(ctx, 1, func(t Tx) error {
		_, err := t.Exec(forgetToken, hash[:])
		return err
	})
}
