package api_test

import (
	"testing"

	"github.com/carteiro/carteiro/internal/api"
)

const pager = `{"name":"Pager","webhook_url":"https://pager.example.com/hooks","events":["webhook.error","delivery.exhausted"]}`

func TestAnEnvironmentHasWebhooksOfItsOwn(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.MaxWebhooks = 2 })
	w.call("GET", "/environment/webhooks", nil).is(200, `{"success":true,"data":{"webhooks":[],"available_events":{`+
		`"webhook.error":"Webhook keeps failing, its deliveries wait","webhook.recovered":"Webhook is well again, its deliveries flow",`+
		`"webhook.disabled":"Webhook was disabled by the server","delivery.exhausted":"Delivery has failed for good"}}}`)
	r := w.call("POST", "/environment/webhooks", pager).has(201, `"message":"Webhook created successfully"`, `"environment_id":"`+w.home.id.String()+`"`,
		`"events":["webhook.error","delivery.exhausted"]`).lacks("agent_id", "campaign_id", "include_call_events")
	hook := "/environment/webhooks/" + r.text("data.id")
	w.call("GET", hook, nil).has(200, `"name":"Pager"`)
	w.call("PUT", hook, `{"events":["webhook.disabled"]}`).has(200, `"message":"Webhook updated successfully"`, `"events":["webhook.disabled"]`)
	w.call("GET", "/webhooks?search=pag", nil).has(200, `"kind":"environment"`, `"owner_id":"`+w.home.id.String()+`"`, `"total":1`)
	w.callAs(w.other, "GET", "/environment/webhooks", nil).has(200, `"webhooks":[]`)
	w.callAs(w.other, "GET", hook, nil).is(404, noWebhook)
	w.call("GET", "/agents/"+w.home.id.String()+"/webhooks", nil).has(404)

	w.call("POST", "/environment/webhooks", pager).has(201)
	w.call("POST", "/environment/webhooks", pager).has(409, "An environment may have at most 2 webhooks of its own.")
	w.call("DELETE", hook, nil).is(200, `{"success":true,"message":"Webhook deleted successfully"}`)
	w.call("POST", "/environment/webhooks", pager).has(201)
}

func TestOperatorsWebhooksHearOfNothingElseAndOthersOfNothingOfThat(t *testing.T) {
	w := newWorld(t)
	for _, event := range []string{"event_phone_call_ended", "campaign.started", "webhook.test", "event_own"} {
		w.call("POST", "/environment/webhooks", map[string]any{"name": "x", "webhook_url": "https://x.example", "events": []string{event}}).
			has(422, "The selected events.0 is invalid.")
	}
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural)
		w.call("POST", o.hooks, map[string]any{"name": "x", "webhook_url": "https://x.example", "events": []string{"webhook.error"}}).
			has(422, "The selected events.0 is invalid.")
		w.call("POST", o.events, map[string]any{"event": "webhook.error", "payload": map[string]any{}}).has(422, "The selected event is invalid.")
	}
	for method, path := range map[string]string{
		"POST": "/environment/events", "PUT": "/environment", "DELETE": "/environment", "GET": "/environment",
	} {
		w.call(method, path, map[string]any{"event": "webhook.error", "payload": map[string]any{}, "name": "x"}).has(404)
	}
	w.call("GET", "/events?agent_id="+unknownID+"&environment_id="+w.home.id.String(), nil).
		has(422, "The environment id field is not allowed when agent id is present.")
}
