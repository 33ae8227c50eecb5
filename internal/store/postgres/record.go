package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

const (
	// takeHeld takes attempts out of the open ones, if the session that presents them holds them.
	takeHeld = `DELETE FROM open o USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) WITH ORDINALITY AS u (webhook_id, id, lease, n)
		` + placeOf + `
		WHERE o.ctid = place.ctid AND o.lease IS NOT DISTINCT FROM u.lease
		RETURNING u.n, o.event_id, o.event_type, o.number, o.chain_start, o.trigger, o.previous_id, o.due_at,
			o.environment_id`
	// findFailed gives those of attempts that are in the history as failed, with what their receivers answered.
	findFailed = `SELECT a.id, a.http_status FROM unnest($1::uuid[], $2::uuid[]) AS u (webhook_id, id)
		JOIN attempts a ON a.webhook_id = u.webhook_id AND a.id = u.id WHERE a.status = 2`
	// lockWebhooks locks the webhooks that a group changes. All groups lock in this order, so that no two wait for each other.
	lockWebhooks = `SELECT FROM webhooks WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`
	// Before the webhook is switched off: of two that do it at once the second finds it off. One that has been changed since the version
	// that was sent to stays on.
	auditSwitchOff = `INSERT INTO audit (` + sqlstore.AuditColumns + `) SELECT ` + sqlstore.AuditParameters + `
		FROM (SELECT FROM webhooks WHERE id = $16 AND version = $17 AND enabled FOR NO KEY UPDATE) w`
	switchOff = `UPDATE webhooks w SET enabled = false, version = w.version + 1, updated_at = u.now, disabled_by = 'gone', disabled_at = u.now
		FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) AS u (id, version, now) WHERE w.id = u.id AND w.version = u.version AND w.enabled
		RETURNING w.id, u.version`
	insertAttempts = `INSERT INTO attempts (webhook_id, id, event_id, status, number, chain_start, trigger, due_at, previous_id, event_type,
			finished_at, duration, reason, error, detail, http_status, retry_after, response_truncated,
			request_method, request_url, request_headers, response_headers, shared_tail, request_head, response_body)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::timestamptz[],
			$9::uuid[], $10::text[], $11::timestamptz[], $12::bigint[], $13::text[], $14::bytea[], $15::bytea[], $16::bigint[], $17::bigint[],
			$18::boolean[], $19::text[], $20::bytea[], $21::bytea[], $22::bytea[], $23::bigint[], $24::bytea[], $25::bytea[])`
)

// recordOp is a call of Record.
type recordOp struct {
	store.Record
	exchanges []layout.Exchange
	recorded  []store.Recorded
}

// Record implements [store.Queue].
func (s *Store) Record(ctx context.Context, p store.Record) ([]store.Recorded, error) {
	call := recordOp{Record: p, exchanges: make([]layout.Exchange, len(p.Results))}
	for i := range p.Results {
		call.exchanges[i] = layout.NewExchange(&p.Results[i])
	}
	call, err := s.records.write(ctx, 1+2*len(p.Results), call)
	if err != nil {
		return nil, err
	}
	return call.recorded, nil
}

func (s *Store) commitRecords(ops []*op[recordOp]) error {
	for _, o := range ops {
		for i := range o.call.Results {
			s.makeDay(o.call.Results[i].Delivery.ID, o.call.Now)
		}
	}
	var changed []carteiro.ID
	err := s.inGroup(s.shards.records, func(g *group) error {
		r := recording{group: g}
		if err := r.take(ops); err != nil {
			return err
		}
		if err := r.findPredecessors(); err != nil {
			return err
		}
		for i := range r.taken {
			if err := r.record(&r.taken[i]); err != nil {
				return fmt.Errorf("record attempt %s: %w", r.taken[i].ID, err)
			}
		}
		b := new(pgx.Batch)
		r.queue(b)
		err := g.commit(b)
		changed = append(g.tally.changed(), r.off.done...)
		return err
	})
	if err == nil {
		s.hints.changed(changed)
	}
	return err
}

// recording is what a group of calls stores.
type recording struct {
	*group
	taken []taken
	open  openRows
	off   struct { // webhooks to be switched off
		ids      ids
		versions ints
		now      times
		audit    [][]any // values of entries, with the webhook that must have been on and its version
		first    map[layout.HealthKey]*store.Recorded
		done     []carteiro.ID // webhooks that were switched off
	}
	notices noticeRows
	// deleted are the webhooks that are deleted: nothing follows from their results.
	deleted map[carteiro.ID]bool
	// predecessors are the failed attempts in the history whose retries are done, with their HTTP status.
	predecessors map[carteiro.ID]int

	webhooks, ids, events                    ids
	previous                                 maybeIDs
	statuses, numbers, chainStarts, triggers ints
	types, reasons, methods                  texts
	due, finished                            times
	durations, httpStatuses, retryAfter      ints
	truncated                                bools
	errors, details, urls                    octets
	requestHeaders, responseHeaders          blobs
	heads, bodies                            blobs
	tails                                    ints
}

// taken is an attempt that its session held, taken out of the open ones.
type taken struct {
	carteiro.Attempt
	environment carteiro.ID
	result      *store.Result
	exchange    *layout.Exchange
	now         time.Time
	recorded    *store.Recorded
}

// take begins the transaction and takes the attempts out of the open ones that their sessions hold. The others are told
// so in the answers of their calls.
func (r *recording) take(ops []*op[recordOp]) error {
	type presented struct {
		op     *recordOp
		result int
	}
	type claim struct {
		id    carteiro.ID
		lease int64
	}
	var (
		all           []presented
		seen          = make(map[claim]bool)
		webhooks, ids ids
		leases        ints
		sessions      = make(map[int64]bool)
	)
	for _, o := range ops {
		o.call.recorded = make([]store.Recorded, len(o.call.Results))
		sessions[o.call.Session.ID] = true
		for i := range o.call.Results {
			o.call.recorded[i].Lost = true
			d := o.call.Results[i].Delivery
			if c := (claim{d.ID, o.call.Session.ID}); !seen[c] {
				seen[c] = true
				all = append(all, presented{&o.call, i})
				webhooks, ids, leases = append(webhooks, d.WebhookID), append(ids, d.ID), append(leases, o.call.Session.ID)
			}
		}
	}
	b := new(pgx.Batch)
	// A session that is about to be ended is waited for: what it held is not its own any more.
	keep(b, sessions, make(map[int64]bool))
	b.Queue(takeHeld, webhooks, ids, leases).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var n int64
			var t taken
			if err := scanTaken(rows, &n, &t); err != nil {
				return err
			}
			p := all[n-1]
			t.WebhookID, t.ID = webhooks[n-1], ids[n-1]
			p.op.recorded[p.result].Lost = false
			t.result, t.exchange, t.now, t.recorded = &p.op.Results[p.result], &p.op.exchanges[p.result], p.op.Now, &p.op.recorded[p.result]
			r.taken = append(r.taken, t)
		}
		return rows.Err()
	})
	r.deleted = make(map[carteiro.ID]bool)
	b.Queue(areDeleted, webhooks).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var webhook carteiro.ID
			if err := rows.Scan(toID(&webhook)); err != nil {
				return err
			}
			r.deleted[webhook] = true
		}
		return rows.Err()
	})
	return r.begin(b)
}

// scanTaken scans a row of takeHeld: the place of the attempt among those presented, and the attempt without what was presented.
func scanTaken(rows pgx.Rows, n *int64, t *taken) error {
	var trigger int64
	err := rows.Scan(n, toID(&t.EventID), &t.EventType, &t.Number, &t.ChainStart, &trigger, toID(&t.PreviousID), toTime(&t.DueAt), toID(&t.environment))
	t.Trigger = layout.TriggerOf(trigger)
	return err
}

// findPredecessors looks for what the automatic retries among the attempts have retried: it reads "failed" from now on,
// if it is still there.
func (r *recording) findPredecessors() error {
	var webhooks, previous ids
	for i := range r.taken {
		if a := &r.taken[i].Attempt; a.IsRetry() {
			webhooks, previous = append(webhooks, a.WebhookID), append(previous, a.PreviousID)
		}
	}
	if len(previous) == 0 {
		return nil
	}
	r.predecessors = make(map[carteiro.ID]int)
	return r.each(func(scan func(...any) error) error {
		var failed carteiro.ID
		var httpStatus int
		err := scan(toID(&failed), &httpStatus)
		r.predecessors[failed] = httpStatus
		return err
	}, findFailed, webhooks, previous)
}

func (r *recording) record(t *taken) error {
	r.tally.Open(t.environment, t.WebhookID, t.EventType, -1)
	if err := r.append(t); err != nil {
		return err
	}
	if httpStatus, failed := r.predecessors[t.PreviousID]; failed && t.IsRetry() {
		r.tally.Retrying(t.WebhookID, t.PreviousID, t.EventType, httpStatus, -1)
	}
	r.tally.recorded(t.environment, t.result.Outcome, t.now)
	if r.deleted[t.WebhookID] {
		return nil
	}
	if err := r.succeed(t); err != nil {
		return err
	}
	if t.result.DisableWebhook {
		r.disableGone(t)
	}
	if t.result.Exhausted {
		r.notices.add(t.result.Delivery.ExhaustedNotification(t.result.Outcome, t.now), anyVersion)
	}
	r.noteHealth(t)
	r.tally.Tell(layout.SentTo(t.result), t.now, t.recorded)
	return nil
}

// disableGone has a webhook switched off whose receiver has answered that it is gone.
func (r *recording) disableGone(t *taken) {
	key := layout.SentTo(t.result)
	if r.off.first[key] != nil {
		return
	}
	if r.off.first == nil {
		r.off.first = make(map[layout.HealthKey]*store.Recorded)
	}
	r.off.first[key] = t.recorded
	if t.result.Audit != nil {
		r.off.audit = append(r.off.audit, append(bind(sqlstore.AuditValues(t.result.Audit)), id(t.WebhookID), key.Version))
	}
	off := carteiro.Webhook{ID: t.WebhookID, DisabledBy: carteiro.DisabledByGone, DisabledAt: t.now}
	r.notices.add(off.DisabledNotification(t.result.Outcome.Error), key.Version)
	r.off.ids, r.off.versions, r.off.now = append(r.off.ids, t.WebhookID), append(r.off.versions, key.Version), append(r.off.now, t.now)
	r.tally.Off(key, t.now)
}

// append adds a finished attempt to the history.
func (r *recording) append(t *taken) error {
	trigger, err := layout.TriggerNumber(t.Trigger)
	if err != nil {
		return err
	}
	due := t.DueAt
	if due.Equal(t.ID.Time()) {
		due = time.Time{}
	}
	o, x := t.result.Outcome, t.exchange
	r.tally.Finished(t.WebhookID, t.ID, t.EventType, o.HTTPStatus, x.Status, 1)
	r.webhooks, r.ids, r.events = append(r.webhooks, t.WebhookID), append(r.ids, t.ID), append(r.events, t.EventID)
	r.previous, r.types, r.due = append(r.previous, t.PreviousID), append(r.types, t.EventType), append(r.due, due)
	r.statuses, r.triggers = append(r.statuses, x.Status), append(r.triggers, trigger)
	r.numbers, r.chainStarts = append(r.numbers, int64(t.Number)), append(r.chainStarts, int64(t.ChainStart))
	r.finished, r.durations = append(r.finished, o.FinishedAt), append(r.durations, int64(o.Duration))
	r.reasons, r.errors, r.details = append(r.reasons, string(o.Reason)), append(r.errors, o.Error), append(r.details, o.Detail)
	r.httpStatuses, r.retryAfter = append(r.httpStatuses, int64(o.HTTPStatus)), append(r.retryAfter, int64(o.RetryAfter))
	r.truncated, r.methods, r.urls = append(r.truncated, o.ResponseTruncated), append(r.methods, o.RequestMethod), append(r.urls, o.RequestURL)
	r.requestHeaders, r.responseHeaders = append(r.requestHeaders, x.RequestHeaders), append(r.responseHeaders, x.ResponseHeaders)
	r.tails, r.heads, r.bodies = append(r.tails, int64(x.SharedTail)), append(r.heads, x.RequestHead), append(r.bodies, o.ResponseBody)
	return nil
}

// succeed opens the successor, if there is one.
func (r *recording) succeed(t *taken) error {
	if t.result.Next == nil {
		return nil
	}
	next := *t.result.Next
	next.WebhookID, next.EventID, next.EventType, next.PreviousID = t.WebhookID, t.EventID, t.EventType, t.ID
	if !t.result.Outcome.Success && next.IsRetry() {
		r.tally.Retrying(t.WebhookID, t.ID, t.EventType, t.result.Outcome.HTTPStatus, 1)
	}
	r.tally.Open(t.environment, t.WebhookID, t.EventType, 1)
	return r.open.add(&next, t.environment, 0)
}

// noteHealth notes how the receiver did, where it was asked. A failing test says nothing of it that its operator did
// not want to find out.
func (r *recording) noteHealth(t *taken) {
	switch t.result.Outcome.Reason {
	case carteiro.ReasonWebhookDisabled, carteiro.ReasonWebhookDeleted:
		return
	}
	if test := t.result.Delivery.Event != nil && t.result.Delivery.Event.Test; t.result.Outcome.Success || !test {
		r.tally.Sent(layout.SentTo(t.result), t.result.Outcome)
	}
}

// lockWebhooks locks the webhooks to be switched off and those with notices, together with those whose health is noted after
// that. A group without either locks only the webhooks that change; see noteHealth, which has the same order.
func (r *recording) lockWebhooks(b *pgx.Batch) {
	if len(r.off.ids) == 0 && len(r.notices.webhooks) == 0 {
		return
	}
	webhooks := slices.Concat(r.off.ids, r.notices.webhooks)
	for key := range r.tally.Health {
		webhooks = append(webhooks, key.Webhook)
	}
	b.Queue(lockWebhooks, webhooks)
}

func (r *recording) queue(b *pgx.Batch) {
	if len(r.ids) > 0 {
		b.Queue(insertAttempts, r.webhooks, r.ids, r.events, r.statuses, r.numbers, r.chainStarts, r.triggers, r.due, r.previous, r.types,
			r.finished, r.durations, r.reasons, r.errors, r.details, r.httpStatuses, r.retryAfter, r.truncated,
			r.methods, r.urls, r.requestHeaders, r.responseHeaders, r.tails, r.heads, r.bodies)
	}
	r.open.queue(b)
	r.lockWebhooks(b)
	for _, values := range r.off.audit {
		b.Queue(auditSwitchOff, values...)
	}
	r.notices.queue(b)
	if len(r.off.ids) > 0 {
		b.Queue(switchOff, r.off.ids, r.off.versions, r.off.now).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var key layout.HealthKey
				if err := rows.Scan(toID(&key.Webhook), &key.Version); err != nil {
					return err
				}
				r.off.first[key].Disabled = true
				r.off.done = append(r.off.done, key.Webhook)
			}
			return rows.Err()
		})
	}
}
