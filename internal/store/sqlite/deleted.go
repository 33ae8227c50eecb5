package sqlite

import (
	"bytes"
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/settings"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

var (
	setCleaned    = newQuery(`UPDATE webhooks SET cleaned = 1 WHERE id = ?`)
	hasOpen       = newQuery(`SELECT 1 FROM open WHERE webhook_id = ?`)
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
	w, stored, err := sqlstore.WebhookToClean(t, p)
	if err != nil || w == nil {
		return cleaned, err
	}
	cleaned.WebhookID = w.ID
	erased, err := settings.Erase(stored, w.ID)
	if err != nil {
		return cleaned, err
	}
	if !bytes.Equal(erased, stored) {
		if err := sqlstore.PutSettings(t, w.ID, erased, nil); err != nil {
			return cleaned, err
		}
	}
	if err := sqlstore.CancelBulk(t, w.ID, p.Now); err != nil {
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
