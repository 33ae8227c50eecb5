package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// RetryPreview is what a retry would send, beside what was sent.
type RetryPreview struct {
	CanRetry    bool                `json:"can_retry"`
	Reason      string              `json:"reason"`  // why not, or empty
	Attempt     int                 `json:"attempt"` // the number that the new attempt would have
	Now         *ShownRequest       `json:"now"`     // nil when none can be built; see Error
	Then        *ShownRequest       `json:"then"`    // nil when nothing was sent
	Differences *RequestDifferences `json:"differences"`
	Error       string              `json:"error"`
}

// ShownRequest is a request to a receiver, secrets masked.
type ShownRequest struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// RequestDifferences are in what two requests differ. A change is added, removed or changed.
type RequestDifferences struct {
	Method  bool `json:"method"`
	URL     bool `json:"url"`
	Headers []struct {
		Name         string `json:"name"`
		Change       string `json:"change"`
		EveryAttempt bool   `json:"every_attempt"` // it is another at every attempt by its nature
	} `json:"headers"`
	Body []struct {
		Path   string `json:"path"` // a JSON Pointer
		Change string `json:"change"`
	} `json:"body"`
	BodyTruncated bool `json:"body_truncated"` // there are more
}

// PreviewRetry says what [Client.Retry] of an entry would send now, and changes nothing.
func (c *Client) PreviewRetry(ctx context.Context, o Owner, webhookID, logID string) (RetryPreview, error) {
	return get[RetryPreview](ctx, c, request{method: http.MethodGet, path: o.path("webhooks", webhookID, "logs", logID, "preview")})
}
