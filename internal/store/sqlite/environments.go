package sqlite

import (
	"context"

	"carteiro"
	"carteiro/internal/store"
)

var (
	insertEnvironment = newQuery(`INSERT INTO environments (id, name, created_at) VALUES (?, ?, ?)`)
	hasEnvironment    = newQuery(`SELECT 1 FROM environments WHERE id = ?`)
	listEnvironments  = newQuery(`SELECT id, name, created_at FROM environments ORDER BY created_at, id`)

	insertToken = newQuery(`INSERT INTO tokens (id, environment_id, hash, created_at, expires_at, session) VALUES (?, ?, ?, ?, ?, ?)`)
	endTokens   = newQuery(`UPDATE tokens SET expires_at = ?2 WHERE environment_id = ?1 AND (expires_at IS NULL OR expires_at > ?2)`)
	findToken   = newQuery(`SELECT id, environment_id, created_at, expires_at, session FROM tokens WHERE hash = ?`)
	forgetToken = newQuery(`DELETE FROM tokens WHERE hash = ? AND session = 1`)
)

// CreateEnvironment implements [store.Environments].
func (s *Store) CreateEnvironment(ctx context.Context, p store.CreateEnvironment) error {
	return s.writer.write(ctx, 2, func(t *tx) error {
		err := t.write(insertEnvironment).id(p.Environment.ID).text(p.Environment.Name).time(p.Environment.CreatedAt).run()
		if err != nil {
			return conflict(err)
		}
		return t.insertToken(&p.Token)
	})
}

func (t *tx) insertToken(token *carteiro.Token) error {
	return conflict(t.write(insertToken).id(token.ID).id(token.EnvironmentID).blob(token.Hash[:]).
		time(token.CreatedAt).time(token.ExpiresAt).bool(token.Session).run())
}

// ListEnvironments implements [store.Environments].
func (s *Store) ListEnvironments(ctx context.Context) (environments []carteiro.Environment, err error) {
	err = s.read(ctx, func(c *conn) error {
		rows := c.query(listEnvironments)
		for rows.next() {
			environments = append(environments, carteiro.Environment{
				ID: rows.colID(0), Name: rows.colText(1), CreatedAt: rows.colTime(2),
			})
		}
		return rows.end()
	})
	return environments, err
}

// RotateToken implements [store.Environments].
func (s *Store) RotateToken(ctx context.Context, p store.RotateToken) error {
	return s.writer.write(ctx, 2, func(t *tx) error {
		found, err := t.query(hasEnvironment).id(p.Token.EnvironmentID).exists()
		if err != nil {
			return err
		}
		if !found {
			return store.ErrNotFound
		}
		if err := t.write(endTokens).id(p.Token.EnvironmentID).int(p.OldEndsAt.UnixMicro()).run(); err != nil {
			return err
		}
		return t.insertToken(&p.Token)
	})
}

// FindToken implements [store.Environments].
func (s *Store) FindToken(ctx context.Context, hash carteiro.TokenHash) (token carteiro.Token, err error) {
	err = s.read(ctx, func(c *conn) error {
		token, err = c.token(hash)
		return err
	})
	return token, err
}

// token fails with store.ErrNotFound.
func (c *conn) token(hash carteiro.TokenHash) (token carteiro.Token, err error) {
	row := c.query(findToken).blob(hash[:])
	found, err := row.one()
	if !found {
		return token, orNotFound(err)
	}
	token = carteiro.Token{
		ID: row.colID(0), EnvironmentID: row.colID(1), Hash: hash,
		CreatedAt: row.colTime(2), ExpiresAt: row.colTime(3), Session: row.colBool(4),
	}
	return token, row.end()
}

// DeriveToken implements [store.Environments].
func (s *Store) DeriveToken(ctx context.Context, p store.DeriveToken) (token carteiro.Token, err error) {
	err = s.writer.write(ctx, 1, func(t *tx) error {
		from, err := t.token(p.From)
		if err != nil {
			return err
		}
		if from.Expired(p.Now) {
			return store.ErrNotFound
		}
		token = p.Token
		token.EnvironmentID = from.EnvironmentID
		token.CreatedAt, token.ExpiresAt = micros(token.CreatedAt), micros(token.ExpiresAt)
		if end := from.ExpiresAt; !end.IsZero() && !token.Expired(end) {
			token.ExpiresAt = end
		}
		return t.insertToken(&token)
	})
	return token, err
}

// ForgetToken implements [store.Environments].
func (s *Store) ForgetToken(ctx context.Context, hash carteiro.TokenHash) error {
	return s.writer.write(ctx, 1, func(t *tx) error { return t.write(forgetToken).blob(hash[:]).run() })
}
