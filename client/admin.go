package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// adminPath stands before every path of the operator's API.
const adminPath = "/admin/v1"

// The scopes that a token may have. They do not include each other, but for the last.
const (
	ScopeRead     = "read"
	ScopeWebhooks = "webhooks"
	ScopePublish  = "publish"
	ScopeRetry    = "retry"
	ScopeAll      = "all"
)

// Admin calls the operator's API of one server: environments, their tokens, and the audit log of all. It is safe for
// concurrent use. A server that has no admin token answers its calls with 404.
type Admin struct {
	client *Client
}

// NewAdmin makes one of the server at baseURL with the admin token that the server was given, which is no token of an
// environment.
func NewAdmin(baseURL, adminToken string, options ...Option) *Admin {
	return &Admin{New(baseURL, adminToken, options...)}
}

// Environment is the wall between tenants.
type Environment struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"` // for people; may repeat
	CreatedAt time.Time `json:"created_at"`
}

// NewEnvironment is an environment with its first token, which may do all.
type NewEnvironment struct {
	Environment
	Token NewToken `json:"token"`
}

// Token is what is kept of an environment's token.
type Token struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Scopes     []string  `json:"scopes"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at"`   // zero: never
	LastUsedAt time.Time `json:"last_used_at"` // to about a minute; zero: not yet
}

// NewToken is a token that was just made.
type NewToken struct {
	Token
	Secret string `json:"token"` // talq_…, what [New] takes; shown this once, and empty when a call is repeated under its key
}

// TokenSettings is what a new token is to be. What it may do is not changed later.
type TokenSettings struct {
	Name      string    `json:"name"`                // 1–255 characters; may repeat
	Scopes    []string  `json:"scopes"`              // at least one
	ExpiresAt time.Time `json:"expires_at,omitzero"` // still to come; zero: never
}

// TokenRotation is how a token is rotated; the zero value ends the old one at once, and lets the new one end when the old
// one would have.
type TokenRotation struct {
	Grace     time.Duration // for how long the old one stays good, up to 30 days, in whole seconds
	ExpiresAt time.Time     // of the new one, still to come
}

// ListEnvironments gives a page of all environments, oldest first.
func (a *Admin) ListEnvironments(ctx context.Context, f ListFilter) ([]Environment, Pagination, error) {
	return list[Environment](ctx, a.client, environmentPath(), f.query())
}

// GetEnvironment gives one.
func (a *Admin) GetEnvironment(ctx context.Context, id string) (Environment, error) {
	return get[Environment](ctx, a.client, request{method: http.MethodGet, path: environmentPath(id)})
}

// CreateEnvironment creates one with a first token, which is shown this once. The name is 1 to 255 characters.
func (a *Admin) CreateEnvironment(ctx context.Context, name string) (NewEnvironment, error) {
	return get[NewEnvironment](ctx, a.client, request{method: http.MethodPost, path: environmentPath(), body: named{name}})
}

// RenameEnvironment gives one another name.
func (a *Admin) RenameEnvironment(ctx context.Context, id, name string) (Environment, error) {
	return get[Environment](ctx, a.client, request{method: http.MethodPut, path: environmentPath(id), body: named{name}})
}

// DeleteEnvironment deletes an environment; its tokens and sessions end at once. One that has an agent, a campaign, a webhook
// or an event is only deleted with force, with everything in it; otherwise the error's code is ENVIRONMENT_IN_USE.
func (a *Admin) DeleteEnvironment(ctx context.Context, id string, force bool) error {
	q := make(url.Values)
	if force {
		q.Set("force", "true")
	}
	return a.client.call(ctx, request{method: http.MethodDelete, path: environmentPath(id), query: q}, nil)
}

// ListTokens gives a page of an environment's tokens, oldest first, those that have ended too. Page is counted from 1;
// zeros are the server's defaults.
func (a *Admin) ListTokens(ctx context.Context, environmentID string, perPage, page int) ([]Token, Pagination, error) {
	q := make(url.Values)
	setNumber(q, "per_page", perPage)
	setNumber(q, "page", page)
	return list[Token](ctx, a.client, environmentPath(environmentID, "tokens"), q)
}

// CreateToken makes a token of an environment, which is shown this once.
func (a *Admin) CreateToken(ctx context.Context, environmentID string, s TokenSettings) (NewToken, error) {
	return get[NewToken](ctx, a.client, request{method: http.MethodPost, path: environmentPath(environmentID, "tokens"), body: s})
}

// RevokeToken ends a token, and the sessions that come from it.
func (a *Admin) RevokeToken(ctx context.Context, environmentID, tokenID string) error {
	return a.client.call(ctx, request{method: http.MethodDelete, path: environmentPath(environmentID, "tokens", tokenID)}, nil)
}

// RotateToken puts a new token of the same name and scopes in the place of one, which is shown this once. One that has
// ended is not found.
func (a *Admin) RotateToken(ctx context.Context, environmentID, tokenID string, r TokenRotation) (NewToken, error) {
	body := struct {
		Grace     int64     `json:"grace,omitzero"`
		ExpiresAt time.Time `json:"expires_at,omitzero"`
	}{int64(r.Grace / time.Second), r.ExpiresAt}
	path := environmentPath(environmentID, "tokens", tokenID, "rotate")
	return get[NewToken](ctx, a.client, request{method: http.MethodPost, path: path, body: body})
}

// ListAudit gives a page of the audit log of one environment, or of all when environmentID is empty: see [Client.ListAudit].
func (a *Admin) ListAudit(ctx context.Context, environmentID string, f AuditFilter) ([]AuditEntry, Pagination, error) {
	q := f.query()
	setText(q, "environment_id", environmentID)
	return list[AuditEntry](ctx, a.client, adminPath+"/audit", q)
}

// Audit goes through all entries that the filter lets pass, of one environment or of all, newest first, page after page.
// It ends after the first error.
func (a *Admin) Audit(ctx context.Context, environmentID string, f AuditFilter) iter.Seq2[AuditEntry, error] {
	return walkAudit(f, func(f AuditFilter) ([]AuditEntry, Pagination, error) { return a.ListAudit(ctx, environmentID, f) })
}

// environmentPath gives the path of the environments, or of what these segments name below them.
func environmentPath(segments ...string) string {
	path := adminPath + "/environments"
	for _, segment := range segments {
		path += "/" + url.PathEscape(segment)
	}
	return path
}
