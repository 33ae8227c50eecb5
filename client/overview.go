package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Overview is how an environment's deliveries are doing.
type Overview struct {
	Period        string    `json:"period"` // hour, day, week or month
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`
	BucketSeconds int       `json:"bucket_seconds"`
	Buckets       []Bucket  `json:"buckets"` // oldest first, without gaps
	Totals        struct {
		Success     int     `json:"success"`
		Failed      int     `json:"failed"`
		SuccessRate float64 `json:"success_rate"` // 0 to 1; 0 when there were no attempts
	} `json:"totals"`
	LatencyMS struct {
		P50 float64 `json:"p50"` // 0 when nothing was sent
		P95 float64 `json:"p95"`
	} `json:"latency_ms"`
	Queue       Queue            `json:"queue"`
	FailingFrom time.Time        `json:"failing_from"`
	Failing     []FailingWebhook `json:"failing"` // most first
}

// Bucket is the attempts that ended in a part of the period.
type Bucket struct {
	At      time.Time `json:"at"` // when it begins
	Success int       `json:"success"`
	Failed  int       `json:"failed"`
}

// Queue is what is open now.
type Queue struct {
	Open         int       `json:"open"`
	InFlight     int       `json:"in_flight"`
	Due          int       `json:"due"`
	Scheduled    int       `json:"scheduled"`
	IsLowerBound bool      `json:"is_lower_bound"` // there are more
	OldestDueAt  time.Time `json:"oldest_due_at"`  // zero when nothing is due
	NextDueAt    time.Time `json:"next_due_at"`    // zero when nothing is scheduled
}

// FailingWebhook is a webhook with its attempts since [Overview.FailingFrom].
type FailingWebhook struct {
	WebhookID    string        `json:"webhook_id"`
	WebhookName  string        `json:"webhook_name"`
	Kind         string        `json:"kind"` // agent, campaign or environment
	OwnerID      string        `json:"owner_id"`
	OwnerName    string        `json:"owner_name"`
	Failed       int           `json:"failed"`
	Success      int           `json:"success"`
	LastFailedAt time.Time     `json:"last_failed_at"`
	Status       string        `json:"status"`
	StatusReason *StatusReason `json:"status_reason"`
}

// Overview says how the environment's deliveries are doing; period is hour, day, week or month, empty for day.
func (c *Client) Overview(ctx context.Context, period string) (Overview, error) {
	q := make(url.Values)
	setText(q, "period", period)
	return get[Overview](ctx, c, request{method: http.MethodGet, path: basePath + "/overview", query: q})
}

// Session is who is asking.
type Session struct {
	Environment struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"environment"`
	Token struct {
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"` // of read, webhooks, publish, retry and all
	} `json:"token"`
	Version   string    `json:"version"`    // of the server
	ExpiresAt time.Time `json:"expires_at"` // of the token; zero: never
}

// Session says which environment the token opens.
func (c *Client) Session(ctx context.Context) (Session, error) {
	return get[Session](ctx, c, request{method: http.MethodGet, path: basePath + "/session"})
}

// FoundWebhook is a webhook in the search by name.
type FoundWebhook struct {
	Webhook

	OwnerName string `json:"owner_name"`
	Kind      string `json:"kind"` // agent, campaign or environment
	OwnerID   string `json:"owner_id"`
	// Of the webhook, under the names that they had before.
	WebhookID   string `json:"webhook_id"`
	WebhookName string `json:"webhook_name"`
}

// Owner names the agent or campaign that the webhook belongs to, or the environment.
func (w FoundWebhook) Owner() Owner {
	switch w.Kind {
	case "campaign":
		return CampaignOwner(w.OwnerID)
	case "environment":
		return EnvironmentOwner()
	default:
		return AgentOwner(w.OwnerID)
	}
}

// FindWebhooks gives a page of the environment's webhooks whose names hold a text, by name.
func (c *Client) FindWebhooks(ctx context.Context, f ListFilter) ([]FoundWebhook, Pagination, error) {
	return list[FoundWebhook](ctx, c, basePath+"/webhooks", f.query())
}
