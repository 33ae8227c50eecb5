package api

import (
	"errors"
	"strings"
	"time"

	"carteiro"
	"carteiro/internal/store"
)

// maxToken bounds the tokens that are looked up, in bytes.
const maxToken = 512

// identify gives the environment that the request's token opens. It fails with one of the 401s, and when the store
// fails.
func (r *request) identify(now time.Time) (carteiro.ID, error) {
	const scheme = "Bearer "
	header := r.Header.Get("Authorization")
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return carteiro.ID{}, errMissingToken
	}
	secret := strings.Trim(header[len(scheme):], " ")
	switch {
	case secret == "":
		return carteiro.ID{}, errMissingToken
	case len(secret) > maxToken, !strings.HasPrefix(secret, carteiro.TokenPrefix):
		return carteiro.ID{}, errInvalidToken
	}
	token, err := r.s.Directory.Token(r.Context(), carteiro.HashToken(secret))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return carteiro.ID{}, errInvalidToken
	case err != nil:
		return carteiro.ID{}, err
	case token.Expired(now):
		return carteiro.ID{}, errExpiredToken
	}
	return token.EnvironmentID, nil
}
