package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// The statuses of a bulk retry.
const (
	BulkQueued    = "queued"
	BulkRunning   = "running"
	BulkPaused    = "paused"    // see PausedBy
	BulkCancelled = "cancelled" // by someone, or since the webhook is deleted
	BulkDone      = "done"
)

// Why a bulk retry is paused.
const (
	PausedByUser            = "user"
	PausedByWebhookDisabled = "webhook_disabled"
)

// BulkFilter says which failed entries of a webhook's log to retry; an entry must meet all of it. The zero value is all
// of them.
type BulkFilter struct {
	Event      string    `json:"event,omitzero"` // type
	EventID    string    `json:"event_id,omitzero"`
	From       time.Time `json:"from,omitzero"` // created in between, both included
	To         time.Time `json:"to,omitzero"`
	HTTPStatus string    `json:"http_status,omitzero"` // as "503" or "5xx"; "none": those without an answer
	// Expected is how many entries must match when the job begins, as counted by [Client.MatchBulkRetry]; nil: any number.
	Expected *int `json:"expected,omitzero"`
}

// The kinds of bulk retries.
const (
	KindRetry  = "retry"  // of failed entries
	KindReplay = "replay" // of events: see [Client.Replay]
)

// BulkRetry is a job of the server that retries many failed entries of a webhook, or sends it many events.
type BulkRetry struct {
	ID        string    `json:"id"`
	WebhookID string    `json:"webhook_id"`
	Kind      string    `json:"kind"`
	Status    string    `json:"status"`
	PausedBy  string    `json:"paused_by"` // while it is paused: [PausedByUser] or [PausedByWebhookDisabled]
	Filter    JobFilter `json:"filter"`
	Matched   int       `json:"matched"` // when it was created
	Retried   int       `json:"retried"`
	Skipped   BulkSkips `json:"skipped"`
	Remaining int       `json:"remaining"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	EndedAt   time.Time `json:"ended_at"` // zero while it is open
}

// JobFilter is what a [BulkRetry] was asked for: the fields of [BulkFilter], or those of [ReplayFilter].
type JobFilter struct {
	BulkFilter
	Status      string   `json:"status,omitzero"` // of a retry: failed
	Events      []string `json:"events,omitzero"`
	EventIDs    []string `json:"event_ids,omitzero"`
	Undelivered *bool    `json:"undelivered,omitzero"`
}

// BulkSkips is how many entries a bulk retry left alone, by reason.
type BulkSkips struct {
	Total            int `json:"total"`
	AlreadySucceeded int `json:"already_succeeded"`
	InProgress       int `json:"in_progress"`
	TooOld           int `json:"too_old"`
	RetriedSince     int `json:"retried_since"` // the event was retried since the job was created
}

// BulkMatch is what a bulk retry would retry.
type BulkMatch struct {
	Matching int   `json:"matching"`
	Sample   []Log `json:"sample"` // the newest few
}

// MatchBulkRetry says what [Client.RetryMany] would retry.
func (c *Client) MatchBulkRetry(ctx context.Context, o Owner, webhookID string, f BulkFilter) (BulkMatch, error) {
	return get[BulkMatch](ctx, c, request{method: http.MethodPost, path: o.path("webhooks", webhookID, "logs", "retry"), body: struct {
		BulkFilter
		DryRun bool `json:"dry_run"`
	}{f, true}})
}

// RetryMany begins to retry all entries that are failed now and meet the filter, some a second, each at most once. It
// fails with an [*Error] of code [CodeBulkRetryOpen] when the webhook has an open bulk retry, and of code [CodeCountChanged] when
// f.Expected is another number than that of the entries that match.
func (c *Client) RetryMany(ctx context.Context, o Owner, webhookID string, f BulkFilter) (BulkRetry, error) {
	return get[BulkRetry](ctx, c, request{method: http.MethodPost, path: o.path("webhooks", webhookID, "logs", "retry"), body: f})
}

// GetBulkRetry gives one.
func (c *Client) GetBulkRetry(ctx context.Context, o Owner, webhookID, id string) (BulkRetry, error) {
	return get[BulkRetry](ctx, c, request{method: http.MethodGet, path: o.path("webhooks", webhookID, "retries", id)})
}

// ListBulkRetries gives a page of a webhook's, newest first. Page is counted from 1; zeros are the server's defaults.
func (c *Client) ListBulkRetries(ctx context.Context, o Owner, webhookID string, perPage, page int) ([]BulkRetry, Pagination, error) {
	q := make(url.Values)
	setNumber(q, "per_page", perPage)
	setNumber(q, "page", page)
	return list[BulkRetry](ctx, c, o.path("webhooks", webhookID, "retries"), q)
}

// PauseBulkRetry pauses one, or lets it go on. It fails with an [*Error] of code [CodeBulkRetryEnded] when it has ended.
func (c *Client) PauseBulkRetry(ctx context.Context, o Owner, webhookID, id string, paused bool) (BulkRetry, error) {
	return get[BulkRetry](ctx, c, request{
		method: http.MethodPatch, path: o.path("webhooks", webhookID, "retries", id), body: map[string]bool{"paused": paused},
	})
}

// CancelBulkRetry cancels one. What it has retried already stays.
func (c *Client) CancelBulkRetry(ctx context.Context, o Owner, webhookID, id string) (BulkRetry, error) {
	return get[BulkRetry](ctx, c, request{method: http.MethodDelete, path: o.path("webhooks", webhookID, "retries", id)})
}
