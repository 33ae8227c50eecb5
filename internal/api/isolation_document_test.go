package api_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/carteiro/carteiro"
	contract "github.com/carteiro/carteiro/api"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// Every operation of the OpenAPI document is tried from another environment: with every mixture of its own ids and the
// ids of what it wants to get at, in the path, in the query and in the body. A new route is tried as soon as it is in
// the document, which it has to be because every answer is held against that.

// inhabitant is an environment with one of everything. Its mark stands wherever its users may write.
type inhabitant struct {
	*tenant
	mark string
	ids  map[string]string // by the names that the document gives them in paths, queries and bodies
}

// inhabit fills an environment. Whoever adds a kind of thing that has an id adds it here.
func inhabit(w *world, who *tenant, mark string) *inhabitant {
	w.t.Helper()
	in := &inhabitant{who, mark, map[string]string{"environment_id": who.id.String()}}
	for _, plural := range plurals {
		path, event := "/"+plural, eventOf[plural]
		kind := strings.TrimSuffix(plural, "s")
		owner := w.callAs(who, "POST", path, map[string]any{"name": mark + " owner"}).has(201).text("data.id")
		path += "/" + owner
		settings := map[string]any{
			"name": mark + " hook", "webhook_url": "https://" + mark + ".example/hook", "events": []string{event},
			"custom_headers": []any{map[string]any{"key": "X-Of", "value": mark}},
		}
		hook := w.callAs(who, "POST", path+"/webhooks", settings).has(201).id("data.id")
		published := map[string]any{"event": event, "payload": map[string]any{"of": mark}}
		id := w.callAs(who, "POST", path+"/events", published).has(202, `"deliveries":1`).text("data.event_id")
		outcome := failedWith(500)
		outcome.ResponseBody = []byte(mark)
		done := w.lanes.finish(w.t, hook, outcome, time.Time{}, w.ids)
		if len(done) != 1 {
			w.t.Fatalf("%d attempts were open, want 1", len(done))
		}
		in.ids[kind+"_id"] = owner
		in.ids[kind+" webhook_id"], in.ids[kind+" log_id"], in.ids[kind+" event_id"] = hook.String(), done[0].ID.String(), id
		path += "/webhooks/" + hook.String()
		in.ids[kind+" retry_id"] = w.callAs(who, "POST", path+"/logs/retry", map[string]any{}).has(202).text("data.id")
	}
	in.tellOperators(w)
	// CloudEvents have no underscores in the names of their attributes.
	in.ids["agentid"], in.ids["campaignid"] = in.ids["agent_id"], in.ids["campaign_id"]
	return in
}

// tellOperators gives the environment a webhook of its own, and something that it was told.
func (in *inhabitant) tellOperators(w *world) {
	w.t.Helper()
	hook := w.callAs(in.tenant, "POST", "/environment/webhooks", map[string]any{
		"name": in.mark + " operators", "webhook_url": "https://" + in.mark + ".example/operators", "events": []string{carteiro.WebhookErrorEvent},
	}).has(201).id("data.id")
	own := store.OwnerRef{EnvironmentID: in.id, Kind: carteiro.OwnerEnvironment, ID: in.id}
	told, err := w.publisher.Publish(w.t.Context(), own.EnvironmentID, nil, []publish.Event{
		{Owner: own, Type: carteiro.WebhookErrorEvent, Payload: []byte(`{"of":"` + in.mark + `"}`)},
	})
	if err != nil || told[0].Deliveries != 1 {
		w.t.Fatal(told, err)
	}
	done := w.lanes.finish(w.t, hook, failedWith(500), time.Time{}, w.ids)
	in.ids["environment webhook_id"], in.ids["environment log_id"], in.ids["environment event_id"] = hook.String(), done[0].ID.String(), told[0].EventID.String()
	in.ids["environment retry_id"] = w.callAs(in.tenant, "POST", "/environment/webhooks/"+hook.String()+"/logs/retry", map[string]any{}).has(202).text("data.id")
}

// id gives the inhabitant's thing of a name, below the owner that a path leads through.
func (in *inhabitant) named(path, name string) (string, bool) {
	kind := "agent"
	switch {
	case strings.HasPrefix(path, "/campaigns"):
		kind = "campaign"
	case strings.HasPrefix(path, "/environment/"):
		kind = "environment"
	}
	if id, ok := in.ids[name]; ok {
		return id, true
	}
	id, ok := in.ids[kind+" "+name]
	return id, ok
}

// operation is one of the document.
type operation struct {
	*openapi3.Operation
	method, base, path string
	params             []string // of the path, in order
	secured            bool
}

func operations(t *testing.T) (all []operation) {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(contract.OpenAPI)
	must(t, err)
	for path, item := range document.Paths.Map() {
		if strings.HasPrefix(path, "/admin/") {
			continue // above environments: no token of one opens it, see TestOnlyTheAdminTokenOpensAdministration
		}
		base := document.Servers[0].URL
		if len(item.Servers) > 0 {
			base = item.Servers[0].URL
		}
		for method, op := range item.Operations() {
			op.Parameters = slices.Concat(item.Parameters, op.Parameters)
			o := operation{Operation: op, method: method, base: strings.TrimSuffix(base, "/"), path: path}
			o.secured = op.Security == nil && len(document.Security) > 0 || op.Security != nil && len(*op.Security) > 0
			for part := range strings.SplitSeq(path, "/") {
				if name, ok := strings.CutPrefix(part, "{"); ok {
					o.params = append(o.params, strings.TrimSuffix(name, "}"))
				}
			}
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.OperationID, b.OperationID) })
	return all
}

// streams says whether an operation answers for as long as somebody listens.
func (o *operation) streams() bool {
	ok := o.Responses.Status(http.StatusOK)
	return ok != nil && ok.Value.Content["text/event-stream"] != nil
}

// bodies gives a request body of each content type, as the document's first example has it, with the ids of in for those
// that the example names.
func (o *operation) bodies(t *testing.T, in *inhabitant) map[string]string {
	t.Helper()
	if o.RequestBody == nil {
		return map[string]string{"": ""}
	}
	bodies := make(map[string]string)
	for kind, media := range o.RequestBody.Value.Content {
		example := media.Example
		if names := slices.Sorted(maps.Keys(media.Examples)); len(names) > 0 {
			example = media.Examples[names[0]].Value.Value
		}
		if example == nil {
			t.Errorf("%s has no example of a body of %s: with none it cannot be tried from another environment", o.OperationID, kind)
			continue
		}
		if lines, ok := example.(string); ok {
			bodies[kind] = o.filledLines(t, lines, in)
			continue
		}
		text, err := json.Marshal(o.filled(example, in))
		must(t, err)
		bodies[kind] = string(text)
	}
	return bodies
}

// filledLines fills a body of one JSON object a line.
func (o *operation) filledLines(t *testing.T, lines string, in *inhabitant) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		var value any
		if err := json.Unmarshal([]byte(line), &value); err != nil {
			b.WriteString(line)
			continue
		}
		text, err := json.Marshal(o.filled(value, in))
		must(t, err)
		b.Write(append(text, '\n'))
	}
	return b.String()
}

// filled gives an example with the ids of in. Keys that make a request one of its kind stay out: they belong to one
// environment each, and the example's is the same for both.
func (o *operation) filled(example any, in *inhabitant) any {
	switch value := example.(type) {
	case map[string]any:
		filled := make(map[string]any, len(value))
		for name, inner := range value {
			if id, ok := in.named(o.path, name); ok {
				filled[name] = id
			} else {
				filled[name] = o.filled(inner, in)
			}
		}
		return filled
	case []any:
		filled := make([]any, len(value))
		for i, inner := range value {
			filled[i] = o.filled(inner, in)
		}
		return filled
	default:
		return value
	}
}

// target is the operation's path with each id that of the inhabitant named for it, and the query that names all ids it
// may.
func (o *operation) target(t *testing.T, owners []*inhabitant, query *inhabitant) string {
	t.Helper()
	path := o.base + o.path
	for i, name := range o.params {
		id, ok := owners[i].named(o.path, name)
		if !ok {
			t.Fatalf("nobody says what {%s} of %s is to be filled with: add it to inhabit, so that it is tried from another environment", name, o.path)
		}
		path = strings.Replace(path, "{"+name+"}", id, 1)
	}
	separator := "?"
	for _, p := range o.Parameters {
		if p.Value.In != openapi3.ParameterInQuery {
			continue
		}
		if id, ok := query.named(o.path, p.Value.Name); ok {
			path += separator + p.Value.Name + "=" + id
			separator = "&"
		}
	}
	return path
}

// dump is all that an environment's token can read, by the document: what every GET answers, with the ids that there are.
// A preview is left out: it shows what would be made now.
func (w *world) dump(all []operation, in *inhabitant) map[string]string {
	w.t.Helper()
	dump := make(map[string]string)
	for _, o := range all {
		if o.method != http.MethodGet || !o.secured || o.streams() || strings.HasSuffix(o.path, "/preview") {
			continue
		}
		owners := slices.Repeat([]*inhabitant{in}, len(o.params))
		r := w.callAs(in.tenant, o.method, o.target(w.t, owners, &inhabitant{}), nil)
		if r.status != http.StatusOK {
			w.t.Errorf("%s %s: its owner is answered %d %s", o.method, o.path, r.status, r.body)
		}
		dump[o.OperationID] = r.body
	}
	return dump
}

// mixtures are the ways to fill a path of n ids with those of theirs below some of ours; the last is all ours.
func mixtures(n int, theirs, ours *inhabitant) (all [][]*inhabitant) {
	for own := range n + 1 {
		all = append(all, slices.Concat(slices.Repeat([]*inhabitant{ours}, own), slices.Repeat([]*inhabitant{theirs}, n-own)))
	}
	return all
}

// createsUnderOnesOwnID are the operations that make something of the caller's own under an id that it chooses, and so
// find nothing wrong with one that another environment has, too.
var createsUnderOnesOwnID = []string{"putAgent", "putCampaign"}

// refusedToAll are the operations whose example, or whose second call, is refused to everybody, with the status.
var refusedToAll = map[string]int{
	"retryAgentWebhookLogs":          http.StatusConflict, // inhabit has begun the one bulk retry that may be
	"retryCampaignWebhookLogs":       http.StatusConflict,
	"retryEnvironmentWebhookLogs":    http.StatusConflict,
	"replayEnvironmentWebhookEvents": http.StatusConflict,
	"replayAgentWebhookEvents":       http.StatusConflict, // likewise
	"replayCampaignWebhookEvents":    http.StatusConflict,
	"signIn":                         http.StatusUnauthorized,         // the token of the example is nobody's
	"publishCloudEvents":             http.StatusUnsupportedMediaType, // some of the examples want headers
}

func TestEveryRouteOfTheDocumentKeepsToItsEnvironment(t *testing.T) {
	all := operations(t)
	if len(all) < 50 {
		t.Fatalf("the document has %d operations only", len(all))
	}
	inSimulatedTime(t, func(w *world) {
		w.lanes.outcome = func(*carteiro.Delivery) carteiro.Outcome { return answeredWith(http.StatusOK) }
		i := intrusion{world: w, all: all, theirs: inhabit(w, w.home, "kestrel"), ours: inhabit(w, w.other, "magpie")}
		before := w.dump(all, i.theirs)
		i.tryAll()
		// A second time with an agent and a campaign of the intruder's own under the very ids of theirs.
		i.twins = true
		i.tryAll()
		for name, after := range w.dump(all, i.theirs) {
			if after != before[name] {
				t.Errorf("%s changed from outside:\n%s\nwas\n%s", name, after, before[name])
			}
		}
		i.control()
	})
}

// intrusion is someone with a token of one environment who wants to get at what another has.
type intrusion struct {
	*world
	all          []operation
	theirs, ours *inhabitant
	twins        bool
}

func (i *intrusion) tryAll() {
	for _, o := range i.all {
		if i.twins {
			for name, path := range map[string]string{"agent_id": "/agents/", "campaign_id": "/campaigns/"} {
				i.callAs(i.ours.tenant, "PUT", path+i.theirs.ids[name], map[string]any{"name": "twin"})
			}
		} else if slices.Contains(createsUnderOnesOwnID, o.OperationID) {
			continue // it would make the twins
		}
		for _, owners := range mixtures(len(o.params), i.theirs, i.ours) {
			for kind, body := range o.bodies(i.t, i.theirs) {
				i.try(&o, owners, kind, body)
			}
		}
	}
}

// try makes one call from outside.
func (i *intrusion) try(o *operation, owners []*inhabitant, kind, body string) {
	target := o.target(i.t, owners, i.theirs)
	foreign := slices.Contains(owners, i.theirs)
	if !foreign && (o.streams() || !i.named(target+body)) {
		return // a call like any other
	}
	if o.secured && !i.twins {
		for _, authorization := range []string{"", "Bearer talq_unknown"} {
			r := i.callAs(i.ours.tenant, o.method, target, body, "Authorization", authorization, "Content-Type", kind)
			if r.status != http.StatusUnauthorized {
				i.t.Errorf("%s %s as %q is answered %d %s", o.method, target, authorization, r.status, r.body)
			}
		}
	}
	req, sent := i.request(i.ours.tenant, o.method, target, body, "Content-Type", kind, "Idempotency-Key", key(target, kind))
	ctx, cancel := context.WithTimeout(req.Context(), time.Minute) // a stream that is not refused has no end
	defer cancel()
	r := i.send(req.WithContext(ctx), sent)
	ownsThePath := i.twins && len(owners) == 1 // that of an owner, of which there is a twin
	if foreign && !ownsThePath && !slices.Contains(createsUnderOnesOwnID, o.OperationID) &&
		!slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, r.status) ||
		r.status >= http.StatusInternalServerError {
		i.t.Errorf("%s %s from another environment is answered %d %s", o.method, target, r.status, r.body)
	}
	r.lacks(i.theirs.mark, i.theirs.id.String())
	for name, id := range i.theirs.ids {
		twin := i.twins && !strings.Contains(name, " ")
		if !twin && !strings.Contains(target+body, id) && strings.Contains(r.body, id) {
			i.t.Errorf("%s %s tells the %s of another environment: %s", o.method, target, name, r.body)
		}
	}
}

// named says whether a request names a thing of theirs.
func (i *intrusion) named(request string) bool {
	for _, id := range i.theirs.ids {
		if strings.Contains(request, id) {
			return true
		}
	}
	return false
}

// key is an Idempotency-Key: both environments use the same ones.
func key(target, kind string) string {
	target, _, _ = strings.Cut(target, "?")
	return fmt.Sprintf("%x", sha256.Sum256([]byte(target+kind)))
}

// control has the owner make the same calls, those that take away last. What is refused to everybody would prove nothing.
func (i *intrusion) control() {
	order := []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	slices.SortFunc(i.all, func(a, b operation) int {
		return cmp.Or(slices.Index(order, a.method)-slices.Index(order, b.method), len(b.params)-len(a.params))
	})
	for _, o := range i.all {
		if !o.secured || o.streams() {
			continue
		}
		owners := slices.Repeat([]*inhabitant{i.theirs}, len(o.params))
		for kind, body := range o.bodies(i.t, i.theirs) {
			target := o.target(i.t, owners, &inhabitant{})
			r := i.callAs(i.theirs.tenant, o.method, target, body, "Content-Type", kind, "Idempotency-Key", key(target, kind))
			if r.status/100 != 2 && r.status != refusedToAll[o.OperationID] {
				i.t.Errorf("%s %s: its owner is answered %d %s", o.method, target, r.status, r.body)
			}
		}
	}
}
