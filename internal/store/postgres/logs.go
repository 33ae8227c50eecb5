package postgres

import (
	"context"
	"fmt"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/headers"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const (
	openColumns = `id, event_id, event_type, number, chain_start, trigger, previous_id, due_at`
	// getOpen goes by the key, whatever the statistics say: see placeOf.
	getOpen = `SELECT ` + openColumns + ` FROM unnest($2::uuid[]) AS w (wanted)
		CROSS JOIN LATERAL (SELECT * FROM open WHERE webhook_id = $1 AND id = wanted LIMIT 1) AS o`
	getAttempts = `SELECT ` + openColumns + `, status, status = 2 AND EXISTS ` + retryOf + `, ` + outcomeColumns + `
		FROM attempts a WHERE webhook_id = $1 AND id = ANY ($2)`
	// getBrief is getAttempts without headers and bodies, and with the size of the bodies.
	getBrief = `SELECT ` + openColumns + `, status, status = 2 AND EXISTS ` + retryOf + `, ` + briefColumns + `
		FROM attempts a WHERE webhook_id = $1 AND id = ANY ($2)`
	outcomeColumns = `reason, error, detail, finished_at, duration, http_status, retry_after, response_truncated, request_method,
		request_url, request_headers, response_headers, response_body, shared_tail, request_head`
	briefColumns = `reason, error, detail, finished_at, duration, http_status, retry_after, response_truncated, request_method,
		request_url, NULL::bytea, NULL::bytea, NULL::bytea, 0, NULL::bytea,
		shared_tail + coalesce(octet_length(request_head), 0) + coalesce(octet_length(response_body), 0)`
	getPayloads = `SELECT id, payload FROM events WHERE id = ANY ($1)`

	// retryOf is the open automatic retry of an attempt a. With the offset it is looked for by each attempt, and not joined with
	// all of them, likewise.
	retryOf = `(SELECT FROM open o WHERE o.webhook_id = a.webhook_id AND o.previous_id = a.id AND o.number > o.chain_start OFFSET 0)`
)

// GetLog implements [store.Logs].
func (s *Store) GetLog(ctx context.Context, ref store.AttemptRef) (attempt *carteiro.Attempt, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		found, err := t.logs(ref.WebhookID, []carteiro.ID{ref.ID})
		if err != nil {
			return err
		}
		if attempt = found[ref.ID]; attempt == nil {
			return store.ErrNotFound
		}
		return nil
	})
	return attempt, err
}

// GetLogs implements [store.Logs].
func (s *Store) GetLogs(ctx context.Context, webhook carteiro.ID, ids []carteiro.ID) (attempts []*carteiro.Attempt, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		found, err := t.logs(webhook, ids)
		for _, id := range ids {
			if a := found[id]; a != nil {
				attempts = append(attempts, a)
			}
		}
		return err
	})
	return attempts, err
}

// briefs returns the entries as logs does, without headers and bodies, and the sizes of the bodies.
func (t *tx) briefs(webhook carteiro.ID, wanted []carteiro.ID) (found map[carteiro.ID]*carteiro.Attempt, sizes map[carteiro.ID]int, err error) {
	sizes = make(map[carteiro.ID]int, len(wanted))
	if found, err = t.open(webhook, wanted); err != nil || len(found) == len(wanted) {
		return found, sizes, err
	}
	err = t.each(func(scan func(...any) error) error {
		a, size := &carteiro.Attempt{WebhookID: webhook, Outcome: new(carteiro.Outcome)}, 0
		err := readFinished(scan, a, &size)
		found[a.ID], sizes[a.ID] = a, size
		return err
	}, getBrief, id(webhook), ids(wanted))
	return found, sizes, err
}

// open returns those entries that are not finished.
func (t *tx) open(webhook carteiro.ID, wanted []carteiro.ID) (map[carteiro.ID]*carteiro.Attempt, error) {
	found := make(map[carteiro.ID]*carteiro.Attempt, len(wanted))
	err := t.each(func(scan func(...any) error) error {
		a := &carteiro.Attempt{WebhookID: webhook, Status: carteiro.StatusPending}
		err := readAttempt(scan, a)
		found[a.ID] = a
		return err
	}, getOpen, id(webhook), ids(wanted))
	return found, err
}

// logs gives log entries of a webhook by their ids, those that are there.
func (t *tx) logs(webhook carteiro.ID, wanted []carteiro.ID) (map[carteiro.ID]*carteiro.Attempt, error) {
	found, err := t.open(webhook, wanted)
	if err != nil || len(found) == len(wanted) {
		return found, err
	}
	var heads []*carteiro.Attempt // whose request bodies go on as their events' payloads
	err = t.each(func(scan func(...any) error) error {
		a := &carteiro.Attempt{WebhookID: webhook, Outcome: new(carteiro.Outcome)}
		if err := readFinished(scan, a); err != nil {
			return err
		}
		if a.Outcome.SharedTail > 0 {
			heads = append(heads, a)
		}
		found[a.ID] = a
		return nil
	}, getAttempts, id(webhook), ids(wanted))
	if err != nil {
		return nil, err
	}
	return found, t.completeBodies(heads)
}

// readAttempt reads openColumns, and into more what comes behind them.
func readAttempt(scan func(...any) error, a *carteiro.Attempt, more ...any) error {
	var trigger int64
	err := scan(append([]any{
		toID(&a.ID), toID(&a.EventID), &a.EventType, &a.Number, &a.ChainStart, &trigger, toID(&a.PreviousID), toTime(&a.DueAt),
	}, more...)...)
	a.Trigger = layout.TriggerOf(trigger)
	return err
}

// readFinished reads openColumns, status, whether it is being retried, outcomeColumns, and into more what comes behind them.
func readFinished(scan func(...any) error, a *carteiro.Attempt, more ...any) (err error) {
	o := a.Outcome
	var (
		status                          int64
		retrying                        bool
		requestHeaders, responseHeaders []byte
		reason                          string
	)
	err = readAttempt(scan, a, append([]any{
		&status, &retrying, &reason, octet{&o.Error}, octet{&o.Detail}, toTime(&o.FinishedAt), (*int64)(&o.Duration),
		&o.HTTPStatus, (*int64)(&o.RetryAfter), &o.ResponseTruncated, &o.RequestMethod, octet{&o.RequestURL}, &requestHeaders,
		&responseHeaders, &o.ResponseBody, &o.SharedTail, &o.RequestBody,
	}, more...)...)
	if err != nil {
		return err
	}
	o.Success, o.Reason = status == layout.StatusSuccess, carteiro.Reason(reason)
	if o.RequestHeaders, err = headers.Decode(requestHeaders); err != nil {
		return fmt.Errorf("log %s: %w", a.ID, err)
	}
	if o.ResponseHeaders, err = headers.Decode(responseHeaders); err != nil {
		return fmt.Errorf("log %s: %w", a.ID, err)
	}
	if a.DueAt.IsZero() {
		a.DueAt = a.ID.Time()
	}
	if a.Status = o.Status(); retrying {
		a.Status = carteiro.StatusRetrying
	}
	return nil
}

// completeBodies appends to request bodies what they share with their events' payloads.
func (t *tx) completeBodies(attempts []*carteiro.Attempt) error {
	if len(attempts) == 0 {
		return nil
	}
	var events ids
	for _, a := range attempts {
		events = append(events, a.EventID)
	}
	payloads := make(map[carteiro.ID][]byte, len(events))
	err := t.each(func(scan func(...any) error) error {
		var event carteiro.ID
		var payload []byte
		err := scan(toID(&event), &payload)
		payloads[event] = payload
		return err
	}, getPayloads, events)
	if err != nil {
		return err
	}
	for _, a := range attempts {
		payload, tail := payloads[a.EventID], a.Outcome.SharedTail
		if tail > len(payload) {
			return fmt.Errorf("log %s: its event's payload has %d bytes, and it shares %d", a.ID, len(payload), tail)
		}
		a.Outcome.RequestBody = append(a.Outcome.RequestBody, payload[len(payload)-tail:]...)
	}
	return nil
}
