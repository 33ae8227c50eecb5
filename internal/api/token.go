package api

import (
	"strings"

	"github.com/carteiro/carteiro"
)

// maxToken bounds the tokens that are looked up, in bytes.
const maxToken = 512

// identify gives the token that the request bears or, without an Authorization header, that of its session. It fails with
// one of the 401s, and when the store fails.
func (r *request) identify() (carteiro.Token, error) {
	if r.Header.Get("Authorization") == "" {
		if secret := r.sessionSecret(); secret != "" {
			return r.lookUp(secret, carteiro.SessionPrefix)
		}
	}
	secret, ok := r.bearer()
	if !ok {
		return carteiro.Token{}, errMissingToken
	}
	return r.lookUp(secret, carteiro.TokenPrefix)
}

// bearer gives the text of the Authorization header behind its scheme, if it is Bearer.
func (r *request) bearer() (secret string, ok bool) {
	const scheme = "Bearer "
	header := r.Header.Get("Authorization")
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	secret = strings.Trim(header[len(scheme):], " ")
	return secret, secret != ""
}
