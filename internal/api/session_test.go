package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/store"
)

// signIn gives the session's cookie, as it goes into requests.
func (w *world) signIn(who *tenant, headers ...string) string {
	w.t.Helper()
	r := w.callAs(who, "POST", "/session", map[string]any{"token": who.token}, append([]string{"Authorization", ""}, headers...)...).has(201)
	cookie, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	must(w.t, err)
	return cookie.Name + "=" + cookie.Value
}

// with asks with a session instead of a token.
func (w *world) with(cookie, method, path string, body any, headers ...string) *reply {
	w.t.Helper()
	return w.call(method, path, body, append([]string{"Authorization", "", "Cookie", cookie}, headers...)...)
}

func TestASessionOpensWhatItsTokenOpensUntilItIsSignedOut(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	cookie, stranger := w.signIn(w.home), w.signIn(w.other)
	if strings.Contains(cookie, w.home.token) {
		t.Error("the cookie holds the token")
	}
	w.with(cookie, "GET", o.hook, nil).has(200, o.webhook)
	w.with(cookie, "PATCH", o.hook+"/toggle", nil, "Origin", w.url).has(200)
	w.with(stranger, "GET", o.hook, nil).is(404, noOwner["agents"])
	who := w.with(cookie, "GET", "/session", nil).has(200, `"environment":{"id":"`+w.home.id.String()+`","name":"test"}`, `"version":"v1.2.3"`)
	ends, err := time.Parse(time.RFC3339, who.text("data.expires_at"))
	if must(t, err); time.Until(ends) < 11*time.Hour || time.Until(ends) > 12*time.Hour {
		t.Errorf("the session ends %s", ends)
	}
	w.call("GET", "/session", nil).has(200, w.home.id.String()).lacks("expires_at")

	r := w.with(cookie, "DELETE", "/session", nil).is(200, `{"success":true,"message":"Signed out"}`)
	if gone := r.header.Get("Set-Cookie"); !strings.HasPrefix(gone, "carteiro_session=; Path=/; Max-Age=0") {
		t.Errorf("the cookie is taken away by %q", gone)
	}
	w.with(cookie, "GET", o.hook, nil).has(401)
	w.with(cookie, "DELETE", "/session", nil).has(200)
	w.with(stranger, "GET", "/session", nil).has(200, w.other.id.String())
	w.call("GET", "/session", nil, "Authorization", "").is(401, missingToken)
}

func TestTheCookieIsKeptFromScriptsAndFromOtherSites(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		headers []string
		want    string
	}{
		"over http":        {nil, "carteiro_session="},
		"over https":       {[]string{"Origin", strings.Replace(w.url, "http:", "https:", 1)}, "__Host-carteiro_session="},
		"behind a proxy":   {[]string{"X-Forwarded-Proto", "https"}, "__Host-carteiro_session="},
		"an origin of now": {[]string{"Origin", w.url, "Sec-Fetch-Site", "same-origin"}, "carteiro_session="},
	} {
		r := w.in(t).call("POST", "/session", map[string]any{"token": " " + w.home.token + "\n"}, append([]string{"Authorization", ""}, test.headers...)...).has(201)
		cookie := r.header.Get("Set-Cookie")
		secure := strings.HasPrefix(test.want, "__Host-")
		if !strings.HasPrefix(cookie, test.want) || !strings.Contains(cookie, "; HttpOnly") || !strings.Contains(cookie, "; SameSite=Strict") ||
			!strings.Contains(cookie, "; Path=/;") || strings.Contains(cookie, "; Secure") != secure || strings.Contains(cookie, "Domain") {
			t.Errorf("%s: %s", name, cookie)
		}
		session, _, _ := strings.Cut(cookie, ";")
		w.with(session, "GET", "/agents", nil).has(200)
	}
}

func TestASessionEndsWithItsToken(t *testing.T) {
	w := newWorld(t)
	cookie := w.signIn(w.home)
	now := time.Now()
	must(t, w.store.RotateToken(t.Context(), store.RotateToken{OldEndsAt: now.Add(-time.Second), Token: carteiro.Token{
		ID: w.ids.New(now), EnvironmentID: w.home.id, Hash: carteiro.HashToken("talq_new"), CreatedAt: now, Scopes: carteiro.ScopeAll,
	}}))
	w.with(cookie, "GET", "/agents", nil).has(401, "TOKEN_EXPIRED")
	w.call("POST", "/session", map[string]any{"token": w.home.token}, "Authorization", "").has(401, "TOKEN_EXPIRED")
	w.call("POST", "/session", map[string]any{"token": "talq_new"}, "Authorization", "").has(201)
}

func TestPagesOfOtherOriginsCannotUseASession(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	cookie := w.signIn(w.home)
	for _, from := range [][]string{
		{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site", "Origin", "https://evil.example"}, {"Origin", "null"},
	} {
		w.with(cookie, "PATCH", o.hook+"/toggle", nil, from...).is(401, missingToken)
		w.with(cookie, "DELETE", "/session", nil, from...).has(403, "CROSS_ORIGIN")
		w.call("POST", "/session", map[string]any{"token": w.home.token}, from...).has(403, "CROSS_ORIGIN")
		w.call("PATCH", o.hook+"/toggle", nil, from...).has(200) // who has a token needs no cookie
	}
	w.with(cookie, "GET", "/session", nil).has(200)
	w.with(cookie, "PATCH", o.hook+"/toggle", nil, "Sec-Fetch-Site", "same-origin").has(200)
}

func TestWhatIsNoSessionOpensNothing(t *testing.T) {
	w := newWorld(t)
	cookie := w.signIn(w.home)
	secret := strings.TrimPrefix(cookie, "carteiro_session=")
	for _, bad := range []string{
		"carteiro_session=" + w.home.token, "carteiro_session=x", "carteiro_session=" + secret + "x", "session=" + secret,
		"carteiro_session=" + strings.Repeat("x", 4000),
	} {
		w.with(bad, "GET", "/agents", nil).has(401)
	}
	w.call("GET", "/agents", nil, "Authorization", "Bearer "+secret).has(401, "UNAUTHORIZED")
	// A token that is given counts, whatever the cookie says.
	w.call("GET", "/session", nil, "Cookie", "carteiro_session="+strings.TrimPrefix(w.signIn(w.other), "carteiro_session=")).has(200, w.home.id.String())
	w.call("GET", "/agents", nil, "Authorization", "Bearer x", "Cookie", cookie).has(401)
}

func TestSigningInNeedsAToken(t *testing.T) {
	w := newWorld(t)
	w.call("POST", "/session", map[string]any{"token": "talq_unknown"}, "Authorization", "").has(401, "UNAUTHORIZED").lacks("talq_unknown")
	w.call("POST", "/session", map[string]any{"token": strings.TrimPrefix(w.signIn(w.home), "carteiro_session=")}).has(401)
	wantList(t, "none", w.call("POST", "/session", map[string]any{}).errors(), []string{"token: The token field is required."})
	wantList(t, "a number", w.call("POST", "/session", map[string]any{"token": 1}).errors(), []string{"token: The token must be a string."})
	wantList(t, "a long one", w.call("POST", "/session", map[string]any{"token": strings.Repeat("x", 600)}).errors(),
		[]string{"token: The token must not be greater than 512 characters."})
	w.call("POST", "/session", "{").has(400)
}

func TestFailedSignInsAreLimitedAndNeverLockOutAValidToken(t *testing.T) {
	inSimulatedTime(t, func(w *world) {
		tries := 0
		for w.call("POST", "/session", map[string]any{"token": "talq_guess"}, "Authorization", "").status == 401 {
			if tries++; tries > 200 {
				w.t.Fatal("it can be tried for ever")
			}
		}
		w.call("POST", "/session", map[string]any{"token": "talq_guess"}, "Authorization", "").has(429, "RATE_LIMIT_EXCEEDED")
		w.signIn(w.home)
		w.call("GET", "/agents", nil).has(200)
	})
}

func TestOneEnvironmentCannotCreateSessionsWithoutLimit(t *testing.T) {
	inSimulatedTime(t, func(w *world) {
		signIn := func(who *tenant) *reply {
			return w.call("POST", "/session", map[string]any{"token": who.token}, "Authorization", "")
		}
		created := 0
		for signIn(w.home).status == 201 {
			if created++; created > 200 {
				w.t.Fatal("there is no limit")
			}
		}
		signIn(w.home).has(429, "RATE_LIMIT_EXCEEDED")
		signIn(w.other).has(201)
	})
}

func TestOverHTTPSOnlyTheCookieThatOthersCannotSetIsAccepted(t *testing.T) {
	w := newWorld(t)
	plain := w.signIn(w.home)
	secure := "__Host-" + plain
	w.with(plain, "GET", "/agents", nil).has(200)
	for _, https := range [][]string{
		{"X-Forwarded-Proto", "https"},
		{"Sec-Fetch-Site", "same-origin", "Host", "carteiro.example.com"},
	} {
		w.with(plain, "GET", "/agents", nil, https...).is(401, missingToken)
		w.with(secure, "GET", "/agents", nil, https...).has(200)
	}
	w.with(plain, "GET", "/agents", nil, "Sec-Fetch-Site", "same-origin", "Host", "localhost:8080").has(200)
}

func TestWithoutTheDashboardThereAreNoSessions(t *testing.T) {
	w := newWorld(t)
	cookie := w.signIn(w.home)
	off := newWorld(t, func(c *api.Config) { c.Sessions, c.Directory = false, w.directory })
	off.call("POST", "/session", map[string]any{"token": w.home.token}, "Authorization", "").has(404)
	off.call("DELETE", "/session", nil).has(404)
	off.with(cookie, "GET", "/agents", nil).is(401, missingToken)
	off.callAs(w.home, "GET", "/agents", nil).has(200)
}
