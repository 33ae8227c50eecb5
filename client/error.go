package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Codes of an [Error], where the server gives one.
const (
	CodeUnauthorized         = "UNAUTHORIZED"
	CodeTokenExpired         = "TOKEN_EXPIRED"
	CodeInsufficientScope    = "INSUFFICIENT_SCOPE"
	CodeRateLimitExceeded    = "RATE_LIMIT_EXCEEDED"
	CodeLogNotRetriable      = "LOG_NOT_RETRIABLE"
	CodeIdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED"
	CodeStoreUnavailable     = "STORE_UNAVAILABLE" // carried out or not: retry with the same idempotency key
	CodeBulkRetryOpen        = "BULK_RETRY_OPEN"
	CodeCountChanged         = "COUNT_CHANGED"
	CodeBulkRetryEnded       = "BULK_RETRY_ENDED"
	CodeWebhookDisabled      = "WEBHOOK_DISABLED"
	CodeWebhookLimitExceeded = "WEBHOOK_LIMIT_EXCEEDED"
	CodeVersionConflict      = "VERSION_CONFLICT"
	CodeEnvironmentMismatch  = "ENVIRONMENT_MISMATCH"
	CodeAlreadyExists        = "ALREADY_EXISTS"
)

// Reasons of an [Error] whose code is [CodeLogNotRetriable].
const (
	ReasonAlreadySucceeded = "already_succeeded"
	ReasonInProgress       = "in_progress"
	ReasonTooOld           = "too_old"
	ReasonWebhookDisabled  = "webhook_disabled"
)

// Error is an answer that is not a 2xx: the server has understood the request and refused it, or could not do it.
type Error struct {
	StatusCode int
	Message    string              // in words, never empty
	Code       string              // one of the codes above, or empty
	Reason     string              // why a log entry cannot be retried, or empty
	Errors     map[string][]string // of a 422: field to its faults
	RequestID  string              // names the request in the server's log
	RetryAfter time.Duration       // how long to wait before the next try; zero when the server did not say
}

// Error gives the status, the message, the reason and the faults of the fields.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d: %s", e.StatusCode, e.Message)
	if e.Reason != "" {
		fmt.Fprintf(&text, " (%s)", e.Reason)
	}
	for _, faults := range sorted(e.Errors) {
		for _, fault := range faults {
			text.WriteString(" " + fault)
		}
	}
	return text.String()
}

// newError reads an answer that is not a 2xx. What is not the API's JSON, a proxy's page say, gives the status alone.
func newError(resp *http.Response, text []byte) *Error {
	var body struct {
		Message string              `json:"message"`
		Code    string              `json:"code"`
		Error   string              `json:"error"`
		Reason  string              `json:"reason"`
		Errors  map[string][]string `json:"errors"`
	}
	e := &Error{StatusCode: resp.StatusCode, RequestID: resp.Header.Get("X-Request-Id")}
	if json.Unmarshal(text, &body) == nil {
		e.Message, e.Code, e.Reason, e.Errors = body.Message, body.Code, body.Reason, body.Errors
		if e.Code == "" {
			e.Code = body.Error
		}
	}
	if e.Message == "" {
		e.Message = http.StatusText(resp.StatusCode)
	}
	if e.Message == "" {
		e.Message = "unknown status"
	}
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}
