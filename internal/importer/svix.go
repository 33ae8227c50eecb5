package importer

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// svixApplication is an application as Svix's API shows it, with its endpoints, which it does not.
type svixApplication struct {
	ID        string         `json:"id"`
	UID       string         `json:"uid"`
	Name      string         `json:"name"`
	Endpoints []svixEndpoint `json:"endpoints"`
}

// svixEndpoint is an endpoint as Svix's API shows it, with its secret and headers, each as a call of its own does.
type svixEndpoint struct {
	ID           string      `json:"id"`
	Description  string      `json:"description"`
	URL          string      `json:"url"`
	EventTypes   []string    `json:"eventTypes"`
	FilterTypes  []string    `json:"filterTypes"` // the former name of eventTypes
	Channels     []string    `json:"channels"`
	Disabled     bool        `json:"disabled"`
	RateLimit    *int        `json:"rateLimit"`
	ThrottleRate *int        `json:"throttleRate"`
	Secret       svixSecret  `json:"secret"`
	Headers      svixHeaders `json:"headers"`
	// TransformationEnabled: its payloads are changed by a program of its own.
	TransformationEnabled bool `json:"transformationEnabled"`
}

// svixSecret is a secret: {"key":"whsec_…"}, or the text alone.
type svixSecret struct {
	Key string `json:"key"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *svixSecret) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &s.Key) == nil {
		return nil
	}
	type plain svixSecret
	return json.Unmarshal(text, (*plain)(s))
}

// svixHeaders are the headers of an endpoint: {"headers":{…},"sensitive":[…]}, or the names and values alone.
type svixHeaders struct {
	Headers   map[string]string `json:"headers"`
	Sensitive []string          `json:"sensitive"` // names, whose values the API does not give
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *svixHeaders) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &h.Headers) == nil {
		return nil
	}
	type plain svixHeaders
	return json.Unmarshal(text, (*plain)(h))
}

// parseSvix reads a file: {"applications":[…]}, or the array alone.
func parseSvix(text []byte) ([]*group, error) {
	var file struct {
		Applications []svixApplication `json:"applications"`
	}
	if err := decode(text, &file.Applications); err != nil {
		if err := decode(text, &file); err != nil {
			return nil, err
		}
	}
	if file.Applications == nil {
		return nil, errors.New(`there is no "applications" in it: docs/import.md says what it must hold`)
	}
	return fromSvix(file.Applications)
}

// fetchSvix reads everything over the API, whose base is as https://api.eu.svix.com.
func fetchSvix(ctx context.Context, a *api) ([]*group, error) {
	var applications []svixApplication
	err := eachSvix(ctx, a, "/api/v1/app", func(app svixApplication) error {
		at := "/api/v1/app/" + url.PathEscape(app.ID) + "/endpoint"
		err := eachSvix(ctx, a, at, func(e svixEndpoint) error {
			of := at + "/" + url.PathEscape(e.ID)
			if err := a.get(ctx, of+"/secret", nil, &e.Secret); err != nil {
				return err
			}
			if err := a.get(ctx, of+"/headers", nil, &e.Headers); err != nil {
				return err
			}
			app.Endpoints = append(app.Endpoints, e)
			return nil
		})
		applications = append(applications, app)
		return err
	})
	if err != nil {
		return nil, err
	}
	return fromSvix(applications)
}

// eachSvix goes through all pages of a list.
func eachSvix[T any](ctx context.Context, a *api, path string, do func(T) error) error {
	query := url.Values{"limit": {"250"}}
	for range maxPages {
		var page struct {
			Data     []T    `json:"data"`
			Iterator string `json:"iterator"`
			Done     bool   `json:"done"`
		}
		if err := a.get(ctx, path, query, &page); err != nil {
			return err
		}
		for _, one := range page.Data {
			if err := do(one); err != nil {
				return err
			}
		}
		if page.Done || page.Iterator == "" {
			return nil
		}
		query.Set("iterator", page.Iterator)
	}
	return errTooManyPages
}

// fromSvix says what applications are here.
func fromSvix(applications []svixApplication) (groups []*group, err error) {
	for i := range applications {
		app := &applications[i]
		id := app.ID
		if isUUID(app.UID) {
			id = app.UID
		}
		if id == "" {
			return nil, errors.New("an application has no id")
		}
		g := &group{id: id, name: firstNonEmpty(app.Name, app.UID, app.ID)}
		for j := range app.Endpoints {
			if app.Endpoints[j].ID == "" {
				return nil, errors.New("an endpoint of application " + app.ID + " has no id")
			}
			g.endpoints = append(g.endpoints, app.Endpoints[j].convert())
		}
		groups = append(groups, g)
	}
	return groups, nil
}

func (s *svixEndpoint) convert() *endpoint {
	e := &endpoint{
		id: s.ID, name: s.Description, url: s.URL, secret: s.Secret.Key, events: s.types(), untyped: len(s.types()) == 0,
		disabled: s.Disabled, headers: s.Headers.Headers, headerStyle: "both", // what its receiver looks for, and what others do
	}
	if e.secret != "" && !strings.HasPrefix(e.secret, "whsec_") {
		e.skip("its secret does not begin with whsec_: signatures with key pairs have no place here")
	}
	if len(s.Channels) > 0 {
		e.warn("channels %s: there are none here, so that it gets events of all", strings.Join(s.Channels, ", "))
	}
	if s.RateLimit != nil || s.ThrottleRate != nil {
		e.warn("its rate limit: lanes adapt to what a receiver can take")
	}
	if s.TransformationEnabled {
		e.warn("its transformation: a payload template may do instead")
	}
	if len(s.Headers.Sensitive) > 0 {
		e.warn("headers %s: their values are not given out; set them anew", strings.Join(s.Headers.Sensitive, ", "))
	}
	return e
}

// types returns the event types under either name, each once.
func (s *svixEndpoint) types() []string {
	types := slices.Clone(s.EventTypes)
	for _, name := range s.FilterTypes {
		if !slices.Contains(types, name) {
			types = append(types, name)
		}
	}
	return types
}

func firstNonEmpty(texts ...string) string {
	for _, text := range texts {
		if strings.TrimSpace(text) != "" {
			return text
		}
	}
	return ""
}
