package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro/api/apitest"
	"github.com/carteiro/carteiro/client"
)

const (
	token    = "talq_test"
	agentID  = "01990e54-9d6b-7f00-8f63-3c1f0a5d7b21"
	campaign = "01990e55-4a0d-7b7c-9a51-0d9b3c6f2e10"
	webhook  = "01990e60-0c2b-7d11-9c7e-5a4b3c2d1e0f"
	logID    = "01990f2a-1b0c-7d2e-9f31-6a5b4c3d2e1f"
	newLogID = "01990f2c-8f5e-7c1d-a6b4-2f8a4a1d9e77"
	eventID  = "01990f28-77aa-7e53-b0c4-51d2e3f4a5b6"

	made  = `"created_at":"2025-09-03T19:02:11.340128Z","updated_at":"2025-09-03T19:02:11.340128Z"`
	agent = `{"id":"` + agentID + `","name":"Ana",` + made + `}`
	autum = `{"id":"` + campaign + `","name":"Autumn","agent_id":"` + agentID + `",` + made + `}`
	hook  = `"id":"` + webhook + `","name":"CRM","webhook_url":"https://crm.example.com/","events":["event_action"],` +
		`"events_count":1,"timeout":30,"max_retries":0,"enabled":true,"status":"active","http_method":"POST",` +
		`"authorization_scheme":"none","custom_headers":[{"key":"X-Team","value":"sales"}],` +
		`"payload_templates":{"event_action":{"a":"{{event}}"}},"has_secret":true,"version":3,"signature_scheme":"hmac","header_style":"standard",` + made
	agentHook    = `{"agent_id":"` + agentID + `",` + hook + `}`
	campaignHook = `{"campaign_id":"` + campaign + `","include_call_events":true,` + hook + `}`
	bulkJob      = `{"id":"` + newLogID + `","webhook_id":"` + webhook + `","kind":"retry","status":"running","filter":{"status":"failed","http_status":"5xx"},` +
		`"matched":9,"retried":4,"skipped":{"total":1,"already_succeeded":0,"in_progress":1,"too_old":0,"retried_since":0},"remaining":4,` + made + `}`
	replayJob = `{"id":"` + newLogID + `","webhook_id":"` + webhook + `","kind":"replay","status":"queued","filter":{"events":["event_action"],"undelivered":true},` +
		`"matched":9,"retried":0,"skipped":{"total":0,"already_succeeded":0,"in_progress":0,"too_old":0,"retried_since":0},"remaining":9,` + made + `}`
	undelivered = `{"id":"` + eventID + `","event":"event_action","agent_id":"` + agentID + `","undelivered_reason":"no_webhook","created_at":"2025-09-03T19:02:11.340128Z"}`
	failedLog   = `{"id":"` + logID + `","webhook_id":"` + webhook + `","event":"event_action","event_id":"` + eventID +
		`","attempt":2,"trigger":"manual","original_log_id":"` + newLogID + `","status":"failed","http_status":500,` +
		`"request_payload":{"event":"event_action"},"response_body":"no","error":"Internal Server Error",` +
		`"duration_ms":84,"sent_at":"2025-09-03T19:02:11.340128Z","created_at":"2025-09-03T23:19:51.731002Z"}`
)

var instant = time.Date(2025, 9, 3, 19, 2, 11, 340128000, time.UTC)

// A fake gives one answer to every call, and keeps what it was asked. Its answers are held against the contract.
type fake struct {
	status int
	body   string
	header http.Header
	anyway bool // the answer is not the server's own: a proxy's, say

	request *http.Request
	sent    string
}

func (f *fake) serve(t *testing.T, options ...client.Option) *client.Client {
	t.Helper()
	return client.New(f.url(t)+"/", token, options...)
}

// url is where it answers.
func (f *fake) url(t *testing.T) string {
	t.Helper()
	validator := apitest.New(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.request, f.sent = r, string(body)
		answer := httptest.NewRecorder()
		answer.Header().Set("Content-Type", "application/json")
		answer.Header().Set("X-Request-Id", "req-1")
		answer.Header().Set("X-RateLimit-Limit", "1000")
		answer.Header().Set("X-RateLimit-Remaining", "999")
		answer.Header().Set("X-RateLimit-Reset", "1756941600")
		answer.Header().Set("ETag", `"3"`)
		for name, values := range f.header {
			answer.Header()[name] = values
		}
		answer.WriteHeader(f.status)
		answer.WriteString(f.body) //nolint:errcheck // into memory
		if !f.anyway {
			asked := r.Clone(r.Context())
			asked.URL.Host, asked.URL.Scheme = "", ""
			validator.Check(t, asked, body, answer.Result(), []byte(f.body))
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(f.status)
		_, _ = io.WriteString(w, f.body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// results is what a call gave, but for its error.
type results []any

func TestCallsAreAsDocumented(t *testing.T) {
	ctx := t.Context()
	owner, board := client.AgentOwner(agentID), client.CampaignOwner(campaign)
	ana := client.Agent{ID: agentID, Name: "Ana", CreatedAt: instant, UpdatedAt: instant}
	autumn := client.Campaign{ID: campaign, Name: "Autumn", AgentID: agentID, CreatedAt: instant, UpdatedAt: instant}
	crm := client.Webhook{
		ID: webhook, AgentID: agentID, Name: "CRM", URL: "https://crm.example.com/", Events: []string{"event_action"},
		EventsCount: 1, Timeout: 30, Enabled: true, Status: "active", HTTPMethod: "POST", AuthorizationScheme: "none",
		CustomHeaders:    []client.Header{{Key: "X-Team", Value: "sales"}},
		PayloadTemplates: map[string]json.RawMessage{"event_action": json.RawMessage(`{"a":"{{event}}"}`)},
		HasSecret:        true, Version: 3, SignatureScheme: "hmac", HeaderStyle: "standard", CreatedAt: instant, UpdatedAt: instant,
	}
	boardHook := crm
	boardHook.AgentID, boardHook.CampaignID, boardHook.IncludeCallEvents = "", campaign, true
	failed := client.Log{
		ID: logID, WebhookID: webhook, Event: "event_action", EventID: eventID, Attempt: 2, Trigger: "manual",
		OriginalLogID: newLogID, Status: client.StatusFailed, HTTPStatus: 500,
		RequestPayload: json.RawMessage(`{"event":"event_action"}`), ResponseBody: "no",
		Error: "Internal Server Error", DurationMS: 84, SentAt: instant,
		CreatedAt: time.Date(2025, 9, 3, 23, 19, 51, 731002000, time.UTC),
	}
	bulk := client.BulkRetry{
		ID: newLogID, WebhookID: webhook, Kind: client.KindRetry, Status: client.BulkRunning, Filter: client.JobFilter{BulkFilter: client.BulkFilter{HTTPStatus: "5xx"}, Status: client.StatusFailed}, Matched: 9, Retried: 4,
		Skipped: client.BulkSkips{Total: 1, InProgress: 1}, Remaining: 4, CreatedAt: instant, UpdatedAt: instant,
	}
	page := client.Pagination{CurrentPage: 2, PerPage: 1, Total: 2, LastPage: 2}

	for name, test := range map[string]struct {
		call   func(c *client.Client) (results, error)
		asks   string // method and URI
		sends  string // JSON; empty for no body
		key    string
		status int
		body   string
		want   results
	}{
		"put an agent": {
			call: func(c *client.Client) (results, error) {
				a, err := c.PutAgent(ctx, agentID, "Ana")
				return results{a}, err
			},
			asks:   "PUT /api/v1/agents/" + agentID,
			sends:  `{"name":"Ana"}`,
			status: 201, body: `{"success":true,"message":"Agent created successfully","data":` + agent + `}`,
			want: results{ana},
		},
		"list agents": {
			call: func(c *client.Client) (results, error) {
				a, p, err := c.ListAgents(ctx, client.ListFilter{Search: "a&b", PerPage: 1, Page: 2})
				return results{a, p}, err
			},
			asks:   "GET /api/v1/agents?page=2&per_page=1&search=a%26b",
			status: 200, body: `{"success":true,"data":[` + agent + `],"meta":{"current_page":2,"per_page":1,"total":2,"last_page":2}}`,
			want: results{[]client.Agent{ana}, page},
		},
		"delete an agent": {
			call:   func(c *client.Client) (results, error) { return nil, c.DeleteOwner(ctx, owner) },
			asks:   "DELETE /api/v1/agents/" + agentID,
			status: 200, body: `{"success":true,"message":"Agent deleted successfully"}`,
		},
		"put a campaign": {
			call: func(c *client.Client) (results, error) {
				a, err := c.PutCampaign(ctx, campaign, "Autumn", agentID)
				return results{a}, err
			},
			asks:   "PUT /api/v1/campaigns/" + campaign,
			sends:  `{"name":"Autumn","agent_id":"` + agentID + `"}`,
			status: 200, body: `{"success":true,"message":"Campaign updated successfully","data":` + autum + `}`,
			want: results{autumn},
		},
		"clear a campaign's agent": {
			call: func(c *client.Client) (results, error) {
				_, err := c.PutCampaign(ctx, campaign, "Autumn", "")
				return nil, err
			},
			asks:   "PUT /api/v1/campaigns/" + campaign,
			sends:  `{"name":"Autumn","agent_id":null}`,
			status: 200, body: `{"success":true,"message":"Campaign updated successfully","data":` + autum + `}`,
		},
		"get an agent": {
			call: func(c *client.Client) (results, error) {
				a, err := c.GetAgent(ctx, agentID)
				return results{a}, err
			},
			asks:   "GET /api/v1/agents/" + agentID,
			status: 200, body: `{"success":true,"data":` + agent + `}`,
			want: results{ana},
		},
		"create a campaign": {
			call: func(c *client.Client) (results, error) {
				a, err := c.CreateCampaign(ctx, "Autumn", agentID)
				return results{a}, err
			},
			asks:   "POST /api/v1/campaigns",
			sends:  `{"name":"Autumn","agent_id":"` + agentID + `"}`,
			status: 201, body: `{"success":true,"message":"Campaign created successfully","data":` + autum + `}`,
			want: results{autumn},
		},
		"list campaigns": {
			call: func(c *client.Client) (results, error) {
				a, p, err := c.ListCampaigns(ctx, client.ListFilter{})
				return results{a, p}, err
			},
			asks:   "GET /api/v1/campaigns",
			status: 200, body: `{"success":true,"data":[` + autum + `],"pagination":{"current_page":2,"per_page":1,"total":2,"last_page":2}}`,
			want: results{[]client.Campaign{autumn}, page},
		},
		"delete a campaign": {
			call:   func(c *client.Client) (results, error) { return nil, c.DeleteOwner(ctx, board) },
			asks:   "DELETE /api/v1/campaigns/" + campaign,
			status: 200, body: `{"success":true,"message":"Campaign deleted successfully"}`,
		},
		"create a webhook with all there is": {
			call: func(c *client.Client) (results, error) {
				w, err := c.CreateWebhook(ctx, board, client.WebhookSettings{
					Name: "CRM", URL: "https://crm.example.com/", Events: []string{"event_action"}, Secret: new("s"),
					Timeout: 30, MaxRetries: new(0), Enabled: new(true), HTTPMethod: "PUT", AuthorizationScheme: "bearer",
					AuthorizationValue: new("v"), CustomHeaders: []client.Header{},
					PayloadTemplates:  map[string]json.RawMessage{"event_action": json.RawMessage(`{}`)},
					IncludeCallEvents: new(true),
				})
				return results{w, w.Owner()}, err
			},
			asks: "POST /api/v1/campaigns/" + campaign + "/webhooks",
			sends: `{"name":"CRM","webhook_url":"https://crm.example.com/","events":["event_action"],"webhook_secret":"s",` +
				`"timeout":30,"max_retries":0,"enabled":true,"http_method":"PUT","authorization_scheme":"bearer",` +
				`"authorization_value":"v","custom_headers":[],"payload_templates":{"event_action":{}},"include_call_events":true}`,
			status: 201, body: `{"success":true,"data":` + campaignHook + `}`,
			want: results{boardHook, board},
		},
		"retry many": {
			call: func(c *client.Client) (results, error) {
				job, err := c.RetryMany(ctx, owner, webhook, client.BulkFilter{Event: "event_action", From: instant, HTTPStatus: "5xx"})
				return results{job}, err
			},
			asks:   "POST /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/logs/retry",
			sends:  `{"event":"event_action","from":"2025-09-03T19:02:11.340128Z","http_status":"5xx"}`,
			status: 202, body: `{"success":true,"message":"Bulk retry queued","data":` + bulkJob + `}`,
			want: results{bulk},
		},
		"say how many": {
			call: func(c *client.Client) (results, error) {
				match, err := c.MatchBulkRetry(ctx, board, webhook, client.BulkFilter{})
				return results{match}, err
			},
			asks:   "POST /api/v1/campaigns/" + campaign + "/webhooks/" + webhook + "/logs/retry",
			sends:  `{"dry_run":true}`,
			status: 200, body: `{"success":true,"data":{"matching":7,"sample":[` + failedLog + `]}}`,
			want: results{client.BulkMatch{Matching: 7, Sample: []client.Log{failed}}},
		},
		"replay": {
			call: func(c *client.Client) (results, error) {
				job, err := c.Replay(ctx, board, webhook, client.ReplayFilter{Events: []string{"event_action"}, From: instant, Undelivered: new(true)})
				return results{job.Kind, job.Filter, job.Matched}, err
			},
			asks:   "POST /api/v1/campaigns/" + campaign + "/webhooks/" + webhook + "/replay",
			sends:  `{"events":["event_action"],"from":"2025-09-03T19:02:11.340128Z","undelivered":true}`,
			status: 202, body: `{"success":true,"message":"Replay queued","data":` + replayJob + `}`,
			want: results{client.KindReplay, client.JobFilter{Events: []string{"event_action"}, Undelivered: new(true)}, 9},
		},
		"say how many events": {
			call: func(c *client.Client) (results, error) {
				match, err := c.MatchReplay(ctx, owner, webhook, client.ReplayFilter{EventIDs: []string{eventID}})
				return results{match.Matching, match.MatchingIsLowerBound, match.Sample[0].UndeliveredReason}, err
			},
			asks:   "POST /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/replay",
			sends:  `{"event_ids":["` + eventID + `"],"dry_run":true}`,
			status: 200, body: `{"success":true,"data":{"matching":7,"matching_is_lower_bound":true,"sample":[` + undelivered + `]}}`,
			want: results{7, true, client.NoWebhook},
		},
		"list events": {
			call: func(c *client.Client) (results, error) {
				events, p, err := c.ListEvents(ctx, client.EventFilter{AgentID: agentID, Event: "event_action", Undelivered: new(true), Reason: client.NoWebhook, To: instant, PerPage: 1, Page: 2})
				return results{events, p}, err
			},
			asks:   "GET /api/v1/events?agent_id=" + agentID + "&event=event_action&page=2&per_page=1&reason=no_webhook&to=2025-09-03T19%3A02%3A11.340128Z&undelivered=true",
			status: 200, body: `{"success":true,"data":[` + undelivered + `],"pagination":{"current_page":2,"per_page":1,"total":2,"last_page":2}}`,
			want: results{[]client.StoredEvent{{ID: eventID, Event: "event_action", AgentID: agentID, UndeliveredReason: client.NoWebhook, CreatedAt: instant}}, page},
		},
		"get an event": {
			call: func(c *client.Client) (results, error) {
				e, err := c.GetEvent(ctx, eventID)
				return results{string(e.Payload), e.Deliveries}, err
			},
			asks:   "GET /api/v1/events/" + eventID,
			status: 200, body: `{"success":true,"data":{"id":"` + eventID + `","event":"event_action","created_at":"2025-09-03T19:02:11.340128Z","payload":{"n":1},` +
				`"deliveries":[{"webhook_id":"` + webhook + `","webhook_name":"CRM","agent_id":"` + agentID + `","log_id":"` + logID + `","status":"failed","http_status":500,"attempts":2}]}}`,
			want: results{`{"n":1}`, []client.EventDelivery{{WebhookID: webhook, WebhookName: "CRM", AgentID: agentID, LogID: logID, Status: client.StatusFailed, HTTPStatus: 500, Attempts: 2}}},
		},
		"get a bulk retry": {
			call: func(c *client.Client) (results, error) {
				job, err := c.GetBulkRetry(ctx, owner, webhook, newLogID)
				return results{job}, err
			},
			asks:   "GET /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/retries/" + newLogID,
			status: 200, body: `{"success":true,"data":` + bulkJob + `}`,
			want: results{bulk},
		},
		"list bulk retries": {
			call: func(c *client.Client) (results, error) {
				jobs, p, err := c.ListBulkRetries(ctx, owner, webhook, 1, 2)
				return results{jobs, p}, err
			},
			asks:   "GET /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/retries?page=2&per_page=1",
			status: 200, body: `{"success":true,"data":[` + bulkJob + `],"pagination":{"current_page":2,"per_page":1,"total":2,"last_page":2}}`,
			want: results{[]client.BulkRetry{bulk}, page},
		},
		"pause a bulk retry": {
			call: func(c *client.Client) (results, error) {
				job, err := c.PauseBulkRetry(ctx, owner, webhook, newLogID, true)
				return results{job}, err
			},
			asks:   "PATCH /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/retries/" + newLogID,
			sends:  `{"paused":true}`,
			status: 200, body: `{"success":true,"data":` + bulkJob + `}`,
			want: results{bulk},
		},
		"cancel a bulk retry": {
			call: func(c *client.Client) (results, error) {
				job, err := c.CancelBulkRetry(ctx, owner, webhook, newLogID)
				return results{job}, err
			},
			asks:   "DELETE /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/retries/" + newLogID,
			status: 200, body: `{"success":true,"data":` + bulkJob + `}`,
			want: results{bulk},
		},
		"preview a retry": {
			call: func(c *client.Client) (results, error) {
				p, err := c.PreviewRetry(ctx, owner, webhook, logID)
				return results{p.CanRetry, p.Attempt, p.Now.URL, p.Then == nil}, err
			},
			asks:   "GET /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/logs/" + logID + "/preview",
			status: 200, body: `{"success":true,"data":{"can_retry":true,"attempt":3,"now":{"method":"POST","url":"https://x","headers":{},"body":{}}}}`,
			want: results{true, 3, "https://x", true},
		},
		"overview": {
			call: func(c *client.Client) (results, error) {
				o, err := c.Overview(ctx, "hour")
				return results{o.Totals.Success, o.LatencyMS.P95, o.Queue.Scheduled, o.Failing[0].StatusReason.Since}, err
			},
			asks:   "GET /api/v1/overview?period=hour",
			status: 200, body: `{"success":true,"data":{"period":"hour","from":"2025-09-03T19:02:11.340128Z","to":"2025-09-03T19:02:11.340128Z",` +
				`"bucket_seconds":60,"buckets":[],"totals":{"success":3,"failed":0,"success_rate":1},"latency_ms":{"p95":2.5},` +
				`"queue":{"open":1,"in_flight":0,"due":0,"scheduled":1},"failing_from":"2025-09-03T19:02:11.340128Z","failing":[` +
				`{"webhook_id":"` + webhook + `","webhook_name":"CRM","kind":"agent","owner_id":"` + agentID + `","owner_name":"Ana","failed":5,"success":0,` +
				`"last_failed_at":"2025-09-03T19:02:11.340128Z","status":"error","status_reason":{"rule":"failures_in_a_row","failures":5,"threshold":5,` +
				`"last_error":"HTTP 500","since":"2025-09-03T19:02:11.340128Z",` +
				`"in_error_since":"2025-09-03T19:02:11.340128Z","probes":0,"next_probe_at":"2025-09-03T19:02:11.340128Z"}}]}}`,
			want: results{3, 2.5, 1, instant},
		},
		"who am I": {
			call: func(c *client.Client) (results, error) {
				s, err := c.Session(ctx)
				return results{s.Environment.Name, s.Token.Name, s.Token.Scopes, s.Version, s.ExpiresAt}, err
			},
			asks:   "GET /api/v1/session",
			status: 200, body: `{"success":true,"data":{"environment":{"id":"` + campaign + `","name":"production"},"token":{"name":"ci","scopes":["read"]},"version":"v1"}}`,
			want: results{"production", "ci", []string{"read"}, "v1", time.Time{}},
		},
		"find webhooks": {
			call: func(c *client.Client) (results, error) {
				found, p, err := c.FindWebhooks(ctx, client.ListFilter{Search: "crm"})
				return results{found, p}, err
			},
			asks:   "GET /api/v1/webhooks?search=crm",
			status: 200, body: `{"success":true,"data":[{"agent_id":"` + agentID + `",` + hook + `,"webhook_id":"` + webhook + `","webhook_name":"CRM","kind":"agent","owner_id":"` +
				agentID + `","owner_name":"Ana"}],"pagination":{"current_page":2,"per_page":1,"total":2,"last_page":2}}`,
			want: results{[]client.FoundWebhook{{
				Webhook: crm, WebhookID: webhook, WebhookName: "CRM", Kind: "agent", OwnerID: agentID, OwnerName: "Ana",
			}}, page},
		},
		"get a webhook": {
			call: func(c *client.Client) (results, error) {
				w, err := c.GetWebhook(ctx, owner, webhook)
				return results{w, w.Owner()}, err
			},
			asks:   "GET /api/v1/agents/" + agentID + "/webhooks/" + webhook,
			status: 200, body: `{"success":true,"data":` + agentHook + `}`,
			want: results{crm, owner},
		},
		"change one setting": {
			call: func(c *client.Client) (results, error) {
				w, err := c.UpdateWebhook(ctx, owner, webhook, client.WebhookSettings{MaxRetries: new(0)})
				return results{w}, err
			},
			asks:   "PUT /api/v1/agents/" + agentID + "/webhooks/" + webhook,
			sends:  `{"max_retries":0}`,
			status: 200, body: `{"success":true,"message":"Webhook updated successfully","data":` + agentHook + `}`,
			want: results{crm},
		},
		"toggle a webhook": {
			call: func(c *client.Client) (results, error) {
				w, err := c.ToggleWebhook(ctx, owner, webhook)
				return results{w}, err
			},
			asks:   "PATCH /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/toggle",
			status: 200, body: `{"success":true,"message":"Webhook enabled","data":` + agentHook + `}`,
			want: results{crm},
		},
		"rotate a webhook's secret": {
			call: func(c *client.Client) (results, error) {
				hour := time.Hour
				w, err := c.RotateSecret(ctx, owner, webhook, client.SecretRotation{SignatureScheme: "hmac", Overlap: &hour})
				return results{w.Secret, w.PreviousSecrets}, err
			},
			asks:   "POST /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/secret/rotate",
			sends:  `{"signature_scheme":"hmac","overlap":3600}`,
			status: 200, body: `{"success":true,"message":"Webhook secret rotated","data":` + strings.TrimSuffix(agentHook, "}") +
				`,"webhook_secret":"whsec_x","previous_secrets":[{"signature_scheme":"hmac","ends_at":"2025-09-03T19:02:11.340128Z"}]}}`,
			want: results{"whsec_x", []client.PreviousSecret{{SignatureScheme: "hmac", EndsAt: time.Date(2025, 9, 3, 19, 2, 11, 340128000, time.UTC)}}},
		},
		"delete a webhook": {
			call:   func(c *client.Client) (results, error) { return nil, c.DeleteWebhook(ctx, owner, webhook) },
			asks:   "DELETE /api/v1/agents/" + agentID + "/webhooks/" + webhook,
			status: 200, body: `{"success":true,"message":"Webhook deleted successfully"}`,
		},
		"test an agent's webhook": {
			call: func(c *client.Client) (results, error) {
				r, err := c.TestWebhook(ctx, owner, webhook)
				return results{r}, err
			},
			asks:   "POST /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/test",
			status: 200, body: `{"success":true,"message":"Test webhook sent successfully","data":{"status_code":200,"response_time":150}}`,
			want: results{client.TestResult{StatusCode: 200, ResponseTime: 150}},
		},
		"test a campaign's webhook": {
			call: func(c *client.Client) (results, error) {
				r, err := c.TestWebhook(ctx, board, webhook)
				return results{r}, err
			},
			asks:   "POST /api/v1/campaigns/" + campaign + "/webhooks/" + webhook + "/test",
			status: 200, body: `{"success":true,"message":"Test payload dispatched"}`,
			want: results{client.TestResult{}},
		},
		"list a log": {
			call: func(c *client.Client) (results, error) {
				l, p, err := c.ListLogs(ctx, owner, webhook, client.LogFilter{
					Status: client.StatusFailed, Event: "event_action", EventID: eventID,
					From: instant, To: instant.In(time.FixedZone("", 3600)), PerPage: 1, Page: 2, Cursor: "c",
				})
				return results{l, p}, err
			},
			asks: "GET /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/logs?cursor=c&event=event_action&event_id=" +
				eventID + "&from=2025-09-03T19%3A02%3A11.340128Z&page=2&per_page=1&status=failed&to=2025-09-03T19%3A02%3A11.340128Z",
			status: 200, body: `{"success":true,"data":[` + failedLog + `],"pagination":{"current_page":2,"per_page":1,"total":2,"last_page":2}}`,
			want: results{[]client.Log{failed}, page},
		},
		"get a log entry": {
			call: func(c *client.Client) (results, error) {
				l, err := c.GetLog(ctx, board, webhook, logID)
				return results{l}, err
			},
			asks:   "GET /api/v1/campaigns/" + campaign + "/webhooks/" + webhook + "/logs/" + logID,
			status: 200, body: `{"success":true,"data":` + failedLog + `}`,
			want: results{failed},
		},
		"retry a log entry": {
			call: func(c *client.Client) (results, error) {
				r, err := c.Retry(ctx, owner, webhook, logID, "once")
				return results{r}, err
			},
			asks:   "POST /api/v1/agents/" + agentID + "/webhooks/" + webhook + "/logs/" + logID + "/retry",
			key:    "once",
			status: 200, body: `{"success":true,"message":"Webhook retry queued successfully","data":{"log_id":"` + newLogID +
				`","original_log_id":"` + logID + `","queued_at":"2025-09-03T19:02:11.340128Z"}}`,
			want: results{client.Retried{LogID: newLogID, OriginalLogID: logID, QueuedAt: instant}},
		},
		"publish an event of an agent": {
			call: func(c *client.Client) (results, error) {
				a, err := c.Publish(ctx, client.Event{
					Owner: owner, Type: "event_action", Payload: map[string]int{"n": 1}, OccurredAt: instant,
					CampaignID: campaign, IdempotencyKey: "once",
				})
				return results{a}, err
			},
			asks:   "POST /api/v1/agents/" + agentID + "/events",
			sends:  `{"campaign_id":"` + campaign + `","event":"event_action","payload":{"n":1},"occurred_at":"2025-09-03T19:02:11.340128Z"}`,
			key:    "once",
			status: 202, body: `{"success":true,"message":"Event accepted","data":{"event_id":"` + eventID + `","deliveries":2}}`,
			want: results{client.Accepted{EventID: eventID, Deliveries: 2}},
		},
		"publish an event of a campaign, without a payload": {
			call: func(c *client.Client) (results, error) {
				a, err := c.Publish(ctx, client.Event{Owner: board, Type: "campaign.started"})
				return results{a}, err
			},
			asks:   "POST /api/v1/campaigns/" + campaign + "/events",
			sends:  `{"event":"campaign.started","payload":{}}`,
			status: 202, body: `{"success":true,"message":"Event accepted","data":{"event_id":"` + eventID + `","deliveries":0}}`,
			want: results{client.Accepted{EventID: eventID}},
		},
		"publish a batch": {
			call: func(c *client.Client) (results, error) {
				r, err := c.PublishBatch(ctx, []client.Event{
					{Owner: owner, Type: "event_action", CampaignID: campaign, IdempotencyKey: "once"},
					{Owner: board, Type: "none"},
				})
				return results{r}, err
			},
			asks: "POST /api/v1/events/batch",
			sends: `[{"agent_id":"` + agentID + `","campaign_id":"` + campaign + `","event":"event_action","payload":{},"idempotency_key":"once"},` +
				`{"campaign_id":"` + campaign + `","event":"none","payload":{}}]`,
			status: 202, body: `{"success":true,"message":"Batch accepted","data":{"accepted":1,"rejected":1,"results":[` +
				`{"index":0,"event_id":"` + eventID + `","deliveries":2},{"index":1,"error":{"status_code":422,` +
				`"message":"The given data was invalid.","code":"VALIDATION_FAILED","errors":{"event":["The selected event is invalid."]}}}]}}`,
			want: results{[]client.BatchResult{
				{Accepted: client.Accepted{EventID: eventID, Deliveries: 2}},
				{Index: 1, Err: &client.Error{
					StatusCode: 422, Message: "The given data was invalid.", Code: "VALIDATION_FAILED",
					Errors: map[string][]string{"event": {"The selected event is invalid."}},
				}},
			}},
		},
		"ask for health": {
			call:   func(c *client.Client) (results, error) { return nil, c.Health(ctx) },
			asks:   "GET /api/v1/health",
			status: 200, body: `{"status":"ok"}`,
		},
		"ask for readiness": {
			call:   func(c *client.Client) (results, error) { return nil, c.Ready(ctx) },
			asks:   "GET /readyz",
			status: 200, body: `{"status":"ok"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{status: test.status, body: test.body}
			got, err := test.call(f.serve(t))
			if err != nil {
				t.Fatal(err)
			}
			if asked := f.request.Method + " " + f.request.RequestURI; asked != test.asks {
				t.Errorf("asked %s\nwant  %s", asked, test.asks)
			}
			if f.sent != test.sends {
				t.Errorf("sent %s\nwant %s", f.sent, test.sends)
			}
			if key := f.request.Header.Get("Idempotency-Key"); key != test.key {
				t.Errorf("key %q, want %q", key, test.key)
			}
			if auth := f.request.Header.Get("Authorization"); auth != "Bearer "+token {
				t.Errorf("Authorization %q", auth)
			}
			if test.want != nil && !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestAvailableEventsAreReadInBothForms(t *testing.T) {
	for name, test := range map[string]struct {
		owner  client.Owner
		hook   string
		events string
		want   string
	}{
		"described, of an agent":   {client.AgentOwner(agentID), agentHook, described(), "Phone call has started"},
		"as names, of a campaign ": {client.CampaignOwner(campaign), campaignHook, campaignNames, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{status: 200, body: `{"success":true,"data":{"webhooks":[` + test.hook + `],"available_events":` + test.events + `}}`}
			list, err := f.serve(t).ListWebhooks(t.Context(), test.owner)
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Webhooks) != 1 || list.Webhooks[0].Owner() != test.owner {
				t.Errorf("webhooks %+v", list.Webhooks)
			}
			for _, event := range []string{"event_phone_call_started", "campaign.started"} {
				if description, ok := list.AvailableEvents[event]; ok {
					if description != test.want {
						t.Errorf("%s is described as %q", event, description)
					}
					return
				}
			}
			t.Errorf("events %v", list.AvailableEvents)
		})
	}
}

const campaignNames = `["campaign.created","campaign.started","campaign.paused","campaign.completed","campaign.updated",` +
	`"campaign_call.queued","campaign_call.started","campaign_call.completed","campaign_call.retry_scheduled",` +
	`"campaign_call.failed","event_recording","event_call_transcript","event_call_report"]`

func described() string {
	text := `{"event_phone_call_started":"Phone call has started"`
	for _, name := range strings.Fields(`phone_call_ended phone_call_did_not_connect phone_call_connected
		phone_call_disconnected phone_call_error participant_joined participant_left voicemail_detected
		voicemail_message_left conversation_started conversation_ended action action_failed recording
		connection_established connection_closed connection_error user_connected user_disconnected client_connected
		client_disconnected`) {
		text += `,"event_` + name + `":"Something has happened"`
	}
	return text + "}"
}

func TestLogsGoThroughAllPages(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cursor := r.URL.Query().Get("cursor")
		asked = append(asked, r.URL.RawQuery)
		next := map[string]string{"": `,"next_cursor":"one"`, "one": `,"next_cursor":"two"`, "two": ""}[cursor]
		_, _ = io.WriteString(w, `{"success":true,"data":[`+failedLog+`,`+failedLog+
			`],"pagination":{"current_page":1,"per_page":2,"total":6,"last_page":3`+next+`}}`)
	}))
	defer server.Close()
	c := client.New(server.URL, token)
	n := 0
	logs := c.Logs(t.Context(), client.AgentOwner(agentID), webhook, client.LogFilter{Status: "failed", Page: 1})
	for range 2 { // the second time as the first
		n, asked = 0, nil
		for log, err := range logs {
			if err != nil || log.ID != logID {
				t.Fatal(log, err)
			}
			n++
		}
	}
	want := []string{"page=1&status=failed", "cursor=one&status=failed", "cursor=two&status=failed"}
	if n != 6 || !reflect.DeepEqual(asked, want) {
		t.Errorf("%d entries by %q", n, asked)
	}
	for _, err := range c.Logs(t.Context(), client.AgentOwner(agentID), webhook, client.LogFilter{}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if len(asked) != 4 {
		t.Errorf("went on asking: %q", asked)
	}
}

func TestRefusalsAreErrorsThatTellAllTheyKnow(t *testing.T) {
	retry := func(c *client.Client) error {
		_, err := c.Retry(t.Context(), client.AgentOwner(agentID), webhook, logID, "")
		return err
	}
	for name, test := range map[string]struct {
		fake fake
		want client.Error
		text string
	}{
		"no token": {
			fake{status: 401, body: `{"message":"Missing Bearer Token"}`},
			client.Error{StatusCode: 401, Message: "Missing Bearer Token"}, "401: Missing Bearer Token"},
		"a token past its end": {
			fake{status: 401, body: `{"error":"TOKEN_EXPIRED","message":"Authentication token has expired","status_code":401}`},
			client.Error{StatusCode: 401, Message: "Authentication token has expired", Code: client.CodeTokenExpired},
			"401: Authentication token has expired"},
		"nothing to retry": {
			fake{status: 422, body: `{"success":false,"message":"Log cannot be retried","code":"LOG_NOT_RETRIABLE","reason":"in_progress"}`},
			client.Error{StatusCode: 422, Message: "Log cannot be retried", Code: client.CodeLogNotRetriable, Reason: client.ReasonInProgress},
			"422: Log cannot be retried (in_progress)"},
		"invalid fields": {
			fake{status: 422, body: `{"message":"The given data was invalid.","errors":{"b":["The b is bad."],"a":["The a is bad.","Very."]}}`},
			client.Error{StatusCode: 422, Message: "The given data was invalid.",
				Errors: map[string][]string{"a": {"The a is bad.", "Very."}, "b": {"The b is bad."}}},
			"422: The given data was invalid. The a is bad. Very. The b is bad."},
		"too many requests": {
			fake{status: 429, header: http.Header{"Retry-After": {"12"}},
				body: `{"success":false,"message":"Rate limit exceeded. Please wait before making more requests.","code":"RATE_LIMIT_EXCEEDED"}`},
			client.Error{StatusCode: 429, Message: "Rate limit exceeded. Please wait before making more requests.",
				Code: client.CodeRateLimitExceeded, RetryAfter: 12 * time.Second},
			"429: Rate limit exceeded. Please wait before making more requests."},
		"a proxy's page": {
			fake{status: 502, body: "<html>", anyway: true},
			client.Error{StatusCode: 502, Message: "Bad Gateway"}, "502: Bad Gateway"},
		"a status nobody knows": {
			fake{status: 599, anyway: true}, client.Error{StatusCode: 599, Message: "unknown status"}, "599: unknown status"},
		"a redirect, which is not followed": {
			fake{status: 302, header: http.Header{"Location": {"http://127.0.0.1:1/"}}, anyway: true},
			client.Error{StatusCode: 302, Message: "Found"}, "302: Found"},
	} {
		t.Run(name, func(t *testing.T) {
			err := retry(test.fake.serve(t))
			var got *client.Error
			if !errors.As(err, &got) {
				t.Fatalf("error %v", err)
			}
			test.want.RequestID = "req-1"
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("got  %+v\nwant %+v", *got, test.want)
			}
			if err.Error() != test.text {
				t.Errorf("reads %q, want %q", err, test.text)
			}
		})
	}
}

func TestWhatIsNoAnswerIsAnError(t *testing.T) {
	t.Run("no JSON", func(t *testing.T) {
		f := &fake{status: 200, body: "<html>", anyway: true}
		if _, err := f.serve(t).GetLog(t.Context(), client.AgentOwner(agentID), webhook, logID); err == nil || !strings.Contains(err.Error(), "decode") {
			t.Error(err)
		}
	})
	t.Run("more than is read", func(t *testing.T) {
		c := client.New("http://localhost", "", client.WithHTTPClient(&http.Client{Transport: endless{}}), client.WithMaxAnswer(1000))
		if err := c.Health(t.Context()); !errors.Is(err, client.ErrAnswerTooLarge) {
			t.Error(err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		if err := client.New("http://127.0.0.1:1", "").Health(t.Context()); err == nil {
			t.Error("no error")
		}
	})
	t.Run("no URL", func(t *testing.T) {
		if err := client.New("http://bad host", "").Health(t.Context()); err == nil {
			t.Error("no error")
		}
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f := &fake{status: 200, body: `{"status":"ok"}`}
		if err := f.serve(t).Health(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("a payload that is no JSON", func(t *testing.T) {
		f := &fake{status: 202}
		_, err := f.serve(t).Publish(t.Context(), client.Event{Owner: client.AgentOwner(agentID), Payload: make(chan int)})
		if err == nil || f.request != nil {
			t.Error(err)
		}
	})
}

// endless answers with a body that never ends.
type endless struct{}

func (endless) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(endless{})}, nil
}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestPathsAreEscaped(t *testing.T) {
	f := &fake{status: 404, body: `{"success":false,"message":"Not found."}`, anyway: true}
	_, err := f.serve(t).GetWebhook(t.Context(), client.AgentOwner("../../x"), "a/b?c")
	var refused *client.Error
	if !errors.As(err, &refused) || f.request.RequestURI != "/api/v1/agents/..%2F..%2Fx/webhooks/a%2Fb%3Fc" {
		t.Error(f.request.RequestURI, err)
	}
}

func TestOptions(t *testing.T) {
	f := &fake{status: 200, body: `{"status":"ok"}`}
	c := f.serve(t, client.WithUserAgent("mine"), client.WithHTTPClient(&http.Client{Timeout: time.Minute}))
	if err := c.Health(t.Context()); err != nil || f.request.UserAgent() != "mine" {
		t.Error(f.request.UserAgent(), err)
	}
}

func TestNewIDsAreRandomUUIDs(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := make(map[string]bool)
	for range 1000 {
		id := client.NewID()
		if !form.MatchString(id) || seen[id] {
			t.Fatal(id)
		}
		seen[id] = true
	}
}
