package carteiro

import (
	"slices"
	"strings"
)

// reservedHeaders may not be custom headers: they frame and route the request, say who sends it, or describe the body, which
// differs with each event. A header named Proxy becomes the proxy of CGI programs.
var reservedHeaders = []string{
	"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect",
	"http2-settings", "user-agent", "proxy",
	"content-type", "content-encoding", "content-range", "content-md5", "content-digest", "repr-digest", "digest",
}

// reservedPrefixes begin the names of reserved families.
var reservedPrefixes = []string{"proxy-", "webhook-", "x-webhook-", "svix-"}

// ReservedHeader reports whether a webhook may not have a custom header of this name. CGI and WSGI servers treat "-" and "_" as
// the same, so webhook_signature is reserved as well.
func ReservedHeader(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return slices.Contains(reservedHeaders, name) ||
		slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
