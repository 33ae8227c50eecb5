package client_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
)

const (
	environmentID = "01990e50-1f2e-7a3b-9c4d-5e6f7a8b9c0d"
	tokenID       = "01990e50-2b3c-7d4e-8f50-617283940a1b"

	madeAt     = `"created_at":"2025-09-03T19:02:11.340128Z"`
	production = `{"id":"` + environmentID + `","name":"production",` + madeAt + `}`
	ciToken    = `"id":"` + tokenID + `","name":"ci","scopes":["read","publish"],` + madeAt + `,"expires_at":"2025-09-03T19:02:11.340128Z"`
	ciSecret   = `{` + ciToken + `,"token":"talq_example-only-not-for-use"}`
	wasRenewed = `{"id":"` + logID + `","at":"2025-09-03T19:02:11.340128Z","environment_id":"` + environmentID + `","actor":{"type":"session","token_id":"` + tokenID + `","name":"ci"},` +
		`"action":"webhook.updated","subject":{"type":"webhook","id":"` + webhook + `","name":"CRM"},` +
		`"changes":[{"field":"timeout","before":30,"after":90},{"field":"webhook_secret"}],"request_id":"req-1","remote_address":"203.0.113.7"}`
	firstPage = `{"current_page":1,"per_page":20,"total":1,"last_page":1}`
)

func TestTheOperatorsCallsAreAsDocumented(t *testing.T) {
	ctx := t.Context()
	environment := client.Environment{ID: environmentID, Name: "production", CreatedAt: instant}
	ci := client.Token{ID: tokenID, Name: "ci", Scopes: []string{client.ScopeRead, client.ScopePublish}, CreatedAt: instant, ExpiresAt: instant}
	secret := client.NewToken{Token: ci, Secret: "talq_example-only-not-for-use"}
	entry := client.AuditEntry{
		ID: logID, At: instant, EnvironmentID: environmentID, Actor: client.AuditActor{Type: "session", TokenID: tokenID, Name: "ci"},
		Action: "webhook.updated", Subject: client.AuditSubject{Type: "webhook", ID: webhook, Name: "CRM"},
		Changes: []client.FieldChange{
			{Field: "timeout", Before: json.RawMessage(`30`), After: json.RawMessage(`90`)}, {Field: "webhook_secret"},
		},
		RequestID: "req-1", RemoteAddress: "203.0.113.7",
	}
	const all = "/admin/v1/environments"
	for name, test := range map[string]struct {
		call   func(a *client.Admin) (results, error)
		asks   string
		sends  string
		status int
		body   string
		want   results
	}{
		"list environments": {
			call: func(a *client.Admin) (results, error) {
				e, p, err := a.ListEnvironments(ctx, client.ListFilter{Search: "prod"})
				return results{e, p}, err
			},
			asks:   "GET " + all + "?search=prod",
			status: 200, body: `{"success":true,"data":[` + production + `],"pagination":` + firstPage + `}`,
			want: results{[]client.Environment{environment}, client.Pagination{CurrentPage: 1, PerPage: 20, Total: 1, LastPage: 1}},
		},
		"get an environment": {
			call: func(a *client.Admin) (results, error) {
				e, err := a.GetEnvironment(ctx, environmentID)
				return results{e}, err
			},
			asks:   "GET " + all + "/" + environmentID,
			status: 200, body: `{"success":true,"data":` + production + `}`,
			want: results{environment},
		},
		"create an environment": {
			call: func(a *client.Admin) (results, error) {
				e, err := a.CreateEnvironment(ctx, "production")
				return results{e}, err
			},
			asks:   "POST " + all,
			sends:  `{"name":"production"}`,
			status: 201, body: `{"success":true,"message":"Environment created successfully","data":` + production[:len(production)-1] + `,"token":` + ciSecret + `}}`,
			want: results{client.NewEnvironment{Environment: environment, Token: secret}},
		},
		"rename an environment": {
			call: func(a *client.Admin) (results, error) {
				e, err := a.RenameEnvironment(ctx, environmentID, "production")
				return results{e}, err
			},
			asks:   "PUT " + all + "/" + environmentID,
			sends:  `{"name":"production"}`,
			status: 200, body: `{"success":true,"message":"Environment updated successfully","data":` + production + `}`,
			want: results{environment},
		},
		"delete an environment": {
			call:   func(a *client.Admin) (results, error) { return nil, a.DeleteEnvironment(ctx, environmentID, false) },
			asks:   "DELETE " + all + "/" + environmentID,
			status: 200, body: `{"success":true,"message":"Environment deleted successfully"}`,
		},
		"delete an environment that is in use": {
			call:   func(a *client.Admin) (results, error) { return nil, a.DeleteEnvironment(ctx, environmentID, true) },
			asks:   "DELETE " + all + "/" + environmentID + "?force=true",
			status: 200, body: `{"success":true,"message":"Environment deleted successfully"}`,
		},
		"list tokens": {
			call: func(a *client.Admin) (results, error) {
				tokens, _, err := a.ListTokens(ctx, environmentID, 20, 1)
				return results{tokens}, err
			},
			asks:   "GET " + all + "/" + environmentID + "/tokens?page=1&per_page=20",
			status: 200, body: `{"success":true,"data":[{` + ciToken + `}],"pagination":` + firstPage + `}`,
			want: results{[]client.Token{ci}},
		},
		"create a token that does not end": {
			call: func(a *client.Admin) (results, error) {
				token, err := a.CreateToken(ctx, environmentID, client.TokenSettings{Name: "ci", Scopes: []string{client.ScopeAll}})
				return results{token}, err
			},
			asks:   "POST " + all + "/" + environmentID + "/tokens",
			sends:  `{"name":"ci","scopes":["all"]}`,
			status: 201, body: `{"success":true,"message":"Token created successfully","data":` + ciSecret + `}`,
			want: results{secret},
		},
		"revoke a token": {
			call:   func(a *client.Admin) (results, error) { return nil, a.RevokeToken(ctx, environmentID, tokenID) },
			asks:   "DELETE " + all + "/" + environmentID + "/tokens/" + tokenID,
			status: 200, body: `{"success":true,"message":"Token revoked successfully"}`,
		},
		"rotate a token": {
			call: func(a *client.Admin) (results, error) {
				token, err := a.RotateToken(ctx, environmentID, tokenID, client.TokenRotation{Grace: time.Hour, ExpiresAt: instant})
				return results{token}, err
			},
			asks:   "POST " + all + "/" + environmentID + "/tokens/" + tokenID + "/rotate",
			sends:  `{"grace":3600,"expires_at":"2025-09-03T19:02:11.340128Z"}`,
			status: 201, body: `{"success":true,"message":"Token rotated successfully","data":` + ciSecret + `}`,
			want: results{secret},
		},
		"rotate a token at once": {
			call: func(a *client.Admin) (results, error) {
				_, err := a.RotateToken(ctx, environmentID, tokenID, client.TokenRotation{})
				return nil, err
			},
			asks:   "POST " + all + "/" + environmentID + "/tokens/" + tokenID + "/rotate",
			sends:  `{}`,
			status: 201, body: `{"success":true,"message":"Token rotated successfully","data":` + ciSecret + `}`,
		},
		"list the audit log of an environment": {
			call: func(a *client.Admin) (results, error) {
				entries, p, err := a.ListAudit(ctx, environmentID, client.AuditFilter{
					Actor: "session", Action: "webhook.updated", Subject: "webhook", SubjectID: webhook, From: instant, To: instant, PerPage: 1, Page: 2, Cursor: "c",
				})
				return results{entries, p}, err
			},
			asks: "GET /admin/v1/audit?action=webhook.updated&actor=session&cursor=c&environment_id=" + environmentID +
				"&from=2025-09-03T19%3A02%3A11.340128Z&page=2&per_page=1&subject=webhook&subject_id=" + webhook + "&to=2025-09-03T19%3A02%3A11.340128Z",
			status: 200, body: `{"success":true,"data":[` + wasRenewed + `],"pagination":{"current_page":2,"per_page":1,"total":9,"total_is_lower_bound":true,"last_page":9,"next_cursor":"d"}}`,
			want: results{[]client.AuditEntry{entry}, client.Pagination{CurrentPage: 2, PerPage: 1, Total: 9, LastPage: 9, TotalIsLowerBound: true, NextCursor: "d"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{status: test.status, body: test.body}
			got, err := test.call(client.NewAdmin(f.url(t), token))
			if err != nil {
				t.Fatal(err)
			}
			if asked := f.request.Method + " " + f.request.RequestURI; asked != test.asks {
				t.Errorf("asked %s\nwant  %s", asked, test.asks)
			}
			if f.sent != test.sends {
				t.Errorf("sent %s\nwant %s", f.sent, test.sends)
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

func TestTheAuditLogIsGoneThroughPageByPage(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		next := map[string]string{"": `,"next_cursor":"one"`, "one": ""}[r.URL.Query().Get("cursor")]
		_, _ = io.WriteString(w, `{"success":true,"data":[`+wasRenewed+`],"pagination":{"per_page":1`+next+`}}`)
	}))
	defer server.Close()
	filter := client.AuditFilter{Actor: "session", PerPage: 1, Page: 2}
	n := 0
	for entry, err := range client.New(server.URL, token).Audit(t.Context(), filter) {
		if err != nil || entry.ID != logID {
			t.Fatal(entry, err)
		}
		n++
	}
	for entry, err := range client.NewAdmin(server.URL, token).Audit(t.Context(), environmentID, filter) {
		if err != nil || entry.ID != logID {
			t.Fatal(entry, err)
		}
		n++
	}
	want := []string{
		"/api/v1/audit?actor=session&page=2&per_page=1", "/api/v1/audit?actor=session&cursor=one&per_page=1",
		"/admin/v1/audit?actor=session&environment_id=" + environmentID + "&page=2&per_page=1",
		"/admin/v1/audit?actor=session&cursor=one&environment_id=" + environmentID + "&per_page=1",
	}
	if n != 4 || !reflect.DeepEqual(asked, want) {
		t.Errorf("%d entries by %q", n, asked)
	}
}
