package carteiro

import (
	"encoding/json"
	"time"
)

// AuditEntry records one change: actor, subject, remote address, and old and new values. It is written in the
// transaction of the change and never changed itself.
type AuditEntry struct {
	ID            ID // version 7: carries the time
	EnvironmentID ID
	Actor         Actor
	Action        AuditAction
	Subject       Subject
	RequestID     string // of the call; empty where there was none
	RemoteAddress string // that the call came from; empty where there was none
	Changes       []FieldChange
}

// At is when it happened, to the microsecond.
func (e *AuditEntry) At() time.Time { return e.ID.Time() }

// Actor is who has changed something.
type Actor struct {
	Kind    ActorKind
	TokenID ID     // of a token, or that the session comes from
	Name    string // of that token; of the user whose command it was; what the system acted upon
}

// ActorKind is what kind of actor one is.
type ActorKind string

// The kinds of actors.
const (
	ActorToken   ActorKind = "token"
	ActorSession ActorKind = "session" // a user who signed in to the dashboard with a token
	ActorAdmin   ActorKind = "admin"   // the holder of the admin token
	ActorCLI     ActorKind = "cli"     // a user of the command line on a machine with the database
	ActorSystem  ActorKind = "system"  // the server by itself
)

// ActorKinds are all of them.
func ActorKinds() []ActorKind {
	return []ActorKind{ActorToken, ActorSession, ActorAdmin, ActorCLI, ActorSystem}
}

// AuditAction names a change: the kind of its subject and a verb.
type AuditAction string

// The actions.
const (
	EnvironmentCreated AuditAction = "environment.created"
	EnvironmentRenamed AuditAction = "environment.renamed"
	EnvironmentRotated AuditAction = "environment.rotated" // one new token, and all others end
	EnvironmentDeleted AuditAction = "environment.deleted"
	TokenCreated       AuditAction = "token.created"
	TokenRevoked       AuditAction = "token.revoked"
	TokenRotated       AuditAction = "token.rotated"
	SessionBegun       AuditAction = "session.begun"
	OwnerCreated       AuditAction = "owner.created" // an agent or campaign
	OwnerUpdated       AuditAction = "owner.updated"
	OwnerDeleted       AuditAction = "owner.deleted"
	WebhookCreated     AuditAction = "webhook.created"
	WebhookUpdated     AuditAction = "webhook.updated"
	WebhookEnabled     AuditAction = "webhook.enabled"
	WebhookTurnedOff   AuditAction = "webhook.disabled"
	WebhookDeleted     AuditAction = "webhook.deleted"
	LogRetried         AuditAction = "log.retried"
	BulkRetryBegun     AuditAction = "bulk_retry.begun"
	ReplayBegun        AuditAction = "replay.begun" // a bulk retry of events that went nowhere, or elsewhere
	BulkRetryPaused    AuditAction = "bulk_retry.paused"
	BulkRetryResumed   AuditAction = "bulk_retry.resumed"
	BulkRetryCancelled AuditAction = "bulk_retry.cancelled"
)

// AuditActions are all of them.
func AuditActions() []AuditAction {
	return []AuditAction{
		EnvironmentCreated, EnvironmentRenamed, EnvironmentRotated, EnvironmentDeleted, TokenCreated, TokenRevoked, TokenRotated, SessionBegun,
		OwnerCreated, OwnerUpdated, OwnerDeleted, WebhookCreated, WebhookUpdated, WebhookEnabled, WebhookTurnedOff, WebhookDeleted,
		LogRetried, BulkRetryBegun, ReplayBegun, BulkRetryPaused, BulkRetryResumed, BulkRetryCancelled,
	}
}

// Subject identifies the changed resource.
type Subject struct {
	Kind      SubjectKind
	ID        ID
	Name      string // as it was then; empty for what has none
	WebhookID ID     // of a log entry or bulk retry: whose it is
	// OwnerKind and OwnerID say whose the webhook is, of itself, a log entry or a bulk retry; zero of all others, and of
	// entries from before this was kept.
	OwnerKind OwnerKind
	OwnerID   ID
}

// WebhookSubject is a webhook as the subject of an entry.
func WebhookSubject(w *Webhook) Subject {
	return Subject{Kind: SubjectWebhook, ID: w.ID, Name: w.Name, OwnerKind: w.OwnerKind, OwnerID: w.OwnerID}
}

// SubjectOf is what belongs to a webhook, a log entry or a bulk retry, as the subject of an entry.
func SubjectOf(w *Webhook, kind SubjectKind, id ID) Subject {
	return Subject{Kind: kind, ID: id, Name: w.Name, WebhookID: w.ID, OwnerKind: w.OwnerKind, OwnerID: w.OwnerID}
}

// SubjectKind is what kind of thing was changed.
type SubjectKind string

// The kinds of subjects.
const (
	SubjectEnvironment SubjectKind = "environment"
	SubjectToken       SubjectKind = "token"
	SubjectAgent       SubjectKind = "agent"
	SubjectCampaign    SubjectKind = "campaign"
	SubjectWebhook     SubjectKind = "webhook"
	SubjectLog         SubjectKind = "log"
	SubjectBulkRetry   SubjectKind = "bulk_retry"
)

// SubjectKinds are all of them.
func SubjectKinds() []SubjectKind {
	return []SubjectKind{
		SubjectEnvironment, SubjectToken, SubjectAgent, SubjectCampaign, SubjectWebhook, SubjectLog, SubjectBulkRetry,
	}
}

// FieldChange says that a field of the subject was changed. Neither Before nor After is there when the value is secret, or
// longer than [MaxAudited].
type FieldChange struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before,omitempty"` // absent also where there was none
	After  json.RawMessage `json:"after,omitempty"`
}

// MaxAudited is how long a value may be, in bytes of JSON, to be kept in an audit entry.
const MaxAudited = 2048

// AuditedTime is a time as it stands in a change: as the API writes times; nil for none.
func AuditedTime(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UTC().Format(TimestampLayout)
}

// TokenMade tells what a new token may do, and until when.
func TokenMade(t *Token) []FieldChange {
	changes := []FieldChange{NewFieldChange("scopes", nil, t.Scopes.Names())}
	if !t.ExpiresAt.IsZero() {
		changes = append(changes, NewFieldChange("expires_at", nil, AuditedTime(t.ExpiresAt)))
	}
	return changes
}

// NewFieldChange makes a change of values that are not secret.
func NewFieldChange(field string, before, after any) FieldChange {
	change := FieldChange{Field: field, Before: audited(before), After: audited(after)}
	if len(change.Before) > MaxAudited || len(change.After) > MaxAudited {
		return FieldChange{Field: field}
	}
	return change
}

func audited(value any) json.RawMessage {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil // such a value is not told
	}
	return text
}

// TurnedOff is the entry, with this id, of a webhook that the server itself disables, and why.
func TurnedOff(w *Webhook, id ID, why string) *AuditEntry {
	return &AuditEntry{
		ID: id, EnvironmentID: w.EnvironmentID, Actor: Actor{Kind: ActorSystem, Name: why},
		Action:  WebhookTurnedOff,
		Subject: WebhookSubject(w),
		Changes: []FieldChange{NewFieldChange("enabled", true, false)},
	}
}
