package sqlite

import (
	"context"
	"strings"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const ownerColumns = `environment_id, kind, id, name, agent_id, created_at, updated_at`

var (
	getOwner    = newQuery(`SELECT ` + ownerColumns + ` FROM owners WHERE environment_id = ? AND kind = ? AND id = ?`)
	insertOwner = newQuery(`INSERT INTO owners (environment_id, kind, id, name, folded, agent_id, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
	updateOwner = newQuery(`UPDATE owners SET name = ?4, folded = ?5, agent_id = ?6, updated_at = ?7
		WHERE environment_id = ?1 AND kind = ?2 AND id = ?3`)
	deleteOwner = newQuery(`DELETE FROM owners WHERE environment_id = ? AND kind = ? AND id = ?`)
	leaveAgent  = newQuery(`UPDATE owners SET agent_id = NULL WHERE environment_id = ? AND agent_id = ?`)

	listOwners = newQuery(`SELECT ` + ownerColumns + ` FROM owners INDEXED BY owners_by_age
		WHERE environment_id = ?1 AND kind = ?2 AND (?3 = '' OR instr(folded, ?3) > 0)
		ORDER BY created_at DESC, id DESC LIMIT ?4 OFFSET ?5`)
	countOwners = newQuery(`SELECT count(*) FROM owners
		WHERE environment_id = ?1 AND kind = ?2 AND (?3 = '' OR instr(folded, ?3) > 0)`)
)

// PutOwner implements [store.Registry].
func (s *Store) PutOwner(ctx context.Context, p store.PutOwner) (owner carteiro.Owner, created bool, err error) {
	ref := store.OwnerRef{EnvironmentID: p.Owner.EnvironmentID, Kind: p.Owner.Kind, ID: p.Owner.ID}
	err = s.writer.write(ctx, 1, func(t *tx) error {
		owner = normalOwner(p.Owner)
		if err := t.mustBeFree(p.Key, owner.UpdatedAt); err != nil {
			return err
		}
		before, found, err := t.owner(ref)
		if err != nil {
			return err
		}
		if found && p.CreateOnly {
			return store.ErrConflict
		}
		if err := t.useKey(p.Key, owner.UpdatedAt); err != nil {
			return err
		}
		created = !found
		if created {
			if err := t.audit(p.Put(nil, &owner)); err != nil {
				return err
			}
			return t.insertOwner(owner)
		}
		owner.CreatedAt = before.CreatedAt
		if p.KeepAgent {
			owner.AgentID = before.AgentID
		}
		if err := t.audit(p.Put(&before, &owner)); err != nil {
			return err
		}
		return t.write(updateOwner).id(ref.EnvironmentID).int(int64(ref.Kind)).id(ref.ID).text(owner.Name).
			text(fold(owner.Name)).maybeID(owner.AgentID).time(owner.UpdatedAt).run()
	})
	return owner, created, err
}

func (t *tx) insertOwner(o carteiro.Owner) error {
	return t.write(insertOwner).id(o.EnvironmentID).int(int64(o.Kind)).id(o.ID).text(o.Name).text(fold(o.Name)).
		maybeID(o.AgentID).time(o.CreatedAt).time(o.UpdatedAt).run()
}

// normalOwner gives the owner as it reads once it is stored.
func normalOwner(owner carteiro.Owner) carteiro.Owner {
	owner.CreatedAt, owner.UpdatedAt = layout.Micros(owner.CreatedAt), layout.Micros(owner.UpdatedAt)
	return owner
}

// fold makes names comparable whatever their case; SQLite's own functions know ASCII only.
func fold(name string) string { return strings.ToLower(name) }

func (c *conn) owner(ref store.OwnerRef) (owner carteiro.Owner, found bool, err error) {
	row := c.query(getOwner).id(ref.EnvironmentID).int(int64(ref.Kind)).id(ref.ID)
	if found = row.next(); found {
		owner = readOwner(row)
	}
	return owner, found, row.end()
}

func readOwner(row *stmt) carteiro.Owner {
	return carteiro.Owner{
		EnvironmentID: row.colID(0),
		Kind:          carteiro.OwnerKind(row.colInt(1)), //nolint:gosec // 1 or 2
		ID:            row.colID(2),
		Name:          row.colText(3),
		AgentID:       row.colID(4),
		CreatedAt:     row.colTime(5),
		UpdatedAt:     row.colTime(6),
	}
}

// GetOwner implements [store.Registry].
func (s *Store) GetOwner(ctx context.Context, ref store.OwnerRef) (owner carteiro.Owner, err error) {
	err = s.read(ctx, func(c *conn) error {
		var found bool
		if owner, found, err = c.owner(ref); err == nil && !found {
			return store.ErrNotFound
		}
		return err
	})
	return owner, err
}

// ListOwners implements [store.Registry].
func (s *Store) ListOwners(ctx context.Context, p store.ListOwners) (owners []carteiro.Owner, total int, err error) {
	search := fold(p.Search)
	err = s.readSnapshot(ctx, func(c *conn) error {
		n, err := c.query(countOwners).id(p.EnvironmentID).int(int64(p.Kind)).text(search).number()
		if err != nil {
			return err
		}
		total = int(n)
		rows := c.query(listOwners).id(p.EnvironmentID).int(int64(p.Kind)).text(search).int(int64(p.Limit)).int(int64(p.Offset))
		for rows.next() {
			owners = append(owners, readOwner(rows))
		}
		return rows.end()
	})
	return owners, total, err
}

// DeleteOwner implements [store.Registry].
func (s *Store) DeleteOwner(ctx context.Context, p store.DeleteOwner) (webhooks []carteiro.ID, err error) {
	err = s.writer.write(ctx, 8, func(t *tx) error {
		webhooks = nil
		owner, found, err := t.owner(p.OwnerRef)
		if err != nil || !found {
			return orNotFound(err)
		}
		if err := t.audit(store.Named(p.Audit, owner.Name)); err != nil {
			return err
		}
		if err := t.write(deleteOwner).id(p.EnvironmentID).int(int64(p.Kind)).id(p.ID).run(); err != nil {
			return err
		}
		if p.Kind == carteiro.OwnerAgent {
			if err := t.write(leaveAgent).id(p.EnvironmentID).id(p.ID).run(); err != nil {
				return err
			}
		}
		webhooks, err = t.deleteWebhooksOf(p)
		return err
	})
	return webhooks, err
}

// orNotFound gives the error, if there is one, and otherwise store.ErrNotFound.
func orNotFound(err error) error {
	if err == nil {
		return store.ErrNotFound
	}
	return err
}
