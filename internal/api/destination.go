package api

import (
	"cmp"
	"net"
	"net/url"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
)

// A webhook's credentials are for one receiver, and nobody reads them back. Permission to edit a webhook must not show them
// to another host: without the scope all, whoever changes where a webhook leads sends its credentials again.

// destination is where requests for a URL go: scheme, host and port, written one way.
func destination(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	host, err := egress.ASCIIHost(u.Hostname())
	if err != nil {
		return raw
	}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return u.Scheme + "://" + net.JoinHostPort(host, cmp.Or(u.Port(), port))
}

// sameDestination says whether two URLs lead to the same receiver. A new webhook's first URL leads away from none.
func sameDestination(before, after string) bool {
	return before == "" || destination(before) == destination(after)
}

// requireCredentials reports each credential that would be sent to another receiver without having been sent again. kept are
// the paths of headers that keep their stored values.
func requireCredentials(in *input, before *carteiro.Webhook, kept []string) {
	if raw, sent := in.sent(fieldAuthorizationValue); before.AuthorizationValue != "" && (!sent || string(raw) == `""`) {
		in.fault(fieldAuthorizationValue, isRequiredWhenMoved, inWords(fieldWebhookURL))
	}
	for _, path := range kept {
		in.fault(path, isRequiredWhenMoved, inWords(fieldWebhookURL))
	}
}

// credentialsMoved says whether stored credentials go to another receiver with a change.
func credentialsMoved(before, after *carteiro.Webhook) bool {
	if before == nil || sameDestination(before.URL, after.URL) {
		return false
	}
	if before.AuthorizationValue != "" && before.AuthorizationValue == after.AuthorizationValue {
		return true
	}
	return slices.ContainsFunc(before.CustomHeaders, func(h carteiro.Header) bool {
		return h.IsSecret() && slices.ContainsFunc(after.CustomHeaders, func(other carteiro.Header) bool { return other.Value == h.Value })
	})
}
