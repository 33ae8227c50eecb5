package client

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Owner names an agent or a campaign, what webhooks belong to and events happen to; or the environment, whose webhooks are
// told what the server did to the others.
type Owner struct {
	kind ownerKind
	id   string // empty of the environment
}

type ownerKind string

const (
	agents      ownerKind = "agents"
	campaigns   ownerKind = "campaigns"
	environment ownerKind = "environment"
)

// AgentOwner names an agent by its id.
func AgentOwner(id string) Owner { return Owner{agents, id} }

// CampaignOwner names a campaign by its id.
func CampaignOwner(id string) Owner { return Owner{campaigns, id} }

// EnvironmentOwner is the client's own environment. Nothing can be published of it.
func EnvironmentOwner() Owner { return Owner{kind: environment} }

// path gives the owner's path with more segments behind it, each escaped.
func (o Owner) path(segments ...string) string {
	path := basePath + "/" + string(o.kind)
	if o.id != "" {
		segments = append([]string{o.id}, segments...)
	}
	for _, segment := range segments {
		path += "/" + url.PathEscape(segment)
	}
	return path
}

// Agent is an entry of the registry of agents.
type Agent struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Campaign is an entry of the registry of campaigns.
type Campaign struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	AgentID   string    `json:"agent_id"` // empty when no agent runs it
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Pagination says where a page stands in its list.
type Pagination struct {
	CurrentPage int `json:"current_page"` // from 1
	PerPage     int `json:"per_page"`
	Total       int `json:"total"`     // entries on all pages together
	LastPage    int `json:"last_page"` // 1 when the list is empty
	// TotalIsLowerBound says that there are more entries than Total: the server stopped counting.
	TotalIsLowerBound bool `json:"total_is_lower_bound"`
	// NextCursor gives the next page of a list whose filter has a Cursor, as [LogFilter] has; empty on the last page, and in
	// other lists.
	NextCursor string `json:"next_cursor"`
}

// ListFilter says which page of a list of agents or campaigns to give. The zero value is the first page of 20.
type ListFilter struct {
	Search  string // part of the name; empty for all
	PerPage int    // 1–100; 0 for the server's default of 20
	Page    int    // from 1; 0 for the first
}

func (f ListFilter) query() url.Values {
	q := make(url.Values)
	setText(q, "search", f.Search)
	setNumber(q, "per_page", f.PerPage)
	setNumber(q, "page", f.Page)
	return q
}

// named is the body of what has a name alone.
type named struct {
	Name string `json:"name"`
}

// CreateAgent creates an agent under an id that the server makes.
func (c *Client) CreateAgent(ctx context.Context, name string) (Agent, error) {
	return get[Agent](ctx, c, request{method: http.MethodPost, path: basePath + "/agents", body: named{name}})
}

// GetAgent gives one.
func (c *Client) GetAgent(ctx context.Context, id string) (Agent, error) {
	return get[Agent](ctx, c, request{method: http.MethodGet, path: AgentOwner(id).path()})
}

// PutAgent creates an agent under the caller's own id, a UUID, or renames the one that has it.
func (c *Client) PutAgent(ctx context.Context, id, name string) (Agent, error) {
	return get[Agent](ctx, c, request{method: http.MethodPut, path: AgentOwner(id).path(), body: named{name}, puts: true})
}

// ListAgents gives a page of the environment's agents, newest first.
func (c *Client) ListAgents(ctx context.Context, f ListFilter) ([]Agent, Pagination, error) {
	var answer struct {
		Data []Agent    `json:"data"`
		Meta Pagination `json:"meta"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: basePath + "/agents", query: f.query()}, &answer)
	return answer.Data, answer.Meta, err
}

// campaignBody is a campaign as it is sent.
type campaignBody struct {
	Name    string  `json:"name"`
	AgentID *string `json:"agent_id"` // null: none
}

func newCampaignBody(name, agentID string) campaignBody {
	b := campaignBody{Name: name}
	if agentID != "" {
		b.AgentID = &agentID
	}
	return b
}

// CreateCampaign creates a campaign under an id that the server makes. agentID is the agent that runs it; empty for none.
func (c *Client) CreateCampaign(ctx context.Context, name, agentID string) (Campaign, error) {
	r := request{method: http.MethodPost, path: basePath + "/campaigns", body: newCampaignBody(name, agentID)}
	return get[Campaign](ctx, c, r)
}

// GetCampaign gives one.
func (c *Client) GetCampaign(ctx context.Context, id string) (Campaign, error) {
	return get[Campaign](ctx, c, request{method: http.MethodGet, path: CampaignOwner(id).path()})
}

// PutCampaign creates a campaign under the caller's own id, a UUID, or changes the one that has it. agentID is the
// agent that runs it; empty for none.
func (c *Client) PutCampaign(ctx context.Context, id, name, agentID string) (Campaign, error) {
	r := request{method: http.MethodPut, path: CampaignOwner(id).path(), body: newCampaignBody(name, agentID), puts: true}
	return get[Campaign](ctx, c, r)
}

// ListCampaigns gives a page of the environment's campaigns, newest first.
func (c *Client) ListCampaigns(ctx context.Context, f ListFilter) ([]Campaign, Pagination, error) {
	return list[Campaign](ctx, c, basePath+"/campaigns", f.query())
}

// DeleteOwner deletes an agent or a campaign with its webhooks, and what is still queued for them.
// It fails with [ErrEnvironmentOwner] for another owner.
func (c *Client) DeleteOwner(ctx context.Context, o Owner) error {
	if o.kind == environment {
		return ErrEnvironmentOwner
	}
	return c.call(ctx, request{method: http.MethodDelete, path: o.path()}, nil)
}

func setText(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func setNumber(q url.Values, name string, value int) {
	if value != 0 {
		q.Set(name, strconv.Itoa(value))
	}
}

// sorted goes through a map in the order of its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
