package send

import "net/http"

// The headers of a delivery. Those of Standard Webhooks are written in lower case, as that standard does.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
	headerPlain     = "X-Webhook-Signature"
	headerEvent     = "X-Webhook-Event"
	headerAttempt   = "X-Webhook-Attempt"
	headerLogID     = "X-Webhook-Log-Id"

	headerTrace = "Traceparent"

	headerContentType = "Content-Type"
	headerUserAgent   = "User-Agent"
)

var contentType = []string{"application/json"}

// shownHeaders keeps an answer's headers, as many as fit the bound.
func shownHeaders(h http.Header) http.Header {
	size := 0
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(value)
		}
		if size > maxShownHeaders {
			delete(h, name)
		}
	}
	return h
}
