package api_test

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/carteiro/carteiro/api"
)

func load(t *testing.T, document []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// uuidFormat makes the validation of examples look at the format uuid, which the library leaves alone.
var uuidFormat = openapi3.WithStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(
	`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`))

func TestDocumentIsValidOpenAPI31(t *testing.T) {
	doc := load(t, api.OpenAPI)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi is %s, want 3.1.0", doc.OpenAPI)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// TestCallsAreThoseOfTheContract lists the calls, so that none is lost or added unseen.
func TestCallsAreThoseOfTheContract(t *testing.T) {
	want := []string{
		"DELETE /admin/v1/environments/{environment_id}",
		"DELETE /admin/v1/environments/{environment_id}/tokens/{token_id}",
		"DELETE /agents/{agent_id}",
		"DELETE /agents/{agent_id}/webhooks/{webhook_id}",
		"DELETE /agents/{agent_id}/webhooks/{webhook_id}/retries/{retry_id}",
		"DELETE /campaigns/{campaign_id}",
		"DELETE /campaigns/{campaign_id}/webhooks/{webhook_id}",
		"DELETE /campaigns/{campaign_id}/webhooks/{webhook_id}/retries/{retry_id}",
		"DELETE /environment/webhooks/{webhook_id}",
		"DELETE /environment/webhooks/{webhook_id}/retries/{retry_id}",
		"DELETE /session",
		"GET /admin/v1/audit",
		"GET /admin/v1/environments",
		"GET /admin/v1/environments/{environment_id}",
		"GET /admin/v1/environments/{environment_id}/tokens",
		"GET /agents",
		"GET /agents/{agent_id}",
		"GET /agents/{agent_id}/webhooks",
		"GET /agents/{agent_id}/webhooks/{webhook_id}",
		"GET /agents/{agent_id}/webhooks/{webhook_id}/deliveries/stream",
		"GET /agents/{agent_id}/webhooks/{webhook_id}/logs",
		"GET /agents/{agent_id}/webhooks/{webhook_id}/logs/stream",
		"GET /agents/{agent_id}/webhooks/{webhook_id}/logs/{log_id}",
		"GET /agents/{agent_id}/webhooks/{webhook_id}/logs/{log_id}/preview",
		"GET /agents/{agent_id}/webhooks/{webhook_id}/retries",
		"GET /agents/{agent_id}/webhooks/{webhook_id}/retries/{retry_id}",
		"GET /audit",
		"GET /campaigns",
		"GET /campaigns/{campaign_id}",
		"GET /campaigns/{campaign_id}/webhooks",
		"GET /campaigns/{campaign_id}/webhooks/{webhook_id}",
		"GET /campaigns/{campaign_id}/webhooks/{webhook_id}/deliveries/stream",
		"GET /campaigns/{campaign_id}/webhooks/{webhook_id}/logs",
		"GET /campaigns/{campaign_id}/webhooks/{webhook_id}/logs/stream",
		"GET /campaigns/{campaign_id}/webhooks/{webhook_id}/logs/{log_id}",
		"GET /campaigns/{campaign_id}/webhooks/{webhook_id}/logs/{log_id}/preview",
		"GET /campaigns/{campaign_id}/webhooks/{webhook_id}/retries",
		"GET /campaigns/{campaign_id}/webhooks/{webhook_id}/retries/{retry_id}",
		"GET /environment/webhooks",
		"GET /environment/webhooks/{webhook_id}",
		"GET /environment/webhooks/{webhook_id}/deliveries/stream",
		"GET /environment/webhooks/{webhook_id}/logs",
		"GET /environment/webhooks/{webhook_id}/logs/stream",
		"GET /environment/webhooks/{webhook_id}/logs/{log_id}",
		"GET /environment/webhooks/{webhook_id}/logs/{log_id}/preview",
		"GET /environment/webhooks/{webhook_id}/retries",
		"GET /environment/webhooks/{webhook_id}/retries/{retry_id}",
		"GET /events",
		"GET /events/{event_id}",
		"GET /health",
		"GET /openapi.yaml",
		"GET /overview",
		"GET /readyz",
		"GET /session",
		"GET /webhooks",
		"PATCH /agents/{agent_id}/webhooks/{webhook_id}/retries/{retry_id}",
		"PATCH /agents/{agent_id}/webhooks/{webhook_id}/toggle",
		"PATCH /campaigns/{campaign_id}/webhooks/{webhook_id}/retries/{retry_id}",
		"PATCH /campaigns/{campaign_id}/webhooks/{webhook_id}/toggle",
		"PATCH /environment/webhooks/{webhook_id}/retries/{retry_id}",
		"PATCH /environment/webhooks/{webhook_id}/toggle",
		"POST /admin/v1/environments",
		"POST /admin/v1/environments/{environment_id}/tokens",
		"POST /admin/v1/environments/{environment_id}/tokens/{token_id}/rotate",
		"POST /agents",
		"POST /agents/{agent_id}/events",
		"POST /agents/{agent_id}/webhooks",
		"POST /agents/{agent_id}/webhooks/{webhook_id}/logs/retry",
		"POST /agents/{agent_id}/webhooks/{webhook_id}/logs/{log_id}/retry",
		"POST /agents/{agent_id}/webhooks/{webhook_id}/replay",
		"POST /agents/{agent_id}/webhooks/{webhook_id}/secret/rotate",
		"POST /agents/{agent_id}/webhooks/{webhook_id}/test",
		"POST /campaigns",
		"POST /campaigns/{campaign_id}/events",
		"POST /campaigns/{campaign_id}/webhooks",
		"POST /campaigns/{campaign_id}/webhooks/{webhook_id}/logs/retry",
		"POST /campaigns/{campaign_id}/webhooks/{webhook_id}/logs/{log_id}/retry",
		"POST /campaigns/{campaign_id}/webhooks/{webhook_id}/replay",
		"POST /campaigns/{campaign_id}/webhooks/{webhook_id}/secret/rotate",
		"POST /campaigns/{campaign_id}/webhooks/{webhook_id}/test",
		"POST /cloudevents",
		"POST /environment/webhooks",
		"POST /environment/webhooks/{webhook_id}/logs/retry",
		"POST /environment/webhooks/{webhook_id}/logs/{log_id}/retry",
		"POST /environment/webhooks/{webhook_id}/replay",
		"POST /environment/webhooks/{webhook_id}/secret/rotate",
		"POST /environment/webhooks/{webhook_id}/test",
		"POST /events/batch",
		"POST /session",
		"PUT /admin/v1/environments/{environment_id}",
		"PUT /agents/{agent_id}",
		"PUT /agents/{agent_id}/webhooks/{webhook_id}",
		"PUT /campaigns/{campaign_id}",
		"PUT /campaigns/{campaign_id}/webhooks/{webhook_id}",
		"PUT /environment/webhooks/{webhook_id}",
	}
	var got []string
	for path, item := range load(t, api.OpenAPI).Paths.Map() {
		for method := range item.Operations() {
			got = append(got, method+" "+path)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("calls:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEveryOperation(t *testing.T) {
	lowerCamelCase := regexp.MustCompile(`^[a-z]+([A-Z][a-z]+)*$`)
	seen := map[string]string{}
	doc := load(t, api.OpenAPI)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			t.Run(method+" "+path, func(t *testing.T) {
				if !lowerCamelCase.MatchString(op.OperationID) {
					t.Errorf("operationId %q is not in lowerCamelCase", op.OperationID)
				}
				if other := seen[op.OperationID]; other != "" {
					t.Errorf("operationId %s is that of %s, too", op.OperationID, other)
				}
				seen[op.OperationID] = method + " " + path
				if op.Summary == "" || len(op.Tags) != 1 {
					t.Error("wants a summary and one tag")
				}
				open := op.Security != nil && len(*op.Security) == 0
				for _, status := range []string{"401", "429", "500", "503"} {
					if !open && op.Responses.Value(status) == nil {
						t.Errorf("needs a token and does not describe %s", status)
					}
				}
				if op.RequestBody != nil {
					for _, status := range []string{"400", "413", "422"} {
						if op.Responses.Value(status) == nil {
							t.Errorf("takes a body and does not describe %s", status)
						}
					}
				}
				for status, response := range op.Responses.Map() {
					checkHeaders(t, status, response.Value, open)
				}
			})
		}
	}
}

// showsWebhook says whether the answer's data is one webhook.
func showsWebhook(response *openapi3.Response) bool {
	body := response.Content.Get("application/json")
	if body == nil || body.Schema.Value.Properties["data"] == nil {
		return false
	}
	data := body.Schema.Value.Properties["data"]
	return slices.Contains([]string{
		"#/components/schemas/AgentWebhook", "#/components/schemas/CampaignWebhook", "#/components/schemas/EnvironmentWebhook",
	}, data.Ref)
}

func checkHeaders(t *testing.T, status string, response *openapi3.Response, open bool) {
	t.Helper()
	want := []string{"X-Request-Id"}
	if !open {
		want = append(want, "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
		if status == "429" || status == "503" {
			want = append(want, "Retry-After")
		}
	}
	if status[0] == '2' && showsWebhook(response) {
		want = append(want, "ETag")
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(response.Headers)); !slices.Equal(got, want) {
		t.Errorf("%s has the headers %v, want %v", status, got, want)
	}
	for name, header := range response.Headers {
		if !header.Value.Required {
			t.Errorf("%s: header %s is not required", status, name)
		}
	}
}

// TestEveryBodyHasExamplesThatMatch visits requests and answers of every call.
func TestEveryBodyHasExamplesThatMatch(t *testing.T) {
	doc := load(t, api.OpenAPI)
	content := func(t *testing.T, where string, content openapi3.Content) {
		for kind, media := range content {
			if media.Schema == nil { // the document itself
				continue
			}
			if len(media.Examples) == 0 {
				t.Errorf("%s: %s has no example", where, kind)
			}
			for name, example := range media.Examples {
				if err := media.Schema.Value.VisitJSON(asJSON(t, example.Value.Value), openapi3.EnableJSONSchema2020(), uuidFormat); err != nil {
					t.Errorf("%s: example %s: %v", where, name, err)
				}
			}
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			t.Run(method+" "+path, func(t *testing.T) {
				if op.RequestBody != nil {
					content(t, "request", op.RequestBody.Value.Content)
				}
				for status, response := range op.Responses.Map() {
					content(t, status, response.Value.Content)
				}
			})
		}
	}
	for name, response := range doc.Components.Responses {
		content(t, name, response.Value.Content)
	}
}

// TestExampleThatDoesNotMatchIsCaught shows that the two tests above would fail.
func TestExampleThatDoesNotMatchIsCaught(t *testing.T) {
	broken := strings.Replace(string(api.OpenAPI), "value: { success: true, message: Agent deleted successfully }",
		"value: { success: true, message: Agent removed }", 1)
	if broken == string(api.OpenAPI) {
		t.Fatal("the example to break is gone")
	}
	if load(t, []byte(broken)).Validate(context.Background(), openapi3.EnableExamplesValidation()) == nil {
		t.Error("a wrong example passed")
	}
}

// TestObjectsAreStrict holds every schema of an object to saying what else it may hold: nothing, or what. Parts that
// are composed by others are left to those, which say it with unevaluatedProperties.
func TestObjectsAreStrict(t *testing.T) {
	parts := []string{"WebhookFields", "CampaignWebhookFields", "WebhookBase", "EventFields"}
	for name, schema := range load(t, api.OpenAPI).Components.Schemas {
		s := schema.Value
		isObject := s.Type.Is("object")
		composed := len(s.AllOf) > 0 && !isObject
		switch {
		case isObject && slices.Contains(parts, name):
		case isObject && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil:
			t.Errorf("%s does not say whether it may hold more", name)
		case composed && (s.UnevaluatedProperties.Has == nil || *s.UnevaluatedProperties.Has):
			t.Errorf("%s is composed and lets anything in", name)
		}
	}
}

// asJSON gives a value of the YAML document as the JSON decoder would have read it.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
