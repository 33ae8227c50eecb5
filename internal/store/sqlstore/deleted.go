package sqlstore

import (
	"errors"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const toClean = ` FROM webhooks INDEXED BY webhooks_to_clean WHERE deleted_at IS NOT NULL AND cleaned = false AND id `

var (
	webhookToClean     = NewQuery(`SELECT ` + WebhookColumns + toClean + `= $1`)
	nextWebhookToClean = NewQuery(`SELECT ` + WebhookColumns + toClean + `> $1 ORDER BY id LIMIT 1`)
	cancelBulk         = NewQuery(`UPDATE bulk_retries SET status = 4, paused_by = '', updated_at = $2, ended_at = $2 WHERE webhook_id = $1 AND status <= 3`)
)

// WebhookToClean finds a deleted webhook to clean; nil for none. It returns the settings as they are stored, and the webhook
// without them.
func WebhookToClean(t Tx, p *store.CleanDeleted) (w *carteiro.Webhook, stored []byte, err error) {
	query, from := nextWebhookToClean, p.After
	if !p.WebhookID.IsZero() {
		query, from = webhookToClean, p.WebhookID
	}
	w, stored, err = ReadWebhookRow(row(t, query, NotNull(from)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, nil
	}
	return w, stored, err
}

// CancelBulk cancels the open job of a webhook.
func CancelBulk(t Tx, webhook carteiro.ID, now time.Time) error {
	_, err := t.Exec(cancelBulk, webhook, layout.Micros(now))
	return err
}

// PutSettings stores the encoded settings of a webhook.
func PutSettings(t Tx, webhook carteiro.ID, encoded []byte, sealedBy *string) error {
	_, err := t.Exec(putSettings, webhook, encoded, sealedBy)
	return err
}
