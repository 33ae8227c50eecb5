package sqlstore

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const environmentColumns = `id, name, created_at, deleted_at`

var (
	insertEnvironment = NewQuery(`INSERT INTO environments (` + environmentColumns + `) VALUES ($1, $2, $3, $4)`)
	listEnvironments  = NewQuery(`SELECT ` + environmentColumns + ` FROM environments WHERE deleted_at IS NULL ORDER BY created_at, id`)
	getEnvironment    = NewQuery(`SELECT ` + environmentColumns + lockEnvironmentOf)
	renameEnvironment = NewQuery(`UPDATE environments SET name = $2 WHERE id = $1`)
	renameOwnOwner    = NewQuery(`UPDATE owners SET name = $2, folded = $2 WHERE environment_id = $1 AND kind = 3 AND id = $1`)
)

// CreateEnvironment implements [store.Environments].
func (s *Store) CreateEnvironment(ctx context.Context, p store.CreateEnvironment) error {
	return s.db.Write(ctx, 2, func(t Tx) error {
		e := &p.Environment
		if _, err := t.Exec(insertEnvironment, e.ID, Text(e.Name), e.CreatedAt, nil); err != nil {
			return t.Conflict(err)
		}
		if _, err := t.Exec(insertOwner, ownerValues(new(e.Owner()))...); err != nil {
			return err
		}
		if err := addToken(t, &p.Token); err != nil {
			return err
		}
		return AddAudit(t, p.Audit)
	})
}

// readEnvironment reads environmentColumns.
func readEnvironment(scan Scan) (e carteiro.Environment, err error) {
	err = scan(&e.ID, (*Text)(&e.Name), &e.CreatedAt, &e.DeletedAt)
	return e, err
}

// ListEnvironments implements [store.Environments].
func (s *Store) ListEnvironments(ctx context.Context) (environments []carteiro.Environment, err error) {
	err = s.db.Read(ctx, func(t Tx) error {
		environments, err = list(t, readEnvironment, listEnvironments)
		return err
	})
	return environments, err
}

// RenameEnvironment implements [store.Environments].
func (s *Store) RenameEnvironment(ctx context.Context, p store.RenameEnvironment) (environment carteiro.Environment, err error) {
	err = s.db.Write(ctx, 1, func(t Tx) error {
		if environment, err = readEnvironment(row(t, getEnvironment, p.ID)); err != nil {
			return err
		}
		entry := store.Renamed(p.Audit, environment.Name, p.Name)
		environment.Name = p.Name
		for _, rename := range []*Query{renameEnvironment, renameOwnOwner} {
			if _, err := t.Exec(rename, p.ID, Text(p.Name)); err != nil {
				return err
			}
		}
		if err := AddAudit(t, entry); err != nil {
			return err
		}
		return t.Notify(Change{Owner: store.OwnerRef{EnvironmentID: p.ID, Kind: carteiro.OwnerEnvironment, ID: p.ID}})
	})
	return environment, err
}
