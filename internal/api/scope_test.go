package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/carteiro/carteiro"
	document "github.com/carteiro/carteiro/api"
	"github.com/carteiro/carteiro/internal/api"
)

var pathParameter = regexp.MustCompile(`\{[a-z_]+\}`)

// Every call of the document that needs a token is tried with each scope alone, with all others together, and with a
// session: a new call is in it once it is in the document, and a call that the document does not know of fails where it
// is tested.
func TestEveryCallNeedsTheScopeThatTheDocumentNames(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(document.OpenAPI)
	must(t, err)
	w := newWorld(t)
	const every = carteiro.ScopeRead | carteiro.ScopeWebhooks | carteiro.ScopePublish | carteiro.ScopeRetry
	tenants, sessions := make(map[carteiro.Scopes]*tenant), make(map[carteiro.Scopes]string)
	with := func(scopes carteiro.Scopes) *tenant {
		if tenants[scopes] == nil {
			tenants[scopes] = w.allowed(scopes)
			sessions[scopes] = w.signIn(tenants[scopes])
		}
		return tenants[scopes]
	}
	tried := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			names, ok := scopesOf(doc, op)
			if !ok || strings.HasPrefix(path, "/session") {
				continue
			}
			tried++
			needed, err := carteiro.ParseScopes(names...)
			if err != nil || needed == 0 || needed&carteiro.ScopeAll != 0 || (len(names) != 1 && !strings.HasSuffix(path, "/deliveries/stream")) {
				t.Errorf("%s %s needs the scopes %q, %v", method, path, names, err)
				continue
			}
			call := pathParameter.ReplaceAllString(path, unknownID)
			for _, scopes := range []carteiro.Scopes{
				carteiro.ScopeRead, carteiro.ScopeWebhooks, carteiro.ScopePublish, carteiro.ScopeRetry, every, every &^ needed, carteiro.ScopeAll,
			} {
				who := with(scopes)
				answers := []*reply{w.callAs(who, method, call, "{"), w.with(sessions[scopes], method, call, "{", "Origin", w.url)}
				for _, r := range answers {
					switch lacking := needed &^ scopes; {
					case scopes != carteiro.ScopeAll && lacking != 0:
						r.is(http.StatusForbidden, fmt.Sprintf(`{"error":"INSUFFICIENT_SCOPE","message":"Authentication token lacks the scope %s","status_code":403}`,
							strings.Join(lacking.Names(), " and ")))
						if got, want := r.header.Get("WWW-Authenticate"), fmt.Sprintf(`Bearer error="insufficient_scope", scope=%q`, strings.Join(names, " ")); got != want {
							t.Errorf("%s %s: WWW-Authenticate is %s, want %s", method, path, got, want)
						}
					case r.status == http.StatusForbidden || r.status == http.StatusUnauthorized:
						t.Errorf("%s %s with %q is answered %d %s", method, path, scopes, r.status, r.body)
					}
				}
			}
		}
	}
	if tried < 50 {
		t.Errorf("only %d calls were tried", tried)
	}
}

// scopesOf gives the scopes that the document says an operation needs of a token; ok is false where it needs none.
func scopesOf(doc *openapi3.T, op *openapi3.Operation) (scopes []string, ok bool) {
	security := doc.Security
	if op.Security != nil {
		security = *op.Security
	}
	for _, requirement := range security {
		if names, asked := requirement["environmentToken"]; asked {
			return names, true
		}
	}
	return nil, false
}

func TestASessionTellsWhatItMayDo(t *testing.T) {
	w := newWorld(t)
	who := w.allowed(carteiro.ScopeRead | carteiro.ScopeRetry)
	w.callAs(who, "GET", "/session", nil).has(200, `"token":{"name":"read,retry","scopes":["read","retry"]}`)
	w.with(w.signIn(who), "GET", "/session", nil).has(200, `"token":{"name":"read,retry","scopes":["read","retry"]}`)
	w.call("GET", "/session", nil).has(200, `"scopes":["all"]`)
}

func TestATokenThatMayNotPublishSpendsOfTheLimit(t *testing.T) {
	inSimulatedTime(t, func(w *world) {
		who := w.allowed(carteiro.ScopeRead)
		before := w.call("GET", "/agents", nil).header.Get("X-RateLimit-Remaining")
		after := w.callAs(who, "POST", "/events/batch", "[]").has(403).header.Get("X-RateLimit-Remaining")
		var b, a int
		if _, err := fmt.Sscan(before+" "+after, &b, &a); err != nil || a != b-1 {
			t.Errorf("%s remained before and %s after, %v", before, after, err)
		}
	}, func(c *api.Config) { c.RateLimit = 10 })
}
