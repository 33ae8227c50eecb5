package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

var (
	heldOpen = newQuery(`SELECT event, event_type, number, chain_start, trigger, previous_id, due_at, environment_id,
		(SELECT deleted_at IS NOT NULL FROM webhooks WHERE id = webhook_id) FROM open
		WHERE webhook_id = ? AND id = ? AND lease = ?`)
	deleteOpen     = newQuery(`DELETE FROM open WHERE webhook_id = ? AND id = ?`)
	insertExchange = newQuery(`INSERT INTO exchanges (finished_at, duration, reason, error, detail, http_status, retry_after, response_truncated,
		request_method, request_url, request_headers, response_headers, shared_tail, request_head, response_body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	insertAttempt = newQuery(`INSERT INTO attempts (webhook_id, id, status, event, exchange, number, chain_start, trigger, due_at, previous_id, event_type, http_status)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	moreAttempts  = newQuery(`UPDATE events SET attempts = attempts + 1 WHERE number = ?`)
	attemptStatus = newQuery(`SELECT status, http_status FROM attempts WHERE webhook_id = ? AND id = ?`)
)

// Record implements [store.Queue].
func (s *Store) Record(ctx context.Context, p store.Record) (recorded []store.Recorded, err error) {
	// What can be made ready is made ready here, so that the one writer does not do it for all.
	exchanges := make([]layout.Exchange, len(p.Results))
	for i := range p.Results {
		exchanges[i] = layout.NewExchange(&p.Results[i])
	}
	err = s.writer.write(ctx, 2*len(p.Results), func(t *tx) error {
		recorded = make([]store.Recorded, len(p.Results))
		live, err := t.query(hasSession).int(p.Session.ID).exists()
		if err != nil {
			return err
		}
		for i := range p.Results {
			recorded[i].Lost = true
			if !live {
				continue
			}
			if err = t.record(&p, &p.Results[i], &exchanges[i], &recorded[i]); err != nil {
				return fmt.Errorf("record attempt %s: %w", p.Results[i].Delivery.ID, err)
			}
			if !recorded[i].Lost {
				t.tally.Tell(layout.SentTo(&p.Results[i]), p.Now, &recorded[i])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return recorded, nil
}

// record finishes one attempt, if the session holds it.
func (t *tx) record(p *store.Record, r *store.Result, x *layout.Exchange, recorded *store.Recorded) error {
	o, found, err := t.held(r.Delivery.WebhookID, r.Delivery.ID, p.Session)
	if err != nil || !found {
		return err
	}
	recorded.Lost = false
	if err := t.finishAttempt(o, r.Outcome, x, p.Now); err != nil {
		return err
	}
	if o.deleted {
		return nil
	}
	if err := t.succeed(o, r); err != nil {
		return err
	}
	if recorded.Disabled, err = t.disableGone(p, r); err != nil {
		return err
	}
	if r.Exhausted {
		if err := t.notice(r.Delivery.ExhaustedNotification(r.Outcome, p.Now)); err != nil {
			return err
		}
	}
	t.noteHealth(r)
	return nil
}

// finishAttempt moves an open attempt to the history.
func (t *tx) finishAttempt(o *openRow, outcome *carteiro.Outcome, x *layout.Exchange, now time.Time) error {
	if err := t.write(deleteOpen).id(o.attempt.WebhookID).id(o.attempt.ID).run(); err != nil {
		return err
	}
	t.tally.Open(o.environment, o.attempt.WebhookID, o.attempt.EventType, -1)
	t.tally.recorded(o.environment, outcome, now)
	if err := t.append(o, outcome, x); err != nil {
		return err
	}
	return t.countRetrying(&o.attempt, -1)
}

// disableGone switches a webhook off whose receiver has answered that it is gone.
func (t *tx) disableGone(p *store.Record, r *store.Result) (disabled bool, err error) {
	if !r.DisableWebhook {
		return false, nil
	}
	off := carteiro.Webhook{ID: r.Delivery.WebhookID, DisabledBy: carteiro.DisabledByGone, DisabledAt: p.Now}
	n, err := t.changed(t.write(switchOff).time(p.Now).id(off.ID).text(string(off.DisabledBy)).int(r.Version))
	if err != nil || n == 0 {
		return false, err
	}
	t.tally.Off(layout.SentTo(r), p.Now)
	if err := t.notice(off.DisabledNotification(r.Outcome.Error)); err != nil {
		return true, err
	}
	return true, sqlstore.AddAudit(t, r.Audit)
}

func (t *tx) held(webhook, id carteiro.ID, session store.Session) (o *openRow, found bool, err error) {
	row := t.query(heldOpen).id(webhook).id(id).int(session.ID)
	if found, err = row.one(); !found {
		return nil, false, err
	}
	o = &openRow{event: row.colInt(0), environment: row.colID(7), deleted: row.colBool(8), attempt: carteiro.Attempt{
		ID: id, WebhookID: webhook, EventType: row.colText(1), Number: int(row.colInt(2)), ChainStart: int(row.colInt(3)),
		Trigger: layout.TriggerOf(row.colInt(4)), PreviousID: row.colID(5), DueAt: row.colTime(6),
	}}
	return o, true, row.end()
}

// append writes a finished attempt to the history.
func (t *tx) append(o *openRow, outcome *carteiro.Outcome, x *layout.Exchange) error {
	err := t.write(insertExchange).time(outcome.FinishedAt).int(int64(outcome.Duration)).text(string(outcome.Reason)).
		text(outcome.Error).text(outcome.Detail).int(int64(outcome.HTTPStatus)).int(int64(outcome.RetryAfter)).
		bool(outcome.ResponseTruncated).text(outcome.RequestMethod).text(outcome.RequestURL).
		blob(x.RequestHeaders).blob(x.ResponseHeaders).int(int64(x.SharedTail)).blob(x.RequestHead).
		blob(outcome.ResponseBody).run()
	if err != nil {
		return err
	}
	a := &o.attempt
	trigger, err := layout.TriggerNumber(a.Trigger)
	if err != nil {
		return err
	}
	due := a.DueAt
	if due.Equal(a.ID.Time()) {
		due = time.Time{}
	}
	t.tally.Finished(a.WebhookID, a.ID, a.EventType, outcome.HTTPStatus, x.Status, 1)
	return t.write(insertAttempt).id(a.WebhookID).id(a.ID).int(x.Status).int(o.event).int(t.db.LastInsertRowID()).
		int(int64(a.Number)).int(int64(a.ChainStart)).int(trigger).time(due).maybeID(a.PreviousID).text(a.EventType).int(int64(outcome.HTTPStatus)).run()
}

// countRetrying takes into account that n automatic retries more are open as this one: as long as there is one its
// predecessor, if it is still there, reads "retrying" and not "failed".
func (t *tx) countRetrying(a *carteiro.Attempt, n int64) error {
	if !a.IsRetry() {
		return nil
	}
	row := t.query(attemptStatus).id(a.WebhookID).id(a.PreviousID)
	if found, err := row.one(); !found {
		return err
	}
	if row.colInt(0) == layout.StatusFailed {
		t.tally.Retrying(a.WebhookID, a.PreviousID, a.EventType, int(row.colInt(1)), n)
	}
	return row.end()
}

// succeed opens the successor, if there is one.
func (t *tx) succeed(o *openRow, r *store.Result) error {
	if r.Next == nil {
		return nil
	}
	next := openRow{attempt: *r.Next, event: o.event, environment: o.environment}
	next.attempt.WebhookID, next.attempt.EventType, next.attempt.PreviousID = o.attempt.WebhookID, o.attempt.EventType, o.attempt.ID
	if !r.Outcome.Success && next.attempt.IsRetry() {
		t.tally.Retrying(o.attempt.WebhookID, o.attempt.ID, o.attempt.EventType, r.Outcome.HTTPStatus, 1)
	}
	return t.open(&next)
}

// noteHealth notes how the receiver did, where it was asked. A failing test says nothing of it that its operator did
// not want to find out.
func (t *tx) noteHealth(r *store.Result) {
	switch r.Outcome.Reason {
	case carteiro.ReasonWebhookDisabled, carteiro.ReasonWebhookDeleted:
		return
	}
	if test := r.Delivery.Event != nil && r.Delivery.Event.Test; r.Outcome.Success || !test {
		t.tally.Sent(layout.SentTo(r), r.Outcome)
	}
}
