package postgres

import (
	"context"
	"strings"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const ownerColumns = `environment_id, kind, id, name, agent_id, created_at, updated_at`

const (
	getOwner = `SELECT ` + ownerColumns + ` FROM owners WHERE environment_id = $1 AND kind = $2 AND id = $3`
	// What a change is told from; of one that is being created at the same time by another there is nothing to lock.
	lockOwner = getOwner + ` FOR UPDATE`
	// xmax is zero in a row that was inserted, and not in one that was updated.
	putOwner = `INSERT INTO owners AS o (environment_id, kind, id, name, folded, agent_id, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (environment_id, kind, id) DO UPDATE SET name = $4, folded = $5, updated_at = $8,
			agent_id = CASE WHEN $9 THEN o.agent_id ELSE $6 END
		RETURNING ` + ownerColumns + `, xmax = 0`
	insertOwner = `INSERT INTO owners (environment_id, kind, id, name, folded, agent_id, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	deleteOwner = `DELETE FROM owners WHERE environment_id = $1 AND kind = $2 AND id = $3 RETURNING name`
	leaveAgent  = `UPDATE owners SET agent_id = NULL WHERE environment_id = $1 AND agent_id = $2`

	listOwners = `SELECT ` + ownerColumns + ` FROM owners
		WHERE environment_id = $1 AND kind = $2 AND ($3 = ''::bytea OR position($3 IN folded) > 0)
		ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5`
	countOwners = `SELECT count(*) FROM owners
		WHERE environment_id = $1 AND kind = $2 AND ($3 = ''::bytea OR position($3 IN folded) > 0)`
)

// PutOwner implements [store.Registry].
func (s *Store) PutOwner(ctx context.Context, p store.PutOwner) (owner carteiro.Owner, created bool, err error) {
	o := &p.Owner
	err = s.inTx(ctx, func(t *tx) error {
		owner = carteiro.Owner{}
		if err := t.useKey(p.Key, o.UpdatedAt); err != nil {
			return err
		}
		var before carteiro.Owner
		if _, err := t.found(lockOwner, id(o.EnvironmentID), int16(o.Kind), id(o.ID))(ownerFields(&before)...); err != nil {
			return err
		}
		err := t.row(putOwner, append(ownerValues(o), p.KeepAgent)...)(append(ownerFields(&owner), &created)...)
		if err != nil {
			return err
		}
		was := &before
		if created {
			was = nil
		} else if p.CreateOnly {
			return store.ErrConflict // nothing is written: the transaction fails
		}
		if err := t.audit(p.Put(was, &owner)); err != nil {
			return err
		}
		return t.tell(s.hints.name, change{owner: store.OwnerRef{EnvironmentID: o.EnvironmentID, Kind: o.Kind, ID: o.ID}})
	})
	return owner, created, err
}

func ownerValues(o *carteiro.Owner) []any {
	return []any{id(o.EnvironmentID), int16(o.Kind), id(o.ID), []byte(o.Name), fold(o.Name), id(o.AgentID), moment(o.CreatedAt), moment(o.UpdatedAt)}
}

// fold makes names comparable whatever their case, in all scripts whatever the database's locale.
func fold(name string) []byte { return []byte(strings.ToLower(name)) }

// ownerFields are where a scan of ownerColumns puts them.
func ownerFields(o *carteiro.Owner) []any {
	return []any{toID(&o.EnvironmentID), &o.Kind, toID(&o.ID), octet{&o.Name}, toID(&o.AgentID), toTime(&o.CreatedAt), toTime(&o.UpdatedAt)}
}

// GetOwner implements [store.Registry].
func (s *Store) GetOwner(ctx context.Context, ref store.OwnerRef) (owner carteiro.Owner, err error) {
	err = s.read(ctx, func(t *tx) error {
		owner = carteiro.Owner{}
		return t.row(getOwner, id(ref.EnvironmentID), int16(ref.Kind), id(ref.ID))(ownerFields(&owner)...)
	})
	return owner, err
}

// ListOwners implements [store.Registry].
func (s *Store) ListOwners(ctx context.Context, p store.ListOwners) (owners []carteiro.Owner, total int, err error) {
	search := fold(p.Search)
	err = s.inSnapshot(ctx, func(t *tx) error {
		owners = nil
		if err := t.row(countOwners, id(p.EnvironmentID), int16(p.Kind), search)(&total); err != nil {
			return err
		}
		return t.each(func(scan func(...any) error) error {
			var o carteiro.Owner
			err := scan(ownerFields(&o)...)
			owners = append(owners, o)
			return err
		}, listOwners, id(p.EnvironmentID), int16(p.Kind), search, p.Limit, p.Offset)
	})
	return owners, total, err
}

// DeleteOwner implements [store.Registry].
func (s *Store) DeleteOwner(ctx context.Context, p store.DeleteOwner) (webhooks []carteiro.ID, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		webhooks = nil
		// The lock keeps webhooks from being created under the owner meanwhile.
		var name string
		if err := t.row(deleteOwner, id(p.EnvironmentID), int16(p.Kind), id(p.ID))(octet{&name}); err != nil {
			return err
		}
		if err := t.audit(store.Named(p.Audit, name)); err != nil {
			return err
		}
		if p.Kind == carteiro.OwnerAgent {
			if _, err := t.run(leaveAgent, id(p.EnvironmentID), id(p.ID)); err != nil {
				return err
			}
		}
		if webhooks, err = t.deleteWebhooksOf(p); err != nil {
			return err
		}
		return t.tell(s.hints.name, change{owner: p.OwnerRef, webhooks: webhooks})
	})
	return webhooks, err
}
