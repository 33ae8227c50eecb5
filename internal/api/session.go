package api

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// A session is a token of its own, derived from the environment token that was given: random, kept as a hash, in the
// browser's hands as a cookie that no script can read. It ends with the token that it comes from.

const (
	// sessionLifetime is how long a session lasts at most: a working day.
	sessionLifetime = 12 * time.Hour
	// maxSignInsPerMinute is how many sign-ins per minute may fail for an address, and how many may succeed for an environment.
	maxSignInsPerMinute = 60

	sessionCookie = "carteiro_session"
	// securePrefix makes browsers take the cookie over https only, and from this very host.
	securePrefix = "__Host-"
)

// sessionJSON says who is asking.
type sessionJSON struct {
	Environment environmentJSON `json:"environment"`
	Token       tokenNamed      `json:"token"`
	Version     string          `json:"version"`
	ExpiresAt   timestamp       `json:"expires_at,omitzero"`
}

// tokenNamed is the token that asks, or that the session comes from.
type tokenNamed struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
}

type environmentJSON struct {
	ID   carteiro.ID `json:"id"`
	Name string      `json:"name"`
}

func (s *server) getSession(r *request) error {
	if r.denied != nil {
		return r.denied
	}
	return s.answerSession(r, http.StatusOK, r.token)
}

func (s *server) answerSession(r *request, status int, token carteiro.Token) error {
	environments, err := s.Store.ListEnvironments(r.Context())
	if err != nil {
		return err
	}
	shown := sessionJSON{
		Environment: environmentJSON{ID: token.EnvironmentID}, Token: tokenNamed{token.Name, token.Scopes.Names()},
		Version: s.Version, ExpiresAt: timestamp(token.ExpiresAt),
	}
	for _, e := range environments {
		if e.ID == token.EnvironmentID {
			shown.Environment.Name = e.Name
		}
	}
	return r.respond(status, answer{Data: shown})
}

var sessionFields = []string{fieldToken}

func (s *server) signIn(r *request) error {
	if !s.Sessions {
		return errNoRoute
	}
	if err := s.crossOrigin.Check(r.Request); err != nil {
		return errCrossOrigin
	}
	from, err := r.signInToken()
	if err != nil {
		if wait := s.signIns.admit(http.Header{}, r.isUnknownPeer(), true, r.begun); wait > 0 {
			return rateLimited(wait)
		}
		return err
	}
	// A valid token is limited only by what its own environment does: many people can share an address.
	if wait := s.signIns.admit(http.Header{}, caller{environment: from.EnvironmentID}, true, r.begun); wait > 0 {
		return rateLimited(wait)
	}
	if !r.namesEnvironment(from.EnvironmentID) {
		return errEnvironmentMismatch
	}
	cookie := carteiro.NewSessionSecret()
	r.token, r.environment = from, from.EnvironmentID
	begun := r.auditEntry(carteiro.SessionBegun, carteiro.Subject{Kind: carteiro.SubjectToken, ID: from.ID, Name: from.Name})
	session, err := s.Directory.DeriveToken(r.Context(), store.DeriveToken{From: from.Hash, Now: r.begun, Audit: begun, Token: carteiro.Token{
		ID: s.IDs.New(r.begun), Hash: carteiro.HashToken(cookie), CreatedAt: r.begun, ExpiresAt: r.begun.Add(sessionLifetime), Session: true,
	}})
	if err != nil {
		return missing(err, errExpiredToken) // since it was looked up
	}
	r.setCookie(cookie, int(session.ExpiresAt.Sub(r.begun)/time.Second))
	return s.answerSession(r, http.StatusCreated, session)
}

// signInToken returns the token of the body.
func (r *request) signInToken() (token carteiro.Token, err error) {
	var f faults
	in, err := r.input(sessionFields, true, &f)
	if err != nil {
		return token, err
	}
	var secret string
	in.requiredText(&secret, fieldToken, maxToken)
	if err := f.err(); err != nil {
		return token, err
	}
	return r.lookUp(strings.TrimSpace(secret), carteiro.TokenPrefix)
}

// signedOut is the answer to a sign-out.
var signedOut = answer{Message: msgSignedOut}

func (s *server) signOut(r *request) error {
	if !s.Sessions {
		return errNoRoute
	}
	if err := s.crossOrigin.Check(r.Request); err != nil {
		return errCrossOrigin
	}
	if secret := r.sessionSecret(); secret != "" {
		if err := s.Directory.ForgetToken(r.Context(), carteiro.HashToken(secret)); err != nil {
			return err
		}
	}
	r.setCookie("", -1)
	return r.respond(http.StatusOK, signedOut)
}

// setCookie hands the session to the browser, or takes it away when seconds is negative.
func (r *request) setCookie(secret string, seconds int) {
	cookie := http.Cookie{ //nolint:gosec // Secure where the browser speaks https: over plain http it would be thrown away
		Name: sessionCookie, Value: secret, Path: "/", MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.isSecure(),
	}
	if cookie.Secure {
		cookie.Name = securePrefix + cookie.Name
	}
	http.SetCookie(r.w, &cookie)
}

// isSecure reports whether the browser uses HTTPS, also if a proxy terminates it. A page cannot forge Origin and
// Sec-Fetch-Site, which browsers send over HTTPS and to the own machine only; a client that lies in X-Forwarded-Proto
// gets a cookie that its browser does not send back.
func (r *request) isSecure() bool {
	return r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://") || r.Header.Get("X-Forwarded-Proto") == "https" ||
		r.Header.Get("Sec-Fetch-Site") != "" && !isLocal(r.Host)
}

// isLocal reports whether browsers trust a host over plain HTTP: localhost and loopback addresses.
func isLocal(hostport string) bool {
	host := (&url.URL{Host: hostport}).Hostname()
	address, err := netip.ParseAddr(host)
	host = strings.ToLower(host)
	return err == nil && address.IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// sessionSecret gives what is in the cookie, if there is one and it counts: not for requests that a page of another
// origin has a browser make.
func (r *request) sessionSecret() string {
	if !r.s.Sessions {
		return ""
	}
	names := []string{securePrefix + sessionCookie, sessionCookie}
	if r.isSecure() {
		names = names[:1] // anybody on the network could have set the other one over plain HTTP
	}
	for _, name := range names {
		if cookie, err := r.Cookie(name); err == nil && cookie.Value != "" {
			if r.s.crossOrigin.Check(r.Request) != nil {
				return ""
			}
			return cookie.Value
		}
	}
	return ""
}

// lookUp finds a token by its secret. It fails with one of the 401s, and when the store fails.
func (r *request) lookUp(secret, prefix string) (carteiro.Token, error) {
	if len(secret) > maxToken || !strings.HasPrefix(secret, prefix) {
		return carteiro.Token{}, errInvalidToken
	}
	token, err := r.s.Directory.Token(r.Context(), carteiro.HashToken(secret))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return token, errInvalidToken
	case err != nil:
		return token, err
	case token.Expired(r.begun):
		return token, errExpiredToken
	}
	return token, nil
}
