package carteiro

import "time"

// The event types that operator webhooks can subscribe to. The server creates these events; clients cannot publish them.
const (
	WebhookErrorEvent      = "webhook.error"      // a circuit opened
	WebhookRecoveredEvent  = "webhook.recovered"  // a circuit closed
	WebhookDisabledEvent   = "webhook.disabled"   // the server disabled a webhook
	DeliveryExhaustedEvent = "delivery.exhausted" // the last attempt that a webhook grants has failed
)

// Notification says what the server did to a webhook of an agent or a campaign. It is written in the transaction of what it tells
// of, if the environment has webhooks of its own, and taken away in the transaction that stores the event which it becomes
// for them. Of the environment's own webhooks there are none, so that one which fails is not the cause of another.
type Notification struct {
	Seq           int64     // assigned by the store in the order of the changes of a webhook
	At            time.Time // when it happened
	EnvironmentID ID
	Type          string // of the event
	WebhookID     ID
	// Since is when what it tells of began: of WebhookErrorEvent the first of the failures; of WebhookRecoveredEvent, and of
	// WebhookDisabledEvent for having been failing for too long, the opening of the circuit. Zero of others.
	Since      time.Time
	Failures   int        // in a row; of WebhookErrorEvent
	DisabledBy DisabledBy // of WebhookDisabledEvent
	Error      string     // why the last attempt failed, in words; empty of WebhookRecoveredEvent
	Last       LastAttempt
}

// LastAttempt is the attempt that a DeliveryExhaustedEvent tells of; zero in other notices.
type LastAttempt struct {
	ID         ID
	EventID    ID
	EventType  string
	Number     int
	HTTPStatus int // 0: there was no answer
}

// CircuitNotification says that the circuit of a webhook has changed, which has opened or closed just now; before is how it was. It
// is nil for no change.
func (w *Webhook) CircuitNotification(change CircuitChange, before Circuit, now time.Time) *Notification {
	n := &Notification{At: now, WebhookID: w.ID}
	switch change {
	case CircuitOpened:
		n.Type, n.Since, n.Failures, n.Error = WebhookErrorEvent, w.FailingSince, w.FailuresInARow, w.LastError
	case CircuitClosed:
		n.Type, n.Since = WebhookRecoveredEvent, before.OpenedAt
	case CircuitUnchanged:
		return nil
	}
	return n
}

// DisabledNotification says that the server has disabled the webhook, as DisabledBy and DisabledAt say.
func (w *Webhook) DisabledNotification(lastError string) *Notification {
	n := &Notification{At: w.DisabledAt, Type: WebhookDisabledEvent, WebhookID: w.ID, DisabledBy: w.DisabledBy, Error: lastError}
	if w.DisabledBy == DisabledByError {
		n.Since = w.Circuit.OpenedAt
	}
	return n
}

// ExhaustedNotification says that the webhook grants the delivery no more attempts.
func (d *Delivery) ExhaustedNotification(o *Outcome, now time.Time) *Notification {
	return &Notification{
		At: now, Type: DeliveryExhaustedEvent, WebhookID: d.WebhookID, Error: o.Error,
		Last: LastAttempt{ID: d.ID, EventID: d.EventID, EventType: d.EventType, Number: d.Number, HTTPStatus: o.HTTPStatus},
	}
}
