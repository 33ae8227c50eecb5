package importer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// convoyProject is a project of Convoy with its endpoints and subscriptions, each as the API shows it.
type convoyProject struct {
	Project struct {
		UID  string `json:"uid"`
		Name string `json:"name"`
	} `json:"project"`
	Endpoints     convoyList[convoyEndpoint]     `json:"endpoints"`
	Subscriptions convoyList[convoySubscription] `json:"subscriptions"`
}

// convoyList is an array, or an answer of the API with the array in it.
type convoyList[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *convoyList[T]) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]T)(l))
	}
	var answer convoyPage[T]
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	*l = answer.Data.Content
	return nil
}

// convoyPage is a page of a list.
type convoyPage[T any] struct {
	Data struct {
		Content    []T `json:"content"`
		Pagination struct {
			HasNextPage    bool   `json:"has_next_page"`
			NextPageCursor string `json:"next_page_cursor"`
		} `json:"pagination"`
	} `json:"data"`
}

type convoyEndpoint struct {
	UID                string         `json:"uid"`
	Name               string         `json:"name"`
	Title              string         `json:"title"` // of older versions
	URL                string         `json:"url"`
	TargetURL          string         `json:"target_url"` // likewise
	OwnerID            string         `json:"owner_id"`
	Status             string         `json:"status"`
	HTTPTimeout        int            `json:"http_timeout"` // seconds
	RateLimit          int            `json:"rate_limit"`
	AdvancedSignatures bool           `json:"advanced_signatures"`
	Secrets            []convoySecret `json:"secrets"`
	Authentication     *struct {
		Type   string `json:"type"`
		APIKey struct {
			Name  string `json:"header_name"`
			Value string `json:"header_value"`
		} `json:"api_key"`
	} `json:"authentication"`
	ContentType string          `json:"content_type"`
	MTLS        json.RawMessage `json:"mtls_client_cert"` // {"client_cert":…}; null: none
}

type convoySecret struct {
	Value     string `json:"value"`
	ExpiresAt string `json:"expires_at"` // empty: never
	CreatedAt string `json:"created_at"`
}

type convoySubscription struct {
	UID        string `json:"uid"`
	EndpointID string `json:"endpoint_id"`
	Endpoint   *struct {
		UID string `json:"uid"`
	} `json:"endpoint_metadata"`
	Function string `json:"function"`
	Filter   struct {
		EventTypes []string `json:"event_types"`
		Filter     struct {
			Headers map[string]any `json:"headers"`
			Body    map[string]any `json:"body"`
		} `json:"filter"`
	} `json:"filter_config"`
	// Filters are those of single event types, which the API lists in a call of its own.
	Filters []convoyFilter `json:"filters"`
}

// convoyFilter restricts the events of one type, or of all types if that is "*".
type convoyFilter struct {
	EventType string         `json:"event_type"`
	Headers   map[string]any `json:"headers"`
	Body      map[string]any `json:"body"`
	Query     map[string]any `json:"query"`
	Path      map[string]any `json:"path"`
}

func (f *convoyFilter) isEmpty() bool {
	return len(f.Headers)+len(f.Body)+len(f.Query)+len(f.Path) == 0
}

func (s *convoySubscription) endpoint() string {
	if s.Endpoint != nil && s.Endpoint.UID != "" {
		return s.Endpoint.UID
	}
	return s.EndpointID
}

// parseConvoy reads a file: {"project":{…},"endpoints":[…],"subscriptions":[…]}.
func parseConvoy(text []byte) ([]*group, error) {
	var file convoyProject
	if err := decode(text, &file); err != nil {
		return nil, err
	}
	if file.Endpoints == nil || file.Subscriptions == nil {
		return nil, errors.New(`there must be "endpoints" and "subscriptions" in it: docs/import.md says what it must hold`)
	}
	return fromConvoy(&file)
}

// fetchConvoy reads everything over the API, whose base is a project's, as https://us.getconvoy.cloud/api/v1/projects/ID.
func fetchConvoy(ctx context.Context, a *api) ([]*group, error) {
	base, err := url.Parse(a.base)
	if err != nil || !strings.Contains(base.Path, "/projects/") {
		return nil, errors.New("the URL must be that of a project: https://HOST/api/v1/projects/ID")
	}
	p := new(convoyProject)
	p.Project.UID = path.Base(base.Path)
	if p.Endpoints, err = allConvoy[convoyEndpoint](ctx, a, "/endpoints"); err == nil {
		p.Subscriptions, err = allConvoy[convoySubscription](ctx, a, "/subscriptions")
	}
	if err != nil {
		return nil, err
	}
	for i := range p.Subscriptions {
		if err := p.Subscriptions[i].fetchFilters(ctx, a); err != nil {
			return nil, err
		}
	}
	return fromConvoy(p)
}

// fetchFilters reads the filters of single event types. Versions of Convoy without them have no such call.
func (s *convoySubscription) fetchFilters(ctx context.Context, a *api) error {
	if s.UID == "" {
		return nil
	}
	var answer struct {
		Data []convoyFilter `json:"data"`
	}
	err := a.get(ctx, "/subscriptions/"+url.PathEscape(s.UID)+"/filters", nil, &answer)
	if errors.Is(err, errNotFound) {
		return nil
	}
	s.Filters = answer.Data
	return err
}

// allConvoy reads all pages of a list.
func allConvoy[T any](ctx context.Context, a *api, path string) (all []T, err error) {
	query := url.Values{"perPage": {"100"}, "direction": {"next"}}
	for range maxPages {
		var page convoyPage[T]
		if err := a.get(ctx, path, query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Data.Content...)
		next := page.Data.Pagination
		if !next.HasNextPage || next.NextPageCursor == "" {
			return all, nil
		}
		query.Set("next_page_cursor", next.NextPageCursor)
	}
	return nil, errTooManyPages
}

// fromConvoy says what a project is here: its endpoints by their owners, or all under the project's own name.
func fromConvoy(p *convoyProject) (groups []*group, err error) {
	byOwner := make(map[string]*group)
	for i := range p.Endpoints {
		c := &p.Endpoints[i]
		if c.UID == "" {
			return nil, errors.New("an endpoint has no uid")
		}
		id := cmp.Or(c.OwnerID, p.Project.UID, "convoy")
		g := byOwner[id]
		if g == nil {
			g = &group{id: id, name: firstNonEmpty(c.OwnerID, p.Project.Name, p.Project.UID, "Convoy")}
			byOwner[id] = g
			groups = append(groups, g)
		}
		e := c.convert(time.Now())
		for j := range p.Subscriptions {
			if s := &p.Subscriptions[j]; s.endpoint() == c.UID {
				e.subscribe(s)
			}
		}
		if !e.all && len(e.events) == 0 {
			e.skip("no subscription leads to it: it gets nothing there either")
		}
		g.endpoints = append(g.endpoints, e)
	}
	return groups, nil
}

func (c *convoyEndpoint) convert(now time.Time) *endpoint {
	e := &endpoint{
		id: c.UID, name: firstNonEmpty(c.Name, c.Title), url: firstNonEmpty(c.URL, c.TargetURL), disabled: c.Status != "" && c.Status != "active",
		timeout: c.HTTPTimeout,
	}
	good := slices.DeleteFunc(slices.Clone(c.Secrets), func(s convoySecret) bool {
		ends, err := time.Parse(time.RFC3339, s.ExpiresAt)
		return s.Value == "" || err == nil && ends.Before(now)
	})
	slices.SortStableFunc(good, func(a, b convoySecret) int { return strings.Compare(b.CreatedAt, a.CreatedAt) })
	if len(good) > 0 {
		e.secret = good[0].Value
	}
	if len(good) > 1 {
		e.warn("%d older secrets that are still good: the newest signs", len(good)-1)
	}
	if strings.HasPrefix(e.secret, "whsec_") {
		e.skip("its secret begins with whsec_, which is read as base64 here and as it stands there")
	}
	if a := c.Authentication; a != nil && a.APIKey.Name != "" {
		e.headers = map[string]string{a.APIKey.Name: a.APIKey.Value}
	} else if a != nil && a.Type != "" {
		e.warn("its authentication of the kind %s: set it anew", a.Type)
	}
	if c.RateLimit > 0 {
		e.warn("its rate limit: lanes adapt to what a receiver can take")
	}
	if len(c.MTLS) > 0 && string(c.MTLS) != "null" {
		e.warn("its client certificate: its receiver rejects connections without it")
	}
	if c.ContentType != "" && !strings.HasPrefix(c.ContentType, "application/json") {
		e.warn("its content type %s: deliveries are JSON", c.ContentType)
	}
	if c.AdvancedSignatures {
		e.warn("signatures in Convoy's advanced form: webhook-signature holds the time as well")
	}
	return e
}

// subscribe adds what a subscription brings.
func (e *endpoint) subscribe(s *convoySubscription) {
	for _, name := range s.Filter.EventTypes {
		if name == "*" {
			e.all = true
		} else if !slices.Contains(e.events, name) {
			e.events = append(e.events, name)
		}
	}
	if len(s.Filter.Filter.Body) > 0 || len(s.Filter.Filter.Headers) > 0 {
		e.warn("its filter on payloads or headers: it gets all events of its types")
	}
	for i := range s.Filters {
		if f := &s.Filters[i]; !f.isEmpty() {
			e.warn("its filter on events of type %s: it gets all of them", cmp.Or(f.EventType, "*"))
		}
	}
	if s.Function != "" {
		e.warn("its function: a payload template may do instead")
	}
}
