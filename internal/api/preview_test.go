package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/send"
)

func TestAPreviewShowsWhatWouldBeSentAndWhatDiffers(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural, "authorization_scheme", "bearer", "authorization_value", "hush")
			w.publish(o)
			outcome := failedWith(500)
			outcome.RequestHeaders = http.Header{
				"Content-Type": {"application/json"}, "X-Webhook-Attempt": {"1"}, "X-Old": {"x"}, "Authorization": {"Bearer " + carteiro.Masked},
			}
			outcome.RequestBody = []byte(`{"call":1,"event":"x","gone":null}`)
			log := o.hook + "/logs/" + w.finish(o, outcome, time.Time{})[0].ID.String()
			w.call("PUT", o.hook, map[string]any{
				"webhook_url": "https://example.com/v2", "http_method": "PUT", "custom_headers": []any{map[string]string{"key": "X-New", "value": "y"}},
				"payload_templates": map[string]any{o.event: map[string]any{"call": "{{call}}", "kind": "{{event}}", "event": "x"}},
			}).has(200)

			r := w.call("GET", log+"/preview", nil).has(200, `"can_retry":true`, `"attempt":2`,
				`"now":{"method":"PUT","url":"https://example.com/v2"`, `"X-New":"y"`, `"Authorization":"Bearer ********"`, `"X-Webhook-Attempt":"2"`,
				`"then":{"method":"POST","url":"https://example.com/hook"`, `"method":true,"url":true`).lacks("hush", "reason")
			if got := fmt.Sprint(r.at("data.now.body")); got != fmt.Sprintf("map[call:1 event:x kind:%s]", o.event) {
				t.Errorf("body would be %s", got)
			}
			for _, diff := range []string{
				`{"name":"X-New","change":"added"}`, `{"name":"X-Old","change":"removed"}`,
				`{"name":"X-Webhook-Attempt","change":"changed","every_attempt":true}`, `"body":[{"path":"/gone","change":"removed"},{"path":"/kind","change":"added"}]`,
			} {
				r.has(200, diff)
			}
			r.lacks(`{"name":"Content-Type"`, `{"name":"Authorization"`)
			if w.call("GET", o.hook+"/logs", nil).has(200).at("pagination.total") != 1.0 {
				t.Error("the preview has changed the log")
			}
			w.call("POST", log+"/retry", nil).has(200)
			w.call("GET", log+"/preview", nil).has(200, `"can_retry":false`, `"reason":"in_progress"`, `"attempt":3`)
		})
	}
}

func TestAPreviewTellsWhyNot(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.publish(o)
	pending := o.hook + "/logs/" + w.call("GET", o.hook+"/logs", nil).text("data.0.id")
	w.call("GET", pending+"/preview", nil).has(200, `"reason":"in_progress"`, `"now":{`).lacks(`"then"`, `"differences"`)
	w.finish(o, answeredWith(200), time.Time{})
	w.call("GET", pending+"/preview", nil).has(200, `"reason":"already_succeeded"`)
	log := w.failedLog(o)
	w.call("PATCH", o.hook+"/toggle", nil).has(200)
	w.call("GET", log+"/preview", nil).has(200, `"reason":"webhook_disabled"`, `"can_retry":false`, `"now":{`)
	w.call("DELETE", o.hook, nil).has(200)
	w.call("GET", log+"/preview", nil).is(404, noWebhook)
}

// A preview must be what a receiver then gets, to the byte: all of it but what belongs to the moment.
func TestWhatIsPreviewedIsWhatIsSent(t *testing.T) {
	got := make(chan *http.Request, 1)
	bodies := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- r
		bodies <- string(body)
	}))
	defer receiver.Close()
	w := newWorld(t)
	o := w.newOwner(w.home, "agents", "webhook_url", receiver.URL+"/a?b=c", "webhook_secret", "hush hush", "http_method", "PATCH",
		"custom_headers", []any{map[string]string{"key": "x-api-token", "value": "hush"}, map[string]string{"key": "X-Team", "value": "sales"}})
	log := w.failedLog(o)
	r := w.call("GET", log+"/preview", nil).has(200)
	w.call("POST", log+"/retry", nil).has(200)

	sender := send.New(egress.New(true), "test")
	defer sender.Close()
	id, err := carteiro.ParseID(o.webhook)
	must(t, err)
	webhook, err := w.store.GetWebhook(t.Context(), id)
	must(t, err)
	w.lanes.mu.Lock()
	d := w.lanes.taken[0]
	w.lanes.mu.Unlock()
	outcome := sender.Send(t.Context(), send.Compile(webhook), d)
	if !outcome.Success {
		t.Fatal(outcome.Error)
	}
	sent, body := <-got, <-bodies
	if shown := r.body; !strings.Contains(shown, `"body":`+body) {
		t.Errorf("sent %s\nshown %s", body, shown)
	}
	if r.text("data.now.method") != sent.Method || r.text("data.now.url") != receiver.URL+sent.RequestURI {
		t.Errorf("sent %s %s", sent.Method, sent.RequestURI)
	}
	shown := r.at("data.now.headers").(map[string]any)
	for name := range outcome.RequestHeaders {
		switch value, ok := shown[name]; {
		case !ok:
			t.Errorf("%s was not shown", name)
		case name == "webhook-timestamp", name == "webhook-signature", name == "X-Webhook-Log-Id", value == carteiro.Masked:
		case value != sent.Header.Get(name):
			t.Errorf("%s was shown as %s and sent as %s", name, value, sent.Header.Get(name))
		}
	}
	if len(shown) != len(outcome.RequestHeaders) || shown["X-Api-Token"] != carteiro.Masked {
		t.Errorf("shown %v, sent %v", shown, outcome.RequestHeaders)
	}
}
