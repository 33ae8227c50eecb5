package carteiro

import "time"

// TestEvent is the type of the event that a webhook's test sends. Clients can neither publish nor subscribe to it.
const TestEvent = "webhook.test"

// Event is something that happened to an agent or a campaign, as its publisher told it.
type Event struct {
	ID            ID // carries the time at which it was accepted
	EnvironmentID ID
	OwnerKind     OwnerKind
	OwnerID       ID
	OwnerName     string // as it was when the event came in
	CampaignID    ID     // of an agent's event: the campaign its call belongs to; zero when none
	CampaignName  string
	Type          string
	Payload       []byte // a JSON object, byte for byte as it came
	OccurredAt    time.Time
	// TraceParent is the trace that the event belongs to, as [ValidTraceParent] has it; empty when none.
	TraceParent string
	// Test marks the event of a test call: it is sent once and never retried by itself.
	Test bool
	// Undelivered is why no webhook was to get the event; empty once there is an attempt of it, and for a test's.
	Undelivered Undelivered
}

// AcceptedAt is when the event was made durable.
func (e *Event) AcceptedAt() time.Time { return e.ID.Time() }

// Undelivered is why an event went to no webhook when it came in.
type Undelivered string

// The reasons why an event is undelivered.
const (
	// NoWebhook: its agent or campaign had none; nor had the campaign that its call belongs to, if any.
	NoWebhook Undelivered = "no_webhook"
	// NotSubscribed: there were some, and none subscribed to its type.
	NotSubscribed Undelivered = "not_subscribed"
	// WebhooksDisabled: those that subscribed to its type were disabled.
	WebhooksDisabled Undelivered = "webhooks_disabled"
	// UndeliveredUnknown: it came in when this was not kept.
	UndeliveredUnknown Undelivered = "unknown"
)

// UndeliveredReasons are all of them.
var UndeliveredReasons = []Undelivered{NoWebhook, NotSubscribed, WebhooksDisabled, UndeliveredUnknown}

// DefaultMaxPayload is how large an event's payload may be, in bytes, unless configured otherwise.
const DefaultMaxPayload = 256 << 10

// MaxBatch is the most events that one call may publish.
const MaxBatch = 1000
