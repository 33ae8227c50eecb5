package sqlite

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var (
	// isUsed is whether there is anything in an environment but its tokens.
	isUsed = newQuery(`SELECT 1 WHERE EXISTS (SELECT 1 FROM owners WHERE environment_id = ?1 AND kind < 3)
		OR EXISTS (SELECT 1 FROM webhooks WHERE environment_id = ?1) OR EXISTS (SELECT 1 FROM events WHERE environment_id = ?1 AND test = 0)`)
	setDeleted   = newQuery(`UPDATE environments SET deleted_at = ?2 WHERE id = ?1`)
	deleteTokens = newQuery(`DELETE FROM tokens WHERE environment_id = ?`)

	deletedEnvironment = newQuery(`SELECT id, name, created_at, deleted_at FROM environments WHERE id = ? AND deleted_at IS NOT NULL`)
	nextEnvironment    = newQuery(`SELECT id, name, created_at, deleted_at FROM environments WHERE id > ? AND deleted_at IS NOT NULL ORDER BY id LIMIT 1`)
	ownersLeft         = newQuery(`SELECT kind, id FROM owners WHERE environment_id = ? ORDER BY kind, id LIMIT ?`)
	cleanWebhook       = newQuery(`SELECT id FROM webhooks WHERE environment_id = ? AND cleaned = 1 LIMIT 1`)
	hasWebhooks        = newQuery(`SELECT 1 FROM webhooks WHERE environment_id = ? LIMIT 1`)
	attemptsLeft       = newQuery(`SELECT id, status, event, exchange, event_type, http_status FROM attempts WHERE webhook_id = ? ORDER BY id LIMIT ?`)
	deleteJobs         = newQuery(`DELETE FROM bulk_retries WHERE (webhook_id, id) IN (SELECT webhook_id, id FROM bulk_retries WHERE webhook_id = ? LIMIT ?)`)
	eraseWebhookRow    = newQuery(`DELETE FROM webhooks WHERE id = ?`)
	deleteQueue        = newQuery(`DELETE FROM queues WHERE environment_id = ?`)
	deleteEnvironment  = newQuery(`DELETE FROM environments WHERE id = ?`)
	// leftovers are what an environment has besides owners and webhooks.
	leftovers = []*query{
		newQuery(`DELETE FROM events WHERE number IN (SELECT number FROM events INDEXED BY events_of WHERE environment_id = ? AND test = 0 LIMIT ?)`),
		newQuery(`DELETE FROM idempotency WHERE (environment_id, key) IN (SELECT environment_id, key FROM idempotency WHERE environment_id = ? LIMIT ?)`),
		newQuery(`DELETE FROM activity WHERE (environment_id, grain, slot) IN (SELECT environment_id, grain, slot FROM activity WHERE environment_id = ? LIMIT ?)`),
		newQuery(`DELETE FROM notices WHERE seq IN (SELECT seq FROM notices WHERE environment_id = ? LIMIT ?)`),
		newQuery(`DELETE FROM tokens WHERE id IN (SELECT id FROM tokens WHERE environment_id = ? LIMIT ?)`),
	}
)

// DeleteEnvironment implements [store.Environments].
func (s *Store) DeleteEnvironment(ctx context.Context, p store.DeleteEnvironment) error {
	return s.writer.write(ctx, 8, func(t *tx) error {
		row := t.query(getEnvironment).id(p.ID)
		found, err := row.one()
		if !found {
			return orNotFound(err)
		}
		environment := readEnvironment(row)
		if err := row.end(); err != nil {
			return err
		}
		if !p.Force {
			if used, err := t.query(isUsed).id(p.ID).exists(); err != nil || used {
				return orConflict(err)
			}
		}
		if err := t.write(setDeleted).id(p.ID).time(p.Now).run(); err != nil {
			return err
		}
		if err := t.write(deleteTokens).id(p.ID).run(); err != nil {
			return err
		}
		return t.audit(store.Named(p.Audit, environment.Name))
	})
}

// orConflict gives the error, if there is one, and otherwise store.ErrConflict.
func orConflict(err error) error {
	if err == nil {
		return store.ErrConflict
	}
	return err
}

// CleanEnvironment implements [store.Environments].
func (s *Store) CleanEnvironment(ctx context.Context, p store.CleanEnvironment) (cleaned store.CleanedEnvironment, err error) {
	err = s.writer.write(ctx, 4*p.Limit, func(t *tx) error {
		cleaned = store.CleanedEnvironment{}
		row := t.query(nextEnvironment).id(p.After)
		if !p.ID.IsZero() {
			row = t.query(deletedEnvironment).id(p.ID)
		}
		found, err := row.one()
		if !found {
			return err
		}
		environment := readEnvironment(row)
		if err := row.end(); err != nil {
			return err
		}
		cleaned.ID = environment.ID
		return t.cleanEnvironment(&environment, &p, &cleaned)
	})
	if err != nil {
		return store.CleanedEnvironment{}, err
	}
	return cleaned, nil
}

func (t *tx) cleanEnvironment(e *carteiro.Environment, p *store.CleanEnvironment, cleaned *store.CleanedEnvironment) error {
	rows := t.query(ownersLeft).id(e.ID).int(int64(p.Limit))
	for rows.next() {
		cleaned.Owners = append(cleaned.Owners, store.OwnerRef{
			EnvironmentID: e.ID, Kind: carteiro.OwnerKind(rows.colInt(0)), ID: rows.colID(1), //nolint:gosec // 1 to 3
		})
	}
	if err := rows.end(); err != nil {
		return err
	}
	if cleaned.More = len(cleaned.Owners) > 0; cleaned.More {
		return nil
	}
	webhook, found, err := t.cleanWebhook(e.ID)
	if err != nil {
		return err
	}
	if cleaned.More = found; found {
		return t.eraseWebhook(webhook, p.Limit)
	}
	if waits, err := t.query(hasWebhooks).id(e.ID).exists(); err != nil || waits {
		return err
	}
	for _, kind := range leftovers {
		n, err := t.changed(t.write(kind).id(e.ID).int(int64(p.Limit)))
		if err != nil {
			return err
		}
		cleaned.More = cleaned.More || n == p.Limit
	}
	if cleaned.More || !e.DeletedAt.Before(p.SettledBefore) {
		return nil
	}
	if err := t.write(deleteQueue).id(e.ID).run(); err != nil {
		return err
	}
	return t.write(deleteEnvironment).id(e.ID).run()
}

// cleanWebhook finds a webhook of a deleted environment that has no open attempts.
func (t *tx) cleanWebhook(environment carteiro.ID) (webhook carteiro.ID, found bool, err error) {
	row := t.query(cleanWebhook).id(environment)
	if found, err = row.one(); found {
		webhook = row.colID(0)
		err = row.end()
	}
	return webhook, found, err
}

// eraseWebhook deletes some of a webhook's log, or its last jobs and the webhook.
func (t *tx) eraseWebhook(webhook carteiro.ID, limit int) error {
	old, err := oldAttemptsOf(t.query(attemptsLeft).id(webhook).int(int64(limit)))
	if err != nil {
		return err
	}
	for i := range old {
		if err := t.purgeAttempt(webhook, &old[i]); err != nil {
			return err
		}
	}
	if len(old) == limit {
		return nil
	}
	n, err := t.changed(t.write(deleteJobs).id(webhook).int(int64(limit)))
	if err != nil || n == limit {
		return err
	}
	return t.write(eraseWebhookRow).id(webhook).run()
}
