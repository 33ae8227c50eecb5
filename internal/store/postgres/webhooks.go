package postgres

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/settings"
)

const webhookColumns = `id, environment_id, owner_kind, owner_id, enabled, version, failures_in_a_row, created_at, updated_at, deleted_at,
	failing_since, last_failed_at, last_error, settings, ` + circuitColumns + `, disabled_by, disabled_at`

const (
	getWebhook   = `SELECT ` + webhookColumns + ` FROM webhooks WHERE id = $1`
	lockWebhook  = getWebhook + ` FOR NO KEY UPDATE`
	listWebhooks = `SELECT ` + webhookColumns + ` FROM webhooks
		WHERE environment_id = $1 AND owner_kind = $2 AND owner_id = $3 AND deleted_at IS NULL ORDER BY created_at, id`
	// The owner must not go while a webhook comes, and webhooks come one after the other, so that they can be counted.
	keepOwner    = `SELECT 1 FROM owners WHERE environment_id = $1 AND kind = $2 AND id = $3 FOR NO KEY UPDATE`
	countOfOwner = `SELECT count(*) FROM webhooks
		WHERE environment_id = $1 AND owner_kind = $2 AND owner_id = $3 AND deleted_at IS NULL`
	insertWebhook = `INSERT INTO webhooks (id, environment_id, owner_kind, owner_id, enabled, version, failures_in_a_row, last_error,
		created_at, updated_at, deleted_at, settings, folded, sealed_by) VALUES ($1, $2, $3, $4, $5, 1, 0, '', $6, $7, $8, $9, $10, $11)`
	updateWebhook = `UPDATE webhooks SET enabled = $2, version = version + 1, updated_at = $3, deleted_at = $4, settings = $5, folded = $6, sealed_by = $18,
		failures_in_a_row = $7, failing_since = $8, last_error = $9, disabled_by = $10, disabled_at = $11,
		(` + circuitColumns + `) = ($12, $13, $14, $15, $16, $17) WHERE id = $1`
	webhooksToDelete = `SELECT ` + webhookColumns + ` FROM webhooks
		WHERE environment_id = $1 AND owner_kind = $2 AND owner_id = $3 AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE`
	deleteWebhook = `UPDATE webhooks SET version = version + 1, updated_at = $2, deleted_at = $2, settings = $3, sealed_by = NULL WHERE id = $1`
)

// readWebhook reads webhookColumns, and into more what comes behind them.
func (t *tx) readWebhook(scan func(...any) error, more ...any) (*carteiro.Webhook, error) {
	w, encoded, err := readWebhookRow(scan, more...)
	if err == nil {
		err = settings.Decode(encoded, w, t.keys)
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

// readWithoutSecrets is readWebhook for what must not fail where secrets cannot be decrypted.
func readWithoutSecrets(scan func(...any) error) (*carteiro.Webhook, error) {
	w, encoded, err := readWebhookRow(scan)
	if err == nil {
		err = settings.DecodeWithoutSecrets(encoded, w)
	}
	return w, err
}

func readWebhookRow(scan func(...any) error, more ...any) (w *carteiro.Webhook, encoded []byte, err error) {
	w = new(carteiro.Webhook)
	err = scan(append([]any{
		toID(&w.ID), toID(&w.EnvironmentID), &w.OwnerKind, toID(&w.OwnerID), &w.Enabled, &w.Version, &w.FailuresInARow,
		toTime(&w.CreatedAt), toTime(&w.UpdatedAt), toTime(&w.DeletedAt), toTime(&w.FailingSince), toTime(&w.LastFailedAt),
		octet{&w.LastError}, &encoded,
	}, append(append(circuitFields(&w.Circuit), &w.DisabledBy, toTime(&w.DisabledAt)), more...)...)...)
	return w, encoded, err
}

// CreateWebhook implements [store.Registry].
func (s *Store) CreateWebhook(ctx context.Context, p store.CreateWebhook) error {
	encoded, sealedBy, err := settings.Encode(p.Webhook, s.keys, s.readWidely(ctx))
	if err != nil {
		return err
	}
	w := *p.Webhook
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.useKey(p.Key, w.CreatedAt); err != nil {
			return err
		}
		found, err := t.found(keepOwner, id(w.EnvironmentID), int16(w.OwnerKind), id(w.OwnerID))(new(int))
		if err != nil {
			return err
		}
		if !found {
			return store.ErrNotFound
		}
		if err := t.roomForWebhook(&w, p.Most); err != nil {
			return err
		}
		_, err = t.run(insertWebhook, id(w.ID), id(w.EnvironmentID), int16(w.OwnerKind), id(w.OwnerID), w.Enabled,
			moment(w.CreatedAt), moment(w.UpdatedAt), moment(w.DeletedAt), encoded, fold(w.Name), sealedBy)
		if err != nil {
			return conflict(err)
		}
		if err := t.audit(p.Audit); err != nil {
			return err
		}
		return t.tell(s.hints.name, changeOf(&w))
	})
	if err == nil {
		p.Webhook.Version = 1
	}
	return err
}

// roomForWebhook fails with ErrTooMany when a webhook's owner has as many as it may. The owner's row is locked, so nobody
// adds one between the count and the commit.
func (t *tx) roomForWebhook(w *carteiro.Webhook, most int) error {
	if most == 0 {
		return nil
	}
	var count int
	err := t.row(countOfOwner, id(w.EnvironmentID), int16(w.OwnerKind), id(w.OwnerID))(&count)
	if err == nil && count >= most {
		err = store.ErrTooMany
	}
	return err
}

// UpdateWebhook implements [store.Registry].
func (s *Store) UpdateWebhook(ctx context.Context, p store.UpdateWebhook) error {
	encoded, sealedBy, err := settings.Encode(p.Webhook, s.keys, s.readWidely(ctx))
	if err != nil {
		return err
	}
	var w carteiro.Webhook
	err = s.inTx(ctx, func(t *tx) error {
		w = *p.Webhook
		stored, err := t.readWebhook(t.row(lockWebhook, id(w.ID)))
		switch {
		case err != nil:
			return err
		case stored.Deleted():
			return store.ErrNotFound
		case stored.Version != w.Version:
			return store.ErrConflict
		}
		w.ChangedFrom(stored, w.UpdatedAt)
		_, err = t.run(updateWebhook, append([]any{
			id(w.ID), w.Enabled, moment(w.UpdatedAt), moment(w.DeletedAt), encoded, fold(w.Name),
			w.FailuresInARow, moment(w.FailingSince), []byte(w.LastError), string(w.DisabledBy), moment(w.DisabledAt),
		}, append(circuitValues(&w.Circuit), sealedBy)...)...)
		if err != nil {
			return err
		}
		if err := t.audit(p.Audit); err != nil {
			return err
		}
		return t.tell(s.hints.name, changeOf(stored))
	})
	if err == nil {
		*p.Webhook = w
		p.Webhook.Version++
	}
	return err
}

// changeOf is what other nodes are told of a change of a webhook.
func changeOf(w *carteiro.Webhook) change {
	return change{
		owner:    store.OwnerRef{EnvironmentID: w.EnvironmentID, Kind: w.OwnerKind, ID: w.OwnerID},
		webhooks: []carteiro.ID{w.ID},
	}
}

// GetWebhook implements [store.Registry].
func (s *Store) GetWebhook(ctx context.Context, webhook carteiro.ID) (w *carteiro.Webhook, err error) {
	err = s.read(ctx, func(t *tx) error {
		w, err = t.readWebhook(t.row(getWebhook, id(webhook)))
		return err
	})
	return w, err
}

// ListWebhooks implements [store.Registry].
func (s *Store) ListWebhooks(ctx context.Context, ref store.OwnerRef) (webhooks []*carteiro.Webhook, err error) {
	err = s.read(ctx, func(t *tx) error {
		webhooks = nil
		return t.each(func(scan func(...any) error) error {
			w, err := t.readWebhook(scan)
			webhooks = append(webhooks, w)
			return err
		}, listWebhooks, id(ref.EnvironmentID), int16(ref.Kind), id(ref.ID))
	})
	return webhooks, err
}

// deleteWebhooksOf marks the webhooks of an owner as deleted, erases their secrets, and gives their ids.
func (t *tx) deleteWebhooksOf(p store.DeleteOwner) (ids []carteiro.ID, err error) {
	var webhooks []*carteiro.Webhook
	err = t.each(func(scan func(...any) error) error {
		w, err := readWithoutSecrets(scan)
		webhooks = append(webhooks, w)
		return err
	}, webhooksToDelete, id(p.EnvironmentID), int16(p.Kind), id(p.ID))
	if err != nil {
		return nil, err
	}
	for _, w := range webhooks {
		w.DeletedAt = layout.Micros(p.Now)
		erased, _, err := settings.Encode(w, nil, true)
		if err != nil {
			return nil, err
		}
		if _, err := t.run(deleteWebhook, id(w.ID), w.DeletedAt, erased); err != nil {
			return nil, err
		}
		if p.AuditWebhook != nil {
			if err := t.audit(p.AuditWebhook(w)); err != nil {
				return nil, err
			}
		}
		ids = append(ids, w.ID)
	}
	return ids, nil
}
