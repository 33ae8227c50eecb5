package postgres

import (
	"context"

	"carteiro"
	"carteiro/internal/store"
)

const (
	insertEnvironment = `INSERT INTO environments (id, name, created_at) VALUES ($1, $2, $3)`
	hasEnvironment    = `SELECT EXISTS (SELECT FROM environments WHERE id = $1)`
	listEnvironments  = `SELECT id, name, created_at FROM environments ORDER BY created_at, id`

	insertToken = `INSERT INTO tokens (id, environment_id, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`
	endTokens   = `UPDATE tokens SET expires_at = $2 WHERE environment_id = $1 AND (expires_at IS NULL OR expires_at > $2)` //nolint:gosec // a statement, no credential
	findToken   = `SELECT id, environment_id, created_at, expires_at FROM tokens WHERE hash = $1`                           //nolint:gosec // a statement, no credential
)

// CreateEnvironment implements [store.Environments].
func (s *Store) CreateEnvironment(ctx context.Context, p store.CreateEnvironment) error {
	return s.inTx(ctx, func(t *tx) error {
		e := &p.Environment
		if _, err := t.run(insertEnvironment, id(e.ID), []byte(e.Name), moment(e.CreatedAt)); err != nil {
			return conflict(err)
		}
		return t.insertToken(&p.Token)
	})
}

func (t *tx) insertToken(token *carteiro.Token) error {
	_, err := t.run(insertToken, id(token.ID), id(token.EnvironmentID), token.Hash[:], moment(token.CreatedAt), moment(token.ExpiresAt))
	return conflict(err)
}

// ListEnvironments implements [store.Environments].
func (s *Store) ListEnvironments(ctx context.Context) (environments []carteiro.Environment, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		environments = nil
		return t.each(func(scan func(...any) error) error {
			var e carteiro.Environment
			err := scan(toID(&e.ID), octet{&e.Name}, toTime(&e.CreatedAt))
			environments = append(environments, e)
			return err
		}, listEnvironments)
	})
	return environments, err
}

// RotateToken implements [store.Environments].
func (s *Store) RotateToken(ctx context.Context, p store.RotateToken) error {
	return s.inTx(ctx, func(t *tx) error {
		var found bool
		if err := t.row(hasEnvironment, id(p.Token.EnvironmentID))(&found); err != nil {
			return err
		}
		if !found {
			return store.ErrNotFound
		}
		if _, err := t.run(endTokens, id(p.Token.EnvironmentID), micros(p.OldEndsAt)); err != nil {
			return err
		}
		return t.insertToken(&p.Token)
	})
}

// FindToken implements [store.Environments].
func (s *Store) FindToken(ctx context.Context, hash carteiro.TokenHash) (token carteiro.Token, err error) {
	err = s.read(ctx, func(t *tx) error {
		token = carteiro.Token{Hash: hash}
		return t.row(findToken, hash[:])(toID(&token.ID), toID(&token.EnvironmentID), toTime(&token.CreatedAt), toTime(&token.ExpiresAt))
	})
	return token, err
}
