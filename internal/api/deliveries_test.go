package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// signed is a delivery as a stream tells it.
type signed struct {
	LogID   string `json:"log_id"`
	EventID string `json:"event_id"`
	Event   string
	Attempt int
	Trigger string
	Method  string
	Headers map[string]string
	Body    []byte
	Error   string
}

// deliveryStream opens the stream of a webhook's deliveries.
func (w *world) deliveries(o *owner, headers ...string) *reader {
	w.t.Helper()
	return w.streamOf(o.hook+"/deliveries/stream", headers...)
}

// delivery reads the next one, and holds what it is against the signature, as its receiver would.
func (r *reader) delivery() signed {
	r.t.Helper()
	e, more := r.next()
	if !more || e.name != "delivery" {
		r.t.Fatalf("told %v, more: %v; want a delivery", e, more)
	}
	var d signed
	must(r.t, json.Unmarshal([]byte(r.data), &d))
	return d
}

func (d signed) verify(t *testing.T, secret string) {
	t.Helper()
	header := make(http.Header)
	for name, value := range d.Headers {
		header.Set(name, value)
	}
	hook, err := standardwebhooks.NewWebhook(secret)
	must(t, err)
	if err := hook.Verify(d.Body, header); err != nil {
		t.Errorf("a receiver refuses %v: %v", d, err)
	}
}

func TestADeliveryIsStreamedOnceAndSigned(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural, "webhook_secret", hookSecret, "http_method", "PUT",
				"payload_templates", map[string]any{eventOf[plural]: map[string]any{"kind": "{{event}}"}},
				"authorization_scheme", "bearer", "authorization_value", "sesame-1",
				"custom_headers", []any{map[string]any{"key": "X-Api-Token", "value": "sesame-2"}, map[string]any{"key": "X-Team", "value": "red"}})
			w.failedLog(o)
			r := w.deliveries(o)
			event := w.publish(o).String()
			d := r.delivery()
			d.verify(t, hookSecret)
			if d.EventID != event || d.LogID != w.newest(o) || d.Attempt != 1 || d.Trigger != "automatic" || d.Method != "PUT" ||
				d.Headers["webhook-id"] != event || d.Headers["X-Webhook-Log-Id"] != d.LogID || d.Headers["X-Team"] != "red" ||
				string(d.Body) != `{"kind":"`+o.event+`"}` {
				t.Errorf("told %v %s", d, d.Body)
			}
			if strings.Contains(r.data, "sesame") || strings.Contains(r.data, "***") || strings.Contains(r.data, hookSecret) {
				t.Errorf("a secret is told: %s", r.data)
			}

			before := w.call("GET", o.hook+"/logs", nil).has(200).body
			w.deliveries(o).close()
			if after := w.call("GET", o.hook+"/logs", nil).body; after != before {
				t.Error("the log has changed")
			}

			// Its receiver fails, is tried again by itself, which is not told, and by hand, which is.
			w.finish(o, failedWith(500), time.Now().Add(time.Millisecond))
			w.finish(o, failedWith(500), time.Time{})
			w.call("POST", o.hook+"/logs/"+w.newest(o)+"/retry", nil).has(200)
			d = r.delivery()
			d.verify(t, hookSecret)
			if d.EventID != event || d.Attempt != 3 || d.Trigger != "manual" || d.Headers["X-Webhook-Attempt"] != "3" {
				t.Errorf("told %v", d)
			}
		})
	}
}

func TestDeliveriesWithoutASecretAreNotSigned(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	r := w.deliveries(o)
	w.publish(o)
	if d := r.delivery(); d.Error != "" || d.Headers["webhook-signature"] != "" || d.Headers["webhook-id"] == "" {
		t.Errorf("told %v", d)
	}
}

// unable builds no request.
type unable struct{}

func (unable) Preview(*carteiro.Webhook, *carteiro.Delivery, time.Time) *carteiro.Outcome {
	return &carteiro.Outcome{Reason: carteiro.ReasonInvalidRequest, Error: "Invalid request", Detail: "template of x: too deep"}
}

func TestADeliveryThatCannotBeBuiltSaysWhy(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Previewer = unable{} })
	o := w.newOwner(w.home, "agents")
	r := w.deliveries(o)
	w.publish(o)
	if d := r.delivery(); d.Error != "Invalid request: template of x: too deep" || len(d.Headers) > 0 || d.Body != nil {
		t.Errorf("told %v", d)
	}
}

func TestDeliveriesOfOtherNodesAreStreamed(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.hub.Watch(w.elsewhere) // nothing is heard of what is done there
	w.store.Store = w.elsewhere
	r := w.deliveries(o)
	event := w.publish(o).String()
	if d := r.delivery(); d.EventID != event {
		t.Errorf("told %v", d)
	}
}

func TestAStreamOfDeliveriesGoesOnWhereTheLastOneEnded(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents", "webhook_secret", hookSecret)
	r := w.deliveries(o)
	opened := r.id
	first := w.publish(o).String()
	if d := r.delivery(); d.EventID != first {
		t.Fatalf("told %v", d)
	}
	r.close()
	w.finish(o, failedWith(500), time.Time{})
	var missed []string
	for range 250 { // more than a page of the log
		missed = append(missed, w.publish(o).String())
	}
	for _, from := range []string{opened, r.id} {
		again := w.deliveries(o, "Last-Event-ID", from)
		told := map[string]int{}
		for range len(missed) + 1 {
			d := again.delivery()
			d.verify(t, hookSecret)
			told[d.EventID]++
		}
		for _, event := range append(missed, first) {
			if told[event] != 1 {
				t.Errorf("%s is told %d times", event, told[event])
			}
		}
		again.close()
	}
}

func TestAStreamOfDeliveriesThatIsTooFarBehindSaysSo(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	r := w.deliveries(o)
	r.close()
	batch := make([]map[string]any, 1000)
	for i := range batch {
		batch[i] = map[string]any{"agent_id": o.id, "event": o.event, "payload": map[string]any{}}
	}
	for range 6 {
		w.call("POST", "/events/batch", batch).has(202)
	}
	again := w.deliveries(o, "Last-Event-ID", r.id)
	if e, _ := again.next(); e.name != "reset" {
		t.Fatalf("told %v", e)
	}
	event := w.publish(o).String()
	if d := again.delivery(); d.EventID != event {
		t.Errorf("it does not go on with what comes next: %v", d)
	}
}

func TestStreamsOfDeliveriesAreBoundedAndEndWithTheirWebhook(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	var all []*reader
	for range 8 {
		all = append(all, w.deliveries(o))
	}
	w.call("GET", o.hook+"/deliveries/stream", nil).has(429, `"code":"STREAM_LIMIT_EXCEEDED"`, "with this token")
	w.call("HEAD", o.hook+"/deliveries/stream", nil).has(200)
	w.stream(o, "").close() // those of the log are counted apart
	w.call("DELETE", o.hook, nil).has(200)
	for _, r := range all {
		if e, more := r.next(); more {
			t.Errorf("told %v", e)
		}
	}
	w.call("GET", o.hook+"/deliveries/stream", nil).has(404, `"Webhook not found."`)
}

// A stream that has ended leaves its slot to the next one, also when its reader goes.
func TestAnEndedStreamOfDeliveriesMakesRoomForAnother(t *testing.T) {
	w := newWorld(t)
	first, second := w.newOwner(w.home, "agents"), w.newOwner(w.home, "agents")
	var all []*reader
	for range 8 {
		all = append(all, w.deliveries(first))
	}
	w.call("DELETE", first.hook, nil).has(200)
	for _, r := range all {
		for more := true; more; {
			_, more = r.next() // the end of an answer is sent after the handler has returned
		}
	}
	for range 8 {
		w.deliveries(second)
	}
	w.call("GET", second.hook+"/deliveries/stream", nil).has(429)
}

func TestAReaderThatGoesLeavesItsStreamOfDeliveriesToAnother(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	for range 8 {
		w.deliveries(o).close()
	}
	deadline := time.Now().Add(30 * time.Second) // for a failure: the server learns soon that a reader has gone
	for w.call("HEAD", o.hook+"/deliveries/stream", nil).has(200); ; {
		req, _ := w.request(w.home, "GET", o.hook+"/deliveries/stream", nil)
		resp, err := http.DefaultClient.Do(req.WithContext(t.Context()))
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the ninth stream is answered %d", resp.StatusCode)
		}
	}
}
