package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Webhook is a webhook as the server shows it. Its secrets are never given back.
type Webhook struct {
	ID                  string                     `json:"id"`
	AgentID             string                     `json:"agent_id"`       // of an agent's webhook
	CampaignID          string                     `json:"campaign_id"`    // of a campaign's
	EnvironmentID       string                     `json:"environment_id"` // of the environment's own
	Name                string                     `json:"name"`
	URL                 string                     `json:"webhook_url"`
	Events              []string                   `json:"events"`
	EventsCount         int                        `json:"events_count"`
	IncludeCallEvents   bool                       `json:"include_call_events"` // of a campaign's
	Timeout             int                        `json:"timeout"`             // seconds
	MaxRetries          int                        `json:"max_retries"`
	Enabled             bool                       `json:"enabled"`
	Status              string                     `json:"status"`          // active, disabled or error
	StatusReason        *StatusReason              `json:"status_reason"`   // when Status is error
	DisabledReason      *DisabledReason            `json:"disabled_reason"` // when no caller has disabled it
	HTTPMethod          string                     `json:"http_method"`
	AuthorizationScheme string                     `json:"authorization_scheme"`
	CustomHeaders       []Header                   `json:"custom_headers"` // secret-looking values masked
	PayloadTemplates    map[string]json.RawMessage `json:"payload_templates"`
	HasSecret           bool                       `json:"has_secret"`
	Version             int64                      `json:"version"`          // of the settings; for [IfVersion]
	SignatureScheme     string                     `json:"signature_scheme"` // hmac or ed25519
	PublicKey           string                     `json:"public_key"`       // whpk_…, of ed25519
	HeaderStyle         string                     `json:"header_style"`     // standard, svix or both
	PreviousSecrets     []PreviousSecret           `json:"previous_secrets"` // that sign beside the present one
	Secret              string                     `json:"webhook_secret"`   // one that was just made; shown this once
	CreatedAt           time.Time                  `json:"created_at"`
	UpdatedAt           time.Time                  `json:"updated_at"`
}

// StatusReason says why a webhook's status is error.
type StatusReason struct {
	Rule      string    `json:"rule"`     // failures_in_a_row
	Failures  int       `json:"failures"` // since the last success
	Threshold int       `json:"threshold"`
	LastError string    `json:"last_error"`
	Since     time.Time `json:"since"`

	InErrorSince time.Time `json:"in_error_since"`
	Probes       int       `json:"probes"` // made since
	NextProbeAt  time.Time `json:"next_probe_at"`
}

// DisabledReason says what has disabled a webhook, if no caller has.
type DisabledReason struct {
	Rule         string    `json:"rule"` // gone or too_long_in_error
	DisabledAt   time.Time `json:"disabled_at"`
	LastError    string    `json:"last_error"`
	InErrorSince time.Time `json:"in_error_since"` // zero when it was not
}

// PreviousSecret is one that was replaced and still signs.
type PreviousSecret struct {
	SignatureScheme string    `json:"signature_scheme"`
	PublicKey       string    `json:"public_key"`
	EndsAt          time.Time `json:"ends_at"`
}

// Owner names the agent or campaign that the webhook belongs to, or the environment.
func (w Webhook) Owner() Owner {
	switch {
	case w.CampaignID != "":
		return CampaignOwner(w.CampaignID)
	case w.EnvironmentID != "":
		return EnvironmentOwner()
	default:
		return AgentOwner(w.AgentID)
	}
}

// Header is one header that is sent with every attempt.
type Header struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Secret bool   `json:"secret,omitzero"` // mask the value, though the name looks like no credential's
}

// WebhookSettings is what can be set on a webhook. A new one needs name, URL and events; what is left zero takes the
// server's default when it is created, and stays as it is when it is changed. The pointers tell a zero that is meant
// from one that is not: MaxRetries: new(0).
type WebhookSettings struct {
	Name                string                     `json:"name,omitzero"`                 // at most 255 characters
	URL                 string                     `json:"webhook_url,omitzero"`          // http or https, at most 500 characters
	Events              []string                   `json:"events,omitzero"`               // at least one
	Secret              *string                    `json:"webhook_secret,omitzero"`       // signs what is sent
	GenerateSecret      bool                       `json:"generate_secret,omitzero"`      // in place of Secret
	SignatureScheme     string                     `json:"signature_scheme,omitzero"`     // hmac or ed25519; default hmac
	HeaderStyle         string                     `json:"header_style,omitzero"`         // standard, svix or both; default standard
	Timeout             int                        `json:"timeout,omitzero"`              // seconds, 5–120; default 30
	MaxRetries          *int                       `json:"max_retries,omitzero"`          // 0–10; default 3
	Enabled             *bool                      `json:"enabled,omitzero"`              // default true
	HTTPMethod          string                     `json:"http_method,omitzero"`          // POST, PUT or PATCH; default POST
	AuthorizationScheme string                     `json:"authorization_scheme,omitzero"` // none, bearer, basic, api_key or custom; default none
	AuthorizationValue  *string                    `json:"authorization_value,omitzero"`  // the credential for the scheme
	CustomHeaders       []Header                   `json:"custom_headers,omitzero"`       // empty but not nil takes them away
	PayloadTemplates    map[string]json.RawMessage `json:"payload_templates,omitzero"`    // event type to template
	IncludeCallEvents   *bool                      `json:"include_call_events,omitzero"`  // of a campaign's webhook only; default false
}

// WebhookList is the webhooks of an agent or campaign, oldest first.
type WebhookList struct {
	Webhooks []Webhook `json:"webhooks"`
	// AvailableEvents is what webhooks here may subscribe to: event type to its description, which campaigns' lack.
	AvailableEvents Descriptions `json:"available_events"`
}

// Descriptions is event types with their descriptions.
type Descriptions map[string]string

// UnmarshalJSON reads both forms that the API has: an object for agents, an array of names for campaigns.
func (d *Descriptions) UnmarshalJSON(text []byte) error {
	var names []string
	if json.Unmarshal(text, &names) == nil {
		*d = make(Descriptions, len(names))
		for _, name := range names {
			(*d)[name] = ""
		}
		return nil
	}
	var described map[string]string
	if err := json.Unmarshal(text, &described); err != nil {
		return fmt.Errorf("available_events: %w", err)
	}
	*d = described
	return nil
}

// CreateWebhook creates a webhook. It gets the events that are published once this call has returned.
func (c *Client) CreateWebhook(ctx context.Context, o Owner, s WebhookSettings) (Webhook, error) {
	return get[Webhook](ctx, c, request{method: http.MethodPost, path: o.path("webhooks"), body: s})
}

// GetWebhook gives one webhook.
func (c *Client) GetWebhook(ctx context.Context, o Owner, webhookID string) (Webhook, error) {
	return get[Webhook](ctx, c, request{method: http.MethodGet, path: o.path("webhooks", webhookID)})
}

// ListWebhooks gives all webhooks of an agent or campaign, and the event types that they may subscribe to.
func (c *Client) ListWebhooks(ctx context.Context, o Owner) (WebhookList, error) {
	return get[WebhookList](ctx, c, request{method: http.MethodGet, path: o.path("webhooks")})
}

// UpdateWebhook changes what the settings name and leaves the rest. What is still to be sent, retries included, is
// sent by the new settings.
func (c *Client) UpdateWebhook(ctx context.Context, o Owner, webhookID string, s WebhookSettings) (Webhook, error) {
	return get[Webhook](ctx, c, request{method: http.MethodPut, path: o.path("webhooks", webhookID), body: s, versioned: true})
}

// DeleteWebhook deletes a webhook. Its log stays readable until the retention ends.
func (c *Client) DeleteWebhook(ctx context.Context, o Owner, webhookID string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: o.path("webhooks", webhookID), versioned: true}, nil)
}

// ToggleWebhook disables an enabled webhook and enables a disabled one.
func (c *Client) ToggleWebhook(ctx context.Context, o Owner, webhookID string) (Webhook, error) {
	return get[Webhook](ctx, c, request{method: http.MethodPatch, path: o.path("webhooks", webhookID, "toggle"), versioned: true})
}

// TestResult is what the receiver answered to a test.
type TestResult struct {
	StatusCode   int `json:"status_code"`
	ResponseTime int `json:"response_time"` // milliseconds
}

// TestWebhook sends a test event. For an agent's webhook it waits for the receiver, and fails with an [*Error] of
// status 422 when that did not answer 2xx. For a campaign's it returns at once with a zero result: what came of the
// test stands in the log.
func (c *Client) TestWebhook(ctx context.Context, o Owner, webhookID string) (TestResult, error) {
	return get[TestResult](ctx, c, request{method: http.MethodPost, path: o.path("webhooks", webhookID, "test")})
}

// SecretRotation is how a webhook's secret is rotated; the zero value makes one that overlaps a day with the present one.
type SecretRotation struct {
	Secret          string // another than the present one; empty: one is made
	SignatureScheme string // of the new one; empty: as it is
	// Overlap is for how long the present secret goes on signing, up to 7 days, in whole seconds; nil: a day. Zero ends all
	// former secrets at once.
	Overlap *time.Duration
}

// RotateSecret gives a webhook another secret, and lets the present one sign beside it. A shared secret that was made is
// in the answer, and is not shown again.
func (c *Client) RotateSecret(ctx context.Context, o Owner, webhookID string, r SecretRotation) (Webhook, error) {
	body := struct {
		Secret          string `json:"webhook_secret,omitzero"`
		SignatureScheme string `json:"signature_scheme,omitzero"`
		Overlap         *int64 `json:"overlap,omitzero"`
	}{Secret: r.Secret, SignatureScheme: r.SignatureScheme}
	if r.Overlap != nil {
		seconds := int64(*r.Overlap / time.Second)
		body.Overlap = &seconds
	}
	return get[Webhook](ctx, c, request{
		method: http.MethodPost, path: o.path("webhooks", webhookID, "secret", "rotate"), body: body, versioned: true,
	})
}
