package api

import (
	"strings"

	"github.com/carteiro/carteiro"
)

// toListen is what a token needs to be told deliveries as their receiver gets them: it reads payloads, and is given
// signatures.
const toListen = toRead | toManage

// withSignatures says whether the token may have signatures. With one and the body beside it anybody makes a request that the
// receiver takes for genuine: [carteiro.ScopeRead] is to look, and not to speak in the server's name. A token with
// [carteiro.ScopeWebhooks] can have whatever it likes signed for a receiver of its own, so that nothing is kept from it.
func (r *request) withSignatures() bool { return r.token.Scopes.Allow(carteiro.ScopeWebhooks) }

// veil masks the signatures among headers that are shown, unless the token may have them, and credentials that an earlier
// version has logged without masking them.
func (r *request) veil(headers map[string]string) map[string]string {
	signed := r.withSignatures()
	for name, value := range headers {
		switch {
		case isSignature(name):
			if !signed {
				headers[name] = carteiro.Masked
			}
		case carteiro.Secretive(name) && !strings.Contains(value, carteiro.Masked):
			headers[name] = carteiro.Masked
		}
	}
	return headers
}

func isSignature(name string) bool {
	switch strings.ToLower(name) {
	case "webhook-signature", "x-webhook-signature", "svix-signature":
		return true
	}
	return false
}
