package client_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/carteiro/carteiro/api"
	"github.com/carteiro/carteiro/client"
)

// uncalled are the operations of the document that the client has no method for, each with the reason.
var uncalled = map[string]string{
	"publishCloudEvents": "whoever has CloudEvents has a library that sends them; who writes Go against this client has Publish",
	"signIn":             "makes a cookie for browsers: a program has its token",
	"signOut":            "takes that cookie away",
	"getOpenApiDocument": "a file for tools, not an answer for programs",
}

// unheeded are what the document describes and the client neither sends nor shows, each with the reason.
var unheeded = map[string]string{
	"retryAgentWebhookLogs: sends no status":       "it can be failed alone, which is the default",
	"retryCampaignWebhookLogs: sends no status":    "likewise",
	"retryEnvironmentWebhookLogs: sends no status": "likewise",
	"publishEventBatch: shows no results":          "they are what is given",
	"publishEventBatch: shows no accepted":         "the results tell",
	"publishEventBatch: shows no rejected":         "likewise",
}

// Every method of the client is called with something in each field that it takes, for an agent, a campaign and the environment. What is
// then asked must be all that the document describes: its operations, their parameters, and the fields of their bodies.
func TestEveryOperationOfTheDocumentHasAMethod(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	asked := &operations{t: t, router: router, sent: make(map[string]map[string]bool), lacks: make(map[string]bool), shown: make(map[string]bool)}
	through, named := client.WithHTTPClient(&http.Client{Transport: asked}), client.WithEnvironment(eventID)
	for _, owner := range []client.Owner{client.AgentOwner(agentID), client.CampaignOwner(campaign), client.EnvironmentOwner()} {
		asked.callAll(client.New("", token, through, named), owner)
	}
	asked.callAll(client.NewAdmin("", token, through), client.Owner{})

	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			sent, reason := asked.sent[op.OperationID], uncalled[op.OperationID]
			switch {
			case sent == nil && reason == "":
				t.Errorf("no method of the client calls %s", op.OperationID)
			case sent != nil && reason != "":
				t.Errorf("%s is called, and listed as not called", op.OperationID)
			case sent != nil:
				for _, name := range takes(op) {
					if !sent[name] {
						asked.lacks[op.OperationID+": sends no "+name] = true
					}
				}
			}
			delete(uncalled, op.OperationID)
		}
	}
	for id := range uncalled {
		t.Errorf("%s is listed as not called, and is no operation", id)
	}
	for _, lack := range slices.Sorted(maps.Keys(asked.lacks)) {
		if asked.shown[lack] {
			continue
		}
		if unheeded[lack] == "" {
			t.Error(lack)
		}
		delete(unheeded, lack)
	}
	for lack := range unheeded {
		t.Errorf("%q is listed and not so", lack)
	}
}

// takes gives what may be sent with an operation, but for its path: parameters, and fields of its body.
func takes(op *openapi3.Operation) []string {
	names := make(map[string]bool)
	for _, p := range op.Parameters {
		if p.Value.Name != "Last-Event-ID" { // sent after a cut
			names[p.Value.Name] = true
		}
	}
	if op.RequestBody != nil {
		fields(op.RequestBody.Value.Content.Get("application/json").Schema, names)
	}
	return slices.Sorted(maps.Keys(names))
}

// fields collects the names of an object's members, or of those in an array.
func fields(schema *openapi3.SchemaRef, into map[string]bool) {
	if schema == nil {
		return
	}
	for name := range schema.Value.Properties {
		into[name] = true
	}
	fields(schema.Value.Items, into)
	for _, part := range slices.Concat(schema.Value.AllOf, schema.Value.OneOf, schema.Value.AnyOf) {
		fields(part, into)
	}
}

// operations keeps what was sent with which operation, and answers nothing.
type operations struct {
	t      *testing.T
	router routers.Router
	last   *openapi3.Operation
	sent   map[string]map[string]bool
	lacks  map[string]bool
	shown  map[string]bool
}

var errNoted = errors.New("noted")

func (o *operations) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Scheme, r.URL.Host = "", ""
	route, _, err := o.router.FindRoute(r)
	if err != nil {
		o.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		return nil, err
	}
	o.last = route.Operation
	sent := o.sent[route.Operation.OperationID]
	if sent == nil {
		sent = make(map[string]bool)
		o.sent[route.Operation.OperationID] = sent
	}
	for name := range r.URL.Query() {
		sent[name] = true
	}
	for name := range r.Header {
		sent[name] = true
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var body map[string]any
	if bodies := []map[string]any{}; json.Unmarshal(text, &bodies) == nil && len(bodies) > 0 {
		body = bodies[0]
	} else if len(text) > 0 {
		err = json.Unmarshal(text, &body)
	}
	if err != nil {
		return nil, err
	}
	for name := range body {
		sent[name] = true
	}
	return nil, errNoted
}

// callAll calls each method of a client that takes a context, and looks at what it gives.
func (o *operations) callAll(of any, owner client.Owner) {
	o.t.Helper()
	methods := reflect.ValueOf(of)
	for i := range methods.NumMethod() {
		method := methods.Method(i)
		ctx := client.IfAbsent(client.WithIdempotencyKey(client.IfVersion(o.t.Context(), 3), "once"))
		in := []reflect.Value{reflect.ValueOf(ctx)}
		for j := 1; j < method.Type().NumIn(); j++ {
			in = append(in, filled(method.Type().In(j), owner))
		}
		for _, out := range method.Call(in) {
			if out.Kind() == reflect.Func {
				for _, err := range out.Seq2() {
					out = err
				}
			}
			if err, ok := out.Interface().(error); ok && !errors.Is(err, errNoted) && !errors.Is(err, client.ErrEnvironmentOwner) {
				o.t.Errorf("%s: %v", methods.Type().Method(i).Name, err)
			}
		}
		if gives := method.Type().Out(0); gives.Kind() == reflect.Struct || gives.Kind() == reflect.Slice {
			for _, schema := range answers(o.last) {
				o.compare(schema, gives, o.last.OperationID)
			}
		}
	}
}

// answers gives the schemas of what an operation is answered with when it succeeds.
func answers(op *openapi3.Operation) (data []*openapi3.SchemaRef) {
	for status, response := range op.Responses.Map() {
		if content := response.Value.Content.Get("application/json"); status[0] == '2' && content != nil {
			data = append(data, content.Schema.Value.Properties["data"])
		}
	}
	return data
}

// compare looks for a field of each member that the schema has, in the type that is to hold it.
func (o *operations) compare(schema *openapi3.SchemaRef, holds reflect.Type, at string) {
	for holds.Kind() == reflect.Pointer || holds.Kind() == reflect.Slice {
		if schema != nil && schema.Value.Items != nil {
			schema = schema.Value.Items
		}
		holds = holds.Elem()
	}
	if schema == nil || holds.Kind() != reflect.Struct || holds == reflect.TypeOf(instant) {
		return
	}
	for _, part := range slices.Concat(schema.Value.AllOf, schema.Value.OneOf, schema.Value.AnyOf) {
		o.compare(part, holds, at)
	}
	for name, member := range schema.Value.Properties {
		if field, ok := fieldOf(holds, name); ok {
			o.compare(member, field, at+"."+name)
			o.shown[at+": shows no "+name] = true
		} else {
			o.lacks[at+": shows no "+name] = true // unless another method of the same operation does
		}
	}
}

// fieldOf gives the type of the field that a member of an object is read into.
func fieldOf(holds reflect.Type, name string) (reflect.Type, bool) {
	for _, field := range reflect.VisibleFields(holds) {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag == name {
			return field.Type, true
		}
	}
	return nil, false
}

// filled makes a value with something in each of its fields.
func filled(of reflect.Type, owner client.Owner) reflect.Value {
	v := reflect.New(of).Elem()
	switch of {
	case reflect.TypeFor[client.Owner]():
		return reflect.ValueOf(owner)
	case reflect.TypeFor[json.RawMessage]():
		return reflect.ValueOf(json.RawMessage(`{}`))
	case reflect.TypeOf(instant):
		return reflect.ValueOf(instant)
	}
	switch of.Kind() { //nolint:exhaustive // what arguments are made of
	case reflect.String:
		v.SetString(eventID)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(1e9))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(of.Elem()))
		v.Elem().Set(filled(of.Elem(), owner))
	case reflect.Slice:
		v.Set(reflect.Append(v, filled(of.Elem(), owner)))
	case reflect.Map:
		v.Set(reflect.MakeMap(of))
		v.SetMapIndex(filled(of.Key(), owner), filled(of.Elem(), owner))
	case reflect.Struct:
		for i := range of.NumField() {
			v.Field(i).Set(filled(of.Field(i).Type, owner))
		}
	}
	return v
}

// What is found or read leads to the calls of its owner, of whatever kind that is.
func TestAWebhookKnowsWhoseItIs(t *testing.T) {
	for kind, want := range map[string]client.Owner{
		"agent": client.AgentOwner(agentID), "campaign": client.CampaignOwner(agentID), "environment": client.EnvironmentOwner(),
	} {
		read := map[string]client.Webhook{"agent": {AgentID: agentID}, "campaign": {CampaignID: agentID}, "environment": {EnvironmentID: agentID}}[kind]
		if got := (client.FoundWebhook{Kind: kind, OwnerID: agentID}).Owner(); got != want || read.Owner() != want {
			t.Errorf("of kind %s: found %v, read %v", kind, got, read.Owner())
		}
	}
}
