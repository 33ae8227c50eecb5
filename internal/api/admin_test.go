package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/carteiro/carteiro"
	document "github.com/carteiro/carteiro/api"
	"github.com/carteiro/carteiro/internal/api"
)

const adminToken = "an admin token of more than 32 characters"

// newAdminWorld is a world with an admin token, and whoever has it.
func newAdminWorld(t *testing.T) (*world, *tenant) {
	w := newWorld(t, func(c *api.Config) { c.AdminToken = carteiro.HashToken(adminToken) })
	return w, &tenant{token: adminToken}
}

// adminCalls are all calls of the document below /admin, with ids that name nothing.
func adminCalls(t *testing.T) (calls [][2]string) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document.OpenAPI)
	must(t, err)
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if strings.HasPrefix(path, "/admin/") {
				calls = append(calls, [2]string{method, pathParameter.ReplaceAllString(path, unknownID)})
			}
		}
	}
	if len(calls) < 9 {
		t.Fatalf("only %d calls", len(calls))
	}
	return calls
}

// bare asks without holding the answer against the document, which does not say when a server has no admin token.
func (w *world) bare(method, path, authorization string) *reply {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader("{}"))
	must(w.t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := w.exchange(req)
	must(w.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return &reply{w.t, resp.StatusCode, resp.Header, string(body)}
}

func TestWithoutAnAdminTokenThereIsNoSuchRoute(t *testing.T) {
	w := newWorld(t)
	nowhere := w.bare("GET", "/nowhere", "")
	for _, call := range adminCalls(t) {
		for _, authorization := range []string{"", "Bearer ", "Bearer x", "Bearer " + w.home.token, "Bearer " + adminToken} {
			w.in(t).bare(call[0], call[1], authorization).is(nowhere.status, nowhere.body)
		}
	}
}

func TestOnlyTheAdminTokenOpensAdministration(t *testing.T) {
	w, admin := newAdminWorld(t)
	cookie := w.signIn(w.home)
	for _, call := range adminCalls(t) {
		w.bare(call[0], call[1], "").is(401, missingToken)
		for _, wrong := range []string{w.home.token, adminToken[1:], adminToken + "x", strings.ToUpper(adminToken), strings.Repeat("x", 5000)} {
			w.bare(call[0], call[1], "Bearer "+wrong).has(401, `"error":"UNAUTHORIZED"`)
		}
		w.callAs(admin, call[0], call[1], "{}", "Authorization", "", "Cookie", cookie).is(401, missingToken)
		if r := w.callAs(admin, call[0], call[1], "{}"); r.status == 401 || r.status == 403 || r.status >= 500 {
			t.Errorf("%s %s is answered %d %s", call[0], call[1], r.status, r.body)
		}
	}
	// And it opens nothing else.
	w.callAs(admin, "GET", "/agents", nil).has(401, `"error":"UNAUTHORIZED"`)
	w.callAs(admin, "POST", "/session", map[string]any{"token": adminToken}, "Authorization", "").has(401)
}

func TestTheOperatorKeepsEnvironmentsAndTheirTokens(t *testing.T) {
	w, admin := newAdminWorld(t)
	const all = "/admin/v1/environments"
	made := w.callAs(admin, "POST", all, map[string]any{"name": "staging"}).has(201, `"name":"staging"`, `"name":"default","scopes":["all"]`)
	one := all + "/" + made.text("data.id")
	first := &tenant{made.id("data.id"), made.text("data.token.token")}
	w.callAs(first, "GET", "/agents", nil).has(200)
	w.callAs(admin, "PUT", one, map[string]any{"name": "Production"}).has(200, `"name":"Production"`)
	w.callAs(admin, "GET", one, nil).has(200, `"name":"Production"`).lacks("talq_")
	w.callAs(admin, "PUT", one, map[string]any{"name": "Production"}).has(200)
	w.callAs(admin, "POST", all, map[string]any{"name": "Production"}).has(422, "The name has already been taken.")
	w.callAs(admin, "PUT", all+"/"+w.home.id.String(), map[string]any{"name": "Production"}).has(422, "The name has already been taken.")
	w.callAs(admin, "GET", all+"?search=prod", nil).has(200, `"total":1`, made.text("data.id"))
	w.callAs(admin, "GET", all+"?per_page=1&page=2", nil).has(200, `"total":3`, w.other.id.String()).lacks(w.home.id.String())

	end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	created := w.callAs(admin, "POST", one+"/tokens", map[string]any{"name": "ci", "scopes": []string{"read", "publish"}, "expires_at": end}).
		has(201, `"scopes":["read","publish"]`, `"expires_at"`)
	ci := &tenant{first.id, created.text("data.token")}
	w.callAs(ci, "GET", "/agents", nil).has(200)
	w.callAs(ci, "POST", "/agents", map[string]any{"name": "x"}).has(403)
	w.callAs(admin, "GET", one+"/tokens", nil).has(200, `"total":2`, `"name":"default"`, `"name":"ci"`).lacks("talq_", "hash")
	w.callAs(admin, "GET", one+"/tokens?per_page=1&page=2", nil).has(200, `"name":"ci"`).lacks(`"name":"default"`)

	path := one + "/tokens/" + created.text("data.id")
	rotated := w.callAs(admin, "POST", path+"/rotate", map[string]any{"grace": 60}).has(201, `"name":"ci"`, `"scopes":["read","publish"]`)
	fresh := &tenant{first.id, rotated.text("data.token")}
	w.callAs(ci, "GET", "/agents", nil).has(200)
	session := w.signIn(fresh)
	freshPath := one + "/tokens/" + rotated.text("data.id")
	w.callAs(admin, "DELETE", all+"/"+w.home.id.String()+"/tokens/"+rotated.text("data.id"), nil).is(404, `{"success":false,"message":"Token not found."}`)
	w.callAs(admin, "DELETE", freshPath, nil).is(200, `{"success":true,"message":"Token revoked successfully"}`)
	w.callAs(fresh, "GET", "/agents", nil).has(401, "UNAUTHORIZED")
	w.with(session, "GET", "/agents", nil).has(401, "UNAUTHORIZED")
	w.callAs(admin, "DELETE", freshPath, nil).has(404)
	w.callAs(admin, "POST", path+"/rotate", map[string]any{}).has(409, "TOKEN_REPLACED") // its successor would end with the grace
	w.callAs(ci, "GET", "/agents", nil).has(200)
	w.callAs(admin, "DELETE", path, nil).has(200)
	w.callAs(ci, "GET", "/agents", nil).has(401, "UNAUTHORIZED")

	entries := w.callAs(admin, "GET", "/admin/v1/audit?environment_id="+made.text("data.id"), nil).has(200,
		`"action":"environment.created"`, `"action":"environment.renamed"`, `"before":"staging","after":"Production"`, `"action":"token.created"`,
		`"action":"token.rotated"`, `"action":"token.revoked"`, `"actor":{"type":"admin"}`,
		`{"field":"token_id","before":"`+created.text("data.id")+`","after":"`+rotated.text("data.id")+`"},{"field":"old_ends_at","after":"`).lacks("talq_", adminToken)
	for _, e := range entries.at("data").([]any) {
		if e.(map[string]any)["environment_id"] != made.text("data.id") {
			t.Errorf("an entry of another environment: %v", e)
		}
	}
	w.call("POST", "/agents", map[string]any{"name": "x"}).has(201)
	w.callAs(admin, "GET", "/admin/v1/audit", nil).has(200, `"action":"owner.created"`, `"action":"token.revoked"`)
}

func TestWhatTheOperatorSendsIsLookedAt(t *testing.T) {
	w, admin := newAdminWorld(t)
	one := "/admin/v1/environments/" + w.home.id.String()
	for _, test := range []struct {
		method, path string
		body         any
		faults       int
	}{
		{"POST", "/admin/v1/environments", map[string]any{}, 1},
		{"POST", "/admin/v1/environments", map[string]any{"name": strings.Repeat("x", 256)}, 1},
		{"PUT", one, map[string]any{"name": " "}, 1},
		{"POST", one + "/tokens", map[string]any{}, 2},
		{"POST", one + "/tokens", map[string]any{"name": "x", "scopes": []string{}}, 1},
		{"POST", one + "/tokens", map[string]any{"name": "x", "scopes": "read"}, 1},
		{"POST", one + "/tokens", map[string]any{"name": "x", "scopes": []any{"read", 7}}, 1},
		{"POST", one + "/tokens", map[string]any{"name": "x", "scopes": []any{"read", "write"}}, 1},
		{"POST", one + "/tokens", map[string]any{"name": "x", "scopes": []any{"read"}, "expires_at": "2001-01-01T00:00:00Z"}, 1},
		{"GET", "/admin/v1/audit?environment_id=x", nil, 1},
		{"GET", "/admin/v1/environments?page=0", nil, 1},
		{"GET", one + "/tokens?per_page=101", nil, 1},
	} {
		if got := w.callAs(admin, test.method, test.path, test.body).errors(); len(got) != test.faults {
			t.Errorf("%s %s %v: %q", test.method, test.path, test.body, got)
		}
	}
	w.callAs(admin, "POST", one+"/tokens", "{").has(400)
	w.callAs(admin, "GET", "/admin/v1/environments/no", nil).is(404, `{"success":false,"message":"Environment not found."}`)
	w.callAs(admin, "DELETE", one+"/tokens/no", nil).is(404, `{"success":false,"message":"Token not found."}`)
}

func TestAnEnvironmentIsDeleted(t *testing.T) {
	w, admin := newAdminWorld(t)
	const all = "/admin/v1/environments"
	empty := w.callAs(admin, "POST", all, map[string]any{"name": "empty"}).has(201)
	w.callAs(admin, "DELETE", all+"/"+empty.text("data.id"), nil).is(200, `{"success":true,"message":"Environment deleted successfully"}`)

	made := w.callAs(admin, "POST", all, map[string]any{"name": "staging"}).has(201)
	one, first := all+"/"+made.text("data.id"), &tenant{made.id("data.id"), made.text("data.token.token")}
	o, kept := w.newOwner(first, "agents"), w.newOwner(w.home, "agents")
	session := w.signIn(first)
	w.with(session, "GET", o.hook, nil).has(200)
	stream := w.streamOf(o.hook+"/logs/stream", "Authorization", "Bearer "+first.token)

	w.callAs(admin, "DELETE", one, nil).is(409, `{"success":false,"message":"The environment is in use. Delete it with force=true.","code":"ENVIRONMENT_IN_USE"}`)
	wantList(t, "faults", w.callAs(admin, "DELETE", one+"?force=x", nil).errors(), []string{"force: The force field must be true or false."})
	w.callAs(first, "GET", o.hook, nil).has(200)
	w.callAs(admin, "DELETE", one+"?force=true", nil).has(200)

	w.callAs(first, "POST", o.events, `{"event":"event_recording","payload":{}}`).has(401, "UNAUTHORIZED")
	w.with(session, "GET", o.hook, nil).has(401, "UNAUTHORIZED")
	for more := true; more; {
		_, more = stream.next()
	}
	w.callAs(admin, "GET", one, nil).has(404)
	w.callAs(admin, "DELETE", one+"?force=true", nil).has(404)
	w.callAs(admin, "GET", one+"/tokens", nil).has(404)
	w.callAs(admin, "POST", all, map[string]any{"name": "staging"}).has(201)
	w.callAs(admin, "GET", "/admin/v1/audit?environment_id="+made.text("data.id"), nil).has(200,
		`"action":"environment.deleted"`, `"subject":{"type":"environment","id":"`+made.text("data.id")+`","name":"staging"}`)
	w.call("GET", kept.hook, nil).has(200)
}
