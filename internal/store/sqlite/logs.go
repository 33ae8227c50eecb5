package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/headers"
	"github.com/carteiro/carteiro/internal/store/layout"
)

var (
	getOpen    = newQuery(selectOpen + ` WHERE o.webhook_id = ? AND o.id = ?`)
	getAttempt = newQuery(selectAttempts + ` WHERE a.webhook_id = ? AND a.id = ?`)
	getBrief   = newQuery(selectBrief + ` WHERE a.webhook_id = ? AND a.id = ?`)
)

const (
	selectOpen = `SELECT e.id, o.event_type, o.number, o.chain_start, o.trigger, o.previous_id, o.due_at, o.webhook_id, o.id
		FROM open o JOIN events e ON e.number = o.event`
	selectAttempts = selectFinished + `x.request_headers, x.response_headers, x.response_body,
			x.shared_tail, x.request_head, CASE WHEN x.shared_tail > 0 THEN substr(e.payload, -x.shared_tail) END` + fromAttempts
	// selectBrief is selectAttempts without headers and bodies, and with the size of the bodies. SQLite does not read a column
	// that it only measures.
	selectBrief = selectFinished + `NULL, NULL, NULL, 0, NULL, NULL,
			x.shared_tail + coalesce(length(x.request_head), 0) + coalesce(length(x.response_body), 0)` + fromAttempts
	selectFinished = `SELECT e.id, a.event_type, a.number, a.chain_start, a.trigger, a.previous_id, a.due_at, a.webhook_id, a.id,
			a.status = 2 AND EXISTS (SELECT 1 FROM open o INDEXED BY open_retries
				WHERE o.webhook_id = a.webhook_id AND o.previous_id = a.id AND o.number > o.chain_start),
			a.status, x.reason, x.error, x.detail, x.finished_at, x.duration, x.http_status, x.retry_after, x.response_truncated,
			x.request_method, x.request_url, `
	fromAttempts = `
		FROM attempts a JOIN exchanges x ON x.id = a.exchange JOIN events e ON e.number = a.event`
)

// GetLog implements [store.Logs].
func (s *Store) GetLog(ctx context.Context, ref store.AttemptRef) (attempt *carteiro.Attempt, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		attempt, err = c.log(ref.WebhookID, ref.ID)
		return err
	})
	return attempt, err
}

// GetLogs implements [store.Logs].
func (s *Store) GetLogs(ctx context.Context, webhook carteiro.ID, ids []carteiro.ID) (attempts []*carteiro.Attempt, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		for _, id := range ids {
			attempt, err := c.log(webhook, id)
			switch {
			case errors.Is(err, store.ErrNotFound):
			case err != nil:
				return err
			default:
				attempts = append(attempts, attempt)
			}
		}
		return nil
	})
	return attempts, err
}

// brief is log without headers and bodies, and with the size of the bodies.
func (c *conn) brief(webhook, id carteiro.ID) (a *carteiro.Attempt, size int, err error) {
	row := c.query(getBrief).id(webhook).id(id)
	finished, err := row.one()
	if err != nil {
		return nil, 0, err
	}
	if !finished {
		a, err = c.log(webhook, id)
		return a, 0, err
	}
	a = readAttempt(row)
	if err := finish(a, row); err != nil {
		_ = row.end() // what was read is at fault, not the reading
		return nil, 0, fmt.Errorf("log %s: %w", id, err)
	}
	size = int(row.colInt(27))
	return a, size, row.end()
}

// log fails with store.ErrNotFound.
func (c *conn) log(webhook, id carteiro.ID) (*carteiro.Attempt, error) {
	row := c.query(getAttempt).id(webhook).id(id)
	finished, err := row.one()
	if err != nil {
		return nil, err
	}
	if !finished {
		row = c.query(getOpen).id(webhook).id(id)
		if found, err := row.one(); !found {
			return nil, orNotFound(err)
		}
	}
	a := readAttempt(row)
	if finished {
		if err := finish(a, row); err != nil {
			_ = row.end() // what was read is at fault, not the reading
			return nil, fmt.Errorf("log %s: %w", id, err)
		}
	}
	return a, row.end()
}

// readAttempt reads what selectOpen and selectAttempts have in common.
func readAttempt(row *stmt) *carteiro.Attempt {
	return &carteiro.Attempt{
		ID: row.colID(8), WebhookID: row.colID(7), EventID: row.colID(0), EventType: row.colText(1),
		Number: int(row.colInt(2)), ChainStart: int(row.colInt(3)), Trigger: layout.TriggerOf(row.colInt(4)),
		PreviousID: row.colID(5), DueAt: row.colTime(6), Status: carteiro.StatusPending,
	}
}

// finish reads what selectAttempts has beyond selectOpen.
func finish(a *carteiro.Attempt, row *stmt) (err error) {
	if a.DueAt.IsZero() {
		a.DueAt = a.ID.Time()
	}
	if a.Outcome, err = readOutcome(row, 10); err != nil {
		return err
	}
	a.Status = a.Outcome.Status()
	if row.colBool(9) {
		a.Status = carteiro.StatusRetrying
	}
	return nil
}

func readOutcome(row *stmt, at int) (o *carteiro.Outcome, err error) {
	o = &carteiro.Outcome{
		Success:           row.colInt(at) == layout.StatusSuccess,
		Reason:            carteiro.Reason(row.colText(at + 1)),
		Error:             row.colText(at + 2),
		Detail:            row.colText(at + 3),
		FinishedAt:        row.colTime(at + 4),
		Duration:          time.Duration(row.colInt(at + 5)),
		HTTPStatus:        int(row.colInt(at + 6)),
		RetryAfter:        time.Duration(row.colInt(at + 7)),
		ResponseTruncated: row.colBool(at + 8),
		RequestMethod:     row.colText(at + 9),
		RequestURL:        row.colText(at + 10),
		ResponseBody:      row.colBlob(at + 13),
		SharedTail:        int(row.colInt(at + 14)),
	}
	for i, h := range []*http.Header{&o.RequestHeaders, &o.ResponseHeaders} {
		if *h, err = headers.Decode(row.colBlob(at + 11 + i)); err != nil {
			return nil, err
		}
	}
	o.RequestBody = row.colBlob(at + 15)
	if o.SharedTail > 0 {
		o.RequestBody = append(o.RequestBody, row.colBlob(at+16)...)
	}
	return o, nil
}
