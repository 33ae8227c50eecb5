package sqlite

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const tokenColumns = `id, environment_id, hash, created_at, expires_at, session, name, scopes, last_used_at, parent_id, replaced_by`

var (
	insertToken = newQuery(`INSERT INTO tokens (` + tokenColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	findToken   = newQuery(`SELECT ` + tokenColumns + ` FROM tokens WHERE hash = ?`)
	getToken    = newQuery(`SELECT ` + tokenColumns + ` FROM tokens WHERE id = ? AND environment_id = ? AND session = 0`)
	listTokens  = newQuery(`SELECT ` + tokenColumns + ` FROM tokens WHERE environment_id = ? AND session = 0
		ORDER BY created_at, id LIMIT ? OFFSET ?`)
	countTokens = newQuery(`SELECT count(*) FROM tokens WHERE environment_id = ? AND session = 0`)
	useToken    = newQuery(`UPDATE tokens SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)`)

	endTokens = newQuery(`UPDATE tokens SET expires_at = ?2 WHERE environment_id = ?1 AND (expires_at IS NULL OR expires_at > ?2)`)
	// Of sessions without a parent nobody knows whose they are: they end with any token of their environment.
	endToken = newQuery(`UPDATE tokens SET expires_at = ?3 WHERE environment_id = ?1 AND (expires_at IS NULL OR expires_at > ?3)
		AND (id = ?2 OR parent_id = ?2 OR session = 1 AND parent_id IS NULL)`)
	// Sessions have no successor.
	replaceToken  = newQuery(`UPDATE tokens SET replaced_by = ?3 WHERE environment_id = ?1 AND id = ?2`)
	replaceTokens = newQuery(`UPDATE tokens SET replaced_by = ?2 WHERE environment_id = ?1 AND id <> ?2 AND session = 0 AND replaced_by IS NULL`)
	deleteToken   = newQuery(`DELETE FROM tokens WHERE environment_id = ?1
		AND (id = ?2 OR parent_id = ?2 OR session = 1 AND parent_id IS NULL)`)
	forgetToken = newQuery(`DELETE FROM tokens WHERE hash = ? AND session = 1`)
)

func (t *tx) insertToken(token *carteiro.Token) error {
	return conflict(t.write(insertToken).id(token.ID).id(token.EnvironmentID).blob(token.Hash[:]).
		time(token.CreatedAt).time(token.ExpiresAt).bool(token.Session).text(token.Name).int(int64(token.Scopes)).
		time(token.LastUsedAt).maybeID(token.ParentID).maybeID(token.ReplacedBy).run())
}

// readToken reads tokenColumns.
func readToken(row *stmt) carteiro.Token {
	token := carteiro.Token{
		ID: row.colID(0), EnvironmentID: row.colID(1), CreatedAt: row.colTime(3), ExpiresAt: row.colTime(4), Session: row.colBool(5),
		Name: row.colText(6), Scopes: carteiro.Scopes(row.colInt(7)), //nolint:gosec // as it was stored
		LastUsedAt: row.colTime(8), ParentID: row.colID(9), ReplacedBy: row.colID(10),
	}
	copy(token.Hash[:], row.colBlob(2))
	return token
}

// FindToken implements [store.Tokens].
func (s *Store) FindToken(ctx context.Context, hash carteiro.TokenHash) (token carteiro.Token, err error) {
	err = s.read(ctx, func(c *conn) error {
		token, err = oneToken(c.query(findToken).blob(hash[:]))
		return err
	})
	return token, err
}

// oneToken reads the only row. It fails with store.ErrNotFound.
func oneToken(row *stmt) (token carteiro.Token, err error) {
	found, err := row.one()
	if !found {
		return token, orNotFound(err)
	}
	token = readToken(row)
	return token, row.end()
}

// ListTokens implements [store.Tokens].
func (s *Store) ListTokens(ctx context.Context, p store.ListTokens) (tokens []carteiro.Token, total int, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		n, err := c.query(countTokens).id(p.EnvironmentID).number()
		if err != nil {
			return err
		}
		total = int(n)
		rows := c.query(listTokens).id(p.EnvironmentID).int(int64(p.Limit)).int(int64(p.Offset))
		for rows.next() {
			token := readToken(rows)
			token.Hash = carteiro.TokenHash{}
			tokens = append(tokens, token)
		}
		return rows.end()
	})
	return tokens, total, err
}

// CreateToken implements [store.Tokens].
func (s *Store) CreateToken(ctx context.Context, p store.CreateToken) error {
	return s.writer.write(ctx, 1, func(t *tx) error {
		if err := t.mustHaveEnvironment(p.Token.EnvironmentID); err != nil {
			return err
		}
		if err := t.useKey(p.Key, p.Token.CreatedAt); err != nil {
			return err
		}
		if err := t.insertToken(&p.Token); err != nil {
			return err
		}
		return t.audit(p.Audit)
	})
}

// mustHaveEnvironment fails with store.ErrNotFound.
func (t *tx) mustHaveEnvironment(id carteiro.ID) error {
	found, err := t.query(hasEnvironment).id(id).exists()
	if err == nil && !found {
		return store.ErrNotFound
	}
	return err
}

// RevokeToken implements [store.Tokens].
func (s *Store) RevokeToken(ctx context.Context, p store.RevokeToken) (token carteiro.Token, err error) {
	err = s.writer.write(ctx, 1, func(t *tx) error {
		if token, err = oneToken(t.query(getToken).id(p.ID).id(p.EnvironmentID)); err != nil {
			return err
		}
		if err := t.write(deleteToken).id(p.EnvironmentID).id(p.ID).run(); err != nil {
			return err
		}
		return t.audit(store.Named(p.Audit, token.Name))
	})
	return token, err
}

// ReplaceToken implements [store.Tokens].
func (s *Store) ReplaceToken(ctx context.Context, p store.ReplaceToken) (token carteiro.Token, err error) {
	err = s.writer.write(ctx, 2, func(t *tx) error {
		old, err := oneToken(t.query(getToken).id(p.ID).id(p.EnvironmentID))
		if err != nil {
			return err
		}
		if err := p.Check(&old); err != nil {
			return err
		}
		token = layout.TokenAtMicros(p.Replace(&old))
		if err := t.write(endToken).id(p.EnvironmentID).id(p.ID).int(p.OldEndsAt.UnixMicro()).run(); err != nil {
			return err
		}
		if err := t.insertToken(&token); err != nil {
			return err
		}
		if err := t.write(replaceToken).id(p.EnvironmentID).id(p.ID).id(token.ID).run(); err != nil {
			return err
		}
		return t.audit(p.Replaced(&old, &token))
	})
	return token, err
}

// RotateToken implements [store.Tokens].
func (s *Store) RotateToken(ctx context.Context, p store.RotateToken) error {
	return s.writer.write(ctx, 2, func(t *tx) error {
		if err := t.mustHaveEnvironment(p.Token.EnvironmentID); err != nil {
			return err
		}
		if err := t.write(endTokens).id(p.Token.EnvironmentID).int(p.OldEndsAt.UnixMicro()).run(); err != nil {
			return err
		}
		if err := t.insertToken(&p.Token); err != nil {
			return err
		}
		if err := t.write(replaceTokens).id(p.Token.EnvironmentID).id(p.Token.ID).run(); err != nil {
			return err
		}
		return t.audit(p.Audit)
	})
}

// NoteTokenUse implements [store.Tokens].
func (s *Store) NoteTokenUse(ctx context.Context, uses []store.TokenUse) error {
	return s.writer.write(ctx, len(uses), func(t *tx) error {
		for i := range uses {
			if err := t.write(useToken).id(uses[i].ID).int(uses[i].At.UnixMicro()).run(); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeriveToken implements [store.Tokens].
func (s *Store) DeriveToken(ctx context.Context, p store.DeriveToken) (token carteiro.Token, err error) {
	err = s.writer.write(ctx, 1, func(t *tx) error {
		from, err := oneToken(t.query(findToken).blob(p.From[:]))
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
	return s.writer.write(ctx, 1, func(t *tx) error { return t.write(forgetToken).blob(hash[:]).run() })
}
