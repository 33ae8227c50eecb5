package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// AuditEntry says that somebody changed something. What has no value is zero.
type AuditEntry struct {
	ID            string        `json:"id"`
	At            time.Time     `json:"at"`
	EnvironmentID string        `json:"environment_id"`
	Actor         AuditActor    `json:"actor"`
	Action        string        `json:"action"` // what was done: webhook.updated, log.retried, token.rotated …
	Subject       AuditSubject  `json:"subject"`
	Changes       []FieldChange `json:"changes"`
	RequestID     string        `json:"request_id"`
	RemoteAddress string        `json:"remote_address"`
}

// AuditActor is who has changed something.
type AuditActor struct {
	Type    string `json:"type"`     // token, session, admin, cli or system
	TokenID string `json:"token_id"` // of a token, or that the session comes from
	Name    string `json:"name"`     // of that token; of the user whose command it was; why the server did it
}

// AuditSubject is what was changed.
type AuditSubject struct {
	Type      string `json:"type"` // environment, token, agent, campaign, webhook, log or bulk_retry
	ID        string `json:"id"`
	Name      string `json:"name"`       // as it was then; of a log entry or bulk retry, that of its webhook
	WebhookID string `json:"webhook_id"` // of a log entry or bulk retry: whose it is
	// AgentID or CampaignID says whose the webhook is, of itself, a log entry or a bulk retry; both are empty of other
	// things, and in entries of servers that did not keep it.
	AgentID    string `json:"agent_id"`
	CampaignID string `json:"campaign_id"`
	// EnvironmentID is that of an environment's own webhook.
	EnvironmentID string `json:"environment_id"`
}

// FieldChange is a field that was changed. Both values are nil when it is secret, or too long to be kept.
type FieldChange struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before"` // nil also where there was none
	After  json.RawMessage `json:"after"`
}

// AuditFilter says which entries of the audit log to give; an entry must meet all of it. The zero value is the newest 25.
type AuditFilter struct {
	Actor     string    // type of actor
	Action    string    // such as webhook.updated
	Subject   string    // type of subject
	SubjectID string    // only what was done to the thing of this id
	From, To  time.Time // in between, both included
	PerPage   int       // 1–100; 0 for the server's default of 25
	Page      int       // from 1; 0 for the first
	Cursor    string    // [Pagination.NextCursor] of the previous page; replaces Page
}

func (f AuditFilter) query() url.Values {
	q := make(url.Values)
	setText(q, "actor", f.Actor)
	setText(q, "action", f.Action)
	setText(q, "subject", f.Subject)
	setText(q, "subject_id", f.SubjectID)
	setTime(q, "from", f.From)
	setTime(q, "to", f.To)
	setNumber(q, "per_page", f.PerPage)
	setNumber(q, "page", f.Page)
	setText(q, "cursor", f.Cursor)
	return q
}

// ListAudit returns a page of the environment's audit log, newest first. The server scans 20,000 entries for a page and its
// total; the cursor leads on to older entries, also from a page that is not full.
func (c *Client) ListAudit(ctx context.Context, f AuditFilter) ([]AuditEntry, Pagination, error) {
	return list[AuditEntry](ctx, c, basePath+"/audit", f.query())
}

// Audit goes through all entries that the filter lets pass, newest first, page after page. It ends after the first error.
func (c *Client) Audit(ctx context.Context, f AuditFilter) iter.Seq2[AuditEntry, error] {
	return walkAudit(f, func(f AuditFilter) ([]AuditEntry, Pagination, error) { return c.ListAudit(ctx, f) })
}

func walkAudit(f AuditFilter, list func(AuditFilter) ([]AuditEntry, Pagination, error)) iter.Seq2[AuditEntry, error] {
	return walk(func(cursor string) ([]AuditEntry, Pagination, error) {
		f := f // so that it can be gone through again
		if cursor != "" {
			f.Cursor, f.Page = cursor, 0
		}
		return list(f)
	})
}
