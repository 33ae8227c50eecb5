package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/budget"
)

// A body without a template is stored once for all webhooks of an event, one with a template for each attempt.
func TestTemplatesMakeOnlySoMuchOfOneEvent(t *testing.T) {
	w := newWorld(t)
	twice := map[string]any{eventOf["agents"]: json.RawMessage(`{"a":"{{d}}","b":"\u007b{d}}"}`)}
	o := w.newOwner(w.home, "agents", "payload_templates", twice)
	for range 39 {
		w.call("POST", o.hooks, map[string]any{"name": "CRM", "webhook_url": "https://example.com", "events": []string{o.event}, "payload_templates": twice}).has(201)
	}
	event := func(size int) string {
		return fmt.Sprintf(`{"agent_id":%q,"event":%q,"payload":{"d":%q}}`, o.id, o.event, strings.Repeat("x", size))
	}
	const fits, over = 200_000, 215_000 // 40 × 2 × 200,000 bytes are less than 16 MiB
	const refused = "The bodies that templates make of the event must not be greater than 16777216 bytes in total."
	w.call("POST", o.events, json.RawMessage(event(fits))).has(202, `"deliveries":40`)
	w.call("POST", o.events, json.RawMessage(event(over)), "Idempotency-Key", "a").has(413, refused)
	w.call("GET", "/events", nil).has(200, `"total":1`)
	w.call("POST", "/events/batch", json.RawMessage("["+event(over)+","+event(1)+"]")).
		has(202, `"accepted":1`, `"rejected":1`, refused, `"status_code":413`, `"code":"TOO_LARGE"`)
	w.call("GET", "/events", nil).has(200, `"total":2`)
}

func TestSettingsOfAWebhookAreBoundedTogether(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	templates := make(map[string]any)
	for _, name := range []string{"event_action", "event_recording", "event_action_failed", "event_connection_error", "event_participant_left"} {
		templates[name] = map[string]any{"d": strings.Repeat("x", 60<<10)}
	}
	w.call("PUT", o.hook, map[string]any{"payload_templates": templates}).has(422, "The payload templates must not be greater than 262144 bytes.")
	delete(templates, "event_action")
	w.call("PUT", o.hook, map[string]any{"payload_templates": templates}).has(200)
	var headers []any
	for i := range 9 {
		headers = append(headers, map[string]any{"key": fmt.Sprint("X-", i), "value": strings.Repeat("v", 4000)})
	}
	w.call("PUT", o.hook, map[string]any{"custom_headers": headers}).has(422, "The custom headers must not be greater than 32768 bytes.")
	w.call("PUT", o.hook, map[string]any{"custom_headers": headers[:8]}).has(200)
}

// Few bytes can be events for many webhooks.
func TestAttemptsOnTheirWayIntoTheStoreCountAgainstTheBudget(t *testing.T) {
	memory := budget.New(4 * mib)
	w := newWorld(t, func(c *api.Config) { c.Memory = memory })
	w.publisher.Memory = memory
	o := w.newOwner(w.home, "agents")
	for range 9 {
		w.call("POST", o.hooks, map[string]any{"name": "CRM", "webhook_url": "https://example.com", "events": []string{o.event}}).has(201)
	}
	w.slowBody(w.home, mib)
	w.uses(memory, mib)
	event := fmt.Sprintf(`{"agent_id":%q,"event":%q,"payload":{}}`, o.id, o.event)
	batch := func(n int) *reply {
		return w.call("POST", "/events/batch", json.RawMessage("["+strings.TrimSuffix(strings.Repeat(event+",", n), ",")+"]"))
	}
	if r := batch(200).is(429, limited); r.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	w.call("GET", "/events", nil).has(200, `"total":0`)
	batch(50).has(202, `"accepted":50`)
	w.uses(memory, mib)
}

// A template takes several times its text while it is compiled: to be checked, and to find out how much it makes of an event.
func TestCompilingTemplatesCountsAgainstTheBudget(t *testing.T) {
	memory := budget.New(6 * mib)
	w := newWorld(t, func(c *api.Config) { c.Memory = memory })
	w.publisher.Memory = memory
	o := w.newOwner(w.home, "agents")
	large := map[string]any{o.event: map[string]any{"d": strings.Repeat("{{d}}", 12_000)}}
	hook := map[string]any{"name": "CRM", "webhook_url": "https://example.com", "events": []string{o.event}, "payload_templates": large}
	for range 20 { // more than templates may make of an event, if it were not for the empty value
		w.call("POST", o.hooks, hook).has(201)
	}
	event := fmt.Sprintf(`{"agent_id":%q,"event":%q,"payload":{}}`, o.id, o.event)
	w.call("POST", o.events, json.RawMessage(event)).has(202, `"deliveries":2`)
	w.uses(memory, 0)
	w.slowBody(w.home, 2*mib)
	w.uses(memory, 2*mib)
	w.call("POST", o.hooks, hook).is(429, limited)
	w.call("PUT", o.hook, map[string]any{"payload_templates": large}).is(429, limited)
	w.call("POST", o.events, json.RawMessage(event)).is(429, limited)
	w.uses(memory, 2*mib)
}
