package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro/internal/api"
)

const keyReused = `{"success":false,"message":"The idempotency key was already used with another request body.","code":"IDEMPOTENCY_KEY_REUSED"}`

func TestAnEventIsKeptAsItCame(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			const payload = `{ "n": 1.50, "big":12345678901234567890, "a":{"b":[1 ,2]}, "s":"\u00e9 }\\\"", "n":2 }`
			r := w.call("POST", o.events, "\n"+`{"extra":[{"event":"x"}],"payload":`+payload+`, "occurred_at" : "2025-09-03T23:19:51.2041239+02:00","event":"`+o.event+`"} `)
			r.has(202, `{"success":true,"message":"Event accepted","data":{"event_id":"`, `","deliveries":1}}`)
			done := w.finish(o, answeredWith(200), time.Time{})
			if len(done) != 1 {
				t.Fatalf("%d deliveries", len(done))
			}
			e := done[0].Event
			if string(e.Payload) != payload || e.ID != r.id("data.event_id") || e.Type != o.event || e.OwnerName != "Front desk" ||
				!e.OccurredAt.Equal(time.Date(2025, 9, 3, 21, 19, 51, 204123000, time.UTC)) {
				t.Errorf("kept %+v with %s", e, e.Payload)
			}
			w.publish(o)
			e = w.finish(o, answeredWith(200), time.Time{})[0].Event
			if !e.OccurredAt.Equal(e.AcceptedAt()) {
				t.Errorf("occurred at %v, accepted at %v", e.OccurredAt, e.AcceptedAt())
			}
		})
	}
}

func TestAnAgentsEventReachesItsCampaign(t *testing.T) {
	w := newWorld(t)
	a := w.newOwner(w.home, "agents")
	c := w.newOwner(w.home, "campaigns", "include_call_events", true)
	stranger := w.newOwner(w.other, "campaigns", "include_call_events", true)
	event := func(campaign string) string {
		return `{"event":"event_phone_call_ended","payload":{},"campaign_id":` + campaign + `}`
	}
	w.call("POST", a.events, event(`"`+strings.ToUpper(c.id)+`"`)).has(202, `"deliveries":2`)
	w.call("POST", a.events, event("null")).has(202, `"deliveries":1`)
	for value, want := range map[string]string{
		`"` + stranger.id + `"`: "campaign_id: The selected campaign id is invalid.",
		`"` + unknownID + `"`:   "campaign_id: The selected campaign id is invalid.",
		`"x"`:                   "campaign_id: The campaign id must be a valid UUID.",
		`7`:                     "campaign_id: The campaign id must be a string.",
	} {
		wantList(t, value, w.call("POST", a.events, event(value)).errors(), []string{want})
	}
	w.call("POST", c.events, `{"event":"campaign.completed","payload":{},"campaign_id":7}`).has(202, `"deliveries":1`)
}

func TestEachFaultOfAnEventIsToldInItsWords(t *testing.T) {
	w := newWorld(t)
	other := map[string]string{"agents": "campaign.completed", "campaigns": "event_phone_call_ended"}
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural)
		event := `"event":"` + o.event + `"`
		for body, want := range map[string][]string{
			`{}`: {"event: The event field is required.", "payload: The payload field is required."},
			`{"event":null,"payload":null,"occurred_at":null}`:                  {"event: The event field is required.", "payload: The payload field is required."},
			`{"event":7,"payload":[],"occurred_at":1756941591}`:                 {"event: The event must be a string.", "occurred_at: The occurred at must be a string.", "payload: The payload must be an object."},
			`{"event":"` + other[plural] + `","payload":{}}`:                    {"event: The selected event is invalid."},
			`{"event":"webhook.test","payload":{}}`:                             {"event: The selected event is invalid."},
			`{"event":"","payload":{}}`:                                         {"event: The selected event is invalid."},
			`{` + event + `,"payload":"{}"}`:                                    {"payload: The payload must be an object."},
			`{` + event + `,"payload":{},"occurred_at":"yesterday"}`:            {"occurred_at: The occurred at must be a valid RFC 3339 time."},
			`{` + event + `,"payload":{},"occurred_at":"2025-09-03"}`:           {"occurred_at: The occurred at must be a valid RFC 3339 time."},
			`{` + event + `,"payload":{},"occurred_at":"2025-13-03T00:00:00Z"}`: {"occurred_at: The occurred at must be a valid RFC 3339 time."},
			`[{` + event + `,"payload":{}}]`:                                    {"body: The body must be an object."},
		} {
			wantList(t, body, w.call("POST", o.events, body).errors(), want)
		}
		w.call("POST", o.events, `{"\u0065vent":"`+strings.Replace(o.event, "e", `\u0065`, 1)+`","payload":{}}`).has(202)
		for _, key := range []string{"é", "a\tb", strings.Repeat("k", 256)} {
			wantList(t, key, w.call("POST", o.events, `{"payload":{}}`, "Idempotency-Key", key).errors(), []string{
				"event: The event field is required.",
				"idempotency_key: The idempotency key must be between 1 and 255 printable ASCII characters.",
			})
		}
	}
}

func TestPayloadsHaveABound(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.MaxPayload = 1000 })
	o := w.newOwner(w.home, "agents")
	event := func(n int, more string) string {
		return `{"event":"` + o.event + `","payload":{"x":"` + strings.Repeat("a", n-8) + `"}` + more + `}`
	}
	const tooLarge = `{"success":false,"message":"The payload must not be greater than 1000 bytes."}`
	w.call("POST", o.events, event(1000, "")).has(202)
	w.call("POST", o.events, event(1001, "")).is(413, tooLarge)
	w.call("POST", o.events, event(1001, `,"occurred_at":7`)).is(413, tooLarge)
	w.call("POST", o.events, event(1000, `,"x":"`+strings.Repeat("a", 60_000)+`"`)).has(202)
	w.call("POST", o.events, event(1000, `,"x":"`+strings.Repeat("a", 70_000)+`"`)).is(413,
		`{"success":false,"message":"The request body must not be greater than 66536 bytes."}`)
	deep := func(n int) string {
		return `{"event":"` + o.event + `","payload":` + strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) + "}"
	}
	w.call("POST", o.events, deep(64)).has(202)
	w.call("POST", o.events, deep(66)).is(400, tooDeep)
}

func TestAKeyMakesAnEventOnce(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o, sibling := w.newOwner(w.home, plural), w.newOwner(w.home, plural)
			body := `{"event":"` + o.event + `","payload":{"n":1}}`
			first := w.call("POST", o.events, body, "Idempotency-Key", "k 1").has(202)
			w.call("POST", o.events, body, "Idempotency-Key", "k 1").is(202, first.body)
			w.call("POST", o.events, strings.Replace(body, "1", "2", 1), "Idempotency-Key", "k 1").is(409, keyReused)
			w.call("POST", sibling.events, body, "Idempotency-Key", "k 1").is(409, keyReused)
			w.call("POST", o.events, body, "Idempotency-Key", "k 2").has(202).lacks(first.text("data.event_id"))
			w.call("POST", o.events, body).has(202)
			w.call("GET", o.hook+"/logs", nil).has(200, `"total":3`)
			// Another environment's keys are its own.
			w.callAs(w.other, "PUT", o.path, map[string]any{"name": "x"}).has(201)
			w.callAs(w.other, "POST", o.events, body, "Idempotency-Key", "k 1").has(202, `"deliveries":0`)
			// What was refused has not used the key up.
			w.call("POST", o.events, `{"event":"x","payload":{}}`, "Idempotency-Key", "k 3").has(422)
			w.call("POST", o.events, body, "Idempotency-Key", "k 3").has(202)
		})
	}
}

func TestAnUnknownCampaignDoesNotUseUpAKey(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	body := `{"event":"` + o.event + `","payload":{},"campaign_id":"` + unknownID + `"}`
	w.call("POST", o.events, body, "Idempotency-Key", "k").has(422)
	w.call("PUT", "/campaigns/"+unknownID, map[string]any{"name": "now it is there"}).has(201)
	w.call("POST", o.events, body, "Idempotency-Key", "k").has(202)
}

func TestManyCallsAtOnceWithOneKeyGiveOneEvent(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	var mu sync.Mutex
	answers := map[string]int{}
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			req, _ := w.request(w.home, "POST", o.events, `{"event":"`+o.event+`","payload":{}}`, "Idempotency-Key", "k")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			mu.Lock()
			answers[string(body)]++
			mu.Unlock()
		})
	}
	callers.Wait()
	if len(answers) != 1 {
		t.Errorf("answers %v", answers)
	}
	w.call("GET", o.hook+"/logs", nil).has(200, `"total":1`)
}

// batch is a body of these items, as an array or as lines.
func batch(lines bool, items []string) (body, contentType string) {
	if lines {
		return strings.Join(items, "\n"), "application/x-ndjson"
	}
	return "[" + strings.Join(items, ",") + "]", "application/json"
}

func TestABatchHasOneResultAnEvent(t *testing.T) {
	for _, lines := range []bool{false, true} {
		t.Run(fmt.Sprintf("lines %v", lines), func(t *testing.T) {
			w := newWorld(t, func(c *api.Config) { c.MaxPayload = 1000 })
			a := w.newOwner(w.home, "agents")
			c := w.newOwner(w.home, "campaigns", "include_call_events", true)
			stranger := w.newOwner(w.other, "agents")
			w.call("POST", a.events, `{"event":"`+a.event+`","payload":{}}`, "Idempotency-Key", "used").has(202)
			agent, campaign := `{"agent_id":"`+a.id+`",`, `{"campaign_id":"`+c.id+`",`
			event, ofCampaign := `"event":"event_phone_call_ended","payload":{}`, `"event":"campaign.completed","payload":{}`
			type row struct{ item, want string }
			rows := []row{
				{agent + event + `}`, `"deliveries":1`},
				{agent + `"campaign_id":"` + c.id + `",` + event + `}`, `"deliveries":2`},
				{campaign + ofCampaign + `}`, `"deliveries":1`},
				{campaign + `"agent_id":null,` + ofCampaign + `}`, `"deliveries":1`},
				{`{` + event + `}`, `"status_code":422,"message":"The given data was invalid.","code":"VALIDATION_FAILED","errors":{"agent_id":["The agent id field is required when campaign id is not present."]}`},
				{`{"agent_id":7,` + event + `}`, `"status_code":422,"message":"The given data was invalid.","code":"VALIDATION_FAILED","errors":{"agent_id":["The agent id must be a string."]}`},
				{`{"agent_id":"x",` + event + `}`, `"status_code":404,"message":"Agent not found in this environment."`},
				{`{"campaign_id":"x",` + ofCampaign + `}`, `"status_code":404,"message":"Campaign not found in this environment."`},
				{`{"agent_id":"` + unknownID + `",` + event + `}`, `"status_code":404,"message":"Agent not found in this environment."`},
				{`{"agent_id":"` + stranger.id + `",` + event + `}`, `"status_code":404,"message":"Agent not found in this environment."`},
				{`{"campaign_id":"` + unknownID + `",` + ofCampaign + `}`, `"status_code":404,"message":"Campaign not found in this environment."`},
				{agent + `"campaign_id":"` + unknownID + `",` + event + `}`, `"errors":{"campaign_id":["The selected campaign id is invalid."]}`},
				{agent + ofCampaign + `}`, `"errors":{"event":["The selected event is invalid."]}`},
				{agent + `"event":"event_action"}`, `"errors":{"payload":["The payload field is required."]}`},
				{agent + event + `,"occurred_at":"x"}`, `"errors":{"occurred_at":["The occurred at must be a valid RFC 3339 time."]}`},
				{agent + event + `,"event":"event_action"}`, `"status_code":400,"message":"The request body is not valid JSON."`},
				{agent + `"event":"event_action","payload":{"x":"` + strings.Repeat("a", 1000) + `"}}`, `"status_code":413,"message":"The payload must not be greater than 1000 bytes."`},
				{agent + event + `,"x":"` + strings.Repeat("a", 70_000) + `"}`, `"status_code":413,"message":"The request body must not be greater than 66536 bytes."`},
				{agent + event + `,"x":` + strings.Repeat("[", 90) + strings.Repeat("]", 90) + `}`, `"status_code":400,"message":"The request body must not hold more than 66 objects and arrays`},
				{`7`, `"status_code":422,"message":"The given data was invalid.","code":"VALIDATION_FAILED","errors":{"body":["The body must be an object."]}`},
				{`[` + agent + event + `}]`, `"errors":{"body":["The body must be an object."]}`},
				{agent + event + `,"idempotency_key":"used"}`, `"status_code":409,"message":"The idempotency key was already used with another request body."`},
				{agent + event + `,"idempotency_key":""}`, `"errors":{"idempotency_key":["The idempotency key must be between 1 and 255 printable ASCII characters."]}`},
				{agent + event + `,"idempotency_key":7}`, `"errors":{"idempotency_key":["The idempotency key must be a string."]}`},
				{agent + event + `,"idempotency_key":"new"}`, `"deliveries":1`},
			}
			if lines {
				rows = append(rows, row{agent + event, `"status_code":400,"message":"The request body is not valid JSON."`},
					row{agent + "\"event\":\"caf\xe9\"}", `"status_code":400,"message":"The request body is not valid JSON."`},
					row{agent + event + "}\r\n\n  ", `"deliveries":1`}, row{agent + event + "}", `"deliveries":1`})
			}
			var items []string
			accepted := 0
			for _, row := range rows {
				items = append(items, row.item)
				if strings.Contains(row.want, "deliveries") {
					accepted++
				}
			}
			body, contentType := batch(lines, items)
			r := w.call("POST", "/events/batch", body, "Content-Type", contentType).
				has(202, fmt.Sprintf(`{"success":true,"message":"Batch accepted","data":{"accepted":%d,"rejected":%d,"results":[{"index":0,`, accepted, len(rows)-accepted))
			var answer struct {
				Data struct{ Results []json.RawMessage }
			}
			must(t, json.Unmarshal([]byte(r.body), &answer))
			if len(answer.Data.Results) != len(rows) {
				t.Fatalf("%d results for %d events", len(answer.Data.Results), len(rows))
			}
			for i, row := range rows {
				if got := string(answer.Data.Results[i]); !strings.Contains(got, row.want) || !strings.HasPrefix(got, fmt.Sprintf(`{"index":%d,`, i)) {
					t.Errorf("%.200s\n got %s\nwant %s", row.item, got, row.want)
				}
			}
		})
	}
}

func TestABatchAsAWhole(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	item := `{"agent_id":"` + o.id + `","event":"` + o.event + `","payload":{}}`
	times := func(n int) []string {
		items := make([]string, n)
		for i := range items {
			items[i] = item
		}
		return items
	}
	for _, lines := range []bool{false, true} {
		body, contentType := batch(lines, times(1000))
		w.call("POST", "/events/batch", body, "Content-Type", contentType).has(202, `"accepted":1000,"rejected":0`)
		body, _ = batch(lines, times(1001))
		wantList(t, "too many", w.call("POST", "/events/batch", body, "Content-Type", contentType).errors(),
			[]string{"events: The events field must contain at most 1000 items."})
		body, _ = batch(lines, nil)
		wantList(t, "none", w.call("POST", "/events/batch", body, "Content-Type", contentType).errors(),
			[]string{"events: The events field must contain at least 1 items."})
	}
	for _, body := range []string{"", "[" + item, "[" + item + ",]", "[" + item + "]]", "[\"caf\xe9\"]", item + "\n" + item} {
		w.call("POST", "/events/batch", body).is(400, invalidJSON)
	}
	w.call("POST", "/events/batch", strings.Repeat("[", 1000)).is(400, tooDeep)
	for _, body := range []string{item, "7", "null"} {
		wantList(t, body, w.call("POST", "/events/batch", body).errors(), []string{"events: The events must be an array."})
	}
	w.call("POST", "/events/batch", `[7,{}]`).has(202, `"accepted":0,"rejected":2`)
	req, _ := w.request(w.home, "POST", "/events/batch", nil)
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader("")), 64<<20+1
	resp, err := http.DefaultClient.Do(req)
	if err == nil { // the server may hang up first
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 413 || !strings.Contains(string(body), "67108864") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
}

func TestABatchWithKeys(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	item := func(key string) string {
		return `{"agent_id":"` + o.id + `","event":"` + o.event + `","payload":{},"idempotency_key":"` + key + `"}`
	}
	bad := `{"agent_id":"` + unknownID + `","event":"` + o.event + `","payload":{}}`
	first := w.call("POST", "/events/batch", "["+item("a")+","+bad+","+item("b")+"]").has(202, `"accepted":2`)
	w.call("POST", "/events/batch", "["+item("a")+","+bad+","+item("b")+"]").is(202, first.body)
	again := w.call("POST", "/events/batch", "["+item("c")+","+item("a")+","+item("c")+"]").has(202, `"accepted":3`)
	if again.text("data.results.1.event_id") != first.text("data.results.0.event_id") ||
		again.text("data.results.0.event_id") != again.text("data.results.2.event_id") {
		t.Errorf("first %s\nagain %s", first.body, again.body)
	}
	w.call("GET", o.hook+"/logs", nil).has(200, `"total":3`)

	plain := `{"agent_id":"` + o.id + `","event":"` + o.event + `","payload":{}}`
	whole := w.call("POST", "/events/batch", "[7,"+plain+","+bad+","+plain+"]", "Idempotency-Key", "whole").has(202, `"accepted":2,"rejected":2`)
	w.call("POST", "/events/batch", "[7,"+plain+","+bad+","+plain+"]", "Idempotency-Key", "whole").is(202, whole.body)
	w.call("POST", "/events/batch", "["+plain+"]", "Idempotency-Key", "whole").is(409, keyReused)
	w.call("POST", "/events/batch", "["+plain+"]", "Idempotency-Key", "é").has(422, "idempotency_key")
	w.call("GET", o.hook+"/logs", nil).has(200, `"total":5`)
}

// The repeated answer is the one that was given, also for events that used a key of an earlier call.
func TestARepeatedBatchRepeatsTheAnswersOfItsKeyedEvents(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	item := func(key, payload string) string {
		return `{"agent_id":"` + o.id + `","event":"` + o.event + `","payload":` + payload + `,"idempotency_key":"` + key + `"}`
	}
	publish := func(key string, items ...string) *reply {
		return w.call("POST", "/events/batch", "["+strings.Join(items, ",")+"]", "Idempotency-Key", key)
	}
	first := publish("first", item("a", "{}")).has(202, `"accepted":1`)
	same, other := item("a", "{}"), item("a", `{"b":1}`)
	mixed := []string{item("new", "{}"), same, other, item("new", "{}"), item("new", `{"b":1}`), item("mixed", "{}")}
	answer := publish("mixed", mixed...).has(202, `"accepted":3,"rejected":3`)
	if answer.text("data.results.1.event_id") != first.text("data.results.0.event_id") {
		t.Errorf("first %s\nthen %s", first.body, answer.body)
	}
	publish("mixed", mixed...).is(202, answer.body)
	answer = publish("repeated", same).has(202, `"accepted":1,"rejected":0`)
	publish("repeated", same).is(202, answer.body)
	publish("repeated", other).is(409, keyReused)

	// A batch whose events are all rejected does not use its key.
	bad := `{"agent_id":"` + unknownID + `","event":"` + o.event + `","payload":{}}`
	answer = publish("rejected", other, bad).has(202, `"accepted":0,"rejected":2`)
	publish("rejected", other, bad).is(202, answer.body)
	publish("rejected", item("corrected", "{}")).has(202, `"accepted":1,"rejected":0`)
	w.call("GET", o.hook+"/logs", nil).has(200, `"total":3`)
}
