package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	structuredCloud = "application/cloudevents+json"
	batchOfClouds   = "application/cloudevents-batch+json"
)

// cloud is a structured event of an owner; more is JSON members, each with its comma before.
func cloud(o *owner, id, more string) string {
	return `{"specversion":"1.0","id":"` + id + `","source":"/telephony","type":"` + o.event + `"` + more + `}`
}

func (w *world) callCloud(body string) *reply {
	w.t.Helper()
	return w.call("POST", "/cloudevents", body, "Content-Type", structuredCloud)
}

func TestACloudEventIsTheSameEventInEveryForm(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			attribute := map[string]string{"agents": "agentid", "campaigns": "campaignid"}[plural]
			const at, data = "2025-09-03T23:19:51.2041239+02:00", `{"n": 1.50, "big":12345678901234567890}`
			whose := `,"` + attribute + `":"` + o.id + `","time":"` + at + `","traceparent":"00-x","data":`

			first := w.callCloud(cloud(o, "1", whose+data)).has(202, `"message":"Event accepted"`, `"deliveries":1`)
			w.call("POST", "/cloudevents", data, "Content-Type", "application/json; charset=utf-8", "Ce-Specversion", "1.0",
				"Ce-Id", "1", "Ce-Source", "/telephony", "Ce-Type", o.event, "Ce-Time", at, "Ce-"+attribute, o.id).is(202, first.body)
			w.callCloud(cloud(o, "1", strings.Replace(whose, "traceparent", "hop", 1)+`{ "n":1.50,"big":12345678901234567890}`)).is(202, first.body)
			w.callCloud(cloud(o, "1", `,"subject":"`+plural+"/"+o.id+`","time":"`+at+`","data_base64":"eyJuIjogMS41MCwgImJpZyI6MTIzNDU2Nzg5MDEyMzQ1Njc4OTB9"`)).is(202, first.body)
			w.call("POST", "/cloudevents", "["+cloud(o, "1", whose+data)+"]", "Content-Type", batchOfClouds).
				has(202, `"results":[{"index":0,"event_id":"`+first.text("data.event_id")+`","deliveries":1}]`)

			done := w.finish(o, answeredWith(200), time.Time{})
			if len(done) != 1 {
				t.Fatalf("%d deliveries, not one", len(done))
			}
			e := done[0].Event
			if string(e.Payload) != data || e.Type != o.event || !e.OccurredAt.Equal(time.Date(2025, 9, 3, 21, 19, 51, 204123000, time.UTC)) {
				t.Errorf("kept %+v with %s", e, e.Payload)
			}
			// The same id with something else behind it is no repetition, and the same id of another source is another event.
			w.callCloud(cloud(o, "1", whose+`{"n":2}`)).is(409, keyReused)
			w.callCloud(strings.Replace(cloud(o, "1", whose+data), "/telephony", "/other", 1)).has(202).lacks(first.text("data.event_id"))
		})
	}
}

func TestEachFaultOfACloudEventIsToldInItsWords(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	mine := `,"agentid":"` + o.id + `"`
	for body, want := range map[string][]string{
		`{}`:                    {"specversion: The specversion field is required."},
		`[]`:                    {"body: The body must be an object."},
		`{"specversion":"1.0"}`: {"id: The id field is required.", "source: The source field is required.", "type: The type field is required."},
		`{"specversion":"0.3","id":"1","source":"/x","type":"` + o.event + `"}`: {"specversion: The selected specversion is invalid."},
		cloud(o, "1", mine):                                                    {"data: The data field is required."},
		cloud(o, "1", mine+`,"data":null`):                                     {"data: The data field is required."},
		cloud(o, "1", mine+`,"data":[1]`):                                      {"data: The data must be an object."},
		cloud(o, "1", mine+`,"data":"{}"`):                                     {"data: The data must be an object."},
		cloud(o, "1", mine+`,"data_base64":7`):                                 {"data_base64: The data base64 must be a string."},
		cloud(o, "1", mine+`,"data":"<a/>","datacontenttype":"text/xml"`):      {"datacontenttype: The selected datacontenttype is invalid."},
		cloud(o, "1", `,"data":{}`):                                            {"agentid: The agentid field is required when campaignid is not present."},
		cloud(o, "1", `,"subject":"`+o.id+`","data":{}`):                       {"agentid: The agentid field is required when campaignid is not present."},
		cloud(o, "1", `,"agentid":7,"data":{}`):                                {"agentid: The agentid must be a string."},
		cloud(o, "1", mine+`,"campaignid":"x","data":{}`):                      {"campaignid: The campaignid must be a valid UUID."},
		cloud(o, "1", mine+`,"campaignid":"`+unknownID+`","data":{}`):          {"campaignid: The selected campaignid is invalid."},
		strings.Replace(cloud(o, "1", mine+`,"data":{}`), o.event, "other", 1): {"type: The selected type is invalid."},
	} {
		wantList(t, body, w.callCloud(body).errors(), want)
	}
	w.callCloud(cloud(o, "1", mine+`,"time":"yesterday","data":{}`)).has(422, "The time must be a valid RFC 3339 time.")
	w.callCloud(cloud(o, "1", mine+mine+`,"data":{}`)).is(400, invalidJSON)
	w.callCloud(cloud(o, "1", mine+`,"data":{`)).is(400, invalidJSON)
	w.callCloud(cloud(o, "1", mine+`,"data_base64":"e30x"`)).is(400, invalidJSON)
	w.callCloud(cloud(o, "1", mine+`,"data_base64":"*"`)).has(422, "The data base64 format is invalid.")
	w.call("POST", "/cloudevents", `{}`).has(415, "The request is no CloudEvent")
	w.call("POST", "/cloudevents", `{}`, "Ce-Id", "1", "Ce-", "x").has(415)
	w.call("GET", "/cloudevents", nil).has(405)
	// What was refused has not used its id up.
	w.callCloud(cloud(o, "1", mine+`,"data":{}`)).has(202)
}

func TestABinaryCloudEventSaysEachThingOnce(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	headers := []string{"Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "/x", "Ce-Type", o.event, "Ce-Agentid", o.id}
	req, _ := w.request(w.home, "POST", "/cloudevents", `{}`, headers...)
	req.Header.Add("Ce-Agentid", unknownID)
	if got := w.send(req, nil).errors(); fmt.Sprint(got) != "[agentid: The agentid format is invalid.]" {
		t.Error(got)
	}
	w.call("POST", "/cloudevents", `{}`, append(headers, "Ce-", "x")...).has(202) // the name of nothing
	w.call("POST", "/cloudevents", ``, append(headers, "Ce-Id", "2")...).has(422, "The data field is required.")
	w.call("POST", "/cloudevents", `{"a":`, append(headers, "Ce-Id", "2")...).is(400, invalidJSON)
}

func TestCloudEventsHaveTheBoundsOfEvents(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.MaxPayload = 1000 })
	o := w.newOwner(w.home, "agents")
	event := func(n int) string {
		return cloud(o, fmt.Sprint(n), `,"agentid":"`+o.id+`","data":{"x":"`+strings.Repeat("a", n-8)+`"}`)
	}
	w.callCloud(event(1000)).has(202)
	w.callCloud(event(1001)).has(413, "The payload must not be greater than 1000 bytes.")
	w.callCloud(event(70_000)).has(413, "The request body must not be greater than 66536 bytes.")
	w.call("POST", "/cloudevents", "["+event(999)+","+event(1001)+","+event(70_000)+`,7]`, "Content-Type", batchOfClouds).
		has(202, `"accepted":1,"rejected":3`, `"status_code":413`, `"The body must be an object."`)
	w.call("POST", "/cloudevents", "[]", "Content-Type", batchOfClouds).has(422, "at least 1 items")
	w.call("POST", "/cloudevents", "["+strings.Repeat("{},", 1000)+"{}]", "Content-Type", batchOfClouds).has(422, "at most 1000 items")
	w.call("POST", "/cloudevents", "{", "Content-Type", batchOfClouds).is(400, invalidJSON)
}

func TestACloudEventReachesNothingOfAnotherEnvironment(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			body := cloud(o, "1", `,"subject":"`+plural+"/"+o.id+`","data":{}`)
			w.callAs(w.other, "POST", "/cloudevents", body, "Content-Type", structuredCloud).is(404, noOwner[plural])
			w.callAs(w.other, "POST", "/cloudevents", "["+body+"]", "Content-Type", batchOfClouds).has(202, `"accepted":0`, `"status_code":404`)
			w.callCloud(body).has(202, `"deliveries":1`)
			// Ids of events are each environment's own.
			w.callAs(w.other, "PUT", o.path, map[string]any{"name": "twin"}).has(201)
			w.callAs(w.other, "POST", "/cloudevents", body, "Content-Type", structuredCloud).has(202, `"deliveries":0`)
			w.callAs(&tenant{token: "talq_none"}, "POST", "/cloudevents", body, "Content-Type", structuredCloud).has(401)
		})
	}
}

func TestCloudEventsThatTheStoreCannotTakeAreNotAccepted(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	body := cloud(o, "1", `,"agentid":"`+o.id+`","data":{}`)
	w.store.set(fmt.Errorf("disk: %w", store.ErrUnavailable))
	w.callCloud(body).has(503)
	w.store.set(nil)
	w.callCloud(body).has(202)
}

func TestACloudEventKeepsTheTraceThatItBeganIn(t *testing.T) {
	const began, hop = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	whose := `,"agentid":"` + o.id + `","data":{}`
	for i, c := range []struct{ attribute, header, want string }{
		{began, "", began}, {began, hop, began}, {"", hop, hop}, {"00-x", hop, hop}, {"00-x", "", ""},
	} {
		more := whose
		if c.attribute != "" {
			more += `,"traceparent":"` + c.attribute + `"`
		}
		w.call("POST", "/cloudevents", cloud(o, fmt.Sprint(i), more), "Content-Type", structuredCloud, "Traceparent", c.header).has(202)
		if got := w.finish(o, answeredWith(200), time.Time{})[0].Event.TraceParent; got != c.want {
			t.Errorf("the event says %q and the call %q: kept is %q", c.attribute, c.header, got)
		}
	}
	w.call("POST", "/cloudevents", `{}`, "Content-Type", "application/json", "Ce-Specversion", "1.0", "Ce-Id", "b", "Ce-Source", "/s",
		"Ce-Type", o.event, "Ce-Agentid", o.id, "Ce-Traceparent", began).has(202)
	if got := w.finish(o, answeredWith(200), time.Time{})[0].Event.TraceParent; got != began {
		t.Errorf("of a binary one is kept %q", got)
	}
}
