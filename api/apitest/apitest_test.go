package apitest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	agent   = "01990e54-9d6b-7f00-8f63-3c1f0a5d7b21"
	webhook = "01990e60-0c2b-7d11-9c7e-5a4b3c2d1e0f"
	log     = "01990f2a-1b0c-7d2e-9f31-6a5b4c3d2e1f"

	logURL = "/api/v1/agents/" + agent + "/webhooks/" + webhook + "/logs/" + log

	agentBody = `{"success":true,"data":{"id":"` + agent + `","name":"Front desk",` +
		`"created_at":"2025-09-03T19:02:11.340128Z","updated_at":"2025-09-03T19:02:11.340128Z"}}`
	logBody = `{"success":true,"data":{"id":"` + log + `","webhook_id":"` + webhook + `","event":"event_action",` +
		`"event_id":"01990f28-77aa-7e53-b0c4-51d2e3f4a5b6","attempt":1,"trigger":"automatic","status":"success",` +
		`"http_status":200,"duration_ms":84,"delivered_at":"2025-09-03T23:19:56.812345Z",` +
		`"created_at":"2025-09-03T23:19:51.731002Z"}}`
	webhookBody = `{"success":true,"data":{"id":"` + webhook + `","agent_id":"` + agent + `","name":"CRM sync",` +
		`"webhook_url":"https://crm.example.com/hooks","events":["event_action"],"events_count":1,"timeout":30,` +
		`"max_retries":3,"enabled":true,"status":"active","http_method":"POST","authorization_scheme":"none",` +
		`"custom_headers":[{"key":"X-Team","value":"sales"}],"payload_templates":{"event_action":{"a":"{{event}}"}},` +
		`"has_secret":false,"version":1,"signature_scheme":"hmac","header_style":"standard","created_at":"2025-09-03T19:02:11.340128Z","updated_at":"2025-09-03T19:02:11.340128Z"}}`
	missingToken = `{"message":"Missing Bearer Token"}`
	rateLimited  = `{"success":false,"message":"Rate limit exceeded. Please wait before making more requests.",` +
		`"code":"RATE_LIMIT_EXCEEDED"}`
	failure = `{"success":false,"message":"Not found."}`
)

// An answer as a server would give it. Headers that are due are set unless without names them.
type answer struct {
	method, url string
	status      int
	body        string
	with        http.Header
	without     string
}

func (a answer) check(v *Validator, t testing.TB) {
	req := httptest.NewRequest(a.method, a.url, nil)
	resp := &http.Response{StatusCode: a.status, Header: http.Header{
		"Content-Type":          {"application/json"},
		"X-Request-Id":          {"01990f2c-8f5e-7c1d-a6b4-2f8a4a1d9e77"},
		"X-Ratelimit-Limit":     {"600"},
		"X-Ratelimit-Remaining": {"599"},
		"X-Ratelimit-Reset":     {"1756941600"},
		"Etag":                  {`"1"`}, // of a webhook
	}}
	for name, values := range a.with {
		resp.Header[name] = values
	}
	for name := range strings.FieldsSeq(a.without) {
		resp.Header.Del(name)
	}
	v.Check(t, req, nil, resp, []byte(a.body))
}

// failures stands in for a test that is expected to fail.
type failures struct {
	testing.TB
	messages []string
}

func (*failures) Helper() {}
func (f *failures) Errorf(format string, args ...any) {
	f.messages = append(f.messages, fmt.Sprintf(format, args...))
}

func TestCheckLetsPass(t *testing.T) {
	const limits = "X-RateLimit-Limit X-RateLimit-Remaining X-RateLimit-Reset"
	v := New(t)
	for name, a := range map[string]answer{
		"an agent":                 {method: "GET", url: "/api/v1/agents/" + agent, status: 200, body: agentBody},
		"an agent of a bad id":     {method: "GET", url: "/api/v1/agents/7", status: 404, body: `{"success":false,"message":"Agent not found in this environment."}`},
		"a composed object":        {method: "GET", url: "/api/v1/agents/" + agent + "/webhooks/" + webhook, status: 200, body: webhookBody},
		"a log entry":              {method: "GET", url: logURL, status: 200, body: logBody},
		"a charset":                {method: "GET", url: logURL, status: 200, body: logBody, with: http.Header{"Content-Type": {"application/json; charset=utf-8"}}},
		"a query":                  {method: "GET", url: "/api/v1/agents?page=0", status: 422, body: `{"message":"The given data was invalid.","errors":{"page":["The page must be at least 1."]}}`},
		"a missing token":          {method: "GET", url: "/api/v1/agents", status: 401, body: missingToken},
		"an unknown token":         {method: "GET", url: "/api/v1/agents", status: 401, body: `{"error":"UNAUTHORIZED","message":"Invalid or missing authentication token","status_code":401}`},
		"a limit":                  {method: "GET", url: "/api/v1/agents", status: 429, body: rateLimited, with: http.Header{"Retry-After": {"3"}}},
		"health without limits":    {method: "GET", url: "/api/v1/health", status: 200, body: `{"status":"ok"}`, without: limits},
		"readiness":                {method: "GET", url: "/readyz", status: 503, body: `{"status":"unavailable"}`, without: limits},
		"the document":             {method: "GET", url: "/openapi.yaml", status: 200, body: "openapi: 3.1.0\n", with: http.Header{"Content-Type": {"application/yaml"}}},
		"HEAD without a body":      {method: "HEAD", url: "/api/v1/agents/" + agent, status: 200},
		"a path that is no route":  {method: "GET", url: "/api/v1/nothing", status: 404, body: failure},
		"a path outside the API":   {method: "GET", url: "/nothing", status: 404, body: failure, without: limits},
		"a wrong method":           {method: "DELETE", url: "/api/v1/agents", status: 405, body: failure, with: http.Header{"Allow": {"GET, HEAD, POST"}}},
		"a wrong method of health": {method: "POST", url: "/api/v1/health", status: 405, body: failure, with: http.Header{"Allow": {"GET, HEAD"}}, without: limits},
		"a batch of both kinds": {method: "POST", url: "/api/v1/events/batch", status: 202, body: `{"success":true,"message":"Batch accepted",` +
			`"data":{"accepted":1,"rejected":1,"results":[{"index":0,"event_id":"` + log + `","deliveries":0},` +
			`{"index":1,"error":{"status_code":404,"code":"NOT_FOUND","message":"Agent not found in this environment."}}]}}`},
	} {
		t.Run(name, func(t *testing.T) { a.check(v, t) })
	}
}

func TestCheckCatches(t *testing.T) {
	agentURL := "/api/v1/agents/" + agent
	webhookURL := agentURL + "/webhooks/" + webhook
	v := New(t)
	for name, test := range map[string]struct {
		answer
		want string // in the failure
	}{
		"a wrong const": {answer{method: "DELETE", url: agentURL, status: 200, body: `{"success":true,"message":"Agent removed"}`},
			"/message"},
		"a const of the wrong type": {answer{method: "DELETE", url: agentURL, status: 200, body: `{"success":"true","message":"Agent deleted successfully"}`},
			"/success"},
		"a wrong const of a choice": {answer{method: "GET", url: agentURL, status: 401, body: `{"message":"Who are you?"}`},
			"/message"},
		"the message of another thing": {answer{method: "GET", url: agentURL, status: 404, body: `{"success":false,"message":"Campaign not found in this environment."}`},
			"/message"},
		"a missing required field": {answer{method: "GET", url: agentURL, status: 200, body: strings.Replace(agentBody, `"name":"Front desk",`, "", 1)},
			"missing property 'name'"},
		"a missing field of a composed object": {answer{method: "GET", url: webhookURL, status: 200, body: strings.Replace(webhookBody, `"has_secret":false,`, "", 1)},
			"missing property 'has_secret'"},
		"an extra field": {answer{method: "GET", url: agentURL, status: 200, body: strings.Replace(agentBody, `"name":`, `"colour":"red","name":`, 1)},
			"'colour' not allowed"},
		"an extra field of a composed object": {answer{method: "GET", url: webhookURL, status: 200, body: strings.Replace(webhookBody, `"name":`, `"webhook_secret2":"x","name":`, 1)},
			"/data/webhook_secret2"},
		"an extra field inside a list": {answer{method: "GET", url: webhookURL, status: 200, body: strings.Replace(webhookBody, `"key":`, `"masked":true,"key":`, 1)},
			"'masked' not allowed"},
		"an extra field at the top": {answer{method: "GET", url: agentURL, status: 200, body: strings.Replace(agentBody, `"success"`, `"ok":1,"success"`, 1)},
			"'ok' not allowed"},
		"a field given as null": {answer{method: "GET", url: logURL, status: 200, body: strings.Replace(logBody, `"attempt"`, `"error":null,"attempt"`, 1)},
			"/data/error"},
		"an unknown enum": {answer{method: "GET", url: webhookURL, status: 200, body: strings.Replace(webhookBody, `"active"`, `"fine"`, 1)},
			"/data/status"},
		"a number as a string": {answer{method: "GET", url: webhookURL, status: 200, body: strings.Replace(webhookBody, `"timeout":30`, `"timeout":"30"`, 1)},
			"/data/timeout"},
		"a number out of range": {answer{method: "GET", url: webhookURL, status: 200, body: strings.Replace(webhookBody, `"timeout":30`, `"timeout":3`, 1)},
			"/data/timeout"},
		"an id that is no UUID": {answer{method: "GET", url: agentURL, status: 200, body: strings.Replace(agentBody, agent, "7", 1)},
			"/data/id"},
		"a URL that is none": {answer{method: "GET", url: webhookURL, status: 200, body: strings.Replace(webhookBody, "https://crm", "ftp://crm", 1)},
			"/data/webhook_url"},
		"a timestamp of milliseconds": {answer{method: "GET", url: agentURL, status: 200, body: strings.Replace(agentBody, ".340128Z", ".340Z", 1)},
			"/data/created_at"},
		"a timestamp of another zone": {answer{method: "GET", url: agentURL, status: 200, body: strings.Replace(agentBody, ".340128Z", ".340128+00:00", 1)},
			"/data/created_at"},
		"a timestamp of no day": {answer{method: "GET", url: agentURL, status: 200, body: strings.Replace(agentBody, "2025-09-03", "2025-09-31", 1)},
			"/data/created_at"},
		"a timestamp behind a description": {answer{method: "GET", url: logURL, status: 200, body: strings.Replace(logBody, ".812345Z", ".812Z", 1)},
			"/data/delivered_at"},
		"a failure that was delivered": {answer{method: "GET", url: logURL, status: 200, body: strings.Replace(logBody, `"status":"success"`, `"status":"failed","error":"x"`, 1)},
			"/data"},
		"a failure without an error": {answer{method: "GET", url: logURL, status: 200, body: strings.Replace(strings.Replace(logBody,
			`"status":"success"`, `"status":"failed"`, 1), `"delivered_at":"2025-09-03T23:19:56.812345Z",`, "", 1)},
			"missing property 'error'"},
		"an undescribed status": {answer{method: "GET", url: agentURL, status: 418, body: failure},
			"418 is not described"},
		"an undescribed redirect": {answer{method: "GET", url: agentURL, status: 307, body: ""},
			"307 is not described"},
		"an undescribed status of HEAD": {answer{method: "HEAD", url: agentURL, status: 418},
			"418 is not described"},
		"a missing header": {answer{method: "GET", url: agentURL, status: 200, body: agentBody, without: "X-Request-Id"},
			`"X-Request-Id" missing`},
		"a missing header of HEAD": {answer{method: "HEAD", url: agentURL, status: 200, without: "X-Request-Id"},
			`"X-Request-Id" missing`},
		"a missing limit of an error": {answer{method: "GET", url: agentURL, status: 401, body: missingToken, without: "X-RateLimit-Reset"},
			`"X-RateLimit-Reset" missing`},
		"a limit that does not say until when": {answer{method: "GET", url: agentURL, status: 429, body: rateLimited},
			`"Retry-After" missing`},
		"a header of the wrong type": {answer{method: "GET", url: agentURL, status: 200, body: agentBody, with: http.Header{"X-Ratelimit-Limit": {"many"}}},
			"X-RateLimit-Limit"},
		"a header out of range": {answer{method: "GET", url: agentURL, status: 200, body: agentBody, with: http.Header{"X-Ratelimit-Remaining": {"-1"}}},
			"X-RateLimit-Remaining"},
		"another content type": {answer{method: "GET", url: agentURL, status: 200, body: agentBody, with: http.Header{"Content-Type": {"text/plain"}}},
			"text/plain"},
		"a missing content type": {answer{method: "GET", url: agentURL, status: 200, body: agentBody, without: "Content-Type"},
			"Content-Type"},
		"no body": {answer{method: "GET", url: agentURL, status: 200, body: ""},
			"not one JSON value"},
		"two bodies": {answer{method: "GET", url: agentURL, status: 200, body: agentBody + agentBody},
			"not one JSON value"},
		"a path that is no route, answered otherwise": {answer{method: "GET", url: "/api/v1/nothing", status: 200, body: `{}`},
			"200 is not described"},
		"a path that is no route, answered in text": {answer{method: "GET", url: "/api/v1/nothing", status: 404, body: "404 page not found", with: http.Header{"Content-Type": {"text/plain"}}},
			"text/plain"},
		"a path that is no route, without limits": {answer{method: "GET", url: "/api/v1/nothing", status: 404, body: failure, without: "X-RateLimit-Limit"},
			`"X-RateLimit-Limit" missing`},
		"a wrong method without Allow": {answer{method: "DELETE", url: "/api/v1/agents", status: 405, body: failure},
			`"Allow" missing`},
		"a batch result that is neither": {answer{method: "POST", url: "/api/v1/events/batch", status: 202,
			body: `{"success":true,"message":"Batch accepted","data":{"accepted":0,"rejected":1,"results":[{"index":0}]}}`},
			"/data/results/0"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &failures{TB: t}
			test.check(v, f)
			if len(f.messages) != 1 {
				t.Fatalf("%d failures, want 1", len(f.messages))
			}
			if !strings.Contains(f.messages[0], test.want) {
				t.Errorf("the failure does not say %q:\n%s", test.want, f.messages[0])
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for name, document := range map[string]string{
		"what is no YAML":              "openapi: [",
		"a document without fallbacks": "openapi: 3.1.0\ninfo: {title: x, version: '1'}\npaths: {}\ncomponents: {responses: {}}",
	} {
		if _, err := read([]byte(document)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	v := New(b)
	for name, a := range map[string]answer{
		"agent":   {method: "GET", url: "/api/v1/agents/" + agent, status: 200, body: agentBody},
		"webhook": {method: "GET", url: "/api/v1/agents/" + agent + "/webhooks/" + webhook, status: 200, body: webhookBody},
		"log":     {method: "GET", url: logURL, status: 200, body: logBody},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				a.check(v, b)
			}
		})
	}
}
