package send

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// The headers of a delivery. Those of Standard Webhooks are written in lower case, as that standard does, and so are
// those of Svix, on which it is modelled.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
	headerPlain     = "X-Webhook-Signature"

	svixID        = "svix-id"
	svixTimestamp = "svix-timestamp"
	svixSignature = "svix-signature"

	headerEvent   = "X-Webhook-Event"
	headerAttempt = "X-Webhook-Attempt"
	headerLogID   = "X-Webhook-Log-Id"

	headerTrace = "Traceparent"

	headerContentType = "Content-Type"
	headerUserAgent   = "User-Agent"
)

var contentType = []string{"application/json"}

// shownHeaders keeps an answer's headers, as many as fit the bound, the small ones first.
func shownHeaders(h http.Header) http.Header {
	size := 0
	for name := range h {
		size += sizeOf(h, name)
	}
	if size <= maxShownHeaders {
		return h
	}
	names := slices.SortedFunc(maps.Keys(h), func(a, b string) int {
		return cmp.Or(sizeOf(h, a)-sizeOf(h, b), strings.Compare(a, b))
	})
	size = 0
	for _, name := range names {
		if size += sizeOf(h, name); size > maxShownHeaders {
			delete(h, name)
		}
	}
	return h
}

func sizeOf(h http.Header, name string) (size int) {
	for _, value := range h[name] {
		size += len(name) + len(value)
	}
	return size
}
