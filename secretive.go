package carteiro

import (
	"slices"
	"strings"
)

// Parts of header names that carry credentials. The short ones occur inside other words, so they count only as a word.
var (
	secretParts = []string{
		"auth", "key", "token", "secret", "password", "passwd", "passphrase", "passcode", "pwd", "cookie", "credential", "session",
		"signature", "jwt", "hmac", "bearer", "assertion", "saml", "macaroon", "csrf", "xsrf", "subscription",
	}
	secretWords = []string{
		"pass", "pw", "pin", "otp", "totp", "mfa", "sign", "signed", "mac", "psk", "pat", "sid", "sso", "cred", "creds", "cert",
		"ticket", "login", "access",
	}
)

// Secretive says whether a header of this name is likely to carry a credential, so that its value is masked wherever it is
// shown.
func Secretive(name string) bool {
	name = strings.ToLower(name)
	if slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(name, part) }) {
		return true
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' })
	return slices.ContainsFunc(words, func(word string) bool { return strings.HasSuffix(word, "sig") || slices.Contains(secretWords, word) })
}
