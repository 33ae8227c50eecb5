package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Why an event went to no webhook when it came in.
const (
	NoWebhook          = "no_webhook"
	NotSubscribed      = "not_subscribed"
	WebhooksDisabled   = "webhooks_disabled"
	UndeliveredUnknown = "unknown" // it came in when this was not kept
)

// StoredEvent is an event that the server has accepted. What has no value is zero.
type StoredEvent struct {
	ID                string    `json:"id"`
	Event             string    `json:"event"`       // its type
	AgentID           string    `json:"agent_id"`    // of an agent's event
	AgentName         string    `json:"agent_name"`  // as it was then
	CampaignID        string    `json:"campaign_id"` // of a campaign's event, and of a call that belongs to one
	CampaignName      string    `json:"campaign_name"`
	EnvironmentID     string    `json:"environment_id"` // of what the server tells the environment's own webhooks
	EnvironmentName   string    `json:"environment_name"`
	UndeliveredReason string    `json:"undelivered_reason"` // empty once the event has been sent to a webhook
	OccurredAt        time.Time `json:"occurred_at"`
	CreatedAt         time.Time `json:"created_at"`
	// Payload and Deliveries are those of a single event; a list leaves them out.
	Payload    json.RawMessage `json:"payload"`
	Deliveries []EventDelivery `json:"deliveries"`
}

// EventDelivery is how an event stands at a webhook of an agent, of a campaign or of the environment itself.
type EventDelivery struct {
	WebhookID     string `json:"webhook_id"`
	WebhookName   string `json:"webhook_name"`
	AgentID       string `json:"agent_id"`
	CampaignID    string `json:"campaign_id"`
	EnvironmentID string `json:"environment_id"`
	LogID         string `json:"log_id"` // of the latest attempt
	Status        string `json:"status"`
	HTTPStatus    int    `json:"http_status"`
	Attempts      int    `json:"attempts"`
}

// EventFilter says which events to give; an event must meet all of it. The zero value is the newest 25.
type EventFilter struct {
	AgentID       string
	CampaignID    string    // its own events and those of its calls; not together with AgentID
	EnvironmentID string    // what the server told the environment's own webhooks; not together with either
	Event         string    // type
	From, To      time.Time // accepted in between, both included
	Undelivered   *bool     // only those that went to no webhook, or only others; nil for all
	Reason        string    // only those that went to no webhook for this reason
	PerPage       int       // 1–100; 0 for the server's default of 25
	Page          int       // from 1; 0 for the first
	Cursor        string    // [Pagination.NextCursor] of the page before; takes the place of Page
}

func (f EventFilter) query() url.Values {
	q := make(url.Values)
	setText(q, "agent_id", f.AgentID)
	setText(q, "campaign_id", f.CampaignID)
	setText(q, "environment_id", f.EnvironmentID)
	setText(q, "event", f.Event)
	setTime(q, "from", f.From)
	setTime(q, "to", f.To)
	if f.Undelivered != nil {
		q.Set("undelivered", map[bool]string{true: "true", false: "false"}[*f.Undelivered])
	}
	setText(q, "reason", f.Reason)
	setNumber(q, "per_page", f.PerPage)
	setNumber(q, "page", f.Page)
	setText(q, "cursor", f.Cursor)
	return q
}

// ListEvents gives a page of the environment's events, newest first. A page that is not full may have a next one: see
// [Pagination.NextCursor].
func (c *Client) ListEvents(ctx context.Context, f EventFilter) ([]StoredEvent, Pagination, error) {
	return list[StoredEvent](ctx, c, basePath+"/events", f.query())
}

// Events goes through all events that the filter lets pass, newest first, page after page. It ends after the first error.
func (c *Client) Events(ctx context.Context, f EventFilter) iter.Seq2[StoredEvent, error] {
	return walk(func(cursor string) ([]StoredEvent, Pagination, error) {
		f := f // so that it can be gone through again
		if cursor != "" {
			f.Cursor, f.Page = cursor, 0
		}
		return c.ListEvents(ctx, f)
	})
}

// GetEvent gives an event with its payload and its deliveries.
func (c *Client) GetEvent(ctx context.Context, id string) (StoredEvent, error) {
	return get[StoredEvent](ctx, c, request{method: http.MethodGet, path: basePath + "/events/" + url.PathEscape(id)})
}

// ReplayFilter says which events of a webhook's agent or campaign to send to it; an event must meet all of it.
type ReplayFilter struct {
	Events   []string  `json:"events,omitzero"`    // types; nil: those that the webhook subscribes to, unless events are named
	EventIDs []string  `json:"event_ids,omitzero"` // at most 100; nil: any
	From     time.Time `json:"from,omitzero"`      // accepted in between, both included
	To       time.Time `json:"to,omitzero"`
	// Undelivered is whether only events are sent that went to no webhook; nil: yes, unless events are named.
	Undelivered *bool `json:"undelivered,omitzero"`
	// Expected is how many events must match when the job begins, as counted by [Client.MatchReplay]; nil: any number.
	Expected *int `json:"expected,omitzero"`
}

// ReplayMatch is what a replay would send.
type ReplayMatch struct {
	Matching             int           `json:"matching"`
	MatchingIsLowerBound bool          `json:"matching_is_lower_bound"`
	Sample               []StoredEvent `json:"sample"` // the newest few
}

// MatchReplay says what [Client.Replay] would send.
func (c *Client) MatchReplay(ctx context.Context, o Owner, webhookID string, f ReplayFilter) (ReplayMatch, error) {
	return get[ReplayMatch](ctx, c, request{method: http.MethodPost, path: o.path("webhooks", webhookID, "replay"), body: struct {
		ReplayFilter
		DryRun bool `json:"dry_run"`
	}{f, true}})
}

// Replay begins to send all events that meet the filter to a webhook, some a second, each at most once; those that were
// delivered there are passed over. It is followed, paused and cancelled as a [BulkRetry], and fails with an [*Error] of code
// [CodeBulkRetryOpen] when the webhook has an open one, and of code [CodeCountChanged] when another number of events matches
// than f.Expected.
func (c *Client) Replay(ctx context.Context, o Owner, webhookID string, f ReplayFilter) (BulkRetry, error) {
	return get[BulkRetry](ctx, c, request{method: http.MethodPost, path: o.path("webhooks", webhookID, "replay"), body: f})
}
