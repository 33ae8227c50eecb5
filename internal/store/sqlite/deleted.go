package sqlite

import (
	"bytes"
	"context"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/settings"
)

var (
	deletedWebhook = newQuery(`SELECT ` + webhookColumns + ` FROM webhooks WHERE id = ? AND deleted_at IS NOT NULL AND cleaned = 0`)
	nextDeleted    = newQuery(`SELECT ` + webhookColumns + ` FROM webhooks INDEXED BY webhooks_to_clean
		WHERE deleted_at IS NOT NULL AND cleaned = 0 AND id > ? ORDER BY id LIMIT 1`)
	setCleaned    = newQuery(`UPDATE webhooks SET cleaned = 1 WHERE id = ?`)
	hasOpen       = newQuery(`SELECT 1 FROM open WHERE webhook_id = ?`)
	openBulk      = newQuery(`SELECT ` + bulkColumns + ` FROM bulk_retries INDEXED BY bulk_retries_open WHERE webhook_id = ? AND status <= 3`)
	unclaimedOpen = newQuery(`SELECT id, event, event_type, number, chain_start, trigger, previous_id, due_at, environment_id
		FROM open INDEXED BY open_waiting WHERE webhook_id = ? AND lease IS NULL ORDER BY due_at, id LIMIT ?`)
)

// CleanDeleted implements [store.Deletions].
func (s *Store) CleanDeleted(ctx context.Context, p store.CleanDeleted) (cleaned store.CleanedDeleted, err error) {
	err = s.writer.write(ctx, 4*p.Limit, func(t *tx) error {
		cleaned, err = t.cleanDeleted(&p)
		return err
	})
	if err != nil {
		return store.CleanedDeleted{}, err
	}
	return cleaned, nil
}

func (t *tx) cleanDeleted(p *store.CleanDeleted) (cleaned store.CleanedDeleted, err error) {
	w, stored, err := t.deletedWebhook(p)
	if err != nil || w == nil {
		return cleaned, err
	}
	cleaned.WebhookID = w.ID
	erased, err := settings.Erase(stored, w.ID)
	if err != nil {
		return cleaned, err
	}
	if !bytes.Equal(erased, stored) {
		if err := t.write(putSealed).id(w.ID).blob(erased).maybeText(nil).run(); err != nil {
			return cleaned, err
		}
	}
	if err := t.cancelBulk(w.ID, p.Now); err != nil {
		return cleaned, err
	}
	if cleaned.Finished, err = t.finishUnclaimed(w.ID, p); err != nil {
		return cleaned, err
	}
	cleaned.More = cleaned.Finished == p.Limit
	if !w.DeletedAt.Before(p.SettledBefore) {
		return cleaned, nil
	}
	left, err := t.query(hasOpen).id(w.ID).exists()
	if err != nil || left {
		return cleaned, err
	}
	return cleaned, t.write(setCleaned).id(w.ID).run()
}

// deletedWebhook finds the webhook to clean, nil for none, without its settings, and these as they are stored.
func (t *tx) deletedWebhook(p *store.CleanDeleted) (w *carteiro.Webhook, stored []byte, err error) {
	row := t.query(nextDeleted).id(p.After)
	if !p.WebhookID.IsZero() {
		row = t.query(deletedWebhook).id(p.WebhookID)
	}
	found, err := row.one()
	if !found {
		return nil, nil, err
	}
	w, stored = readWebhookRow(row), row.colBlob(settingsColumn)
	return w, stored, row.end()
}

// finishUnclaimed finishes attempts of a deleted webhook that nobody holds.
func (t *tx) finishUnclaimed(webhook carteiro.ID, p *store.CleanDeleted) (int, error) {
	var pending []*openRow
	rows := t.query(unclaimedOpen).id(webhook).int(int64(p.Limit))
	for rows.next() {
		pending = append(pending, &openRow{event: rows.colInt(1), environment: rows.colID(8), attempt: carteiro.Attempt{
			ID: rows.colID(0), WebhookID: webhook, EventType: rows.colText(2), Number: int(rows.colInt(3)), ChainStart: int(rows.colInt(4)),
			Trigger: layout.TriggerOf(rows.colInt(5)), PreviousID: rows.colID(6), DueAt: rows.colTime(7),
		}})
	}
	if err := rows.end(); err != nil {
		return 0, err
	}
	outcome := carteiro.WebhookDeletedOutcome(p.Now)
	exchange := layout.NewExchange(&store.Result{Outcome: outcome})
	for _, o := range pending {
		if err := t.finishAttempt(o, outcome, &exchange, p.Now); err != nil {
			return 0, err
		}
	}
	return len(pending), nil
}

// cancelBulk cancels the open job of a deleted webhook.
func (t *tx) cancelBulk(webhook carteiro.ID, now time.Time) error {
	row := t.query(openBulk).id(webhook)
	if found, err := row.one(); !found {
		return err
	}
	job, err := readBulk(row)
	if err != nil {
		return err
	}
	job.Status, job.UpdatedAt, job.EndedAt, job.PausedBy = carteiro.BulkCancelled, layout.Micros(now), layout.Micros(now), ""
	return t.saveBulk(&job)
}
