package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/store"
)

// newDeliveringWorld is a world whose events are sent, by the dispatcher itself.
func newDeliveringWorld(t *testing.T, private bool) *world {
	t.Helper()
	return newWorld(t, func(c *api.Config) {
		s := c.Store.(store.Store)
		sender := send.New(egress.New(private), "test")
		dispatcher := dispatch.New(dispatch.Config{
			Store: s, Webhooks: c.Directory, Sender: sender, IDs: c.IDs, Policy: carteiro.DefaultRetryPolicy(), Logger: c.Logger,
		})
		must(t, dispatcher.Start(t.Context()))
		t.Cleanup(func() {
			dispatcher.Stop(t.Context())
			sender.Close()
		})
		c.Publisher = &publish.Publisher{Store: s, Directory: c.Directory, Lanes: dispatcher, IDs: c.IDs, Retention: 24 * time.Hour}
	})
}

// received is a request that came to a receiver.
type received struct {
	method, body string
	header       http.Header
}

// receiver answers as told and hands on what it gets.
func receiver(t *testing.T, answer http.HandlerFunc) (url string, got chan received) {
	t.Helper()
	got = make(chan received, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- received{r.Method, string(body), r.Header}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

// await asks for a log until it reads like this.
func (w *world) await(path, status string) *reply {
	w.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		r := w.call("GET", path, nil).has(200)
		if r.at("data.status") == status || r.at("data.0.status") == status {
			return r
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("does not become %s: %s", status, r.body)
		}
	}
}

func TestWhatIsSetIsWhatIsSent(t *testing.T) {
	w := newDeliveringWorld(t, true)
	url, got := receiver(t, func(http.ResponseWriter, *http.Request) {})
	o := w.newOwner(w.home, "agents", "webhook_url", url, "http_method", "PUT", "webhook_secret", "s3cret",
		"authorization_scheme", "basic", "authorization_value", "user:pass",
		"custom_headers", []any{map[string]string{"key": "X-Team", "value": "sales"}, map[string]string{"key": "X-Auth-Token", "value": "t0p"}},
		"payload_templates", map[string]any{"event_phone_call_ended": map[string]string{"id": "{{call.id}}", "text": "of {{agent_name}}"}})
	w.call("POST", o.events, `{"event":"event_phone_call_ended","payload":{"call":{"id":1.50}}}`).has(202)
	r := <-got
	if r.method != "PUT" || r.body != `{"id":1.50,"text":"of Front desk"}` || r.header.Get("X-Team") != "sales" || r.header.Get("X-Auth-Token") != "t0p" ||
		r.header.Get("Authorization") != "Basic dXNlcjpwYXNz" || r.header.Get("Webhook-Signature") == "" {
		t.Errorf("received %+v", r)
	}
	log := w.await(o.hook+"/logs", "success").has(200, `"request_payload":{"id":1.50,"text":"of Front desk"}`, `"Authorization":"Basic ********"`)
	log.lacks("t0p", "s3cret", "dXNlcjpwYXNz")
}

func TestATestIsDeliveredWhileTheCallerWaits(t *testing.T) {
	w := newDeliveringWorld(t, true)
	status := http.StatusOK
	url, got := receiver(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) })
	o := w.newOwner(w.home, "agents", "webhook_url", url)
	w.call("POST", o.hook+"/test", nil).has(200, `"message":"Test webhook sent successfully"`, `"status_code":200`)
	body := (<-got).body
	if prefix := `{"event":"webhook.test","agent_id":"` + o.id + `","agent_name":"Front desk","webhook_id":"` + o.webhook +
		`","webhook_name":"CRM","timestamp":"`; !strings.HasPrefix(body, prefix) || !strings.HasSuffix(body, `Z","test":true}`) ||
		len(body) != len(prefix)+len(`2025-09-03T23:19:51.000Z","test":true}`) {
		t.Errorf("received %s", body)
	}
	status = http.StatusInternalServerError
	w.call("POST", o.hook+"/test", nil).is(422, `{"success":false,"message":"Webhook test failed: HTTP 500 Internal Server Error"}`)
	<-got
	w.call("PUT", o.hook, `{"webhook_url":"http://127.0.0.1:1"}`).has(200)
	w.call("POST", o.hook+"/test", nil).is(422, `{"success":false,"message":"Webhook test failed: Connection refused"}`)
	w.call("GET", o.hook+"/logs", nil).has(200, `"total":3`).lacks("retrying", "pending")

	c := w.newOwner(w.home, "campaigns", "webhook_url", url)
	w.call("POST", c.hook+"/test", nil).is(200, `{"success":true,"message":"Test payload dispatched"}`)
	if body := (<-got).body; !strings.Contains(body, `"event":"campaign.completed"`) || !strings.Contains(body, `"test":true`) {
		t.Errorf("received %s", body)
	}
	w.await(c.hook+"/logs", "failed").has(200, `"trigger":"test"`)
}

func TestPrivateAddressesAreBlockedWhenTheyAreDialled(t *testing.T) {
	w := newDeliveringWorld(t, false)
	o := w.newOwner(w.home, "agents", "webhook_url", "http://127.0.0.1:9/")
	w.call("POST", o.hook+"/test", nil).is(422, `{"success":false,"message":"Webhook test failed: Blocked address"}`)
}

func TestARetryIsSentWithTheWebhookAsItIsNow(t *testing.T) {
	w := newDeliveringWorld(t, true)
	old, gotOld := receiver(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusGone - 1) })
	now, gotNow := receiver(t, func(http.ResponseWriter, *http.Request) {})
	o := w.newOwner(w.home, "agents", "webhook_url", old, "max_retries", 0)
	w.publish(o)
	first := <-gotOld
	failed := w.await(o.hook+"/logs", "failed")
	log := o.hook + "/logs/" + failed.text("data.0.id")
	before := w.call("GET", log, nil).body
	w.call("PUT", o.hook, map[string]any{"webhook_url": now, "http_method": "PATCH"}).has(200)
	retried := w.call("POST", log+"/retry", nil).has(200).text("data.log_id")
	second := <-gotNow
	if second.method != "PATCH" || second.header.Get("Webhook-Id") != first.header.Get("Webhook-Id") || second.header.Get("X-Webhook-Attempt") != "2" {
		t.Errorf("first %v, then %v", first, second)
	}
	w.await(o.hook+"/logs/"+retried, "success").has(200, `"trigger":"manual"`, `"request_url":"`+now+`"`)
	w.call("GET", log, nil).is(200, before)
	w.call("POST", log+"/retry", nil).is(422, refused("already_succeeded"))
}
