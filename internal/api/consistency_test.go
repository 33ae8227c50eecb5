package api_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A misspelled filter must not retry everything, nor a misspelled expiry make a token for good.
func TestUnknownFieldsOfCallsThatActAreRejected(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural)
		w.failedLog(o)
		for path, method := range map[string]string{
			o.hook + "/logs/retry": "POST", o.hook + "/replay": "POST", o.hook + "/secret/rotate": "POST",
		} {
			wantList(t, path, w.call(method, path, `{"evnt":"x","dry_run_":true}`).errors(), []string{
				"dry_run_: The dry run  field is unknown.", "evnt: The evnt field is unknown.",
			})
			wantList(t, path+" by query", w.call(method, path+"?status=failed", `{}`).errors(), []string{"status: The status field is unknown."})
		}
		w.call("GET", o.hook+"/retries", nil).has(200, `"total":0`)
		w.call("GET", o.hook, nil).has(200, `"has_secret":false`)
		w.beginBulk(o)
		wantList(t, "pausing", w.call("PATCH", o.job, `{"paused":true,"for":5}`).errors(), []string{"for: The for field is unknown."})
		// What is sent back with fields that nobody sets is no mistake.
		w.call("PUT", o.hook, `{"id":"x","unknown":1}`).has(200)
	}
}

func TestAMissingBodyIsAnEmptyObjectWhereNothingIsRequired(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural)
		w.failedLog(o)
		w.call("PUT", o.hook, nil).has(200)
		w.call("POST", o.hook+"/secret/rotate", nil).has(200)
		w.call("POST", o.hook+"/logs/retry", nil).has(202, `"matched":1`)
		w.call("POST", w.newOwner(w.home, plural).hook+"/replay", nil).has(202)
		w.call("POST", "/"+plural, nil).is(400, invalidJSON)
		w.call("POST", o.hooks, nil).is(400, invalidJSON)
	}
}

func TestAnHTTPStatusMayBeANumber(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.failedLog(o)
	for status, matching := range map[string]int{`500`: 1, `"500"`: 1, `5e2`: 1, `503`: 0, `"5xx"`: 1, `null`: 1, `0`: 0} {
		w.call("POST", o.hook+"/logs/retry", `{"dry_run":true,"http_status":`+status+`}`).has(200, fmt.Sprintf(`"matching":%d`, matching))
	}
	for _, status := range []string{`99`, `600`, `-1`, `500.5`, `5000000000`, `true`} {
		if got := w.call("POST", o.hook+"/logs/retry", `{"dry_run":true,"http_status":`+status+`}`).errors(); len(got) != 1 {
			t.Errorf("%s: %q", status, got)
		}
	}
	w.call("POST", o.hook+"/logs/retry", `{"http_status":500}`).has(202, `"http_status":"500"`, `"matched":1`)
}

func TestErrorsOfABatchHaveCodes(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	item := func(rest string) string { return `{"agent_id":"` + o.id + `","event":"` + o.event + `",` + rest + `}` }
	r := w.call("POST", "/events/batch", strings.Join([]string{
		`{"agent_id":"` + unknownID + `","event":"` + o.event + `","payload":{}}`, item(`"payload":[]`), `{"x`,
		item(`"payload":{"x":"` + strings.Repeat("x", 256<<10) + `"}`), item(`"payload":{},"idempotency_key":"k"`), item(`"payload":{"n":1},"idempotency_key":"k"`),
	}, "\n"), "Content-Type", "application/x-ndjson").has(202)
	for i, want := range map[int]string{0: "NOT_FOUND", 1: "VALIDATION_FAILED", 2: "INVALID_JSON", 3: "TOO_LARGE", 5: "IDEMPOTENCY_KEY_REUSED"} {
		if got := r.text(fmt.Sprintf("data.results.%d.error.code", i)); got != want {
			t.Errorf("item %d has the code %s, want %s", i, got, want)
		}
	}
}

func TestRowsOfTheWebhookListAreWebhooks(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural, "name", "Of "+plural, "custom_headers", []any{map[string]any{"key": "X-Key", "value": "planted"}})
		row := w.call("GET", "/webhooks?search=of+"+plural, nil).has(200, `"owner_name":"Front desk"`, `"webhook_id":"`+o.webhook+`"`,
			`"webhook_name":"Of `+plural+`"`, `"kind":"`+strings.TrimSuffix(plural, "s")+`"`, `"owner_id":"`+o.id+`"`).lacks("planted")
		for name, value := range w.call("GET", o.hook, nil).at("data").(map[string]any) {
			if got := row.at("data.0." + name); fmt.Sprint(got) != fmt.Sprint(value) {
				t.Errorf("%s is %v in the list, and %v", name, got, value)
			}
		}
	}
}

func TestTimesAreRFC3339ToTheLetter(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	publish := func(at string) *reply {
		return w.call("POST", o.events, map[string]any{"event": o.event, "payload": map[string]any{}, "occurred_at": at})
	}
	for _, at := range []string{"2026-01-02t03:04:05z", "2026-01-02T03:04:05.123456789Z", "2026-01-02t03:04:05.5-03:00"} {
		publish(at).has(202)
		w.callCloud(cloud(o, at, `,"subject":"agents/`+o.id+`","data":{},"time":"`+at+`"`)).has(202)
	}
	for _, at := range []string{"2026-01-02T03:04:05,5Z", "2026-01-02 03:04:05Z", "2026-01-02T3:04:05Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05+24:00", "2026-02-30T00:00:00Z"} {
		wantList(t, at, publish(at).errors(), []string{"occurred_at: The occurred at must be a valid RFC 3339 time."})
		wantList(t, at+" of a CloudEvent", w.callCloud(cloud(o, at, `,"subject":"agents/`+o.id+`","data":{},"time":"`+at+`"`)).errors(),
			[]string{"time: The time must be a valid RFC 3339 time."})
	}
}

func TestDataInBase64IsReadHoweverItIsWritten(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	data := base64.StdEncoding.EncodeToString([]byte(`{"text":"` + strings.Repeat("õ?>", 30) + `"}`))
	whose := `,"subject":"agents/` + o.id + `"`
	for i, written := range []string{
		`,"data_base64": "` + data + `"`, ",\n \"data_base64\"\t:\r\n\"" + data + "\" ", `,"data\u005fbase64":"` + data + `"`,
		`,"data_base64":"` + strings.ReplaceAll(data, "+", `\u002b`) + `"`, `,"data_base64":"` + strings.ReplaceAll(data, "/", `\/`) + `"`,
		`,"data_base64": "` + data[:76] + `\n` + data[76:] + `\n"`,
	} {
		w.callCloud(cloud(o, fmt.Sprint("b", i), whose+written)).has(202)
	}
	w.call("GET", o.hook+"/logs", nil).has(200, `"total":6`)
	w.finish(o, answeredWith(200), time.Time{})
	wantList(t, "both", w.callCloud(cloud(o, "x", whose+`,"data":{},"data_base64":"`+data+`"`)).errors(),
		[]string{"data_base64: The data base64 field is not allowed when data is present."})
	wantList(t, "no base64", w.callCloud(cloud(o, "x", whose+`,"data_base64":"*"`)).errors(),
		[]string{"data_base64: The data base64 format is invalid."})
}
