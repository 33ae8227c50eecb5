package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

func TestTheOverviewCountsWhatWasDelivered(t *testing.T) {
	w := newWorld(t)
	o, campaign := w.newOwner(w.home, "agents", "name", "Sync"), w.newOwner(w.home, "campaigns")
	foreign := w.newOwner(w.other, "agents")
	w.callAs(w.other, "POST", foreign.events, map[string]any{"event": foreign.event, "payload": map[string]any{}}).has(202)
	w.finish(foreign, failedWith(500), time.Time{})
	for i := range 10 {
		w.publish(o)
		outcome := failedWith(503)
		if i%5 > 1 {
			outcome = answeredWith(200)
		}
		w.finish(o, outcome, time.Time{})
	}
	w.publish(campaign)
	due := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	w.finish(campaign, failedWith(500), due)
	w.publish(o)

	for period, buckets := range map[string][2]int{"": {96, 900}, "hour": {60, 60}, "day": {96, 900}, "week": {168, 3600}, "month": {120, 21600}} {
		r := w.call("GET", "/overview?period="+period, nil).has(200, `"totals":{"success":6,"failed":5,"success_rate":0.5454545454545454}`,
			`"queue":{"open":2,"in_flight":0,"due":1,"scheduled":1,"oldest_due_at":"`, `"next_due_at":"`+due.Format("2006-01-02T15:04:05.000000Z"))
		if p50 := r.at("data.latency_ms.p50").(float64); p50 < 110 || p50 > 190 {
			t.Errorf("half of the attempts took %v ms, want about 150", p50)
		}
		list := r.at("data.buckets").([]any)
		if len(list) != buckets[0] || r.at("data.bucket_seconds") != float64(buckets[1]) {
			t.Errorf("%s has %d buckets of %v s", period, len(list), r.at("data.bucket_seconds"))
		}
		sum, at := 0.0, r.time("data.from")
		for i := range list {
			bucket := fmt.Sprint("data.buckets.", i, ".")
			if got := r.time(bucket + "at"); !got.Equal(at) {
				t.Fatalf("bucket %d begins at %s, want %s", i, got, at)
			}
			at = at.Add(time.Duration(buckets[1]) * time.Second)
			sum += r.at(bucket+"success").(float64) + r.at(bucket+"failed").(float64)
		}
		if to := r.time("data.to"); !at.Equal(to) || time.Now().After(to) || sum != 11 {
			t.Errorf("%s ends at %s, its last bucket at %s; %v attempts", period, to, at, sum)
		}
		if r.text("data.failing.0.webhook_id") != o.webhook || r.at("data.failing.0.failed") != 4.0 || r.at("data.failing.0.success") != 6.0 ||
			r.text("data.failing.0.webhook_name") != "Sync" || r.text("data.failing.0.owner_name") != "Front desk" ||
			r.text("data.failing.0.kind") != "agent" || r.text("data.failing.1.kind") != "campaign" || r.at("data.failing.2") != nil {
			t.Errorf("failing: %v", r.at("data.failing"))
		}
	}
	wantList(t, "no such period", w.call("GET", "/overview?period=year", nil).errors(), []string{"period: The selected period is invalid."})
}

func TestTheOverviewOfNothing(t *testing.T) {
	w := newWorld(t)
	w.call("GET", "/overview?period=hour", nil).has(200, `"totals":{"success":0,"failed":0},"latency_ms":{},"queue":{"open":0,"in_flight":0,"due":0,"scheduled":0}`, `"failing":[]`)
}

func (r *reply) time(path string) time.Time {
	r.t.Helper()
	at, err := time.Parse(time.RFC3339Nano, r.text(path))
	must(r.t, err)
	return at
}

func TestAWebhookThatFailsSaysWhy(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			begun := time.Now()
			for range carteiro.FailuresForError {
				w.call("GET", o.hook, nil).has(200, `"status":"active"`).lacks("status_reason")
				w.publish(o)
				w.finish(o, failedWith(503), time.Time{})
			}
			const reason = `"status":"error","status_reason":{"rule":"failures_in_a_row","failures":5,"threshold":5,"last_error":"HTTP 503 Service Unavailable","since":"`
			since := w.call("GET", o.hook, nil).has(200, reason).time("data.status_reason.since")
			if since.Before(begun.Truncate(time.Microsecond)) || since.After(time.Now()) {
				t.Errorf("since %s", since)
			}
			shown := w.call("GET", o.hook, nil).has(200, `"probes":0`)
			if open, next := shown.time("data.status_reason.in_error_since"), shown.time("data.status_reason.next_probe_at"); open.Before(since) ||
				next.Sub(open) != carteiro.FirstProbeWait {
				t.Errorf("in error since %s, next probe at %s", open, next)
			}
			w.call("GET", o.hooks, nil).has(200, reason)
			w.call("GET", "/webhooks?search=crm", nil).has(200, reason)
			w.call("GET", "/overview", nil).has(200, reason)
			w.publish(o)
			w.finish(o, answeredWith(200), time.Time{})
			w.call("GET", o.hook, nil).has(200, `"status":"active"`).lacks("status_reason")
		})
	}
}

func TestWebhooksAreFoundByName(t *testing.T) {
	w := newWorld(t)
	for i, name := range []string{"Billing", "CRM of Ângela", "crm two"} {
		w.newOwner(w.home, plurals[i%2], "name", name)
	}
	w.newOwner(w.other, "agents", "name", "CRM of another")
	w.call("GET", "/webhooks?search=crm&per_page=1&page=2", nil).has(200, `"webhook_name":"crm two"`, `"kind":"agent"`, `"owner_name":"Front desk"`,
		`"webhook_url":"https://example.com/hook"`, `"pagination":{"current_page":2,"per_page":1,"total":2,"last_page":2}`)
	w.call("GET", "/webhooks?search="+"%C3%A2ngela", nil).has(200, `"total":1`, `"kind":"campaign"`)
	w.call("GET", "/webhooks", nil).has(200, `"total":3`)
	wantList(t, "bad query", w.call("GET", "/webhooks?page=x&search=%ff", nil).errors(),
		[]string{"page: The page must be an integer.", "search: The search format is invalid."})
	if r := w.call("HEAD", "/webhooks", nil); r.status != http.StatusOK {
		t.Errorf("HEAD was answered %d", r.status)
	}
}

func TestAWebhookThatNobodyHasDisabledSaysWhatDid(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			toggle := func(enabled bool) *reply {
				return w.call("PATCH", o.hook+"/toggle", nil).has(200, fmt.Sprintf(`"enabled":%v`, enabled)).lacks("disabled_reason").lacks("status_reason")
			}
			toggle(false)
			toggle(true)
			for range carteiro.FailuresForError {
				w.publish(o)
				w.finish(o, failedWith(503), time.Time{})
			}
			_, err := w.directory.DisableFailing(t.Context(), store.DisableFailing{Now: time.Now(), OpenedBefore: time.Now().Add(time.Minute), Limit: 10})
			must(t, err)
			w.call("GET", o.hook, nil).has(200, `"enabled":false`, `"status":"disabled"`,
				`"disabled_reason":{"rule":"too_long_in_error","disabled_at":"`, `"last_error":"HTTP 503 Service Unavailable","in_error_since":"`).lacks("status_reason")
			toggle(true).has(200, `"status":"active"`)
			toggle(false)
		})
	}
}
