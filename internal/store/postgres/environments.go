package postgres

import (
	"context"

	"carteiro"
	"carteiro/internal/store"
)

const (
	insertEnvironment = `INSERT INTO environments (id, name, created_at) VALUES ($1, $2, $3)`
	listEnvironments  = `SELECT id, name, created_at FROM environments ORDER BY created_at, id`
	// Tokens are derived and rotated one after the other: no derived one slips through the end of the others.
	lockEnvironment = `SELECT 1 FROM environments WHERE id = $1 FOR UPDATE`
	lockOfToken     = `SELECT 1 FROM environments WHERE id = (SELECT environment_id FROM tokens WHERE hash = $1) FOR UPDATE` //nolint:gosec // a statement, no credential

	insertToken = `INSERT INTO tokens (id, environment_id, hash, created_at, expires_at, session) VALUES ($1, $2, $3, $4, $5, $6)`
	endTokens   = `UPDATE tokens SET expires_at = $2 WHERE environment_id = $1 AND (expires_at IS NULL OR expires_at > $2)` //nolint:gosec // a statement, no credential
	findToken   = `SELECT id, environment_id, created_at, expires_at, session FROM tokens WHERE hash = $1`                  //nolint:gosec // a statement, no credential
	forgetToken = `DELETE FROM tokens WHERE hash = $1 AND session`                                                          //nolint:gosec // a statement, no credential
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
	_, err := t.run(insertToken, id(token.ID), id(token.EnvironmentID), token.Hash[:], moment(token.CreatedAt), moment(token.ExpiresAt),
		token.Session)
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
		if err := t.row(lockEnvironment, id(p.Token.EnvironmentID))(new(int)); err != nil {
			return err
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
		token, err = t.token(hash)
		return err
	})
	return token, err
}

func (t *tx) token(hash carteiro.TokenHash) (carteiro.Token, error) {
	token := carteiro.Token{Hash: hash}
	err := t.row(findToken, hash[:])(
		toID(&token.ID), toID(&token.EnvironmentID), toTime(&token.CreatedAt), toTime(&token.ExpiresAt), &token.Session)
	return token, err
}

// DeriveToken implements [store.Environments].
func (s *Store) DeriveToken(ctx context.Context, p store.DeriveToken) (token carteiro.Token, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.row(lockOfToken, p.From[:])(new(int)); err != nil {
			return err
		}
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
	return s.inTx(ctx, func(t *tx) error {
		_, err := t.run(forgetToken, hash[:])
		return err
	})
}
