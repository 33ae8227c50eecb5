package postgres

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	insertEnvironment = `INSERT INTO environments (id, name, created_at, deleted_at) VALUES ($1, $2, $3, $4)`
	listEnvironments  = `SELECT id, name, created_at, deleted_at FROM environments WHERE deleted_at IS NULL ORDER BY created_at, id`
	getEnvironment    = `SELECT id, name, created_at, deleted_at FROM environments WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`
	renameEnvironment = `UPDATE environments SET name = $2 WHERE id = $1`
	renameOwnOwner    = `UPDATE owners SET name = $2, folded = $2 WHERE environment_id = $1 AND kind = 3 AND id = $1`
)

// CreateEnvironment implements [store.Environments].
func (s *Store) CreateEnvironment(ctx context.Context, p store.CreateEnvironment) error {
	return s.inTx(ctx, func(t *tx) error {
		e := &p.Environment
		if _, err := t.run(insertEnvironment, id(e.ID), []byte(e.Name), moment(e.CreatedAt), nil); err != nil {
			return conflict(err)
		}
		if _, err := t.run(insertOwner, ownerValues(new(e.Owner()))...); err != nil {
			return err
		}
		if err := t.insertToken(&p.Token); err != nil {
			return err
		}
		return t.audit(p.Audit)
	})
}

func environmentFields(e *carteiro.Environment) []any {
	return []any{toID(&e.ID), octet{&e.Name}, toTime(&e.CreatedAt), toTime(&e.DeletedAt)}
}

// ListEnvironments implements [store.Environments].
func (s *Store) ListEnvironments(ctx context.Context) (environments []carteiro.Environment, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		environments = nil
		return t.each(func(scan func(...any) error) error {
			var e carteiro.Environment
			err := scan(environmentFields(&e)...)
			environments = append(environments, e)
			return err
		}, listEnvironments)
	})
	return environments, err
}

// RenameEnvironment implements [store.Environments].
func (s *Store) RenameEnvironment(ctx context.Context, p store.RenameEnvironment) (environment carteiro.Environment, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.row(getEnvironment, id(p.ID))(environmentFields(&environment)...); err != nil {
			return err
		}
		entry := store.Renamed(p.Audit, environment.Name, p.Name)
		environment.Name = p.Name
		for _, rename := range []string{renameEnvironment, renameOwnOwner} {
			if _, err := t.run(rename, id(p.ID), []byte(p.Name)); err != nil {
				return err
			}
		}
		if err := t.audit(entry); err != nil {
			return err
		}
		return t.tell(s.hints.name, change{owner: store.OwnerRef{EnvironmentID: p.ID, Kind: carteiro.OwnerEnvironment, ID: p.ID}})
	})
	return environment, err
}
