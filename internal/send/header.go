package send

import (
	"net/http"
	"strconv"
	"time"

	"carteiro"
)

// The headers of a delivery. Those of Standard Webhooks are written in lower case, as that standard does.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
	headerPlain     = "X-Webhook-Signature"
	headerEvent     = "X-Webhook-Event"
	headerAttempt   = "X-Webhook-Attempt"
	headerLogID     = "X-Webhook-Log-Id"
)

var contentType = []string{"application/json"}

// headers gives the headers of a request, and as they are shown in the log.
func (s *Sender) headers(t *Target, d *carteiro.Delivery, body []byte, now time.Time) (sent, shown http.Header) {
	const own = 9
	values := make([]string, 0, own)
	sent = make(http.Header, len(t.header)+own)
	set := func(name, value string) {
		values = append(values, value)
		sent[name] = values[len(values)-1 : len(values) : len(values)]
	}
	id, timestamp := d.EventID.String(), now.Unix()
	set(headerID, id)
	set(headerTimestamp, strconv.FormatInt(timestamp, 10))
	set(headerEvent, d.EventType)
	set(headerAttempt, strconv.Itoa(d.Number))
	set(headerLogID, d.ID.String())
	if t.signed {
		var buf [128]byte
		set(headerSignature, string(t.key.Sign(buf[:0], id, timestamp, body)))
		set(headerPlain, string(t.key.SignPlain(buf[:0], body)))
	}
	sent["Content-Type"] = contentType
	sent["User-Agent"] = s.userAgent
	if len(t.header) == 0 {
		return sent, sent
	}
	shown = make(http.Header, len(t.header)+own)
	for name, value := range sent {
		shown[name] = value
	}
	for name, value := range t.header {
		sent[name], shown[name] = value, t.shown[name]
	}
	return sent, shown
}

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
