package api_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var timePattern = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`)

func TestAWebhookIsShownAsItWasSent(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural)
		r := w.call("POST", o.hooks, `{"name":"CRM ☎","webhook_url":"https://crm.example.com/hooks?a=1","events":["`+o.event+`"]}`)
		if plural == "agents" {
			r.has(201, `{"success":true,"message":"Webhook created successfully","data":{`, `"agent_id":"`+o.id+`"`).
				lacks("campaign_id", "include_call_events")
		} else {
			r.has(201, `"campaign_id":"`+o.id+`"`, `"include_call_events":false`).lacks("agent_id")
		}
		r.has(201, `"name":"CRM ☎"`, `"webhook_url":"https://crm.example.com/hooks?a=1"`, `"events":["`+o.event+`"]`,
			`"timeout":30,"max_retries":3,"enabled":true,`, `"events_count":1,"status":"active","http_method":"POST",`+
				`"authorization_scheme":"none","custom_headers":[],"payload_templates":{},"has_secret":false`)
		if !timePattern.MatchString(r.text("data.created_at")) || r.text("data.created_at") != r.text("data.updated_at") {
			t.Errorf("times of %s", r.body)
		}
		got := w.call("GET", o.hooks+"/"+r.text("data.id"), nil).has(200)
		if fmt.Sprint(got.at("data")) != fmt.Sprint(r.at("data")) {
			t.Errorf("created %s\nread    %s", r.body, got.body)
		}
	}
}

const everything = `{"name":"CRM","webhook_url":"http://192.168.0.1:8080/x","events":["%[1]s","%[1]s"],"webhook_secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	"timeout":120,"max_retries":0,"enabled":false,"http_method":"PATCH","authorization_scheme":"basic",
	"authorization_value":"user:pass:word","custom_headers":[{"key":"X-Team","value":"sales & <more>"},{"key":"X-Auth-Token","value":"t0ps3cret"}],
	"payload_templates":{"%[1]s":{"kind":"{{event}}","n":1.50}},"include_call_events":true}`

func TestEverySettingIsKept(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural)
		r := w.call("POST", o.hooks, fmt.Sprintf(everything, o.event)).has(201,
			`"webhook_url":"http://192.168.0.1:8080/x"`, `"events":["`+o.event+`"]`, `"events_count":1`, `"timeout":120,"max_retries":0,"enabled":false`,
			`"status":"disabled","http_method":"PATCH","authorization_scheme":"basic"`,
			`"custom_headers":[{"key":"X-Team","value":"sales & <more>"},{"key":"X-Auth-Token","value":"********"}]`,
			`"payload_templates":{"`+o.event+`":{"kind":"{{event}}","n":1.50}}`, `"has_secret":true`)
		if plural == "campaigns" {
			r.has(201, `"include_call_events":true`)
		} else {
			r.lacks("include_call_events")
		}
		for _, shown := range []*reply{
			r, w.call("GET", o.hooks, nil), w.call("GET", o.hooks+"/"+r.text("data.id"), nil),
			w.call("PUT", o.hooks+"/"+r.text("data.id"), `{}`), w.call("PATCH", o.hooks+"/"+r.text("data.id")+"/toggle", nil),
		} {
			shown.lacks("t0ps3cret", "MfKQ9r8G", "user:pass", "authorization_value", "webhook_secret")
		}
	}
}

func TestAnUpdateChangesWhatIsSentAndNothingElse(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural)
		hook := o.hooks + "/" + w.call("POST", o.hooks, fmt.Sprintf(everything, o.event)).has(201).text("data.id")
		before := w.call("GET", hook, nil)
		message := `"message":"Webhook updated successfully"`
		change := func(body string, parts ...string) *reply {
			t.Helper()
			r := w.call("PUT", hook, body).has(200, parts...)
			if plural == "agents" {
				r.has(200, message)
			}
			return r
		}
		same := func(r *reply, except ...string) {
			t.Helper()
			for name, was := range before.at("data").(map[string]any) {
				if name == "updated_at" || name == "version" || strings.Contains(strings.Join(except, " "), name) {
					continue
				}
				if now := r.at("data." + name); fmt.Sprint(now) != fmt.Sprint(was) {
					t.Errorf("%s was %v and is %v", name, was, now)
				}
			}
		}
		same(change(`{}`))
		same(change(`{"unknown":1}`))
		r := change(`{"timeout":5}`, `"timeout":5`)
		same(r, "timeout")
		if r.text("data.updated_at") <= before.text("data.updated_at") || r.text("data.created_at") != before.text("data.created_at") {
			t.Errorf("times of %s", r.body)
		}
		same(change(`{"timeout":120.0,"max_retries":1e1}`, `"max_retries":10`), "max_retries")
		// Null clears some fields, and counts as absent for the others.
		settings := w.call("GET", hook, nil)
		r = change(`{"timeout":null,"max_retries":null,"enabled":null,"http_method":null,"authorization_scheme":null,
			"include_call_events":null,"webhook_secret":"","authorization_value":"","signature_scheme":null,"header_style":null}`)
		if fmt.Sprint(r.at("data")) != fmt.Sprint(settings.at("data")) {
			t.Errorf("nulls that count as absent made %s of\n%s", r.body, settings.body)
		}
		w.call("PUT", hook, `{"authorization_value":null}`).errors() // the scheme needs it
		change(`{"authorization_scheme":"none","webhook_secret":null,"authorization_value":null,"custom_headers":null,"payload_templates":null}`,
			`"custom_headers":[],"payload_templates":{},"has_secret":false`)
		// What must be there cannot be set back.
		wantList(t, "nulls", w.call("PUT", hook, `{"name":null,"webhook_url":null,"events":null}`).errors(), []string{
			"events: The events field is required.", "name: The name field is required.", "webhook_url: The webhook url field is required.",
		})
		change(`{"webhook_secret":"s"}`, `"has_secret":true`)
		change(`{"webhook_secret":""}`, `"has_secret":true`)
		change(`{"webhook_secret":null}`, `"has_secret":false`)
	}
}

func TestAMaskThatComesBackKeepsWhatItMasks(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents", "custom_headers", []any{
		map[string]string{"key": "X-API-Key", "value": "first"}, map[string]string{"key": "x-api-key", "value": "second"},
		map[string]string{"key": "X-Team", "value": "sales"},
	})
	stored := func() (values []string) {
		id := w.call("GET", o.hook, nil).id("data.id")
		webhook, err := w.store.GetWebhook(t.Context(), id)
		must(t, err)
		for _, h := range webhook.CustomHeaders {
			values = append(values, h.Key+"="+h.Value)
		}
		return values
	}
	w.call("PUT", o.hook, `{"custom_headers":[{"key":"X-Team","value":"********"},{"key":"x-api-key","value":"********"},{"key":"X-Api-Key","value":"********"}]}`).has(200)
	wantList(t, "echoed", stored(), []string{"X-Team=********", "x-api-key=first", "X-Api-Key=second"})
	w.call("PUT", o.hook, `{"custom_headers":[{"key":"x-api-key","value":"third"},{"key":"X-Api-Key","value":"********"}]}`).has(200)
	wantList(t, "one replaced", stored(), []string{"x-api-key=third", "X-Api-Key=first"})
	for _, call := range []struct{ method, path string }{{"PUT", o.hook}, {"POST", o.hooks}} {
		wantList(t, "a mask of nothing", w.call(call.method, call.path, `{"name":"x","webhook_url":"https://example.com","events":["`+o.event+
			`"],"custom_headers":[{"key":"X-Token","value":"********"}]}`).errors(),
			[]string{"custom_headers.0.value: The selected custom_headers.0.value is invalid."})
	}
	wantList(t, "after refusals", stored(), []string{"x-api-key=third", "X-Api-Key=first"})
}

func TestTogglingAndDeleting(t *testing.T) {
	w := newWorld(t)
	for plural, message := range map[string]string{"agents": "Webhook deleted successfully", "campaigns": "Campaign webhook deleted"} {
		o := w.newOwner(w.home, plural)
		log := w.failedLog(o)
		w.call("PATCH", o.hook+"/toggle", nil).has(200, `"message":"Webhook disabled"`, `"enabled":false`, `"status":"disabled"`)
		w.call("POST", o.events, map[string]any{"event": o.event, "payload": map[string]any{}}).has(202, `"deliveries":0`)
		w.call("PATCH", o.hook+"/toggle", "ignored").has(200, `"message":"Webhook enabled"`, `"enabled":true`, `"status":"active"`)
		w.publish(o)

		w.call("DELETE", o.hook, nil).is(200, `{"success":true,"message":"`+message+`"}`)
		w.call("POST", o.events, map[string]any{"event": o.event, "payload": map[string]any{}}).has(202, `"deliveries":0`)
		w.call("GET", o.hooks, nil).has(200, `"webhooks":[]`)
		for method, path := range map[string]string{"GET": "", "PUT": "", "DELETE": "", "PATCH": "/toggle", "POST": "/test"} {
			w.call(method, o.hook+path, "{}").is(404, noWebhook)
		}
		w.call("GET", o.hook+"/logs", nil).has(200, log[strings.LastIndexByte(log, '/')+1:])
		w.call("GET", log, nil).has(200)
		w.call("GET", o.hook+"/logs/"+unknownID, nil).is(404, noLog)
		w.call("POST", log+"/retry", nil).is(404, noWebhook)
	}
}

func TestTheListTellsWhatCanBeSubscribedTo(t *testing.T) {
	w := newWorld(t)
	a := w.newOwner(w.home, "agents")
	r := w.call("GET", a.hooks, nil).has(200, `"available_events":{`+
		`"event_phone_call_started":"Phone call has started","event_phone_call_ended":"Phone call has ended",`+
		`"event_phone_call_did_not_connect":"Phone call failed to connect","event_phone_call_connected":"Phone call connection established",`+
		`"event_phone_call_disconnected":"Phone call connection closed","event_phone_call_error":"Phone call connection error occurred",`+
		`"event_participant_joined":"Participant joined the call","event_participant_left":"Participant left the call",`+
		`"event_voicemail_detected":"Voicemail system detected","event_voicemail_message_left":"Message left on voicemail",`+
		`"event_conversation_started":"Human conversation started","event_conversation_ended":"Human conversation ended",`+
		`"event_action":"Agent executed an action","event_action_failed":"Agent action failed",`+
		`"event_recording":"Call recording event","event_connection_established":"Call connection established",`+
		`"event_connection_closed":"Call connection closed","event_connection_error":"Call connection error occurred",`+
		`"event_user_connected":"User connected to the call","event_user_disconnected":"User disconnected from the call",`+
		`"event_client_connected":"Client connected to the call","event_client_disconnected":"Client disconnected from the call",`+
		`"event_own":"The operator's own"}}}`)
	if events := r.at("data.available_events").(map[string]any); len(events) != 23 {
		t.Errorf("%d events", len(events))
	}
	w.call("POST", a.hooks, `{"name":"x","webhook_url":"https://example.com","events":["event_own"]}`).has(201)
	w.call("GET", a.hooks, nil).has(200, `"events":["`+a.event+`"]`, `"events":["event_own"]`)
	c := w.newOwner(w.home, "campaigns")
	w.call("GET", c.hooks, nil).has(200, `"available_events":["campaign.created","campaign.started","campaign.paused","campaign.completed",`+
		`"campaign.updated","campaign_call.queued","campaign_call.started","campaign_call.completed","campaign_call.retry_scheduled",`+
		`"campaign_call.failed","event_recording","event_call_transcript","event_call_report"]`)
}
