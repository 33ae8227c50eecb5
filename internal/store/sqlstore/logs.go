package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/headers"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// Attempts have their outcomes in the same table in PostgreSQL, and in the table exchanges in SQLite. SQLite numbers events.
const (
	// PostgresRetryOf and SQLiteRetryOf are the open automatic retry of an attempt a. In PostgreSQL, OFFSET keeps the planner from joining all of them.
	PostgresRetryOf = `(SELECT FROM open o WHERE o.webhook_id = a.webhook_id AND o.previous_id = a.id AND o.number > o.chain_start OFFSET 0)`
	SQLiteRetryOf   = `(SELECT 1 FROM open o INDEXED BY open_retries
		WHERE o.webhook_id = a.webhook_id AND o.previous_id = a.id AND o.number > o.chain_start)`

	sqliteOpen     = ` FROM open o JOIN events e ON e.number = o.event`
	sqliteAttempts = ` FROM attempts a JOIN exchanges x ON x.id = a.exchange JOIN events e ON e.number = a.event`
	byIDs          = `webhook_id = $1 AND %sid = ANY ($2::uuid[])`
)

// openColumns are what [ReadAttempt] reads, of a table with the given prefix.
func openColumns(table, event string) string {
	return prefixed(table, "id") + ", " + event + ", " +
		prefixed(table, "event_type, number, chain_start, trigger, previous_id, due_at, webhook_id")
}

// finishedColumns are what [ReadFinished] reads.
func finishedColumns(event, retryOf, outcome, bodies string) string {
	return openColumns("a.", event) + `, a.status, a.status = 2 AND EXISTS ` + retryOf + `, ` +
		prefixed(outcome, "reason, error, detail, finished_at, duration, http_status, retry_after, response_truncated, request_method, request_url") +
		`, ` + bodies
}

func prefixed(table, columns string) string {
	return table + strings.ReplaceAll(columns, ", ", ", "+table)
}

const (
	bodyColumns = "request_headers, response_headers, response_body, shared_tail, request_head"
	// Neither database reads a body to measure it.
	pgSizes     = `NULL::bytea, NULL::bytea, NULL::bytea, 0, NULL::bytea, a.shared_tail + coalesce(octet_length(a.request_head), 0) + coalesce(octet_length(a.response_body), 0)`
	sqliteSizes = `NULL, NULL, NULL, 0, NULL, x.shared_tail + coalesce(length(x.request_head), 0) + coalesce(length(x.response_body), 0)`
)

// Columns of attempts for exports.
var (
	PostgresFinished = finishedColumns("a.event_id", "(SELECT WHERE false)", "a.", prefixed("a.", bodyColumns))
	PostgresOpen     = openColumns("o.", "o.event_id")
	SQLiteFinished   = `SELECT ` + finishedColumns("e.id", "(SELECT 1 WHERE 0)", "x.", prefixed("x.", bodyColumns)) + sqliteAttempts
	SQLiteOpen       = `SELECT ` + openColumns("o.", "e.id") + sqliteOpen
)

// Queries of log entries by their ids.
var (
	// In PostgreSQL, GetOpen goes by the key, whatever the statistics say.
	GetOpen = NewQueries(`SELECT `+openColumns("o.", "o.event_id")+` FROM unnest($2::uuid[]) AS w (wanted)
			CROSS JOIN LATERAL (SELECT * FROM open WHERE webhook_id = $1 AND id = wanted LIMIT 1) AS o`,
		toSQLite(SQLiteOpen+` WHERE o.`+fmt.Sprintf(byIDs, "o.")))
	GetAttempts = NewQueries(
		`SELECT `+finishedColumns("a.event_id", PostgresRetryOf, "a.", prefixed("a.", bodyColumns))+` FROM attempts a WHERE a.`+fmt.Sprintf(byIDs, "a."),
		toSQLite(`SELECT `+finishedColumns("e.id", SQLiteRetryOf, "x.", prefixed("x.", bodyColumns))+sqliteAttempts+` WHERE a.`+fmt.Sprintf(byIDs, "a.")))
	getBriefs = NewQueries(
		`SELECT `+finishedColumns("a.event_id", PostgresRetryOf, "a.", pgSizes)+` FROM attempts a WHERE a.`+fmt.Sprintf(byIDs, "a."),
		toSQLite(`SELECT `+finishedColumns("e.id", SQLiteRetryOf, "x.", sqliteSizes)+sqliteAttempts+` WHERE a.`+fmt.Sprintf(byIDs, "a.")))
	GetPayloads = NewQuery(`SELECT id, payload FROM events WHERE id = ANY ($1::uuid[])`)
)

// GetLog implements [store.Logs].
func (s *Store) GetLog(ctx context.Context, ref store.AttemptRef) (attempt *carteiro.Attempt, err error) {
	err = s.db.Snapshot(ctx, func(t Tx) error {
		found, err := Logs(t, ref.WebhookID, []carteiro.ID{ref.ID})
		if attempt = found[ref.ID]; err == nil && attempt == nil {
			err = store.ErrNotFound
		}
		return err
	})
	return attempt, err
}

// GetLogs implements [store.Logs].
func (s *Store) GetLogs(ctx context.Context, webhook carteiro.ID, ids []carteiro.ID) (attempts []*carteiro.Attempt, err error) {
	err = s.db.Snapshot(ctx, func(t Tx) error {
		attempts = nil
		found, err := Logs(t, webhook, ids)
		for _, id := range ids {
			if a := found[id]; a != nil {
				attempts = append(attempts, a)
			}
		}
		return err
	})
	return attempts, err
}

// FillPage reads the entries of a page.
func FillPage(t Tx, page *store.LogPage, p *store.ListLogs, found []carteiro.ID) (err error) {
	if len(found) == 0 {
		return nil
	}
	var entries map[carteiro.ID]*carteiro.Attempt
	var sizes map[carteiro.ID]int
	if p.Brief {
		page.Sizes = make([]int, len(found))
		entries, sizes, err = briefs(t, p.WebhookID, found)
	} else {
		entries, err = Logs(t, p.WebhookID, found)
	}
	if err != nil {
		return err
	}
	page.Attempts = make([]*carteiro.Attempt, len(found))
	for i, id := range found {
		page.Attempts[i] = entries[id]
		if p.Brief {
			page.Sizes[i] = sizes[id]
		}
	}
	return nil
}

// briefs returns entries as Logs does, without headers and bodies, and the sizes of the bodies.
func briefs(t Tx, webhook carteiro.ID, wanted []carteiro.ID) (found map[carteiro.ID]*carteiro.Attempt, sizes map[carteiro.ID]int, err error) {
	sizes = make(map[carteiro.ID]int, len(wanted))
	if found, err = openLogs(t, webhook, wanted); err != nil || len(found) == len(wanted) {
		return found, sizes, err
	}
	err = t.Each(func(scan Scan) error {
		a, size := &carteiro.Attempt{Outcome: new(carteiro.Outcome)}, 0
		err := ReadFinished(scan, a, &size)
		found[a.ID], sizes[a.ID] = a, size
		return err
	}, getBriefs, webhook, wanted)
	return found, sizes, err
}

// openLogs returns the entries that are not finished.
func openLogs(t Tx, webhook carteiro.ID, wanted []carteiro.ID) (map[carteiro.ID]*carteiro.Attempt, error) {
	found := make(map[carteiro.ID]*carteiro.Attempt, len(wanted))
	err := t.Each(func(scan Scan) error {
		a := &carteiro.Attempt{Status: carteiro.StatusPending}
		err := ReadAttempt(scan, a)
		found[a.ID] = a
		return err
	}, GetOpen, webhook, wanted)
	return found, err
}

// Logs returns log entries of a webhook by their ids. It leaves out those that do not exist.
func Logs(t Tx, webhook carteiro.ID, wanted []carteiro.ID) (map[carteiro.ID]*carteiro.Attempt, error) {
	found, err := openLogs(t, webhook, wanted)
	if err != nil || len(found) == len(wanted) {
		return found, err
	}
	var finished []*carteiro.Attempt
	err = t.Each(func(scan Scan) error {
		a := &carteiro.Attempt{Outcome: new(carteiro.Outcome)}
		err := ReadFinished(scan, a)
		found[a.ID], finished = a, append(finished, a)
		return err
	}, GetAttempts, webhook, wanted)
	if err != nil {
		return nil, err
	}
	return found, CompleteBodies(t, finished)
}

// ReadAttempt reads openColumns, and the columns after them into more.
func ReadAttempt(scan Scan, a *carteiro.Attempt, more ...any) error {
	var trigger int64
	err := scan(append([]any{
		&a.ID, &a.EventID, &a.EventType, &a.Number, &a.ChainStart, &trigger, &a.PreviousID, &a.DueAt, &a.WebhookID,
	}, more...)...)
	a.Trigger = layout.TriggerOf(trigger)
	return err
}

// ReadFinished reads finishedColumns, and the columns after them into more. Request bodies lack what they share with their
// events' payloads.
func ReadFinished(scan Scan, a *carteiro.Attempt, more ...any) (err error) {
	o := a.Outcome
	var (
		status, duration, retryAfter    int64
		retrying                        bool
		requestHeaders, responseHeaders []byte
	)
	err = ReadAttempt(scan, a, append([]any{
		&status, &retrying, &o.Reason, (*Text)(&o.Error), (*Text)(&o.Detail), &o.FinishedAt, &duration, &o.HTTPStatus, &retryAfter,
		&o.ResponseTruncated, &o.RequestMethod, (*Text)(&o.RequestURL), &requestHeaders, &responseHeaders, &o.ResponseBody,
		&o.SharedTail, &o.RequestBody,
	}, more...)...)
	if err != nil {
		return err
	}
	o.Success, o.Duration, o.RetryAfter = status == layout.StatusSuccess, time.Duration(duration), time.Duration(retryAfter)
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

// CompleteBodies appends to request bodies what they share with their events' payloads.
func CompleteBodies(t Tx, attempts []*carteiro.Attempt) error {
	var events []carteiro.ID
	for _, a := range attempts {
		if a.Outcome.SharedTail > 0 {
			events = append(events, a.EventID)
		}
	}
	if len(events) == 0 {
		return nil
	}
	payloads := make(map[carteiro.ID][]byte, len(events))
	err := t.Each(func(scan Scan) error {
		var event carteiro.ID
		var payload []byte
		err := scan(&event, &payload)
		payloads[event] = payload
		return err
	}, GetPayloads, events)
	if err != nil {
		return err
	}
	for _, a := range attempts {
		payload, tail := payloads[a.EventID], a.Outcome.SharedTail
		if tail > len(payload) {
			return fmt.Errorf("log %s: its event's payload has %d bytes, and it shares %d", a.ID, len(payload), tail)
		}
		if tail > 0 {
			a.Outcome.RequestBody = append(a.Outcome.RequestBody, payload[len(payload)-tail:]...)
		}
	}
	return nil
}

// EventColumns are what [EventFields] are scanned from.
const EventColumns = `e.id, e.environment_id, e.owner_kind, e.owner_id, e.owner_name, e.campaign_id, e.campaign_name, e.type, e.occurred_at, e.test, e.payload, e.trace_parent`

// EventFields are the pointers that a scan of EventColumns fills.
func EventFields(e *carteiro.Event) []any {
	return []any{
		&e.ID, &e.EnvironmentID, &e.OwnerKind, &e.OwnerID, (*Text)(&e.OwnerName), &e.CampaignID,
		(*Text)(&e.CampaignName), &e.Type, &e.OccurredAt, &e.Test, &e.Payload, &e.TraceParent,
	}
}

// ReadEvent reads EventColumns and why the event is undelivered.
func ReadEvent(scan Scan) (*carteiro.Event, error) {
	e := new(carteiro.Event)
	var undelivered int64
	if err := scan(append(EventFields(e), &undelivered)...); err != nil {
		return nil, err
	}
	e.Undelivered = layout.UndeliveredOf(undelivered)
	if e.Undelivered == "" && undelivered != 0 {
		return nil, fmt.Errorf("event %s: no such reason why an event is undelivered: %d", e.ID, undelivered)
	}
	return e, nil
}

// ExportEvent reads a row of [store.SectionEvents].
func ExportEvent(_ Tx, scan Scan, page *store.Page) (int, error) {
	e, err := ReadEvent(scan)
	if err != nil {
		return 0, err
	}
	page.Events = append(page.Events, e)
	return len(e.Payload), nil
}

// ExportAttempt reads a row of [store.SectionAttempts].
func ExportAttempt(_ Tx, scan Scan, page *store.Page) (int, error) {
	a := &carteiro.Attempt{Outcome: new(carteiro.Outcome)}
	err := ReadFinished(scan, a)
	page.Attempts = append(page.Attempts, a)
	return len(a.Outcome.RequestBody) + a.Outcome.SharedTail + len(a.Outcome.ResponseBody), err
}

// ExportOpen reads a row of [store.SectionOpen].
func ExportOpen(_ Tx, scan Scan, page *store.Page) (int, error) {
	a := &carteiro.Attempt{Status: carteiro.StatusPending}
	err := ReadAttempt(scan, a)
	page.Open = append(page.Open, a)
	return 0, err
}

// CompletePage completes the bodies of attempts.
func CompletePage(t Tx, page *store.Page) error { return CompleteBodies(t, page.Attempts) }
