package sqlite

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/settings"
)

const webhookColumns = `id, environment_id, owner_kind, owner_id, enabled, version, failures_in_a_row, created_at, updated_at, deleted_at, settings,
	failing_since, last_failed_at, last_error, ` + circuitColumns + `, disabled_by, disabled_at`

// webhookWidth is how many columns that are, and settingsColumn which of them has the settings.
const (
	webhookWidth   = 22
	settingsColumn = 10
)

var (
	getWebhook   = newQuery(`SELECT ` + webhookColumns + ` FROM webhooks WHERE id = ?`)
	listWebhooks = newQuery(`SELECT ` + webhookColumns + ` FROM webhooks INDEXED BY webhooks_of
		WHERE environment_id = ? AND owner_kind = ? AND owner_id = ? AND deleted_at IS NULL ORDER BY created_at, id`)
	countOfOwner = newQuery(`SELECT count(*) FROM webhooks INDEXED BY webhooks_of
		WHERE environment_id = ? AND owner_kind = ? AND owner_id = ? AND deleted_at IS NULL`)
	insertWebhook = newQuery(`INSERT INTO webhooks (id, environment_id, owner_kind, owner_id, enabled, version, failures_in_a_row,
		created_at, updated_at, deleted_at, settings, folded, sealed_by) VALUES (?, ?, ?, ?, ?, 1, 0, ?, ?, ?, ?, ?, ?)`)
	updateWebhook = newQuery(`UPDATE webhooks SET enabled = ?2, version = ?3, updated_at = ?4, deleted_at = ?5, settings = ?6, folded = ?7,
		failures_in_a_row = ?8, failing_since = ?9, last_error = ?10, disabled_by = ?11, disabled_at = ?12, sealed_by = ?13 WHERE id = ?1`)
	deleteWebhook = newQuery(`UPDATE webhooks SET version = version + 1, updated_at = ?2, deleted_at = ?2, settings = ?3, sealed_by = NULL WHERE id = ?1`)
	switchOff     = newQuery(`UPDATE webhooks SET enabled = 0, version = version + 1, updated_at = ?1, disabled_by = ?3, disabled_at = ?1
		WHERE id = ?2 AND enabled = 1 AND version = coalesce(?4, version)`)
)

func readWebhook(row *stmt) (*carteiro.Webhook, error) {
	w := readWebhookRow(row)
	if err := settings.Decode(row.colBlob(settingsColumn), w, row.keys); err != nil {
		return nil, err
	}
	return w, nil
}

// readWithoutSecrets is readWebhook for what must not fail where secrets cannot be decrypted.
func readWithoutSecrets(row *stmt) (*carteiro.Webhook, error) {
	w := readWebhookRow(row)
	return w, settings.DecodeWithoutSecrets(row.colBlob(settingsColumn), w)
}

func readWebhookRow(row *stmt) *carteiro.Webhook {
	return &carteiro.Webhook{
		ID:             row.colID(0),
		EnvironmentID:  row.colID(1),
		OwnerKind:      carteiro.OwnerKind(row.colInt(2)), //nolint:gosec // 1 or 2
		OwnerID:        row.colID(3),
		Enabled:        row.colBool(4),
		Version:        row.colInt(5),
		FailuresInARow: int(row.colInt(6)),
		CreatedAt:      row.colTime(7),
		UpdatedAt:      row.colTime(8),
		DeletedAt:      row.colTime(9),
		FailingSince:   row.colTime(11),
		LastFailedAt:   row.colTime(12),
		LastError:      row.colText(13),
		Circuit:        readCircuit(row, 14),
		DisabledBy:     carteiro.DisabledBy(row.colText(20)),
		DisabledAt:     row.colTime(21),
	}
}

func (c *conn) webhook(id carteiro.ID) (*carteiro.Webhook, error) {
	row := c.query(getWebhook).id(id)
	found, err := row.one()
	if !found {
		return nil, orNotFound(err)
	}
	w, err := readWebhook(row)
	if ended := row.end(); err == nil {
		err = ended
	}
	return w, err
}

// CreateWebhook implements [store.Registry].
func (s *Store) CreateWebhook(ctx context.Context, p store.CreateWebhook) error {
	encoded, sealedBy, err := settings.Encode(p.Webhook, s.keys, true)
	if err != nil {
		return err
	}
	w := *p.Webhook
	err = s.writer.write(ctx, 1, func(t *tx) error {
		ref := store.OwnerRef{EnvironmentID: w.EnvironmentID, Kind: w.OwnerKind, ID: w.OwnerID}
		// A refusal after a write would roll back what others commit in the same transaction.
		if err := t.mustBeFree(p.Key, w.CreatedAt); err != nil {
			return err
		}
		_, found, err := t.owner(ref)
		if err != nil || !found {
			return orNotFound(err)
		}
		if err := t.roomForWebhook(ref, p.Most); err != nil {
			return err
		}
		if err := t.useKey(p.Key, w.CreatedAt); err != nil {
			return err
		}
		if err := t.audit(p.Audit); err != nil {
			return err
		}
		return conflict(t.write(insertWebhook).id(w.ID).id(w.EnvironmentID).int(int64(w.OwnerKind)).id(w.OwnerID).
			bool(w.Enabled).time(w.CreatedAt).time(w.UpdatedAt).time(w.DeletedAt).blob(encoded).text(fold(w.Name)).maybeText(sealedBy).run())
	})
	if err == nil {
		p.Webhook.Version = 1
	}
	return err
}

// roomForWebhook fails with ErrTooMany when an owner has as many webhooks as it may.
func (t *tx) roomForWebhook(ref store.OwnerRef, most int) error {
	if most == 0 {
		return nil
	}
	count, err := t.query(countOfOwner).id(ref.EnvironmentID).int(int64(ref.Kind)).id(ref.ID).number()
	if err == nil && count >= int64(most) {
		err = store.ErrTooMany
	}
	return err
}

// UpdateWebhook implements [store.Registry].
func (s *Store) UpdateWebhook(ctx context.Context, p store.UpdateWebhook) error {
	encoded, sealedBy, err := settings.Encode(p.Webhook, s.keys, true)
	if err != nil {
		return err
	}
	var w carteiro.Webhook
	err = s.writer.write(ctx, 1, func(t *tx) error {
		w = *p.Webhook
		stored, err := t.webhook(w.ID)
		switch {
		case err != nil:
			return err
		case stored.Deleted():
			return store.ErrNotFound
		case stored.Version != w.Version:
			return store.ErrConflict
		}
		if err := t.audit(p.Audit); err != nil {
			return err
		}
		w.ChangedFrom(stored, w.UpdatedAt)
		err = t.write(updateWebhook).id(w.ID).bool(w.Enabled).int(w.Version + 1).
			time(w.UpdatedAt).time(w.DeletedAt).blob(encoded).text(fold(w.Name)).int(int64(w.FailuresInARow)).
			time(w.FailingSince).text(w.LastError).text(string(w.DisabledBy)).time(w.DisabledAt).maybeText(sealedBy).run()
		if err != nil || w.Circuit == stored.Circuit {
			return err
		}
		return t.putCircuit(w.ID, &w.Circuit)
	})
	if err == nil {
		*p.Webhook = w
		p.Webhook.Version++
	}
	return err
}

// GetWebhook implements [store.Registry].
func (s *Store) GetWebhook(ctx context.Context, id carteiro.ID) (w *carteiro.Webhook, err error) {
	err = s.read(ctx, func(c *conn) error {
		w, err = c.webhook(id)
		return err
	})
	return w, err
}

// ListWebhooks implements [store.Registry].
func (s *Store) ListWebhooks(ctx context.Context, ref store.OwnerRef) (webhooks []*carteiro.Webhook, err error) {
	err = s.read(ctx, func(c *conn) error {
		webhooks, err = c.webhooksOf(ref)
		return err
	})
	return webhooks, err
}

func (c *conn) webhooksOf(ref store.OwnerRef) ([]*carteiro.Webhook, error) {
	return readWebhooks(c.query(listWebhooks).id(ref.EnvironmentID).int(int64(ref.Kind)).id(ref.ID))
}

// readWebhooks gives all that a query of webhookColumns does.
func readWebhooks(rows *stmt) ([]*carteiro.Webhook, error) { return readWebhooksBy(rows, readWebhook) }

func readWebhooksBy(rows *stmt, read func(*stmt) (*carteiro.Webhook, error)) (webhooks []*carteiro.Webhook, err error) {
	for rows.next() {
		w, err := read(rows)
		if err != nil {
			_ = rows.end() // what was read is at fault, not the reading
			return nil, err
		}
		webhooks = append(webhooks, w)
	}
	return webhooks, rows.end()
}

// deleteWebhooksOf marks the webhooks of an owner as deleted, erases their secrets, and gives their ids.
func (t *tx) deleteWebhooksOf(p store.DeleteOwner) (ids []carteiro.ID, err error) {
	rows := t.query(listWebhooks).id(p.EnvironmentID).int(int64(p.Kind)).id(p.ID)
	webhooks, err := readWebhooksBy(rows, readWithoutSecrets)
	if err != nil {
		return nil, err
	}
	for _, w := range webhooks {
		w.DeletedAt = p.Now
		erased, _, err := settings.Encode(w, nil, true)
		if err != nil {
			return nil, err
		}
		if err := t.write(deleteWebhook).id(w.ID).time(p.Now).blob(erased).run(); err != nil {
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
