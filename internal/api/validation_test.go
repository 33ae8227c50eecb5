package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
)

// TestEachFaultOfAWebhookIsToldInItsWords sends one bad setting beside good ones, in a new webhook and in a change.
func TestEachFaultOfAWebhookIsToldInItsWords(t *testing.T) {
	w := newWorld(t)
	long := func(n int) string { return `"` + strings.Repeat("é", n) + `"` }
	url := func(s string) string { return "https://example.com/" + strings.Repeat("a", 480) + s }
	header := func(key, value string) string { return fmt.Sprintf(`[{"key":%q,"value":%q}]`, key, value) }
	type fault struct{ field, value, want string }
	faults := []fault{
		{"name", `7`, "name: The name must be a string."},
		{"name", `""`, "name: The name field is required."},
		{"name", long(256), "name: The name must not be greater than 255 characters."},
		{"webhook_url", `null`, "webhook_url: The webhook url field is required."},
		{"webhook_url", `""`, "webhook_url: The webhook url field is required."},
		{"webhook_url", `{}`, "webhook_url: The webhook url must be a string."},
		{"webhook_url", `"` + url("a") + `"`, "webhook_url: The webhook url must not be greater than 500 characters."},
		{"events", `null`, "events: The events field is required."},
		{"events", `[]`, "events: The events field must contain at least 1 items."},
		{"events", `"EVENT"`, "events: The events must be an array."},
		{"events", `{"0":"EVENT"}`, "events: The events must be an array."},
		{"events", `["nothing"]`, "events.0: The selected events.0 is invalid."},
		{"events", `["EVENT","webhook.test"]`, "events.1: The selected events.1 is invalid."},
		{"events", `["EVENT",7]`, "events.1: The events.1 must be a string."},
		{"events", `[null]`, "events.0: The events.0 must be a string."},
		{"webhook_secret", `7`, "webhook_secret: The webhook secret must be a string."},
		{"webhook_secret", long(256), "webhook_secret: The webhook secret must not be greater than 255 characters."},
		{"webhook_secret", `"whsec_%%"`, "webhook_secret: The webhook secret format is invalid."},
		{"webhook_secret", `"whsec_"`, "webhook_secret: The webhook secret format is invalid."},
		{"timeout", `4`, "timeout: The timeout must be between 5 and 120."},
		{"timeout", `121`, "timeout: The timeout must be between 5 and 120."},
		{"timeout", `-30`, "timeout: The timeout must be between 5 and 120."},
		{"timeout", `1e400`, "timeout: The timeout must be between 5 and 120."},
		{"timeout", `99999999999999999999`, "timeout: The timeout must be between 5 and 120."},
		{"timeout", `30.5`, "timeout: The timeout must be an integer."},
		{"timeout", `"30"`, "timeout: The timeout must be an integer."},
		{"timeout", `true`, "timeout: The timeout must be an integer."},
		{"timeout", `[30]`, "timeout: The timeout must be an integer."},
		{"max_retries", `-1`, "max_retries: The max retries must be between 0 and 10."},
		{"max_retries", `11`, "max_retries: The max retries must be between 0 and 10."},
		{"max_retries", `"3"`, "max_retries: The max retries must be an integer."},
		{"enabled", `1`, "enabled: The enabled field must be true or false."},
		{"enabled", `"true"`, "enabled: The enabled field must be true or false."},
		{"http_method", `"GET"`, "http_method: The selected http method is invalid."},
		{"http_method", `"post"`, "http_method: The selected http method is invalid."},
		{"http_method", `7`, "http_method: The http method must be a string."},
		{"authorization_scheme", `"digest"`, "authorization_scheme: The selected authorization scheme is invalid."},
		{"authorization_scheme", `"bearer"`, "authorization_value: The authorization value field is required when authorization scheme is bearer."},
		{"authorization_scheme", `"basic"`, "authorization_value: The authorization value field is required when authorization scheme is basic."},
		{"authorization_scheme", `"api_key"`, "authorization_value: The authorization value field is required when authorization scheme is api_key."},
		{"authorization_scheme", `"custom"`, "authorization_value: The authorization value field is required when authorization scheme is custom."},
		{"authorization_scheme", `"bearer","custom_headers":[{"key":"X-API-Key","value":"k"}]`,
			"authorization_value: The authorization value field is required when authorization scheme is bearer."},
		{"authorization_scheme", `"api_key","custom_headers":[{"key":"X-Team","value":"sales"}]`,
			"authorization_value: The authorization value field is required when authorization scheme is api_key."},
		{"authorization_scheme", `"basic","authorization_value":"nocolon"`, "authorization_value: The authorization value format is invalid."},
		{"authorization_value", `"a\r\nX-Evil: 1"`, "authorization_value: The authorization value format is invalid."},
		{"authorization_value", `"a\u007fb"`, "authorization_value: The authorization value format is invalid."},
		{"authorization_value", `7`, "authorization_value: The authorization value must be a string."},
		{"authorization_value", long(4097), "authorization_value: The authorization value must not be greater than 4096 characters."},
		{"custom_headers", `{}`, "custom_headers: The custom headers must be an array."},
		{"custom_headers", `["X-A: 1"]`, "custom_headers.0: The custom_headers.0 must be an object."},
		{"custom_headers", `[{"value":"1"}]`, "custom_headers.0.key: The custom_headers.0.key field is required."},
		{"custom_headers", `[{"key":"X-A","value":"1"},{"key":"X-B"}]`, "custom_headers.1.value: The custom_headers.1.value field is required."},
		{"custom_headers", `[{"key":"X-A","value":null}]`, "custom_headers.0.value: The custom_headers.0.value field is required."},
		{"custom_headers", `[{"key":7,"value":"1"}]`, "custom_headers.0.key: The custom_headers.0.key must be a string."},
		{"custom_headers", `[{"key":"X-A","value":1}]`, "custom_headers.0.value: The custom_headers.0.value must be a string."},
		{"custom_headers", header("X A", "1"), "custom_headers.0.key: The custom_headers.0.key format is invalid."},
		{"custom_headers", header("X-A:", "1"), "custom_headers.0.key: The custom_headers.0.key format is invalid."},
		{"custom_headers", header("é", "1"), "custom_headers.0.key: The custom_headers.0.key format is invalid."},
		{"custom_headers", `[{"key":"X-A\r\nX-B","value":"1"}]`, "custom_headers.0.key: The custom_headers.0.key format is invalid."},
		{"custom_headers", `[{"key":"X-A","value":"1\r\nX-B: 2"}]`, "custom_headers.0.value: The custom_headers.0.value format is invalid."},
		{"custom_headers", `[{"key":"X-A","value":"1\n 2"}]`, "custom_headers.0.value: The custom_headers.0.value format is invalid."},
		{"custom_headers", `[{"key":"X-A","value":"\u0000"}]`, "custom_headers.0.value: The custom_headers.0.value format is invalid."},
		{"custom_headers", header(strings.Repeat("x", 101), "1"), "custom_headers.0.key: The custom_headers.0.key must not be greater than 100 characters."},
		{"custom_headers", header("X-A", strings.Repeat("x", 4097)), "custom_headers.0.value: The custom_headers.0.value must not be greater than 4096 characters."},
		{"custom_headers", "[" + strings.Repeat(`{"key":"X-A","value":"1"},`, 50) + `{"key":"X-A","value":"1"}]`, "custom_headers: The custom headers field must contain at most 50 items."},
		{"payload_templates", `[]`, "payload_templates: The payload templates must be an object."},
		{"payload_templates", `{"nothing":{}}`, "payload_templates.nothing: The selected payload_templates.nothing is invalid."},
		{"payload_templates", `{"EVENT":null}`, "payload_templates.EVENT: The payload_templates.EVENT must be an object."},
		{"payload_templates", `{"EVENT":{"a":"{{b"}}`, "payload_templates.EVENT: The payload_templates.EVENT must be a valid template: placeholder is not closed: \"{{b\"."},
	}
	for _, key := range []string{
		"Host", "content-length", "Transfer-Encoding", "CONNECTION", "Keep-Alive", "Upgrade", "TE", "Trailer", "Proxy-Authorization",
		"proxy-anything", "Expect", "Content-Type", "User-Agent", "webhook-id", "Webhook-Signature", "X-Webhook-Event", "HTTP2-Settings",
		"webhook_signature", "X_Webhook_Event", "svix_id", "Content_Length", "TRANSFER_ENCODING", "Proxy_Authorization", "Proxy", "Content-Encoding", "content_range", "Digest",
	} {
		faults = append(faults, fault{"custom_headers", header(key, "1"), "custom_headers.0.key: The selected custom_headers.0.key is invalid."})
	}
	for _, bad := range hostileURLs {
		quoted, _ := json.Marshal(bad)
		faults = append(faults, fault{"webhook_url", string(quoted), "webhook_url: The webhook url must be a valid URL."})
	}
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural)
		before := w.call("GET", o.hook, nil).body
		for _, f := range faults {
			value, want := f.value, f.want
			value = strings.ReplaceAll(value, "EVENT", o.event)
			want = strings.ReplaceAll(want, "EVENT", o.event)
			good := map[string]string{"name": `"x"`, "webhook_url": `"https://example.com"`, "events": `["` + o.event + `"]`}
			good[f.field] = value
			var members []string
			for field, value := range good {
				members = append(members, fmt.Sprintf("%q:%s", field, value))
			}
			wantList(t, f.field+" "+value, w.call("POST", o.hooks, "{"+strings.Join(members, ",")+"}").errors(), []string{want})
			wantList(t, f.field+" "+value, w.call("PUT", o.hook, `{"`+f.field+`":`+value+`}`).errors(), []string{want})
		}
		if after := w.call("GET", o.hook, nil).body; after != before {
			t.Errorf("refused changes changed it:\n%s\n%s", before, after)
		}
	}
}

var hostileURLs = []string{
	"example.com", "/path", "//example.com/x", "ftp://example.com", "javascript:alert(1)", "file:///etc/passwd", "gopher://x",
	"http://", "https:///path", "http://:80", "https://user@example.com", "https://user:pass@example.com", "https://@example.com",
	"https://exa mple.com", "https://example.com/a b", "https://example.com/\r\nX: 1", "https://example.com/\u0001", " https://example.com",
	"https://example.com:0", "https://example.com:65536", "https://example.com:port", "https://[::1", "https://[not-an-address]/",
	"https://exam%ple.com", "https://example.com/%zz", "https://-example.com", "https://a..b", "http://2130706433/", "http://0x7f.1/", "http://127.1/",
}

func TestAllFaultsAreToldTogether(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "campaigns")
	wantList(t, "all at once", w.call("POST", o.hooks, `{"name":7,"events":["x","`+o.event+`","y"],"timeout":0,"max_retries":"x","enabled":0,"http_method":"GET",
		"authorization_scheme":"x","custom_headers":[{}],"payload_templates":{"x":1},"include_call_events":"yes"}`).errors(), []string{
		"authorization_scheme: The selected authorization scheme is invalid.",
		"custom_headers.0.key: The custom_headers.0.key field is required.",
		"custom_headers.0.value: The custom_headers.0.value field is required.",
		"enabled: The enabled field must be true or false.",
		"events.0: The selected events.0 is invalid.",
		"events.2: The selected events.2 is invalid.",
		"http_method: The selected http method is invalid.",
		"include_call_events: The include call events field must be true or false.",
		"max_retries: The max retries must be an integer.",
		"name: The name must be a string.",
		"payload_templates.x: The selected payload_templates.x is invalid.",
		"timeout: The timeout must be between 5 and 120.",
		"webhook_url: The webhook url field is required.",
	})
	w.call("POST", o.hooks, `{}`).is(422, `{"message":"The given data was invalid.","errors":{"name":["The name field is required."],`+
		`"webhook_url":["The webhook url field is required."],"events":["The events field is required."]}}`)
}

func TestAFloodOfFaultsIsToldInPart(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	r := w.call("POST", o.hooks, `{"events":[`+strings.Repeat(`7,`, 300_000)+`7]}`).has(422)
	if len(r.body) > 20_000 {
		t.Errorf("an answer of %d bytes", len(r.body))
	}
	r = w.call("PUT", o.hook, `{"payload_templates":{"`+strings.Repeat("é", 100_000)+`":{}}}`).has(422)
	if len(r.body) > 2000 {
		t.Errorf("an answer of %d bytes", len(r.body))
	}
}

func TestWhatLooksOddAndIsGood(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural)
		for _, change := range []map[string]any{
			{"name": strings.Repeat("é", 255)},
			{"webhook_url": "http://127.0.0.1:1/"}, {"webhook_url": "http://localhost"}, {"webhook_url": "http://[::1]:80/x"},
			{"webhook_url": "http://169.254.169.254/latest"}, {"webhook_url": "HTTPS://EXAMPLE.com:443/?q=1#f"},
			{"webhook_url": "https://bücher.example/ä"}, {"webhook_url": "https://example.com/" + strings.Repeat("é", 480)},
			{"webhook_secret": strings.Repeat("é", 255)},
			{"custom_headers": []any{map[string]any{"key": "X-Empty", "value": ""}, map[string]any{"key": "X-E", "value": "naïve\tyes"}}},
			{"authorization_scheme": "bearer", "custom_headers": []any{map[string]any{"key": "authorization", "value": "Bearer x"}}},
			{"authorization_scheme": "api_key", "custom_headers": []any{map[string]any{"key": "x-api-key", "value": "x"}}},
			{"authorization_scheme": "custom", "custom_headers": []any{map[string]any{"key": "X-Auth", "value": "x"}}},
			{"authorization_scheme": "basic", "authorization_value": ":"},
			{"authorization_scheme": "none", "authorization_value": "left over"},
			{"payload_templates": map[string]any{o.event: map[string]any{}}},
		} {
			body := map[string]any{"name": "x", "webhook_url": "https://example.com", "events": []string{o.event}}
			maps.Copy(body, change)
			w.call("POST", o.hooks, body).has(201)
			w.call("PUT", o.hook, body).has(200)
		}
	}
}

func TestSchemeAndCredentialAreJudgedAsTheyStandTogether(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents", "authorization_scheme", "bearer", "authorization_value", "t0ken")
	required := []string{"authorization_value: The authorization value field is required when authorization scheme is bearer."}
	wantList(t, "the value taken away", w.call("PUT", o.hook, `{"authorization_value":null}`).errors(), required)
	wantList(t, "a bearer's value for basic", w.call("PUT", o.hook, `{"authorization_scheme":"basic"}`).errors(),
		[]string{"authorization_value: The authorization value format is invalid."})
	w.call("PUT", o.hook, `{"authorization_scheme":"api_key"}`).has(200)
	w.call("PUT", o.hook, `{"authorization_scheme":"bearer","authorization_value":null,"custom_headers":[{"key":"Authorization","value":"Bearer x"}]}`).has(200)
	wantList(t, "the header taken away", w.call("PUT", o.hook, `{"custom_headers":[]}`).errors(), required)
	w.call("PUT", o.hook, `{"authorization_scheme":"none","custom_headers":[]}`).has(200)
}

func TestTemplatesOfCallEventsNeedTheCallEvents(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "campaigns")
	const template = `"payload_templates":{"event_phone_call_ended":{"a":"{{call.id}}"}}`
	refused := []string{"payload_templates.event_phone_call_ended: The selected payload_templates.event_phone_call_ended is invalid."}
	wantList(t, "without", w.call("PUT", o.hook, "{"+template+"}").errors(), refused)
	w.call("PUT", o.hook, `{"include_call_events":true,`+template+"}").has(200)
	// What is stored may be sent back; another one may not be added.
	w.call("PUT", o.hook, `{"include_call_events":false,`+template+"}").has(200)
	w.call("PUT", o.hook, `{"payload_templates":{}}`).has(200)
	wantList(t, "with them switched off", w.call("PUT", o.hook, "{"+template+"}").errors(), refused)
	a := w.newOwner(w.home, "agents")
	wantList(t, "an agent", w.call("PUT", a.hook, `{"include_call_events":true,"payload_templates":{"campaign.started":{}}}`).errors(),
		[]string{"payload_templates.campaign.started: The selected payload_templates.campaign.started is invalid."})
}
