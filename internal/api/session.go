package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"carteiro"
	"carteiro/internal/store"
)

// A session is a token of its own, derived from the environment token that was given: random, kept as a hash, in the
// browser's hands as a cookie that no script can read. It ends with the token that it comes from.

const (
	// sessionLife is how long a session lasts at most: a working day.
	sessionLife = 12 * time.Hour
	// signInsAMinute is how often a minute each address may try to sign in.
	signInsAMinute = 60

	sessionCookie = "carteiro_session"
	// securePrefix makes browsers take the cookie over https only, and from this very host.
	securePrefix = "__Host-"
)

// sessionShown says who is asking.
type sessionShown struct {
	Environment environmentShown `json:"environment"`
	Token       tokenNamed       `json:"token"`
	Version     string           `json:"version"`
	ExpiresAt   timestamp        `json:"expires_at,omitzero"`
}

// tokenNamed is the token that asks, or that the session comes from.
type tokenNamed struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
}

type environmentShown struct {
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
	shown := sessionShown{
		Environment: environmentShown{ID: token.EnvironmentID}, Token: tokenNamed{token.Name, token.Scopes.Names()},
		Version: s.Version, ExpiresAt: timestamp(token.ExpiresAt),
	}
	for _, e := range environments {
		if e.ID == token.EnvironmentID {
			shown.Environment.Name = e.Name
		}
	}
	return r.answer(status, answer{Data: shown})
}

var sessionFields = []string{fieldToken}

func (s *server) signIn(r *request) error {
	if !s.Sessions {
		return errNoRoute
	}
	if err := s.crossOrigin.Check(r.Request); err != nil {
		return errCrossOrigin
	}
	if wait := s.signIns.admit(http.Header{}, caller{address: addressOf(r.RemoteAddr)}, true, r.begun); wait > 0 {
		return rateLimited(wait)
	}
	var f faults
	in, err := r.input(sessionFields, true, &f)
	if err != nil {
		return err
	}
	var secret string
	in.requiredText(&secret, fieldToken, maxToken)
	if err := f.err(); err != nil {
		return err
	}
	from, err := r.lookUp(strings.TrimSpace(secret), carteiro.TokenPrefix)
	if err != nil {
		return err
	}
	cookie := carteiro.NewSessionSecret()
	r.token, r.environment = from, from.EnvironmentID
	begun := r.auditEntry(carteiro.SessionBegun, carteiro.Subject{Kind: carteiro.SubjectToken, ID: from.ID, Name: from.Name})
	session, err := s.Directory.DeriveToken(r.Context(), store.DeriveToken{From: from.Hash, Now: r.begun, Audit: begun, Token: carteiro.Token{
		ID: s.IDs.New(r.begun), Hash: carteiro.HashToken(cookie), CreatedAt: r.begun, ExpiresAt: r.begun.Add(sessionLife), Session: true,
	}})
	if err != nil {
		return missing(err, errExpiredToken) // since it was looked up
	}
	r.setCookie(cookie, int(session.ExpiresAt.Sub(r.begun)/time.Second))
	return s.answerSession(r, http.StatusCreated, session)
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
	return r.answer(http.StatusOK, signedOut)
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

// isSecure says whether the browser speaks https, whatever is between it and here. What it says of the page's origin
// cannot be made up by a page; a proxy's word is taken as well, since who lies only gets a cookie that is not sent back.
func (r *request) isSecure() bool {
	return r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://") || r.Header.Get("X-Forwarded-Proto") == "https"
}

// sessionSecret gives what is in the cookie, if there is one and it counts: not for requests that a page of another
// origin has a browser make.
func (r *request) sessionSecret() string {
	if !r.s.Sessions {
		return ""
	}
	for _, name := range []string{securePrefix + sessionCookie, sessionCookie} {
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
