package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// delivery is one request that a receiver got.
type delivery struct {
	path   string
	header http.Header
	body   []byte
}

func (d delivery) eventID() string { return d.header.Get("webhook-id") }
func (d delivery) logID() string   { return d.header.Get("X-Webhook-Log-Id") }

func (d delivery) attempt() int {
	n, _ := strconv.Atoi(d.header.Get("X-Webhook-Attempt"))
	return n
}

// receiver is where webhooks of a test point.
type receiver struct {
	*httptest.Server
	got chan delivery // all that came, before it is answered
}

// newReceiver starts a receiver that answers what decide says, which may take its time.
func newReceiver(t testing.TB, decide func(delivery) int) *receiver {
	t.Helper()
	r := &receiver{got: make(chan delivery, 10_000)}
	r.Server = httptest.NewServer(takeDeliveries(func(d delivery) int {
		r.got <- d
		return decide(d)
	}))
	t.Cleanup(r.Close)
	return r
}

// takeDeliveries hands every delivery to take, and answers what that says.
func takeDeliveries(take func(delivery) int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // the sender has gone
		}
		w.WriteHeader(take(delivery{path: req.URL.Path, header: req.Header.Clone(), body: body}))
	})
}

// always is the answer of a receiver that knows only one.
func always(status int) func(delivery) int { return func(delivery) int { return status } }

// verify checks a delivery's signature as a receiver would.
func verify(t testing.TB, secret string, d delivery) {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err == nil {
		err = hook.Verify(d.body, d.header)
	}
	if err != nil {
		t.Errorf("delivery %s: %v", d.logID(), err)
	}
}
