package sqlstore

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/settings"
)

const (
	// CircuitColumns are the fields of a carteiro.Circuit, in order.
	CircuitColumns = `opened_at, probe_at, probes, probe, closed_at, ramped`
	// WebhookColumns are what [ReadWebhook] reads.
	WebhookColumns = `id, environment_id, owner_kind, owner_id, enabled, version, failures_in_a_row, created_at, updated_at, deleted_at,
	failing_since, last_failed_at, last_error, settings, ` + CircuitColumns + `, disabled_by, disabled_at`

	ofOwner      = ` WHERE environment_id = $1 AND owner_kind = $2 AND owner_id = $3 AND deleted_at IS NULL`
	getWebhookBy = `SELECT ` + WebhookColumns + ` FROM webhooks WHERE id = $1`
)

var (
	getWebhook   = NewQuery(getWebhookBy)
	lockWebhook  = NewQuery(getWebhookBy + ` FOR NO KEY UPDATE`)
	listWebhooks = NewQuery(`SELECT ` + WebhookColumns + ` FROM webhooks INDEXED BY webhooks_of` + ofOwner + ` ORDER BY created_at, id`)
	// The lock keeps the owner from being deleted while a webhook is created, and others from creating one after the count.
	keepOwner     = NewQuery(`SELECT 1 FROM owners WHERE environment_id = $1 AND kind = $2 AND id = $3 FOR NO KEY UPDATE`)
	countOfOwner  = NewQuery(`SELECT count(*) FROM webhooks INDEXED BY webhooks_of` + ofOwner)
	insertWebhook = NewQuery(`INSERT INTO webhooks (id, environment_id, owner_kind, owner_id, enabled, version, failures_in_a_row, last_error,
		created_at, updated_at, deleted_at, settings, folded, sealed_by) VALUES ($1, $2, $3, $4, $5, 1, 0, '', $6, $7, $8, $9, $10, $11)`)
	updateWebhook = NewQuery(`UPDATE webhooks SET enabled = $2, version = version + 1, updated_at = $3, deleted_at = $4, settings = $5, folded = $6, sealed_by = $18,
		failures_in_a_row = $7, failing_since = $8, last_error = $9, disabled_by = $10, disabled_at = $11,
		(` + CircuitColumns + `) = ($12, $13, $14, $15, $16, $17) WHERE id = $1`)
	webhooksToDelete = NewQuery(`SELECT ` + WebhookColumns + ` FROM webhooks INDEXED BY webhooks_of` + ofOwner + ` ORDER BY id FOR NO KEY UPDATE`)
	deleteWebhook    = NewQuery(`UPDATE webhooks SET version = version + 1, updated_at = $2, deleted_at = $2, settings = $3, sealed_by = NULL WHERE id = $1`)
)

// ReadWebhook reads WebhookColumns, and the columns after them into more.
func ReadWebhook(t Tx, scan Scan, more ...any) (*carteiro.Webhook, error) {
	w, encoded, err := ReadWebhookRow(scan, more...)
	if err == nil {
		err = settings.Decode(encoded, w, t.Keys())
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

// ReadWebhooks reads all rows of a query of WebhookColumns.
func ReadWebhooks(t Tx, q *Query, args ...any) ([]*carteiro.Webhook, error) {
	return list(t, func(scan Scan) (*carteiro.Webhook, error) { return ReadWebhook(t, scan) }, q, args...)
}

// ReadWithoutSecrets is ReadWebhook for calls that must succeed where secrets cannot be decrypted.
func ReadWithoutSecrets(scan Scan) (*carteiro.Webhook, error) {
	w, encoded, err := ReadWebhookRow(scan)
	if err == nil {
		err = settings.DecodeWithoutSecrets(encoded, w)
	}
	return w, err
}

// ReadWebhookRow is ReadWebhook without the settings, which it returns as they are stored.
func ReadWebhookRow(scan Scan, more ...any) (w *carteiro.Webhook, encoded []byte, err error) {
	w = new(carteiro.Webhook)
	err = scan(append([]any{
		&w.ID, &w.EnvironmentID, &w.OwnerKind, &w.OwnerID, &w.Enabled, &w.Version, &w.FailuresInARow,
		&w.CreatedAt, &w.UpdatedAt, &w.DeletedAt, &w.FailingSince, &w.LastFailedAt, (*Text)(&w.LastError), &encoded,
		&w.Circuit.OpenedAt, &w.Circuit.ProbeAt, &w.Circuit.Probes, &w.Circuit.Probe, &w.Circuit.ClosedAt, &w.Circuit.Ramped,
		&w.DisabledBy, &w.DisabledAt,
	}, more...)...)
	return w, encoded, err
}

// circuitValues are the values of CircuitColumns.
func circuitValues(c *carteiro.Circuit) []any {
	return []any{c.OpenedAt, c.ProbeAt, c.Probes, c.Probe, c.ClosedAt, c.Ramped}
}

// CreateWebhook implements [store.Registry].
func (s *Store) CreateWebhook(ctx context.Context, p store.CreateWebhook) error {
	encoded, sealedBy, err := settings.Encode(p.Webhook, s.keys, s.db.ReadsWidely(ctx))
	if err != nil {
		return err
	}
	w := *p.Webhook
	err = s.db.Write(ctx, 1, func(t Tx) error {
		// A refusal after a write would roll back what other calls commit in the same transaction.
		if err := t.CheckKey(p.Key, w.CreatedAt); err != nil {
			return err
		}
		if err := row(t, keepOwner, w.EnvironmentID, int64(w.OwnerKind), w.OwnerID)(new(int)); err != nil {
			return err
		}
		if err := roomForWebhook(t, &w, p.Most); err != nil {
			return err
		}
		if err := t.PutKey(p.Key); err != nil {
			return err
		}
		_, err := t.Exec(insertWebhook, w.ID, w.EnvironmentID, int64(w.OwnerKind), w.OwnerID, w.Enabled,
			w.CreatedAt, w.UpdatedAt, w.DeletedAt, encoded, Fold(w.Name), sealedBy)
		if err != nil {
			return t.Conflict(err)
		}
		if err := AddAudit(t, p.Audit); err != nil {
			return err
		}
		return t.Notify(changeOf(&w))
	})
	if err == nil {
		p.Webhook.Version = 1
	}
	return err
}

// roomForWebhook fails with store.ErrTooMany if the webhook's owner has as many as it may. The owner is locked.
func roomForWebhook(t Tx, w *carteiro.Webhook, most int) error {
	if most == 0 {
		return nil
	}
	var count int
	err := row(t, countOfOwner, w.EnvironmentID, int64(w.OwnerKind), w.OwnerID)(&count)
	if err == nil && count >= most {
		err = store.ErrTooMany
	}
	return err
}

// UpdateWebhook implements [store.Registry].
func (s *Store) UpdateWebhook(ctx context.Context, p store.UpdateWebhook) error {
	encoded, sealedBy, err := settings.Encode(p.Webhook, s.keys, s.db.ReadsWidely(ctx))
	if err != nil {
		return err
	}
	var w carteiro.Webhook
	err = s.db.Write(ctx, 1, func(t Tx) error {
		w = *p.Webhook
		stored, err := ReadWebhook(t, row(t, lockWebhook, w.ID))
		switch {
		case err != nil:
			return err
		case stored.Deleted():
			return store.ErrNotFound
		case stored.Version != w.Version:
			return store.ErrConflict
		}
		w.ChangedFrom(stored, w.UpdatedAt)
		_, err = t.Exec(updateWebhook, append(append([]any{
			w.ID, w.Enabled, w.UpdatedAt, w.DeletedAt, encoded, Fold(w.Name),
			w.FailuresInARow, w.FailingSince, Text(w.LastError), string(w.DisabledBy), w.DisabledAt,
		}, circuitValues(&w.Circuit)...), sealedBy)...)
		if err != nil {
			return err
		}
		if err := AddAudit(t, p.Audit); err != nil {
			return err
		}
		return t.Notify(changeOf(stored))
	})
	if err == nil {
		*p.Webhook = w
		p.Webhook.Version++
	}
	return err
}

// changeOf is what other nodes hear of a change of a webhook.
func changeOf(w *carteiro.Webhook) Change {
	return Change{
		Owner:    store.OwnerRef{EnvironmentID: w.EnvironmentID, Kind: w.OwnerKind, ID: w.OwnerID},
		Webhooks: []carteiro.ID{w.ID},
	}
}

// GetWebhook implements [store.Registry].
func (s *Store) GetWebhook(ctx context.Context, id carteiro.ID) (w *carteiro.Webhook, err error) {
	err = s.db.Read(ctx, func(t Tx) error {
		w, err = ReadWebhook(t, row(t, getWebhook, id))
		return err
	})
	return w, err
}

// ListWebhooks implements [store.Registry].
func (s *Store) ListWebhooks(ctx context.Context, ref store.OwnerRef) (webhooks []*carteiro.Webhook, err error) {
	err = s.db.Read(ctx, func(t Tx) error {
		webhooks, err = ReadWebhooks(t, listWebhooks, ref.EnvironmentID, int64(ref.Kind), ref.ID)
		return err
	})
	return webhooks, err
}

// deleteWebhooksOf marks the webhooks of an owner as deleted, erases their secrets, and returns their ids.
func deleteWebhooksOf(t Tx, p *store.DeleteOwner) (ids []carteiro.ID, err error) {
	webhooks, err := list(t, ReadWithoutSecrets, webhooksToDelete, p.EnvironmentID, int64(p.Kind), p.ID)
	if err != nil {
		return nil, err
	}
	for _, w := range webhooks {
		w.DeletedAt = layout.Micros(p.Now)
		erased, _, err := settings.Encode(w, nil, true)
		if err != nil {
			return nil, err
		}
		if _, err := t.Exec(deleteWebhook, w.ID, w.DeletedAt, erased); err != nil {
			return nil, err
		}
		if p.AuditWebhook != nil {
			if err := AddAudit(t, p.AuditWebhook(w)); err != nil {
				return nil, err
			}
		}
		ids = append(ids, w.ID)
	}
	return ids, nil
}

const (
	// OwnerName is the column after WebhookColumns that [ReadFound] reads.
	OwnerName = `coalesce((SELECT name FROM owners o
		WHERE o.environment_id = webhooks.environment_id AND o.kind = webhooks.owner_kind AND o.id = webhooks.owner_id), '')`

	foundWebhooks = ` FROM webhooks INDEXED BY webhooks_by_name
		WHERE environment_id = $1 AND deleted_at IS NULL AND ($2 = ''::bytea OR position($2 IN folded) > 0)`
)

// FindWebhooks and CountWebhooks search by name.
var (
	FindWebhooks  = NewQuery(`SELECT ` + WebhookColumns + `, ` + OwnerName + foundWebhooks + ` ORDER BY folded, id LIMIT $3 OFFSET $4`)
	CountWebhooks = NewQuery(`SELECT count(*)` + foundWebhooks)
)

// FindWebhooks implements [store.Registry].
func (s *Store) FindWebhooks(ctx context.Context, p store.FindWebhooks) (found []store.FoundWebhook, total int, err error) {
	search := Fold(p.Search)
	err = s.db.Snapshot(ctx, func(t Tx) error {
		if err := row(t, CountWebhooks, p.EnvironmentID, search)(&total); err != nil {
			return err
		}
		found, err = readFound(t, FindWebhooks, p.EnvironmentID, search, p.Limit, p.Offset)
		return err
	})
	return found, total, err
}

// readFound reads all rows of a query of WebhookColumns and OwnerName.
func readFound(t Tx, q *Query, args ...any) ([]store.FoundWebhook, error) {
	return list(t, func(scan Scan) (w store.FoundWebhook, err error) {
		w.Webhook, err = ReadWebhook(t, scan, (*Text)(&w.OwnerName))
		return w, err
	}, q, args...)
}
