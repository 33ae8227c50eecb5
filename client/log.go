package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// The statuses of a log entry.
const (
	StatusPending  = "pending"  // queued, in flight, or scheduled for NextAttemptAt
	StatusSuccess  = "success"  // answered 2xx
	StatusRetrying = "retrying" // failed, and its automatic retry is pending
	StatusFailed   = "failed"   // failed, and nothing further is scheduled from it
)

// Log is one entry of the delivery log: one attempt. What has no value is zero.
type Log struct {
	ID                string            `json:"id"`
	WebhookID         string            `json:"webhook_id"`
	Event             string            `json:"event"` // its type
	EventID           string            `json:"event_id"`
	Attempt           int               `json:"attempt"` // from 1, manual retries counted
	Trigger           string            `json:"trigger"` // automatic, manual, test or bulk
	OriginalLogID     string            `json:"original_log_id"`
	Status            string            `json:"status"`
	HTTPStatus        int               `json:"http_status"`
	RequestURL        string            `json:"request_url"`
	RequestHeaders    map[string]string `json:"request_headers"` // secrets masked
	RequestPayload    json.RawMessage   `json:"request_payload"` // the body as sent
	ResponseHeaders   map[string]string `json:"response_headers"`
	ResponseBody      string            `json:"response_body"`
	ResponseTruncated bool              `json:"response_truncated"`
	Error             string            `json:"error"`        // the cause; for an answer that is not 2xx, its reason phrase
	ErrorDetail       string            `json:"error_detail"` // what the cause was, for whoever has to find it
	DurationMS        int               `json:"duration_ms"`
	SentAt            time.Time         `json:"sent_at"` // when the request started; zero if nothing was sent
	NextAttemptAt     time.Time         `json:"next_attempt_at"`
	WaitingFor        string            `json:"waiting_for"` // "proxy": a pending attempt is held because the server's egress proxy is unavailable
	DeliveredAt       time.Time         `json:"delivered_at"`
	CreatedAt         time.Time         `json:"created_at"`
}

// LogFilter says which entries to give; an entry must meet all of it. The zero value is the newest 25.
type LogFilter struct {
	Status   string
	Event    string    // type
	EventID  string    // only attempts to deliver this event
	From, To time.Time // created in between, both included
	// HTTPStatus is that of the answer, as "503" or "5xx"; "none": those that got none.
	HTTPStatus string
	Search     string // an entry's or its event's id, or the first 8 or more digits of one
	PerPage    int    // 1–100; 0 for the server's default of 25
	Page       int    // from 1; 0 for the first
	Cursor     string // [Pagination.NextCursor] of the page before; takes the place of Page
}

func (f LogFilter) query() url.Values {
	q := make(url.Values)
	setText(q, "status", f.Status)
	setText(q, "event", f.Event)
	setText(q, "event_id", f.EventID)
	setTime(q, "from", f.From)
	setTime(q, "to", f.To)
	setText(q, "http_status", f.HTTPStatus)
	setText(q, "search", f.Search)
	setNumber(q, "per_page", f.PerPage)
	setNumber(q, "page", f.Page)
	setText(q, "cursor", f.Cursor)
	return q
}

func setTime(q url.Values, name string, t time.Time) {
	if !t.IsZero() {
		q.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}

// ListLogs gives a page of a webhook's delivery log, newest first.
func (c *Client) ListLogs(ctx context.Context, o Owner, webhookID string, f LogFilter) ([]Log, Pagination, error) {
	return list[Log](ctx, c, o.path("webhooks", webhookID, "logs"), f.query())
}

// Logs goes through all entries that the filter lets pass, newest first, page after page. It ends after the first
// error.
func (c *Client) Logs(ctx context.Context, o Owner, webhookID string, f LogFilter) iter.Seq2[Log, error] {
	return walk(func(cursor string) ([]Log, Pagination, error) {
		f := f // so that it can be gone through again
		if cursor != "" {
			f.Cursor, f.Page = cursor, 0
		}
		return c.ListLogs(ctx, o, webhookID, f)
	})
}

// GetLog gives one entry.
func (c *Client) GetLog(ctx context.Context, o Owner, webhookID, logID string) (Log, error) {
	return get[Log](ctx, c, request{method: http.MethodGet, path: o.path("webhooks", webhookID, "logs", logID)})
}

// Retried is a retry that was queued.
type Retried struct {
	LogID         string    `json:"log_id"` // the new entry
	OriginalLogID string    `json:"original_log_id"`
	QueuedAt      time.Time `json:"queued_at"`
}

// Retry queues a new attempt from a failed entry. It fails with an [*Error] of code [CodeLogNotRetriable] and a reason
// when there is nothing to retry. The same idempotencyKey, if not empty, gives the same answer for 24 hours.
func (c *Client) Retry(ctx context.Context, o Owner, webhookID, logID, idempotencyKey string) (Retried, error) {
	return get[Retried](ctx, c, request{
		method:         http.MethodPost,
		path:           o.path("webhooks", webhookID, "logs", logID, "retry"),
		idempotencyKey: idempotencyKey,
	})
}

// walk goes through a list page after page, the first of them without a cursor. It ends after the first error.
func walk[T any](list func(cursor string) ([]T, Pagination, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := ""; ; {
			page, p, err := list(cursor)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, item := range page {
				if !yield(item, nil) {
					return
				}
			}
			if cursor = p.NextCursor; cursor == "" {
				return
			}
		}
	}
}
