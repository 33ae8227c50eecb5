package api_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	unauthorized = `{"error":"UNAUTHORIZED","message":"Invalid or missing authentication token","status_code":401}`
	missingToken = `{"message":"Missing Bearer Token"}`
	expiredToken = `{"error":"TOKEN_EXPIRED","message":"Authentication token has expired","status_code":401}`
	noRoute      = `{"success":false,"message":"Not found."}`
	wrongMethod  = `{"success":false,"message":"Method not allowed."}`
	limited      = `{"success":false,"message":"Rate limit exceeded. Please wait before making more requests.","code":"RATE_LIMIT_EXCEEDED"}`
	invalidJSON  = `{"success":false,"message":"The request body is not valid JSON."}`
	tooDeep      = `{"success":false,"message":"The request body must not hold more than 66 objects and arrays inside one another."}`
	noWebhook    = `{"success":false,"message":"Webhook not found."}`
	noLog        = `{"success":false,"message":"Log not found."}`
	noBulk       = `{"success":false,"message":"Bulk retry not found."}`
)

var noOwner = map[string]string{
	"agents":    `{"success":false,"message":"Agent not found in this environment."}`,
	"campaigns": `{"success":false,"message":"Campaign not found in this environment."}`,
}

const unknownID = "01990e54-9d6b-7f00-8f63-3c1f0a5d7b21"

func TestWhoHasNoTokenIsToldWhichWayItIsWrong(t *testing.T) {
	w := newWorld(t)
	expired := w.tenant()
	now := time.Now()
	must(t, w.store.RotateToken(t.Context(), store.RotateToken{
		Token: carteiro.Token{ID: w.ids.New(now), EnvironmentID: expired.id,
			Hash: carteiro.HashToken(carteiro.NewTokenSecret()), CreatedAt: now},
		OldEndsAt: now.Add(-time.Second),
	}))
	for name, test := range map[string]struct{ authorization, want string }{
		"no header":                     {"", missingToken},
		"another scheme":                {"Basic dXNlcjpwYXNz", missingToken},
		"the scheme alone":              {"Bearer", missingToken},
		"nothing behind the scheme":     {"Bearer  ", missingToken},
		"a token without its scheme":    {w.home.token, missingToken},
		"an unknown token":              {"Bearer " + carteiro.NewTokenSecret(), unauthorized},
		"a token of another shape":      {"Bearer sk_live_1", unauthorized},
		"a token with something behind": {"Bearer " + w.home.token + "x", unauthorized},
		"a very long token":             {"Bearer talq_" + strings.Repeat("a", 5000), unauthorized},
		"an expired token":              {"Bearer " + expired.token, expiredToken},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			for _, call := range []struct{ method, path string }{
				{"GET", "/agents"}, {"POST", "/agents/" + unknownID + "/events"}, {"POST", "/events/batch"},
				{"DELETE", "/campaigns/no-uuid/webhooks/x"},
			} {
				r := w.call(call.method, call.path, "{", "Authorization", test.authorization).is(401, test.want)
				if r.header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("headers %v", r.header)
				}
			}
		})
	}
	w.call("GET", "/agents", nil, "Authorization", "bearer "+w.home.token).has(200)
}

func TestEveryAnswerIsNamed(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		given string
		kept  bool
	}{
		"a caller's own name":      {"req-1.A_z", true},
		"the longest there may be": {strings.Repeat("x", 128), true},
		"one that is too long":     {strings.Repeat("x", 129), false},
		"one with a space":         {"a b", false},
		"one of other letters":     {"é", false},
		"none":                     {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			for _, path := range []string{"/api/v1/health", "/api/v1/agents", "/api/v1/nowhere"} {
				got := w.call("GET", path, nil, "X-Request-Id", test.given).header.Get("X-Request-Id")
				if _, err := carteiro.ParseID(got); test.kept != (got == test.given) || !test.kept && err != nil {
					t.Errorf("%s is named %q", path, got)
				}
			}
		})
	}
	w.call("GET", "/agents", nil, "X-Request-Id", "find-me")
	if !strings.Contains(w.log.String(), "request_id=find-me") {
		t.Error("the request's name is not in the log")
	}
}

// The mux would redirect what lacks the slash, with a page in HTML.
func TestTheRootsOfTheAPIAreNoRoute(t *testing.T) {
	w, _ := newAdminWorld(t)
	for _, path := range []string{"/api/v1", "/admin/v1"} {
		for _, method := range []string{"GET", "POST"} {
			req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, nil)
			must(t, err)
			resp, err := http.DefaultTransport.RoundTrip(req) // a client would follow
			must(t, err)
			body, err := io.ReadAll(resp.Body)
			must(t, err)
			resp.Body.Close()
			(&reply{t, resp.StatusCode, resp.Header, string(body)}).is(404, noRoute)
		}
	}
}

func TestPathsThatAreNoRoute(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{
		"/nowhere", "/", "/agents/", "/agents/" + unknownID + "/", "/agents/" + unknownID + "/webhooks/" + unknownID + "/log",
		"/event", "/agents//webhooks", "/agents/../campaigns", "/./agents", "/Agents", "/health/",
	} {
		w.call("GET", path, nil).is(404, noRoute)
		w.call("POST", path, "{}", "Authorization", "").is(404, noRoute)
	}
	resp, err := http.Get(w.url + "/elsewhere")
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != 404 || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("outside of the API: %d %v", resp.StatusCode, resp.Header)
	}
}

func TestWrongMethodsAreToldTheRightOnes(t *testing.T) {
	w := newWorld(t)
	owner := "/agents/" + unknownID
	hook := owner + "/webhooks/" + unknownID
	for path, allow := range map[string]string{
		"/agents":                              "GET, HEAD, POST",
		owner:                                  "DELETE, GET, HEAD, PUT",
		owner + "/events":                      "POST",
		"/events/batch":                        "POST",
		owner + "/webhooks":                    "GET, HEAD, POST",
		hook:                                   "DELETE, GET, HEAD, PUT",
		hook + "/toggle":                       "PATCH",
		hook + "/test":                         "POST",
		hook + "/logs":                         "GET, HEAD",
		hook + "/logs/" + unknownID:            "GET, HEAD",
		hook + "/logs/" + unknownID + "/retry": "POST",
		"/health":                              "GET, HEAD",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			if strings.Contains(allow, method) {
				continue
			}
			r := w.call(method, path, nil, "Authorization", "").is(405, wrongMethod)
			if got := r.header.Get("Allow"); got != allow {
				t.Errorf("%s %s allows %q, want %q", method, path, got, allow)
			}
		}
	}
}

func TestHealthTouchesNothing(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.RateLimit = 1 })
	w.store.set(errors.New("down"))
	for range 5 {
		r := w.call("GET", "/health", nil, "Authorization", "").is(200, `{"status":"ok"}`)
		if r.header.Get("X-RateLimit-Limit") != "" {
			t.Error("health is under a limit")
		}
	}
	w.call("HEAD", "/health", nil, "Authorization", "").is(200, "")
}

func TestReadinessIsTheStores(t *testing.T) {
	for body, fault := range map[string]error{
		`{"status":"ok"}`:          nil,
		`{"status":"unavailable"}`: store.ErrUnavailable,
	} {
		w := newWorld(t)
		w.store.set(fault)
		resp, err := http.Get(w.url + "/readyz")
		must(t, err)
		got, err := io.ReadAll(resp.Body)
		must(t, errors.Join(err, resp.Body.Close()))
		w.validator.Check(t, resp.Request, nil, resp, got)
		if string(got) != body || (resp.StatusCode == 200) != (fault == nil) {
			t.Errorf("with a store that says %v: %d %s", fault, resp.StatusCode, got)
		}
	}
}

func TestReadinessIsTheDispatchersToo(t *testing.T) {
	var fault error
	w := newWorld(t, func(c *api.Config) { c.Sending = func() error { return fault } })
	for _, c := range []struct {
		fault  error
		status int
	}{{nil, 200}, {errors.New("outcomes cannot be recorded"), 503}, {nil, 200}} {
		fault = c.fault
		resp, err := http.Get(w.url + "/readyz")
		must(t, err)
		got, err := io.ReadAll(resp.Body)
		must(t, errors.Join(err, resp.Body.Close()))
		w.validator.Check(t, resp.Request, nil, resp, got)
		if resp.StatusCode != c.status {
			t.Errorf("with a dispatcher that says %v: %d %s", c.fault, resp.StatusCode, got)
		}
	}
}

func TestTheDocumentIsServed(t *testing.T) {
	w := newWorld(t)
	resp, err := http.Get(w.url + "/openapi.yaml")
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/yaml" || resp.ContentLength < 10_000 {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

func TestAnUnavailableStoreIsSaidToBe(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	const unavailable = `{"success":false,"message":"The store is unavailable. The request may have been carried out or not; retry it with the same Idempotency-Key.","code":"STORE_UNAVAILABLE"}`
	w.store.set(fmt.Errorf("write: %w", store.ErrUnavailable))
	for _, r := range []*reply{
		w.call("GET", o.path, nil),
		w.call("POST", o.events, map[string]any{"event": o.event, "payload": map[string]any{}}),
		w.call("POST", "/events/batch", []any{map[string]any{"agent_id": o.id, "event": o.event, "payload": map[string]any{}}}),
	} {
		r.is(503, unavailable)
		if r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
}

func TestOurOwnFaultsTellNothing(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	const want = `{"success":false,"message":"Internal server error","request_id":"mine"}`
	w.store.set(errors.New("SELECT secret FROM house"))
	w.call("GET", o.path, nil, "X-Request-Id", "mine").is(500, want)
	if !strings.Contains(w.log.String(), "SELECT secret") {
		t.Error("the fault is not in the log")
	}
	w.store.mu.Lock()
	w.store.panic = true
	w.store.mu.Unlock()
	w.call("GET", o.path, nil, "X-Request-Id", "mine").is(500, want)
	if log := w.log.String(); !strings.Contains(log, "secret of the house") || !strings.Contains(log, "world_test.go") {
		t.Error("panic and stack are not in the log")
	}
}

func TestRateLimitsCountByEnvironment(t *testing.T) {
	inSimulatedTime(t, func(w *world) {
		o := w.newOwner(w.home, "agents") // two requests
		standing := func(r *reply, remaining int) {
			w.t.Helper()
			reset, _ := strconv.ParseInt(r.header.Get("X-RateLimit-Reset"), 10, 64)
			left := time.Until(time.Unix(reset, 0))
			if r.header.Get("X-RateLimit-Limit") != "20" || left < -time.Second || left > time.Minute || reset%60 != 0 {
				w.t.Errorf("headers %v", r.header)
			}
			if got := r.header.Get("X-RateLimit-Remaining"); got != strconv.Itoa(remaining) {
				w.t.Errorf("%s remain, want %d", got, remaining)
			}
		}
		event := map[string]any{"event": o.event, "payload": map[string]any{}}
		standing(w.call("GET", "/agents", nil), 17)
		standing(w.call("GET", "/agents/nobody", nil), 16)
		standing(w.call("GET", "/nowhere", nil), 15)
		standing(w.call("PATCH", "/agents", nil), 14)
		for range 30 {
			standing(w.call("POST", o.events, event).has(202), 14)
		}
		standing(w.call("POST", o.events, "{").is(400, invalidJSON), 14)
		for n := 13; n >= 0; n-- {
			standing(w.call("GET", o.path, nil).has(200), n)
		}
		for range 3 {
			r := w.call("GET", o.path, nil).is(429, limited)
			standing(r, 0)
			if wait, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || wait < 1 || wait > 60 {
				w.t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
			}
		}
		standing(w.call("POST", o.events, event).has(202), 0)
		standing(w.callAs(w.other, "GET", "/agents", nil).has(200), 19)
		w.call("GET", "/health", nil).has(200)
	}, func(c *api.Config) { c.RateLimit = 20 })
}

func TestThoseWithoutATokenAreCountedByAddress(t *testing.T) {
	inSimulatedTime(t, func(w *world) {
		for range 3 {
			w.call("POST", "/events/batch", "[]", "Authorization", "").is(401, missingToken)
		}
		w.call("GET", "/agents", nil, "Authorization", "Bearer talq_unknown").is(429, limited)
		w.call("GET", "/nowhere", nil, "Authorization", "").is(404, noRoute)
		w.call("GET", "/agents", nil).has(200)
	}, func(c *api.Config) { c.RateLimit = 3 })
}

func TestTheAdminTokenIsNotLockedOutByOthersFailures(t *testing.T) {
	inSimulatedTime(t, func(w *world) {
		for range 5 {
			w.call("GET", "/admin/v1/environments", nil, "Authorization", "Bearer guess")
			w.call("GET", "/agents", nil, "Authorization", "Bearer talq_guess")
		}
		w.call("GET", "/admin/v1/environments", nil, "Authorization", "Bearer guess").is(429, limited)
		operator := &tenant{token: adminToken}
		for range 3 {
			w.callAs(operator, "GET", "/admin/v1/environments", nil).has(200)
		}
		w.callAs(operator, "GET", "/admin/v1/environments", nil).is(429, limited)
	}, func(c *api.Config) { c.RateLimit, c.AdminToken = 3, carteiro.HashToken(adminToken) })
}

func TestBehindATrustedProxyEachClientHasItsOwnLimit(t *testing.T) {
	guess := func(w *world, forwarded string) *reply {
		return w.call("GET", "/agents", nil, "Authorization", "Bearer talq_guess", "X-Forwarded-For", forwarded)
	}
	// Requests come from 192.0.2.1.
	inSimulatedTime(t, func(w *world) {
		for range 3 {
			guess(w, "203.0.113.7").is(401, unauthorized)
		}
		guess(w, "203.0.113.7").is(429, limited)
		guess(w, "1.1.1.1, 203.0.113.7").is(429, limited)             // what the client itself claims is ignored
		guess(w, "203.0.113.7, 198.51.100.9").is(429, limited)        // a second trusted proxy
		guess(w, "203.0.113.7:4711").is(429, limited)                 // with the port
		guess(w, "203.0.113.8").is(401, unauthorized)                 // another client
		guess(w, "2001:db8::1").is(401, unauthorized)                 // IPv6 is counted by network
		guess(w, "[2001:db8::2]:80").is(401, unauthorized)            //
		guess(w, "2001:db8::3, not-an-address").is(401, unauthorized) // unreadable: counted for the proxy
	}, func(c *api.Config) {
		c.RateLimit = 3
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.9/32")}
	})
	// Without --trusted-proxies, the header means nothing.
	inSimulatedTime(t, func(w *world) {
		for i := range 3 {
			guess(w, "203.0.113."+strconv.Itoa(i)).is(401, unauthorized)
		}
		guess(w, "203.0.113.9").is(429, limited)
	}, func(c *api.Config) { c.RateLimit = 3 })
}

func TestWithoutALimitTheHeadersStandAllTheSame(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		r := w.call("GET", "/agents", nil).has(200)
		if r.header.Get("X-RateLimit-Limit") != "2147483647" || r.header.Get("X-RateLimit-Remaining") != "2147483647" {
			t.Errorf("headers %v", r.header)
		}
	}
}
