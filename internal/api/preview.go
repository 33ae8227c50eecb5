package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

type previewJSON struct {
	CanRetry    bool                  `json:"can_retry"`
	Reason      carteiro.NotRetriable `json:"reason,omitempty"`
	Attempt     int                   `json:"attempt"`
	Now         *requestJSON          `json:"now,omitempty"`
	Then        *requestJSON          `json:"then,omitempty"`
	Differences *differences          `json:"differences,omitempty"`
	Error       string                `json:"error,omitempty"`
}

// requestJSON is a request to a receiver, secrets masked.
type requestJSON struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// differences are in what a request that would be sent differs from one that was.
type differences struct {
	Method        bool         `json:"method"`
	URL           bool         `json:"url"`
	Headers       []headerDiff `json:"headers"`
	Body          []bodyDiff   `json:"body"`
	BodyTruncated bool         `json:"body_truncated,omitempty"`
}

type headerDiff struct {
	Name         string `json:"name"`
	Change       change `json:"change"`
	EveryAttempt bool   `json:"every_attempt,omitempty"`
}

// change is how something differs from what it was.
type change string

const (
	added   change = "added"
	removed change = "removed"
	changed change = "changed"
)

// previewRetry shows what a retry would send. What is built is built by the sender itself.
func (s *server) previewRetry(r *request, k *ownerRoutes) error {
	at, err := r.webhook(k)
	if err != nil {
		return err
	}
	id, err := r.pathID(pathLog, errLogNotFound)
	if err != nil {
		return err
	}
	preview, err := s.Publisher.PreviewRetry(r.Context(), store.LogRef{OwnerRef: at.ref, WebhookID: at.webhook.ID, LogID: id})
	if err != nil {
		return missing(err, errLogNotFound)
	}
	shown := previewJSON{CanRetry: preview.Refused == "", Reason: preview.Refused, Attempt: preview.Delivery.Number}
	now := s.Previewer.Preview(at.webhook, preview.Delivery, r.begun)
	if now.Reason == "" {
		shown.Now = showRequest(now)
	} else {
		shown.Error = now.Error + ": " + now.Detail
	}
	if then := preview.Log.Outcome; then != nil && then.RequestHeaders != nil {
		shown.Then = showRequest(then)
	}
	if shown.Now != nil && shown.Then != nil {
		if err := r.reserve(int64(decodedFactor * (len(shown.Now.Body) + len(shown.Then.Body)))); err != nil {
			return err
		}
		shown.Differences = compare(shown.Then, shown.Now)
	}
	for _, request := range []*requestJSON{shown.Now, shown.Then} {
		if request != nil {
			r.redactSignatures(request.Headers) // only now, so that they are told to differ all the same
		}
	}
	return r.respond(http.StatusOK, answer{Data: shown})
}

func showRequest(o *carteiro.Outcome) *requestJSON {
	return &requestJSON{o.RequestMethod, o.RequestURL, showHeader(o.RequestHeaders), showBody(o.RequestBody)}
}

// compare says in what now differs from then.
func compare(then, now *requestJSON) *differences {
	d := &differences{Method: then.Method != now.Method, URL: then.URL != now.URL, Headers: []headerDiff{}}
	names := slices.Sorted(maps.Keys(then.Headers))
	for _, name := range slices.Sorted(maps.Keys(now.Headers)) {
		if _, both := then.Headers[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		before, was := then.Headers[name]
		after, is := now.Headers[name]
		diff := headerDiff{Name: name, Change: changed, EveryAttempt: ofEveryAttempt(name)}
		switch {
		case !was:
			diff.Change = added
		case !is:
			diff.Change = removed
		case before == after:
			continue
		}
		d.Headers = append(d.Headers, diff)
	}
	if d.Body, d.BodyTruncated = diffJSON(then.Body, now.Body); d.Body == nil {
		d.Body = []bodyDiff{}
	}
	return d
}

// ofEveryAttempt says whether a header is another at every attempt by its nature.
func ofEveryAttempt(name string) bool {
	switch strings.ToLower(name) {
	case "webhook-timestamp", "x-webhook-attempt", "x-webhook-log-id", "svix-timestamp":
		return true
	}
	return isSignature(name)
}
