package api

import (
	"strings"

	"carteiro"
)

// maxToken bounds the tokens that are looked up, in bytes.
const maxToken = 512

// identify gives the token that the request bears or, without an Authorization header, that of its session. It fails with
// one of the 401s, and when the store fails.
func (r *request) identify() (carteiro.Token, error) {
	const scheme = "Bearer "
	header := r.Header.Get("Authorization")
	if header == "" {
		if secret := r.sessionSecret(); secret != "" {
			return r.lookUp(secret, carteiro.SessionPrefix)
		}
	}
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return carteiro.Token{}, errMissingToken
	}
	secret := strings.Trim(header[len(scheme):], " ")
	if secret == "" {
		return carteiro.Token{}, errMissingToken
	}
	return r.lookUp(secret, carteiro.TokenPrefix)
}
