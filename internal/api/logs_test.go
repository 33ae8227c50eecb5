package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
)

// A pending attempt that is due tells when the operator's proxy holds it; one that is scheduled for later waits for its time.
func TestAnEntryTellsThatTheProxyHoldsIt(t *testing.T) {
	var down atomic.Bool
	w := newWorld(t, func(c *api.Config) { c.ProxyDown = down.Load })
	o := w.newOwner(w.home, "agents")
	w.publish(o)
	down.Store(true)
	w.call("GET", o.hook+"/logs", nil).has(200, `"status":"pending"`, `"waiting_for":"proxy"`)
	down.Store(false)
	w.call("GET", o.hook+"/logs", nil).has(200, `"status":"pending"`).lacks("waiting_for")
	down.Store(true)
	w.finish(o, failedWith(500), time.Now().Add(time.Hour))
	w.call("GET", o.hook+"/logs", nil).has(200, `"status":"pending"`, `"status":"retrying"`).lacks("waiting_for")
}

func TestAnEntryTellsWhatHappened(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			event := w.publish(o)
			list := w.call("GET", o.hook+"/logs", nil).has(200, `"status":"pending"`, `"attempt":1`, `"trigger":"automatic"`,
				`"webhook_id":"`+o.webhook+`"`, `"event":"`+o.event+`"`, `"event_id":"`+event.String()+`"`).
				lacks("next_attempt_at", "http_status", "duration_ms", "delivered_at", "request_payload", "error", "original_log_id", "response_truncated")
			path := o.hook + "/logs/" + list.text("data.0.id")
			if got := w.call("GET", path, nil).has(200); fmt.Sprint(got.at("data")) != fmt.Sprint(list.at("data.0")) {
				t.Errorf("listed %s\nshown  %s", list.body, got.body)
			}
			// It fails, and is retried in an hour.
			due := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
			w.finish(o, failedWith(500), due)
			w.call("GET", path, nil).has(200, `"status":"retrying"`, `"http_status":500`, `"error":"Internal Server Error"`,
				`"request_url":"https://example.com/hook"`, `"Authorization":"Bearer ********"`, `"request_payload":{"event":"x","n":1.50}`,
				`"response_headers":{"X-Many":"a, b"}`, `"response_body":"caf\ufffd"`, `"duration_ms":150`).lacks("delivered_at")
			r := w.call("GET", o.hook+"/logs", nil).has(200, `"total":2`)
			if r.text("data.0.status") != "pending" || r.text("data.0.next_attempt_at") != due.Format("2006-01-02T15:04:05.000000Z") ||
				r.text("data.0.original_log_id") != r.text("data.1.id") || r.at("data.0.attempt") != 2.0 {
				t.Errorf("the retry reads %s", r.body)
			}
			// A second event is delivered.
			w.publish(o)
			w.finish(o, answeredWith(204), time.Time{})
			r = w.call("GET", o.hook+"/logs?status=success", nil).has(200, `"http_status":204`, `"total":1`).lacks(`"error"`)
			if !timePattern.MatchString(r.text("data.0.delivered_at")) || !timePattern.MatchString(r.text("data.0.created_at")) {
				t.Errorf("times of %s", r.body)
			}
		})
	}
}

func TestBodiesThatAreNoJSONAreShownAsText(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.publish(o)
	outcome := answeredWith(200)
	outcome.RequestBody = nil
	outcome.ResponseBody, outcome.ResponseTruncated = []byte("<b>\x00&</b>"), true
	w.finish(o, outcome, time.Time{})
	w.call("GET", o.hook+"/logs", nil).has(200, `"response_body":"<b>\u0000&</b>"`, `"response_truncated":true`).lacks("request_payload")
}

func TestLogsAreListedByPageAndByCursor(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.call("GET", o.hook+"/logs", nil).is(200, `{"success":true,"data":[],"pagination":{"current_page":1,"per_page":25,"total":0,"last_page":1}}`)
	var want []string // newest first
	for i := range 57 {
		id := w.publish(o).String()
		want = append([]string{id}, want...)
		if i == 29 {
			w.finish(o, failedWith(503), time.Time{})
		}
	}
	events := func(r *reply) (ids []string) {
		for i := range r.at("data").([]any) {
			ids = append(ids, r.text(fmt.Sprintf("data.%d.event_id", i)))
		}
		return ids
	}
	r := w.call("GET", o.hook+"/logs", nil).has(200, `"pagination":{"current_page":1,"per_page":25,"total":57,"last_page":3,"next_cursor":"`)
	wantList(t, "first page", events(r), want[:25])
	r = w.call("GET", o.hook+"/logs?per_page=20&page=3", nil).has(200, `"pagination":{"current_page":3,"per_page":20,"total":57,"last_page":3}}`)
	wantList(t, "last page", events(r), want[40:])
	w.call("GET", o.hook+"/logs?page=1000000000&per_page=100", nil).has(200, `"data":[]`)

	var got []string
	path := o.hook + "/logs?per_page=10"
	r = w.call("GET", path, nil).has(200)
	for pages := 1; ; pages++ {
		got = append(got, events(r)...)
		next, more := r.at("pagination.next_cursor").(string)
		if !more {
			break
		}
		if pages == 2 {
			w.publish(o) // comes in meanwhile and disturbs nothing
		}
		r = w.call("GET", path+"&page=7&cursor="+next, nil).has(200, `"current_page":1`)
	}
	wantList(t, "by cursor", got, want)
}

func TestLogsAreFiltered(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents", "events", []string{"event_phone_call_ended", "event_action"})
	first := w.publish(o)
	w.finish(o, failedWith(500), time.Time{})
	w.publish(o)
	w.finish(o, answeredWith(200), time.Time{})
	w.call("POST", o.events, map[string]any{"event": "event_action", "payload": map[string]any{}}).has(202)
	oldest := w.call("GET", o.hook+"/logs?status=failed", nil).text("data.0.created_at")
	at, err := time.Parse(time.RFC3339, oldest)
	must(t, err)
	before, after := at.Add(-time.Microsecond).Format(time.RFC3339Nano), at.Add(time.Microsecond).Format(time.RFC3339Nano)
	abroad := at.In(time.FixedZone("", 2*60*60)).Format(time.RFC3339Nano)
	for query, want := range map[string]int{
		"":                                  3,
		"status=pending":                    1,
		"status=failed":                     1,
		"status=success":                    1,
		"status=retrying":                   0,
		"status=":                           3,
		"event=event_action":                1,
		"event=webhook.test":                0,
		"event=" + url.QueryEscape("%' --"): 0,
		"event_id=" + first.String():        1,
		"event_id=" + unknownID:             0,
		"event_id=" + first.String() + "&status=success": 0,
		"from=" + oldest:                   3,
		"from=" + after:                    2,
		"to=" + oldest:                     1,
		"to=" + before:                     0,
		"from=" + oldest + "&to=" + oldest: 1,
		"from=" + after + "&to=" + before:  0,
		"to=" + abroad:                     1, // the plus sign becomes a space on its way
		"to=" + url.QueryEscape(abroad):    1,
	} {
		r := w.call("GET", o.hook+"/logs?"+query, nil).has(200, fmt.Sprintf(`"total":%d`, want))
		if data, _ := r.at("data").([]any); len(data) != want {
			t.Errorf("%s lists %d, want %d", query, len(data), want)
		}
	}
	for query, want := range map[string]string{
		"status=done":                        "status: The selected status is invalid.",
		"status=Failed":                      "status: The selected status is invalid.",
		"event_id=7":                         "event_id: The event id must be a valid UUID.",
		"event_id=" + carteiro.ID{}.String(): "event_id: The event id must be a valid UUID.",
		"from=yesterday":                     "from: The from must be a valid RFC 3339 time.",
		"from=2025-09-03":                    "from: The from must be a valid RFC 3339 time.",
		"to=2025-02-30T00:00:00Z":            "to: The to must be a valid RFC 3339 time.",
		"to=0000-01-01T00:00:00%2B01:00":     "to: The to must be a valid RFC 3339 time.",
		"cursor=x":                           "cursor: The selected cursor is invalid.",
		"cursor=" + strings.Repeat("A", 22):  "cursor: The selected cursor is invalid.",
		"event=%00":                          "event: The event format is invalid.",
		"per_page=0":                         "per_page: The per page must be between 1 and 100.",
		"page=x":                             "page: The page must be an integer.",
	} {
		wantList(t, query, w.call("GET", o.hook+"/logs?"+query, nil).errors(), []string{want})
	}
	wantList(t, "all at once", w.call("GET", o.hook+"/logs?status=x&per_page=0&from=x", nil).errors(), []string{
		"from: The from must be a valid RFC 3339 time.", "per_page: The per page must be between 1 and 100.", "status: The selected status is invalid.",
	})
}
