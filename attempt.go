package carteiro

import (
	"errors"
	"net/http"
	"time"
)

// Status is what a reader of the delivery log sees of an attempt.
//
// Only [StatusSuccess] and [StatusFailed] are ever stored, once, when the attempt is finished. An open attempt reads
// [StatusPending]. [StatusRetrying] is not stored either: it is how a failed attempt reads while its automatic
// successor is open. docs/attempts.md draws the whole state machine.
type Status string

// The statuses of an attempt.
const (
	StatusPending  Status = "pending"
	StatusSuccess  Status = "success"
	StatusRetrying Status = "retrying"
	StatusFailed   Status = "failed"
)

// Trigger says what brought an attempt about. It is all that tells attempts apart: they are claimed, sent and recorded
// by the same code.
type Trigger string

// The triggers of an attempt.
const (
	TriggerAutomatic Trigger = "automatic" // the event itself, or the retry policy
	TriggerManual    Trigger = "manual"    // someone retried a log entry
	TriggerTest      Trigger = "test"      // someone tested the webhook
	TriggerBulk      Trigger = "bulk"      // someone retried many log entries, or replayed many events
)

// Attempt is one try to deliver one event to one webhook: one entry of the delivery log.
type Attempt struct {
	ID        ID // carries the time at which the attempt was created
	WebhookID ID
	EventID   ID
	EventType string
	// Number counts the attempts of this event at this webhook, from 1. Manual retries continue the count.
	Number int
	// ChainStart is the Number at which the present chain of automatic retries began: 1, or that of the manual retry.
	// Automatic retries are counted from it.
	ChainStart int
	Trigger    Trigger
	// PreviousID is the attempt that this one retries; zero for the first of an event.
	PreviousID ID
	DueAt      time.Time // not sent before
	// Status as read; see [Status].
	Status Status
	// Outcome is nil while the attempt is open.
	Outcome *Outcome
}

// CreatedAt is when the attempt was queued or scheduled.
func (a *Attempt) CreatedAt() time.Time { return a.ID.Time() }

// IsRetry says whether the attempt was scheduled by the retry policy: its predecessor reads "retrying" while it is open.
func (a *Attempt) IsRetry() bool { return a.Number > a.ChainStart }

// Delivery is an open attempt with all that is needed to send it but the webhook, which is read at the last moment.
type Delivery struct {
	Attempt
	Event *Event
	// TraceParent is the traceparent header for the receiver; empty means the event's. It is not stored.
	TraceParent string
	// MayBegin, if set, is asked when the receiver is connected to, right before the first byte goes out: connecting takes
	// its time, and the node may have lost the attempt meanwhile. It is not stored.
	MayBegin func() bool
	// Probe says that the webhook's circuit is open, and that this one finds out whether the receiver is well again.
	Probe bool
	// Session identifies the session that holds the attempt. Results and releases present it. It is not stored.
	Session int64
}

// Place is room in a webhook's lane, asked for a delivery that is about to be stored.
type Place struct {
	ID        ID // of the attempt that is about to be stored
	WebhookID ID
	Bytes     int  // of payload; 0 for an urgent one, whose payload is counted when it is taken
	Urgent    bool // someone is waiting for it: it jumps the queue and is never turned away while the node runs
	Held      bool // the answer
}

// Reason is why an attempt failed, as one of a few words fit for counting.
type Reason string

// The reasons of failure.
const (
	ReasonNone            Reason = "" // it did not fail
	ReasonHTTPStatus      Reason = "http_status"
	ReasonTimeout         Reason = "timeout"
	ReasonRefused         Reason = "connection_refused"
	ReasonDNS             Reason = "dns"
	ReasonTLS             Reason = "tls"
	ReasonBlocked         Reason = "blocked"
	ReasonConnection      Reason = "connection"       // any other fault below HTTP
	ReasonInvalidRequest  Reason = "invalid_request"  // the request could not be built
	ReasonWebhookDisabled Reason = "webhook_disabled" // not sent: the webhook was switched off when it came due
	ReasonWebhookDeleted  Reason = "webhook_deleted"  // not sent: the webhook was gone when it came due
)

// ErrNotClear says that an attempt was called off by [Delivery.MayBegin].
var ErrNotClear = errors.New("the attempt is not to be made by this node any more")

// ErrProxy says that an attempt could not be made because the egress proxy was unavailable.
var ErrProxy = errors.New("the egress proxy is unavailable")

// Outcome is the result of one attempt: the request, the response, the duration and the cause of failure.
// It is written once and never changed.
type Outcome struct {
	Success    bool
	Reason     Reason
	Error      string        // the cause in a few words, empty on success
	Detail     string        // additional details of Error, such as why a certificate is invalid
	FinishedAt time.Time     // on success, when it was delivered
	Duration   time.Duration // of the whole exchange; zero when nothing was sent
	// NotSent is why nothing was sent though it was the receiver's turn, through no fault of its: [ErrNotClear], what matches
	// [ErrProxy], or what this machine lacks. Such an outcome counts for nothing and is not stored; the attempt is still to be made.
	NotSent error
	// Tunneled is when the egress proxy last connected, or tried to connect, to the receiver for this attempt: it works then.
	// Zero without a proxy or over a reused connection. It is not stored.
	Tunneled time.Time

	RequestURL     string
	RequestMethod  string
	RequestHeaders http.Header // as sent, secrets masked
	RequestBody    []byte      // as sent
	// SharedTail is how many of the last bytes of RequestBody are, byte for byte, the last bytes of the event's
	// payload. A store may keep only the head; what is read back is whole again.
	SharedTail int

	HTTPStatus        int // zero when there was no answer
	ResponseHeaders   http.Header
	ResponseBody      []byte
	ResponseTruncated bool
	// RetryAfter is how long the receiver asked to be left alone (429 and 503 only); zero when it did not ask.
	RetryAfter time.Duration
}

// WebhookDeletedOutcome is the outcome of an attempt that was not sent because its webhook is deleted.
func WebhookDeletedOutcome(now time.Time) *Outcome {
	return &Outcome{Reason: ReasonWebhookDeleted, Error: "Not sent: the webhook was deleted", FinishedAt: now}
}

// Status gives the status that the outcome gives its attempt.
func (o *Outcome) Status() Status {
	if o.Success {
		return StatusSuccess
	}
	return StatusFailed
}

// SentAt is when the request started; zero if nothing was sent.
func (o *Outcome) SentAt() time.Time {
	switch o.Reason {
	case ReasonBlocked, ReasonInvalidRequest, ReasonWebhookDisabled, ReasonWebhookDeleted:
		return time.Time{}
	}
	if o.Duration == 0 {
		return time.Time{}
	}
	return o.FinishedAt.Add(-o.Duration).Truncate(time.Microsecond)
}

// NotRetriable is why a log entry cannot be retried by hand.
type NotRetriable string

// The reasons to refuse a manual retry.
const (
	AlreadySucceeded NotRetriable = "already_succeeded"
	InProgress       NotRetriable = "in_progress"
	TooOld           NotRetriable = "too_old"
	WebhookOff       NotRetriable = "webhook_disabled"
)
