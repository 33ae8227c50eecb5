package sqlstore

import (
	"context"
	"errors"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var (
	// isUsed finds anything in an environment besides its tokens.
	isUsed = NewQuery(`SELECT 1 WHERE EXISTS (SELECT 1 FROM owners WHERE environment_id = $1 AND kind < 3)
		OR EXISTS (SELECT 1 FROM webhooks WHERE environment_id = $1) OR EXISTS (SELECT 1 FROM events WHERE environment_id = $1 AND test = false)`)
	markDeleted  = NewQuery(`UPDATE environments SET deleted_at = $2 WHERE id = $1`)
	deleteTokens = NewQuery(`DELETE FROM tokens WHERE environment_id = $1`)

	// An environment that another node is cleaning is skipped.
	deletedEnvironment = NewQuery(`SELECT ` + environmentColumns + ` FROM environments WHERE id = $1 AND deleted_at IS NOT NULL FOR UPDATE SKIP LOCKED`)
	nextDeleted        = NewQuery(`SELECT ` + environmentColumns + ` FROM environments WHERE id > $1 AND deleted_at IS NOT NULL
		ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`)
	ownersLeft        = NewQuery(`SELECT kind, id FROM owners WHERE environment_id = $1 ORDER BY kind, id LIMIT $2`)
	cleanWebhook      = NewQuery(`SELECT id FROM webhooks WHERE environment_id = $1 AND cleaned = true LIMIT 1`)
	hasWebhooks       = NewQuery(`SELECT 1 FROM webhooks WHERE environment_id = $1 LIMIT 1`)
	deleteJobs        = NewQuery(`DELETE FROM bulk_retries WHERE (webhook_id, id) IN (SELECT webhook_id, id FROM bulk_retries WHERE webhook_id = $1 LIMIT $2)`)
	eraseWebhook      = NewQuery(`DELETE FROM webhooks WHERE id = $1`)
	deleteQueue       = NewQuery(`DELETE FROM queues WHERE environment_id = $1`)
	deleteEnvironment = NewQuery(`DELETE FROM environments WHERE id = $1`)

	// leftovers delete what an environment has besides owners and webhooks.
	leftovers = []*Query{
		NewQueries(`DELETE FROM events WHERE id IN (SELECT id FROM events WHERE environment_id = $1 AND NOT test ORDER BY id LIMIT $2)`,
			`DELETE FROM events WHERE number IN (SELECT number FROM events INDEXED BY events_of WHERE environment_id = ?1 AND test = 0 LIMIT ?2)`),
		NewQuery(`DELETE FROM idempotency WHERE environment_id = $1 AND key IN (SELECT key FROM idempotency WHERE environment_id = $1 LIMIT $2)`),
		NewQueries(`DELETE FROM activity a USING (SELECT grain, slot, shard FROM activity WHERE environment_id = $1 LIMIT $2) AS old
			WHERE a.environment_id = $1 AND a.grain = old.grain AND a.slot = old.slot AND a.shard = old.shard`,
			`DELETE FROM activity WHERE (environment_id, grain, slot) IN (SELECT environment_id, grain, slot FROM activity WHERE environment_id = ?1 LIMIT ?2)`),
		NewQuery(`DELETE FROM notices WHERE seq IN (SELECT seq FROM notices WHERE environment_id = $1 LIMIT $2)`),
		NewQuery(`DELETE FROM tokens WHERE id IN (SELECT id FROM tokens WHERE environment_id = $1 LIMIT $2)`),
	}
)

// DeleteEnvironment implements [store.Environments].
func (s *Store) DeleteEnvironment(ctx context.Context, p store.DeleteEnvironment) error {
	return s.db.Write(ctx, 8, func(t Tx) error {
		environment, err := readEnvironment(row(t, getEnvironment, p.ID))
		if err != nil {
			return err
		}
		if !p.Force {
			used, err := exists(t, isUsed, p.ID)(new(int))
			if err != nil {
				return err
			}
			if used {
				return store.ErrConflict
			}
		}
		if _, err := t.Exec(markDeleted, p.ID, p.Now); err != nil {
			return err
		}
		if _, err := t.Exec(deleteTokens, p.ID); err != nil {
			return err
		}
		return AddAudit(t, store.Named(p.Audit, environment.Name))
	})
}

// CleanEnvironment implements [store.Environments].
func (s *Store) CleanEnvironment(ctx context.Context, p store.CleanEnvironment) (cleaned store.CleanedEnvironment, err error) {
	err = s.db.Write(ctx, 4*p.Limit, func(t Tx) error {
		cleaned = store.CleanedEnvironment{}
		query, from := nextDeleted, p.After
		if !p.ID.IsZero() {
			query, from = deletedEnvironment, p.ID
		}
		environment, err := readEnvironment(row(t, query, NotNull(from)))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		cleaned.ID = environment.ID
		return cleanEnvironment(t, &environment, &p, &cleaned)
	})
	if err != nil {
		return store.CleanedEnvironment{}, err
	}
	return cleaned, nil
}

func cleanEnvironment(t Tx, e *carteiro.Environment, p *store.CleanEnvironment, cleaned *store.CleanedEnvironment) (err error) {
	cleaned.Owners, err = list(t, func(scan Scan) (store.OwnerRef, error) {
		owner := store.OwnerRef{EnvironmentID: e.ID}
		err := scan(&owner.Kind, &owner.ID)
		return owner, err
	}, ownersLeft, e.ID, p.Limit)
	if cleaned.More = len(cleaned.Owners) > 0; err != nil || cleaned.More {
		return err
	}
	var webhook carteiro.ID
	if cleaned.More, err = exists(t, cleanWebhook, e.ID)(&webhook); err != nil {
		return err
	}
	if cleaned.More {
		return eraseDeletedWebhook(t, webhook, p.Limit)
	}
	if waits, err := exists(t, hasWebhooks, e.ID)(new(int)); err != nil || waits {
		return err
	}
	for _, kind := range leftovers {
		n, err := t.Exec(kind, e.ID, p.Limit)
		if err != nil {
			return err
		}
		cleaned.More = cleaned.More || n == p.Limit
	}
	if cleaned.More || !e.DeletedAt.Before(p.SettledBefore) {
		return nil
	}
	if _, err := t.Exec(deleteQueue, e.ID); err != nil {
		return err
	}
	_, err = t.Exec(deleteEnvironment, e.ID)
	return err
}

// eraseDeletedWebhook deletes part of a webhook's log, or its last jobs and the webhook.
func eraseDeletedWebhook(t Tx, webhook carteiro.ID, limit int) error {
	n, err := t.EraseAttempts(webhook, limit)
	if err != nil || n == limit {
		return err
	}
	if n, err = t.Exec(deleteJobs, webhook, limit); err != nil || n == limit {
		return err
	}
	_, err = t.Exec(eraseWebhook, webhook)
	return err
}
