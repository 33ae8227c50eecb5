package sqlstore

import (
	"context"
	"slices"
	"strings"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	ownerColumns     = `environment_id, kind, id, name, agent_id, created_at, updated_at`
	insertIntoOwners = ` (environment_id, kind, id, name, folded, agent_id, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	searchOwners = ` WHERE environment_id = $1 AND kind = $2 AND ($3 = ''::bytea OR position($3 IN folded) > 0)`
	getOwnerSQL  = `SELECT ` + ownerColumns + ` FROM owners WHERE environment_id = $1 AND kind = $2 AND id = $3`
)

var (
	getOwner    = NewQuery(getOwnerSQL)
	lockOwner   = NewQuery(getOwnerSQL + ` FOR UPDATE`)
	insertOwner = NewQuery(`INSERT INTO owners` + insertIntoOwners)
	// The last column is false if the owner was created by another node since it was looked up.
	putOwner = NewQuery(`INSERT INTO owners AS o` + insertIntoOwners + `
		ON CONFLICT (environment_id, kind, id) DO UPDATE SET name = $4, folded = $5, updated_at = $8,
			agent_id = CASE WHEN $9 THEN o.agent_id ELSE $6 END
		RETURNING ` + ownerColumns + `, xmax = 0`)
	deleteOwner = NewQuery(`DELETE FROM owners WHERE environment_id = $1 AND kind = $2 AND id = $3`)
	leaveAgent  = NewQuery(`UPDATE owners SET agent_id = NULL WHERE environment_id = $1 AND agent_id = $2`)
	listOwners  = NewQuery(`SELECT ` + ownerColumns + ` FROM owners INDEXED BY owners_by_age` + searchOwners + `
		ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5`)
	countOwners = NewQuery(`SELECT count(*) FROM owners` + searchOwners)
)

func ownerValues(o *carteiro.Owner) []any {
	return []any{o.EnvironmentID, int64(o.Kind), o.ID, Text(o.Name), Fold(o.Name), o.AgentID, o.CreatedAt, o.UpdatedAt}
}

// Fold makes names comparable in any case and script. The databases' own functions depend on locale, or know only ASCII.
func Fold(name string) Text { return Text(strings.ToLower(name)) }

// ownerFields are the pointers that a scan of ownerColumns fills.
func ownerFields(o *carteiro.Owner) []any {
	return []any{&o.EnvironmentID, &o.Kind, &o.ID, (*Text)(&o.Name), &o.AgentID, &o.CreatedAt, &o.UpdatedAt}
}

func readOwner(scan Scan) (o carteiro.Owner, err error) {
	err = scan(ownerFields(&o)...)
	return o, err
}

// PutOwner implements [store.Registry].
func (s *Store) PutOwner(ctx context.Context, p store.PutOwner) (owner carteiro.Owner, created bool, err error) {
	o := &p.Owner
	err = s.db.Write(ctx, 1, func(t Tx) error {
		owner = carteiro.Owner{}
		if err := t.CheckKey(p.Key, o.UpdatedAt); err != nil {
			return err
		}
		var before carteiro.Owner
		exists, err := exists(t, lockOwner, o.EnvironmentID, int64(o.Kind), o.ID)(ownerFields(&before)...)
		if err != nil {
			return err
		}
		if exists && p.CreateOnly {
			return store.ErrConflict
		}
		if err := t.PutKey(p.Key); err != nil {
			return err
		}
		err = row(t, putOwner, append(ownerValues(o), p.KeepAgent)...)(append(ownerFields(&owner), &created)...)
		if err != nil {
			return err
		}
		was := &before
		if created = created && !exists; created {
			was = nil
		} else if p.CreateOnly {
			return store.ErrConflict // another node created it since; the transaction is rolled back
		}
		if err := AddAudit(t, p.Put(was, &owner)); err != nil {
			return err
		}
		return t.Notify(Change{Owner: store.OwnerRef{EnvironmentID: o.EnvironmentID, Kind: o.Kind, ID: o.ID}})
	})
	return owner, created, err
}

// GetOwner implements [store.Registry].
func (s *Store) GetOwner(ctx context.Context, ref store.OwnerRef) (owner carteiro.Owner, err error) {
	err = s.db.Read(ctx, func(t Tx) error {
		owner, err = readOwner(row(t, getOwner, ref.EnvironmentID, int64(ref.Kind), ref.ID))
		return err
	})
	return owner, err
}

// ListOwners implements [store.Registry].
func (s *Store) ListOwners(ctx context.Context, p store.ListOwners) (owners []carteiro.Owner, total int, err error) {
	search := []any{p.EnvironmentID, int64(p.Kind), Fold(p.Search)}
	err = s.db.Snapshot(ctx, func(t Tx) error {
		if err := row(t, countOwners, slices.Clone(search)...)(&total); err != nil {
			return err
		}
		owners, err = list(t, readOwner, listOwners, append(slices.Clone(search), p.Limit, p.Offset)...)
		return err
	})
	return owners, total, err
}

// DeleteOwner implements [store.Registry].
func (s *Store) DeleteOwner(ctx context.Context, p store.DeleteOwner) (webhooks []carteiro.ID, err error) {
	err = s.db.Write(ctx, 8, func(t Tx) error {
		webhooks = nil
		// The lock keeps others from creating webhooks under the owner meanwhile.
		owner, err := readOwner(row(t, lockOwner, p.EnvironmentID, int64(p.Kind), p.ID))
		if err != nil {
			return err
		}
		if err := AddAudit(t, store.Named(p.Audit, owner.Name)); err != nil {
			return err
		}
		if _, err := t.Exec(deleteOwner, p.EnvironmentID, int64(p.Kind), p.ID); err != nil {
			return err
		}
		if p.Kind == carteiro.OwnerAgent {
			if _, err := t.Exec(leaveAgent, p.EnvironmentID, p.ID); err != nil {
				return err
			}
		}
		if webhooks, err = deleteWebhooksOf(t, &p); err != nil {
			return err
		}
		return t.Notify(Change{Owner: p.OwnerRef, Webhooks: webhooks})
	})
	return webhooks, err
}
