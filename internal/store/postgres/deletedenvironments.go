package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	// isUsed is whether there is anything in an environment but its tokens.
	isUsed = `SELECT EXISTS (SELECT FROM owners WHERE environment_id = $1 AND kind < 3)
		OR EXISTS (SELECT FROM webhooks WHERE environment_id = $1) OR EXISTS (SELECT FROM events WHERE environment_id = $1 AND NOT test)`
	setDeleted   = `UPDATE environments SET deleted_at = $2 WHERE id = $1`
	deleteTokens = `DELETE FROM tokens WHERE environment_id = $1`

	// An environment that another node is cleaning is passed over.
	deletedEnvironment = `SELECT id, name, created_at, deleted_at FROM environments WHERE id = $1 AND deleted_at IS NOT NULL FOR UPDATE SKIP LOCKED`
	nextEnvironment    = `SELECT id, name, created_at, deleted_at FROM environments WHERE id > $1 AND deleted_at IS NOT NULL
		ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`
	ownersLeft    = `SELECT kind, id FROM owners WHERE environment_id = $1 ORDER BY kind, id LIMIT $2`
	cleanWebhook  = `SELECT id FROM webhooks WHERE environment_id = $1 AND cleaned LIMIT 1`
	hasWebhooks   = `SELECT EXISTS (SELECT FROM webhooks WHERE environment_id = $1)`
	eraseAttempts = `DELETE FROM attempts a USING (SELECT id FROM attempts WHERE webhook_id = $1 ORDER BY id LIMIT $2) AS old
		WHERE a.webhook_id = $1 AND a.id = old.id RETURNING a.id, a.event_id, a.event_type, a.http_status, a.status`
	// eraseTests deletes events of tests, which no index finds by their environment. The attempts of an event are deleted in
	// the order of their ids, the first one before all others.
	eraseTests = `DELETE FROM events e WHERE id = ANY ($2) AND test
		AND NOT EXISTS (SELECT FROM attempts a WHERE a.webhook_id = $1 AND a.event_id = e.id AND (number > 1 OR trigger = 4))`
	deleteJobs        = `DELETE FROM bulk_retries WHERE webhook_id = $1 AND id IN (SELECT id FROM bulk_retries WHERE webhook_id = $1 LIMIT $2)`
	eraseWebhookRow   = `DELETE FROM webhooks WHERE id = $1`
	deleteQueue       = `DELETE FROM queues WHERE environment_id = $1`
	deleteEnvironment = `DELETE FROM environments WHERE id = $1`
)

// leftovers delete what an environment has besides owners and webhooks.
var leftovers = []string{
	`DELETE FROM events WHERE id IN (SELECT id FROM events WHERE environment_id = $1 AND NOT test ORDER BY id LIMIT $2)`,
	`DELETE FROM idempotency WHERE environment_id = $1 AND key IN (SELECT key FROM idempotency WHERE environment_id = $1 LIMIT $2)`,
	`DELETE FROM activity a USING (SELECT grain, slot, shard FROM activity WHERE environment_id = $1 LIMIT $2) AS old
		WHERE a.environment_id = $1 AND a.grain = old.grain AND a.slot = old.slot AND a.shard = old.shard`,
	`DELETE FROM notices WHERE seq IN (SELECT seq FROM notices WHERE environment_id = $1 LIMIT $2)`,
	`DELETE FROM tokens WHERE id IN (SELECT id FROM tokens WHERE environment_id = $1 LIMIT $2)`,
}

// DeleteEnvironment implements [store.Environments].
func (s *Store) DeleteEnvironment(ctx context.Context, p store.DeleteEnvironment) error {
	return s.inTx(ctx, func(t *tx) error {
		var environment carteiro.Environment
		if err := t.row(getEnvironment, id(p.ID))(environmentFields(&environment)...); err != nil {
			return err
		}
		if !p.Force {
			var used bool
			if err := t.row(isUsed, id(p.ID))(&used); err != nil {
				return err
			}
			if used {
				return store.ErrConflict
			}
		}
		if _, err := t.run(setDeleted, id(p.ID), moment(p.Now)); err != nil {
			return err
		}
		if _, err := t.run(deleteTokens, id(p.ID)); err != nil {
			return err
		}
		return t.audit(store.Named(p.Audit, environment.Name))
	})
}

// CleanEnvironment implements [store.Environments].
func (s *Store) CleanEnvironment(ctx context.Context, p store.CleanEnvironment) (cleaned store.CleanedEnvironment, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		cleaned = store.CleanedEnvironment{}
		query, from := nextEnvironment, p.After
		if !p.ID.IsZero() {
			query, from = deletedEnvironment, p.ID
		}
		var environment carteiro.Environment
		err := t.row(query, [16]byte(from))(environmentFields(&environment)...)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		cleaned.ID = environment.ID
		return t.cleanEnvironment(&environment, &p, &cleaned, s.shards.others)
	})
	if err != nil {
		return store.CleanedEnvironment{}, err
	}
	return cleaned, nil
}

func (t *tx) cleanEnvironment(e *carteiro.Environment, p *store.CleanEnvironment, cleaned *store.CleanedEnvironment, shard shard) error {
	err := t.each(func(scan func(...any) error) error {
		owner := store.OwnerRef{EnvironmentID: e.ID}
		err := scan(&owner.Kind, toID(&owner.ID))
		cleaned.Owners = append(cleaned.Owners, owner)
		return err
	}, ownersLeft, id(e.ID), p.Limit)
	if err != nil {
		return err
	}
	if cleaned.More = len(cleaned.Owners) > 0; cleaned.More {
		return nil
	}
	var webhook carteiro.ID
	cleaned.More, err = t.found(cleanWebhook, id(e.ID))(toID(&webhook))
	if err != nil {
		return err
	}
	if cleaned.More {
		return t.eraseWebhook(webhook, p.Limit, shard)
	}
	var waits bool
	if err := t.row(hasWebhooks, id(e.ID))(&waits); err != nil || waits {
		return err
	}
	for _, kind := range leftovers {
		n, err := t.run(kind, id(e.ID), p.Limit)
		if err != nil {
			return err
		}
		cleaned.More = cleaned.More || n == p.Limit
	}
	if cleaned.More || !e.DeletedAt.Before(p.SettledBefore) {
		return nil
	}
	if _, err := t.run(deleteQueue, id(e.ID)); err != nil {
		return err
	}
	_, err = t.run(deleteEnvironment, id(e.ID))
	return err
}

// eraseWebhook deletes some of a webhook's log, or its last jobs and the webhook. The attempts are counted out: the purge
// deletes counts that have become empty.
func (t *tx) eraseWebhook(webhook carteiro.ID, limit int, shard shard) error {
	count := newTally(shard)
	var events ids
	n := 0
	err := t.each(func(scan func(...any) error) error {
		var attempt, event carteiro.ID
		var eventType string
		var httpStatus int
		var status int64
		if err := scan(toID(&attempt), toID(&event), &eventType, &httpStatus, &status); err != nil {
			return err
		}
		count.Finished(webhook, attempt, eventType, httpStatus, status, -1)
		events = append(events, event)
		n++
		return nil
	}, eraseAttempts, id(webhook), limit)
	if err != nil {
		return err
	}
	if n > 0 {
		if _, err := t.run(eraseTests, id(webhook), events); err != nil {
			return err
		}
		if err := t.batch(count.queue); err != nil {
			return err
		}
	}
	if n == limit {
		return nil
	}
	jobs, err := t.run(deleteJobs, id(webhook), limit)
	if err != nil || jobs == limit {
		return err
	}
	_, err = t.run(eraseWebhookRow, id(webhook))
	return err
}
