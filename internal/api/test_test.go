package api_test

import (
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestATestOfAnAgentsWebhookTellsWhatCameOfIt(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	var sent *carteiro.Delivery
	answer := func(outcome carteiro.Outcome) {
		w.lanes.outcome = func(d *carteiro.Delivery) carteiro.Outcome { sent = d; return outcome }
	}
	answer(answeredWith(201))
	w.call("POST", o.hook+"/test", nil).is(200,
		`{"success":true,"message":"Test webhook sent successfully","data":{"status_code":201,"response_time":150}}`)
	if sent.Event.Type != "webhook.test" || !sent.Event.Test || string(sent.Event.Payload) != "{}" || sent.Event.OwnerName != "Front desk" {
		t.Errorf("sent %+v", sent.Event)
	}
	answer(failedWith(500))
	w.call("POST", o.hook+"/test", nil).is(422, `{"success":false,"message":"Webhook test failed: HTTP 500 Internal Server Error"}`)
	answer(carteiro.Outcome{Reason: carteiro.ReasonTimeout, Error: "Connection timeout", Duration: time.Second, FinishedAt: time.Now()})
	w.call("POST", o.hook+"/test", "{}").is(422, `{"success":false,"message":"Webhook test failed: Connection timeout"}`)
	w.call("GET", o.hook+"/logs", nil).has(200, `"total":3`, `"trigger":"test"`, `"event":"webhook.test"`, `"attempt":1`)
	w.call("PATCH", o.hook+"/toggle", nil).has(200)
	w.call("POST", o.hook+"/test", nil).is(422, `{"success":false,"message":"Webhook test failed: Webhook is disabled"}`)
}

func TestATestOfACampaignsWebhookIsASyntheticEvent(t *testing.T) {
	w := newWorld(t)
	for _, event := range carteiro.NewCatalogue(nil, nil).Types(carteiro.OwnerCampaign) {
		o := w.newOwner(w.home, "campaigns", "events", []string{event.Name})
		w.call("POST", o.hook+"/test", nil).is(200, `{"success":true,"message":"Test payload dispatched"}`)
		w.call("GET", o.hook+"/logs", nil).has(200, `"total":1`, `"status":"pending"`, `"trigger":"test"`, `"event":"`+event.Name+`"`)
		done := w.finish(o, answeredWith(200), time.Time{})
		if len(done) != 1 || len(done[0].Event.Payload) < len(`{"test":true,"x":1}`) {
			t.Errorf("%s: sent %+v", event.Name, done)
		}
	}
}
