package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/carteiro/carteiro/client"
)

// Config is what to bring, and where to.
type Config struct {
	Product Product
	From    string // a file, or the URL of the product's API
	APIKey  string // of that API
	Client  *client.Client
	// Owner is the agent or campaign that gets all webhooks; nil: an agent for each application, owner or project.
	Owner *client.Owner
	// Map gives our event types for theirs; those that are not in it keep their names.
	Map map[string]string
	// BuiltIn are the event types of agents that every server has, for when no agent is there yet that could be asked.
	BuiltIn []string
	// AllEvents subscribes endpoints that name no event types to all of them; otherwise they are not imported.
	AllEvents bool
	Apply     bool // make it; otherwise it is only said
	Out       io.Writer
}

// step is what becomes of one endpoint.
type step struct {
	*endpoint
	verdict  verdict
	settings client.WebhookSettings
	notes    []string
}

// verdict is what becomes of an endpoint, as the sign before its line.
type verdict string

const (
	create verdict = "+" // a webhook is to be made
	exists verdict = "=" // it is there already
	refuse verdict = "!" // it cannot be carried
)

// destination is the agent or campaign that a group's webhooks go to, as it is now.
type destination struct {
	owner  client.Owner
	id     string // of an agent to be made
	name   string
	exists bool
	hooks  []client.Webhook
	events map[string]bool
	sure   bool // events are those of the server
}

// destination looks at where a group goes.
func (c *Config) destination(ctx context.Context, g *group) (*destination, error) {
	d := &destination{name: g.name}
	if c.Owner != nil {
		d.owner = *c.Owner
	} else {
		d.id = idOf(c.Product, g.id)
		d.owner = client.AgentOwner(d.id)
	}
	list, err := c.Client.ListWebhooks(ctx, d.owner)
	switch refused, ok := errors.AsType[*client.Error](err); {
	case err == nil:
		d.exists, d.hooks, d.events, d.sure = true, list.Webhooks, keys(list.AvailableEvents), true
	case ok && refused.StatusCode == http.StatusNotFound && c.Owner == nil:
		d.events, d.sure, err = c.events(ctx)
		return d, err
	default:
		return nil, err
	}
	return d, nil
}

// events gives the event types of agents: those that any agent can tell of, or the built-in ones.
func (c *Config) events(ctx context.Context) (events map[string]bool, sure bool, err error) {
	agents, _, err := c.Client.ListAgents(ctx, client.ListFilter{PerPage: 1})
	if err != nil {
		return nil, false, err
	}
	if len(agents) == 0 {
		events = make(map[string]bool)
		for _, name := range c.BuiltIn {
			events[name] = true
		}
		return events, false, nil
	}
	list, err := c.Client.ListWebhooks(ctx, client.AgentOwner(agents[0].ID))
	return keys(list.AvailableEvents), true, err
}

func keys(d client.Descriptions) map[string]bool {
	names := make(map[string]bool, len(d))
	for name := range d {
		names[name] = true
	}
	return names
}

// step says what becomes of an endpoint.
func (c *Config) step(d *destination, e *endpoint) *step {
	s := &step{endpoint: e, verdict: refuse, notes: slices.Clone(e.left)}
	if e.untyped && !c.AllEvents {
		e.skip("it names no event types; --all-events subscribes such endpoints to all events")
	}
	if e.fault != "" {
		s.notes = []string{"cannot be carried: " + e.fault}
		return s
	}
	name := nameOf(e)
	for i := range d.hooks {
		if strings.HasSuffix(d.hooks[i].Name, marker(e)) {
			s.verdict, s.notes = exists, nil
			return s
		}
	}
	enabled := !e.disabled
	s.settings = client.WebhookSettings{Name: name, URL: e.url, Secret: &e.secret, Enabled: &enabled, HeaderStyle: e.headerStyle}
	s.timeout()
	for _, header := range sortedKeys(e.headers) {
		s.settings.CustomHeaders = append(s.settings.CustomHeaders, client.Header{Key: header, Value: e.headers[header]})
	}
	unknown := c.subscribe(s, d)
	if len(s.settings.Events) == 0 {
		s.notes = []string{"cannot be carried: none of its event types is in the catalogue: " + mapHint(unknown)}
		return s
	}
	if len(unknown) > 0 {
		s.notes = append(s.notes, "event types that are not in the catalogue: "+mapHint(unknown))
	}
	s.verdict = create
	return s
}

// subscribe finds the event types that an endpoint gets here, and those of its own that there is none for.
func (c *Config) subscribe(s *step, d *destination) (unknown []string) {
	if s.all || s.untyped {
		s.settings.Events = slices.Sorted(maps.Keys(d.events))
		s.notes = append(s.notes, "it wants all event types: it gets those that there are now")
		return nil
	}
	for _, theirs := range s.events {
		ours, mapped := c.Map[theirs]
		if !mapped {
			ours = theirs
		}
		switch {
		case !d.events[ours] && (d.sure || !mapped):
			unknown = append(unknown, theirs)
		case !slices.Contains(s.settings.Events, ours):
			s.settings.Events = append(s.settings.Events, ours)
		}
	}
	return unknown
}

func mapHint(unknown []string) string {
	return strings.Join(unknown, ", ") + " (--map " + unknown[0] + "=OURS)"
}

// timeout brings the time that a receiver has within what there is here.
func (s *step) timeout() {
	const least, most = 5, 120
	if s.endpoint.timeout == 0 {
		return
	}
	s.settings.Timeout = min(max(s.endpoint.timeout, least), most)
	if s.settings.Timeout != s.endpoint.timeout {
		s.notes = append(s.notes, fmt.Sprintf("its timeout of %d s: it gets %d s", s.endpoint.timeout, s.settings.Timeout))
	}
}

// marker ends the name of a webhook that an endpoint has become: by it the endpoint is known again.
func marker(e *endpoint) string { return "(" + e.id + ")" }

// nameOf is the name of the webhook that an endpoint becomes.
func nameOf(e *endpoint) string {
	const longest = 255
	name, end := []rune(firstNonEmpty(e.name, e.url)), " "+marker(e)
	if room := longest - len([]rune(end)); len(name) > room {
		name = name[:max(room, 0)]
	}
	return string(name) + end
}
