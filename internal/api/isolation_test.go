package api_test

import (
	"strings"
	"testing"
)

// routes are all that have an id in their path, with a body that would do.
func routesOf(o *owner, log string) map[string][]struct {
	path string
	body any
} {
	type call = struct {
		path string
		body any
	}
	settings := map[string]any{"name": "x", "webhook_url": "https://example.com", "events": []string{o.event}}
	event := map[string]any{"event": o.event, "payload": map[string]any{}}
	return map[string][]struct {
		path string
		body any
	}{
		"GET": {
			call{o.path, nil}, call{o.hooks, nil}, call{o.hook, nil}, call{o.hook + "/logs", nil}, call{o.hook + "/logs?per_page=no", nil},
			call{log, nil}, call{log + "/preview", nil}, call{o.hook + "/logs/stream", nil}, call{o.hook + "/deliveries/stream", nil}, call{o.hook + "/logs/stream?status=no", nil},
			call{o.hook + "/retries", nil}, call{o.job, nil},
		},
		"POST": {
			call{o.hooks, settings}, call{o.hooks, "{"}, call{o.hook + "/test", nil}, call{log + "/retry", nil}, call{o.hook + "/logs/retry", map[string]any{}},
			call{o.hook + "/replay", map[string]any{}}, call{o.hook + "/replay", "{"},
			call{o.hook + "/logs/retry", "{"}, call{o.events, event}, call{o.events, "{"},
		},
		"PUT":    {call{o.hook, settings}, call{o.hook, "{"}},
		"PATCH":  {call{o.hook + "/toggle", nil}, call{o.job, map[string]any{"paused": true}}, call{o.job, "{"}},
		"DELETE": {call{o.job, nil}, call{o.hook, nil}, call{o.path, nil}},
	}
}

func TestNothingOfAnotherEnvironmentIsThere(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			log := w.failedLog(o)
			w.beginBulk(o)
			before := w.call("GET", o.hooks, nil).body
			for method, calls := range routesOf(o, log) {
				for _, c := range calls {
					w.callAs(w.other, method, c.path, c.body).is(404, noOwner[plural])
				}
			}
			// The same agent, under the other environment's own roof, has none of the webhooks.
			w.callAs(w.other, "PUT", o.path, map[string]any{"name": "twin"}).has(201)
			for method, calls := range routesOf(o, log) {
				for _, c := range calls {
					if strings.HasPrefix(c.path, o.hook) {
						w.callAs(w.other, method, c.path, c.body).is(404, noWebhook)
					}
				}
			}
			w.callAs(w.other, "GET", o.hooks, nil).has(200, `"webhooks":[]`)
			w.callAs(w.other, "POST", o.events, map[string]any{"event": o.event, "payload": map[string]any{}}).has(202, `"deliveries":0`)
			if after := w.call("GET", o.hooks, nil).body; after != before {
				t.Errorf("changed from outside:\n%s\n%s", before, after)
			}
			w.callAs(w.other, "GET", "/"+plural, nil).has(200, `"name":"twin"`).lacks("Front desk")
			w.callAs(w.other, "GET", "/webhooks", nil).has(200, `"data":[]`, `"total":0`)
			event := "/events/" + w.call("GET", log, nil).text("data.event_id")
			w.call("GET", event, nil).has(200, o.webhook)
			w.callAs(w.other, "GET", event, nil).is(404, `{"success":false,"message":"Event not found."}`)
			w.callAs(w.other, "GET", "/events", nil).has(200, `"total":1,`, `"undelivered_reason":"no_webhook"`)
			w.callAs(w.other, "GET", "/overview", nil).has(200, `"totals":{"success":0,"failed":0}`, `"failing":[]`, `"open":0`)
			w.call("GET", "/overview", nil).has(200, `"totals":{"success":0,"failed":1,`, `"failing":[{"webhook_id":"`+o.webhook)
			w.call("GET", o.job, nil).has(200, `"status":"queued"`)
		})
	}
}

func TestIDsThatNameNothingAreNotFound(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			log := w.failedLog(o)
			w.beginBulk(o)
			sibling := w.newOwner(w.home, plural)
			logID := log[strings.LastIndexByte(log, '/')+1:]
			for _, bad := range []string{
				unknownID, "1", "no-uuid", "00000000-0000-0000-0000-000000000000", "%00", "a%2Fb", "..%2f", ".x", "{01990e54-9d6b-7f00-8f63-3c1f0a5d7b21}",
				strings.Repeat("9", 2000),
			} {
				for method, calls := range routesOf(o, log) {
					for _, c := range calls {
						w.call(method, strings.Replace(c.path, o.id, bad, 1), c.body).is(404, noOwner[plural])
						if strings.Contains(c.path, o.webhook) {
							w.call(method, strings.Replace(c.path, o.webhook, bad, 1), c.body).is(404, noWebhook)
						}
						if c.path == o.job {
							w.call(method, o.hook+"/retries/"+bad, c.body).is(404, noBulk)
						}
						if strings.Contains(c.path, logID) {
							w.call(method, strings.Replace(c.path, logID, bad, 1), c.body).is(404, noLog)
						}
					}
				}
				if bad != unknownID {
					w.call("PUT", "/"+plural+"/"+bad, map[string]any{"name": "x"}).is(404, noOwner[plural])
				}
			}
			// What is there, but not where the path says.
			for method, calls := range routesOf(o, log) {
				for _, c := range calls {
					if strings.HasPrefix(c.path, o.hook) {
						w.call(method, strings.Replace(c.path, o.id, sibling.id, 1), c.body).is(404, noWebhook)
					}
					if c.path == o.job {
						w.call(method, sibling.hook+strings.TrimPrefix(o.job, o.hook), c.body).is(404, noBulk)
					}
					if strings.HasPrefix(c.path, log) {
						w.call(method, strings.Replace(strings.Replace(c.path, o.id, sibling.id, 1), o.webhook, sibling.webhook, 1), c.body).is(404, noLog)
					}
				}
			}
			w.call("POST", log+"/retry", nil, "Idempotency-Key", "é").has(422)
			w.call("POST", strings.Replace(log, logID, unknownID, 1)+"/retry", nil, "Idempotency-Key", "é").is(404, noLog)
		})
	}
}

func TestIDsAreReadInEitherCase(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.call("GET", "/agents/"+strings.ToUpper(o.id)+"/webhooks/"+strings.ToUpper(o.webhook), nil).has(200, o.webhook)
}
