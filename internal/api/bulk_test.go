package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestManyEntriesAreRetriedByAJob(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			for i := range 8 {
				w.publish(o)
				outcome := failedWith(503 - i%2*99) // 503 or 404
				if i == 7 {
					outcome = answeredWith(200)
				}
				w.finish(o, outcome, time.Time{})
			}
			look := w.call("POST", o.hook+"/logs/retry", map[string]any{"dry_run": true, "status": "failed", "http_status": "5xx"}).
				has(200, `"matching":4`, `"status":"failed"`, `"http_status":503`)
			if n := len(look.at("data.sample").([]any)); n != 4 {
				t.Errorf("a sample of %d", n)
			}
			w.call("POST", o.hook+"/logs/retry", map[string]any{"dry_run": true}).has(200, `"matching":7`)
			w.call("GET", o.hook+"/retries", nil).has(200, `"data":[]`, `"total":0`)

			r := w.call("POST", o.hook+"/logs/retry", map[string]any{"http_status": "5xx", "from": "2025-09-03T10:00:00+02:00"}).has(202,
				`"message":"Bulk retry queued"`, `"status":"queued"`, `"matched":4,"retried":0`, `"remaining":4`,
				`"filter":{"status":"failed","from":"2025-09-03T08:00:00.000000Z","http_status":"5xx"}`)
			o.job = o.hook + "/retries/" + r.text("data.id")
			w.call("POST", o.hook+"/logs/retry", map[string]any{}).is(409,
				`{"success":false,"message":"This webhook has an open bulk retry already.","code":"BULK_RETRY_OPEN","retry_id":"`+r.text("data.id")+`"}`)
			w.call("PATCH", o.job, map[string]any{"paused": true}).has(200, `"status":"paused"`)
			w.call("PATCH", o.job, map[string]any{"paused": false}).has(200, `"status":"running"`)

			w.runBulk(o, "done")
			w.call("GET", o.job, nil).has(200, `"retried":4,"skipped":{"total":0,`, `"remaining":0`, `"ended_at":"`)
			w.call("GET", o.hook+"/retries?per_page=1", nil).has(200, `"total":1`, `"status":"done"`)
			pending := w.call("GET", o.hook+"/logs?status=pending", nil).has(200, `"trigger":"bulk"`, `"total":4`)
			w.call("GET", o.hook+"/logs/"+pending.text("data.0.original_log_id"), nil).has(200, `"http_status":503`)
			w.call("PATCH", o.job, map[string]any{"paused": true}).is(409, `{"success":false,"message":"This bulk retry has ended.","code":"BULK_RETRY_ENDED"}`)
			w.call("DELETE", o.job, nil).has(409, "BULK_RETRY_ENDED")
		})
	}
}

// runBulk takes jobs on until this one has come to a status.
func (w *world) runBulk(o *owner, status string) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.bulk.Run(ctx)
	}()
	for !strings.Contains(w.call("GET", o.job, nil).has(200).body, `"status":"`+status+`"`) {
	}
	stop()
	<-ended
}

func TestAJobCanBeCancelled(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.failedLog(o)
	w.beginBulk(o)
	for range 2 {
		w.call("DELETE", o.job, nil).has(200, `"status":"cancelled"`, `"retried":0`, `"remaining":1`, `"ended_at":"`)
	}
	w.beginBulk(o)
}

func TestAJobNeedsAnEnabledWebhook(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.failedLog(o)
	w.beginBulk(o)
	w.call("PATCH", o.hook+"/toggle", nil).has(200)
	w.call("POST", o.hook+"/logs/retry", map[string]any{}).is(422,
		`{"success":false,"message":"The webhook is disabled. Enable it first.","code":"WEBHOOK_DISABLED"}`)
	w.call("POST", o.hook+"/logs/retry", map[string]any{"dry_run": true}).has(200, `"matching":1`)
	w.runBulk(o, "paused")
	w.call("PATCH", o.job, map[string]any{"paused": false}).has(422, `"code":"WEBHOOK_DISABLED"`)
	w.call("GET", o.job, nil).has(200, `"status":"paused"`)
	w.call("PATCH", o.hook+"/toggle", nil).has(200)
	w.call("PATCH", o.job, map[string]any{"paused": false}).has(200)
	w.runBulk(o, "done")
	w.call("DELETE", o.hook, nil).has(200)
	w.call("POST", o.hook+"/logs/retry", map[string]any{}).is(404, noWebhook)
	w.call("GET", o.job, nil).has(200, `"status":"done"`)
}

func TestFaultsOfABulkRetry(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	for body, want := range map[string][]string{
		`{"status":"success"}`:                  {"status: The selected status is invalid."},
		`{"status":1,"event":2,"event_id":"x"}`: {"event: The event must be a string.", "event_id: The event id must be a valid UUID.", "status: The status must be a string."},
		`{"from":"yesterday","to":7}`:           {"from: The from must be a valid RFC 3339 time.", "to: The to must be a string."},
		`{"http_status":"6xx"}`:                 {"http_status: The selected http status is invalid."},
		`{"http_status":true,"dry_run":"yes"}`:  {"dry_run: The dry run field must be true or false.", "http_status: The http status must be a string."},
	} {
		wantList(t, body, w.call("POST", o.hook+"/logs/retry", body).errors(), want)
	}
	w.call("POST", o.hook+"/logs/retry", "[]").has(422)
	w.beginBulk(o)
	wantList(t, "nothing", w.call("PATCH", o.job, "{}").errors(), []string{"paused: The paused field is required."})
	wantList(t, "a word", w.call("PATCH", o.job, `{"paused":"no"}`).errors(), []string{"paused: The paused field must be true or false."})
}

func TestLogsAreFilteredByHTTPStatusAndById(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	var events []string
	for _, status := range []int{200, 204, 404, 500, 503} {
		events = append(events, w.publish(o).String())
		outcome := failedWith(status)
		if status < 300 {
			outcome = answeredWith(status)
		}
		w.finish(o, outcome, time.Time{})
	}
	events = append(events, w.publish(o).String())
	silent := failedWith(0)
	silent.HTTPStatus, silent.Error = 0, "connection refused"
	w.finish(o, silent, time.Time{})
	w.publish(o)
	for query, total := range map[string]int{
		"": 7, "http_status=503": 1, "http_status=5xx": 2, "http_status=5XX": 2, "http_status=2xx": 2, "http_status=none": 1, "http_status=0": 1,
		"http_status=3xx": 0, "http_status=4xx&status=failed": 1, "http_status=2xx&status=failed": 0, "http_status=5xx&status=pending": 0,
		"search=" + events[0]: 1, "search=" + strings.ReplaceAll(events[1], "-", ""): 1, "search=%20" + events[2][:18] + "%20": 1, "search=" + events[3][:18] + "&http_status=404": 0,
		"search=00000000": 0,
	} {
		w.call("GET", o.hook+"/logs?"+query, nil).has(200, fmt.Sprintf(`"total":%d,`, total)).lacks("total_is_lower_bound")
	}
	all := w.call("GET", o.hook+"/logs?search="+events[0][:8], nil).has(200)
	if got := all.at("pagination.total").(float64); got < 1 {
		t.Errorf("the first eight digits find %v", got)
	}
	log := all.text("data.0.id")
	w.call("GET", o.hook+"/logs?search="+strings.ToUpper(log), nil).has(200, `"total":1`, log)
	for query, want := range map[string]string{
		"http_status=6xx": "http_status: The selected http status is invalid.", "http_status=50": "http_status: The selected http status is invalid.",
		"http_status=xx":   "http_status: The selected http status is invalid.",
		"search=0199":      "search: The search must be a UUID or its first 8 or more hexadecimal digits.",
		"search=wxyz01234": "search: The search must be a UUID or its first 8 or more hexadecimal digits.",
	} {
		wantList(t, query, w.call("GET", o.hook+"/logs?"+query, nil).errors(), []string{want})
	}
}
