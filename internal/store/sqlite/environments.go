package sqlite

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var (
	insertEnvironment = newQuery(`INSERT INTO environments (id, name, created_at, deleted_at) VALUES (?, ?, ?, ?)`)
	hasEnvironment    = newQuery(`SELECT 1 FROM environments WHERE id = ? AND deleted_at IS NULL`)
	getEnvironment    = newQuery(`SELECT id, name, created_at, deleted_at FROM environments WHERE id = ? AND deleted_at IS NULL`)
	listEnvironments  = newQuery(`SELECT id, name, created_at, deleted_at FROM environments WHERE deleted_at IS NULL ORDER BY created_at, id`)
	renameEnvironment = newQuery(`UPDATE environments SET name = ?2 WHERE id = ?1`)
	renameOwnOwner    = newQuery(`UPDATE owners SET name = ?2, folded = ?2 WHERE environment_id = ?1 AND kind = 3 AND id = ?1`)
)

// CreateEnvironment implements [store.Environments].
func (s *Store) CreateEnvironment(ctx context.Context, p store.CreateEnvironment) error {
	return s.writer.write(ctx, 2, func(t *tx) error {
		err := t.write(insertEnvironment).id(p.Environment.ID).text(p.Environment.Name).time(p.Environment.CreatedAt).null().run()
		if err != nil {
			return conflict(err)
		}
		if err := t.insertOwner(p.Environment.Owner()); err != nil {
			return err
		}
		if err := t.insertToken(&p.Token); err != nil {
			return err
		}
		return t.audit(p.Audit)
	})
}

// ListEnvironments implements [store.Environments].
func (s *Store) ListEnvironments(ctx context.Context) (environments []carteiro.Environment, err error) {
	err = s.read(ctx, func(c *conn) error {
		rows := c.query(listEnvironments)
		for rows.next() {
			environments = append(environments, readEnvironment(rows))
		}
		return rows.end()
	})
	return environments, err
}

func readEnvironment(row *stmt) carteiro.Environment {
	return carteiro.Environment{ID: row.colID(0), Name: row.colText(1), CreatedAt: row.colTime(2), DeletedAt: row.colTime(3)}
}

// RenameEnvironment implements [store.Environments].
func (s *Store) RenameEnvironment(ctx context.Context, p store.RenameEnvironment) (environment carteiro.Environment, err error) {
	err = s.writer.write(ctx, 1, func(t *tx) error {
		row := t.query(getEnvironment).id(p.ID)
		found, err := row.one()
		if !found {
			return orNotFound(err)
		}
		environment = readEnvironment(row)
		if err := row.end(); err != nil {
			return err
		}
		entry := store.Renamed(p.Audit, environment.Name, p.Name)
		environment.Name = p.Name
		for _, rename := range []*query{renameEnvironment, renameOwnOwner} {
			if err := t.write(rename).id(p.ID).text(p.Name).run(); err != nil {
				return err
			}
		}
		return t.audit(entry)
	})
	return environment, err
}
