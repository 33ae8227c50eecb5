package sqlstore

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

var (
	failingSince = NewQuery(`SELECT ` + WebhookColumns + ` FROM webhooks INDEXED BY webhooks_in_error
		WHERE opened_at < $1 AND enabled = true AND deleted_at IS NULL ORDER BY opened_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`)
	disableWebhook = NewQuery(`UPDATE webhooks SET enabled = false, version = version + 1, updated_at = $2, disabled_by = $3, disabled_at = $2 WHERE id = $1`)
)

// DisableFailing implements [store.Circuits].
func (s *Store) DisableFailing(ctx context.Context, p store.DisableFailing) (disabled []*carteiro.Webhook, err error) {
	err = s.db.Write(ctx, p.Limit, func(t Tx) error {
		// A webhook whose secrets cannot be decrypted must not keep the others from being disabled.
		if disabled, err = list(t, ReadWithoutSecrets, failingSince, p.OpenedBefore, p.Limit); err != nil {
			return err
		}
		for _, w := range disabled {
			if err := disableFailing(t, w, &p); err != nil {
				return err
			}
		}
		return nil
	})
	return disabled, err
}

func disableFailing(t Tx, w *carteiro.Webhook, p *store.DisableFailing) error {
	w.DisableFailing(layout.Micros(p.Now))
	if err := t.AddNotice(w.DisabledNotification(w.LastError)); err != nil {
		return err
	}
	if _, err := t.Exec(disableWebhook, w.ID, w.DisabledAt, string(w.DisabledBy)); err != nil {
		return err
	}
	if p.Audit != nil {
		if err := AddAudit(t, p.Audit(w)); err != nil {
			return err
		}
	}
	return t.Notify(changeOf(w))
}
