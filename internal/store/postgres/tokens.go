package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const (
	// Tokens are derived, replaced, revoked and rotated one after the other: no derived one slips through the end of the others.
	lockEnvironment = `SELECT 1 FROM environments WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`
	lockOfToken     = `SELECT 1 FROM environments WHERE id = (SELECT environment_id FROM tokens WHERE hash = $1) FOR UPDATE` //nolint:gosec // a statement, no credential

	tokenColumns = `id, environment_id, hash, created_at, expires_at, session, name, scopes, last_used_at, parent_id, replaced_by`
	insertToken  = `INSERT INTO tokens (` + tokenColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	findToken    = `SELECT ` + tokenColumns + ` FROM tokens WHERE hash = $1`
	getToken     = `SELECT ` + tokenColumns + ` FROM tokens WHERE id = $1 AND environment_id = $2 AND NOT session`
	listTokens   = `SELECT ` + tokenColumns + ` FROM tokens WHERE environment_id = $1 AND NOT session
		ORDER BY created_at, id LIMIT $2 OFFSET $3`
	countTokens = `SELECT count(*) FROM tokens WHERE environment_id = $1 AND NOT session` //nolint:gosec // a statement, no credential
	// In the order of their ids, so that two nodes do not wait for each other.
	noteUses = `UPDATE tokens t SET last_used_at = u.at
		FROM (SELECT t.id, u.at FROM tokens t JOIN unnest($1::uuid[], $2::timestamptz[]) AS u (id, at) ON t.id = u.id
			WHERE last_used_at IS NULL OR last_used_at < u.at ORDER BY t.id FOR UPDATE OF t) u
		WHERE t.id = u.id`

	endTokens = `UPDATE tokens SET expires_at = $2 WHERE environment_id = $1 AND (expires_at IS NULL OR expires_at > $2)` //nolint:gosec // a statement, no credential
	// Of sessions without a parent nobody knows whose they are: they end with any token of their environment.
	endOne = `UPDATE tokens SET expires_at = $3 WHERE environment_id = $1 AND (expires_at IS NULL OR expires_at > $3)
		AND (id = $2 OR parent_id = $2 OR session AND parent_id IS NULL)`
	// Sessions have no successor.
	replaceToken  = `UPDATE tokens SET replaced_by = $3 WHERE environment_id = $1 AND id = $2`                                          //nolint:gosec // a statement, no credential
	replaceTokens = `UPDATE tokens SET replaced_by = $2 WHERE environment_id = $1 AND id <> $2 AND NOT session AND replaced_by IS NULL` //nolint:gosec // a statement, no credential
	deleteToken   = `DELETE FROM tokens WHERE environment_id = $1 AND (id = $2 OR parent_id = $2 OR session AND parent_id IS NULL)`
	forgetToken   = `DELETE FROM tokens WHERE hash = $1 AND session`
)

func tokenValues(token *carteiro.Token) []any {
	return []any{
		id(token.ID), id(token.EnvironmentID), token.Hash[:], moment(token.CreatedAt), moment(token.ExpiresAt), token.Session,
		[]byte(token.Name), int16(token.Scopes), moment(token.LastUsedAt), id(token.ParentID), id(token.ReplacedBy),
	}
}

func (t *tx) insertToken(token *carteiro.Token) error {
	_, err := t.run(insertToken, tokenValues(token)...)
	return conflict(err)
}

// readToken reads tokenColumns.
func readToken(scan func(...any) error) (token carteiro.Token, err error) {
	var hash []byte
	var scopes int16
	err = scan(toID(&token.ID), toID(&token.EnvironmentID), &hash, toTime(&token.CreatedAt), toTime(&token.ExpiresAt), &token.Session,
		octet{&token.Name}, &scopes, toTime(&token.LastUsedAt), toID(&token.ParentID), toID(&token.ReplacedBy))
	token.Scopes = carteiro.Scopes(scopes) //nolint:gosec // as it was stored
	copy(token.Hash[:], hash)
	return token, err
}

// FindToken implements [store.Tokens].
func (s *Store) FindToken(ctx context.Context, hash carteiro.TokenHash) (token carteiro.Token, err error) {
	err = s.read(ctx, func(t *tx) error {
		token, err = readToken(t.row(findToken, hash[:]))
		return err
	})
	return token, err
}

// ListTokens implements [store.Tokens].
func (s *Store) ListTokens(ctx context.Context, p store.ListTokens) (tokens []carteiro.Token, total int, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		tokens = nil
		if err := t.row(countTokens, id(p.EnvironmentID))(&total); err != nil {
			return err
		}
		return t.each(func(scan func(...any) error) error {
			token, err := readToken(scan)
			token.Hash = carteiro.TokenHash{}
			tokens = append(tokens, token)
			return err
		}, listTokens, id(p.EnvironmentID), p.Limit, p.Offset)
	})
	return tokens, total, err
}

// CreateToken implements [store.Tokens].
func (s *Store) CreateToken(ctx context.Context, p store.CreateToken) error {
	return s.inEnvironment(ctx, p.Token.EnvironmentID, func(t *tx) error {
		if err := t.useKey(p.Key, p.Token.CreatedAt); err != nil {
			return err
		}
		if err := t.insertToken(&p.Token); err != nil {
			return err
		}
		return t.audit(p.Audit)
	})
}

// inEnvironment does something with the tokens of an environment, while nobody else does. It fails with store.ErrNotFound.
func (s *Store) inEnvironment(ctx context.Context, environment carteiro.ID, do func(t *tx) error) error {
	return s.inTx(ctx, func(t *tx) error {
		if err := t.row(lockEnvironment, id(environment))(new(int)); err != nil {
			return err
		}
		return do(t)
	})
}

// RevokeToken implements [store.Tokens].
func (s *Store) RevokeToken(ctx context.Context, p store.RevokeToken) (token carteiro.Token, err error) {
	err = s.inEnvironment(ctx, p.EnvironmentID, func(t *tx) error {
		if token, err = readToken(t.row(getToken, id(p.ID), id(p.EnvironmentID))); err != nil {
			return err
		}
		if _, err := t.run(deleteToken, id(p.EnvironmentID), id(p.ID)); err != nil {
			return err
		}
		return t.audit(store.Named(p.Audit, token.Name))
	})
	return token, err
}

// ReplaceToken implements [store.Tokens].
func (s *Store) ReplaceToken(ctx context.Context, p store.ReplaceToken) (token carteiro.Token, err error) {
	err = s.inEnvironment(ctx, p.EnvironmentID, func(t *tx) error {
		old, err := readToken(t.row(getToken, id(p.ID), id(p.EnvironmentID)))
		if err != nil {
			return err
		}
		if err := p.Check(&old); err != nil {
			return err
		}
		token = layout.TokenAtMicros(p.Replace(&old))
		if _, err := t.run(endOne, id(p.EnvironmentID), id(p.ID), layout.Micros(p.OldEndsAt)); err != nil {
			return err
		}
		if err := t.insertToken(&token); err != nil {
			return err
		}
		if _, err := t.run(replaceToken, id(p.EnvironmentID), id(p.ID), id(token.ID)); err != nil {
			return err
		}
		return t.audit(p.Replaced(&old, &token))
	})
	return token, err
}

// RotateToken implements [store.Tokens].
func (s *Store) RotateToken(ctx context.Context, p store.RotateToken) error {
	return s.inEnvironment(ctx, p.Token.EnvironmentID, func(t *tx) error {
		if _, err := t.run(endTokens, id(p.Token.EnvironmentID), layout.Micros(p.OldEndsAt)); err != nil {
			return err
		}
		if err := t.insertToken(&p.Token); err != nil {
			return err
		}
		if _, err := t.run(replaceTokens, id(p.Token.EnvironmentID), id(p.Token.ID)); err != nil {
			return err
		}
		return t.audit(p.Audit)
	})
}

// NoteTokenUse implements [store.Tokens].
func (s *Store) NoteTokenUse(ctx context.Context, uses []store.TokenUse) error {
	var tokens ids
	var at times
	for i := range uses {
		tokens, at = append(tokens, uses[i].ID), append(at, uses[i].At)
	}
	return s.inTx(ctx, func(t *tx) error {
		_, err := t.run(noteUses, tokens, at)
		return err
	})
}

// DeriveToken implements [store.Tokens].
func (s *Store) DeriveToken(ctx context.Context, p store.DeriveToken) (token carteiro.Token, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.row(lockOfToken, p.From[:])(new(int)); err != nil {
			return err
		}
		from, err := readToken(t.row(findToken, p.From[:]))
		if err != nil {
			return err
		}
		if from.Expired(p.Now) {
			return store.ErrNotFound
		}
		token = layout.TokenAtMicros(p.Derive(&from))
		if err := t.insertToken(&token); err != nil {
			return err
		}
		return t.audit(p.Audit)
	})
	return token, err
}

// ForgetToken implements [store.Tokens].
func (s *Store) ForgetToken(ctx context.Context, hash carteiro.TokenHash) error {
	return s.inTx(ctx, func(t *tx) error {
		_, err := t.run(forgetToken, hash[:])
		return err
	})
}

// queueTokens queues tokens of a page that is imported.
func queueTokens(b *pgx.Batch, tokens []carteiro.Token) {
	for i := range tokens {
		b.Queue(insertToken, tokenValues(&tokens[i])...)
	}
}
