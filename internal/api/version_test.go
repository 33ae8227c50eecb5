package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	versionConflict     = `{"success":false,"message":"The webhook has been changed.","code":"VERSION_CONFLICT"}`
	environmentMismatch = `{"success":false,"message":"The X-Environment-Id header names another environment than the token.","code":"ENVIRONMENT_MISMATCH"}`
)

func (r *reply) version() float64 {
	r.t.Helper()
	version, _ := r.at("data.version").(float64)
	if tag := fmt.Sprintf("%q", fmt.Sprint(version)); r.header.Get("ETag") != tag {
		r.t.Errorf("ETag %s of version %v", r.header.Get("ETag"), version)
	}
	return version
}

func TestAChangeIsMadeOnlyToTheVersionThatWasRead(t *testing.T) {
	w := newWorld(t)
	for _, plural := range append(plurals, "environment") {
		hooks, event := "/environment/webhooks", carteiro.WebhookErrorEvent
		if plural != "environment" {
			o := w.newOwner(w.home, plural)
			hooks, event = o.hooks, o.event
		}
		created := w.call("POST", hooks, map[string]any{"name": "x", "webhook_url": "https://example.com", "events": []string{event}}).has(201)
		hook := hooks + "/" + created.text("data.id")
		if v := created.version(); v != 1 {
			t.Errorf("version %v of a new webhook", v)
		}
		for _, stale := range []string{`"2"`, `W/"2"`, `1`, `""`, `"x"`, `"2", "3"`} {
			for _, change := range [][2]string{{"PUT", hook}, {"DELETE", hook}, {"PATCH", hook + "/toggle"}, {"POST", hook + "/secret/rotate"}} {
				w.call(change[0], change[1], `{"name":""}`, "If-Match", stale).is(412, versionConflict)
			}
		}
		if v := w.call("GET", hook, nil).has(200, `"name":"x"`, `"enabled":true`, `"has_secret":false`).version(); v != 1 {
			t.Errorf("version %v after changes that were refused", v)
		}
		if v := w.call("PUT", hook, `{"name":"y"}`, "If-Match", `"1"`).has(200).version(); v != 2 {
			t.Errorf("version %v after a change", v)
		}
		if v := w.call("PATCH", hook+"/toggle", nil, "If-Match", `"1", W/"2"`).has(200).version(); v != 3 {
			t.Errorf("version %v after a change", v)
		}
		if v := w.call("POST", hook+"/secret/rotate", nil, "If-Match", `"3"`).has(200).version(); v != 4 {
			t.Errorf("version %v after a change", v)
		}
		w.call("PUT", hook, `{"name":"last one wins"}`).has(200)
		w.call("PUT", hook, `{"name":"z"}`, "If-Match", "*").has(200)
		w.call("DELETE", hook, nil, "If-Match", `"6"`).has(200)
		w.call("DELETE", hook, nil, "If-Match", `"6"`).is(404, noWebhook)
	}
}

func TestFailuresAndTheCircuitLeaveTheVersionAlone(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	for range carteiro.FailuresForError {
		w.publish(o)
		w.finish(o, failedWith(500), time.Time{})
	}
	if v := w.call("GET", o.hook, nil).has(200, `"status":"error"`).version(); v != 1 {
		t.Errorf("version %v when the circuit has opened", v)
	}
	w.publish(o)
	w.finish(o, answeredWith(200), time.Time{})
	if v := w.call("GET", o.hook, nil).has(200, `"status":"active"`).version(); v != 1 {
		t.Errorf("version %v when the circuit has closed", v)
	}
	w.call("PUT", o.hook, `{"name":"y"}`, "If-Match", `"1"`).has(200)
}

func TestARequestForAnotherEnvironmentDoesNothing(t *testing.T) {
	w := newWorld(t)
	in := inhabit(w, w.home, "home")
	entries := len(w.auditOf(""))
	cookie := w.signIn(w.home)
	for _, op := range operations(t) {
		if !op.secured && op.path != "/session" {
			continue
		}
		path := op.base + op.path
		for _, name := range op.params {
			id, _ := in.named(op.path, name)
			path = strings.ReplaceAll(path, "{"+name+"}", id)
		}
		for _, named := range []string{w.other.id.String(), "production"} {
			body := fmt.Sprintf(`{"token":%q}`, w.home.token)
			w.call(op.method, path, body, "X-Environment-Id", named).is(409, environmentMismatch)
			w.with(cookie, op.method, path, body, "Origin", w.url, "X-Environment-Id", named).is(409, environmentMismatch)
		}
	}
	w.with(cookie, "GET", "/session", nil).has(200)  // it was not signed out
	if now := len(w.auditOf("")); now != entries+1 { // the session of the test itself
		t.Errorf("%d changes were made", now-entries-1)
	}
	w.call("GET", "/agents", nil, "X-Environment-Id", strings.ToUpper(w.home.id.String())).has(200)
}

func TestASignInIsMeantForTheEnvironmentOfItsToken(t *testing.T) {
	w := newWorld(t)
	cookie := w.signIn(w.other) // as another tab has done
	body := fmt.Sprintf(`{"token":%q}`, w.home.token)
	w.with(cookie, "POST", "/session", body, "Origin", w.url, "X-Environment-Id", w.other.id.String()).is(409, environmentMismatch)
	w.with(cookie, "POST", "/session", body, "Origin", w.url, "X-Environment-Id", w.home.id.String()).has(201, w.home.id.String())
}

// pythonJSON writes JSON as Python does, with escapes for all but ASCII, other white space, and members sorted.
func pythonJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", " ")
	must(t, err)
	var b strings.Builder
	for _, r := range string(text) {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func TestSendingBackWhatWasReadChangesNothing(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural)
		hook := o.hooks + "/" + w.call("POST", o.hooks, fmt.Sprintf(everything, o.event)).has(201).text("data.id")
		w.call("PUT", hook, map[string]any{
			"signature_scheme": "ed25519", "generate_secret": true, "header_style": "both",
			"payload_templates": json.RawMessage(`{"` + o.event + `": {"b":  "é", "a": [1.50, {"z":null,"c":true}]}}`),
		}).has(200)
		w.call("POST", hook+"/secret/rotate", nil).has(200)
		if plural == "campaigns" {
			w.call("PUT", hook, `{"payload_templates":{"event_phone_call_ended":{"a":"{{call.id}}"}}}`).has(200)
			w.call("PUT", hook, `{"include_call_events":false}`).has(200)
		}
		read := w.call("GET", hook, nil).has(200)
		entries := len(w.auditOf(""))
		for _, body := range []string{read.body[strings.Index(read.body, `"data":`)+len(`"data":`) : len(read.body)-1], pythonJSON(t, read.at("data"))} {
			again := w.call("PUT", hook, body).has(200)
			if again.version() != read.version() || fmt.Sprint(again.at("data")) != fmt.Sprint(read.at("data")) {
				t.Errorf("sent %s\ngot back %s", body, again.body)
			}
		}
		owner := w.call("GET", o.path, nil).has(200)
		if again := w.call("PUT", o.path, owner.at("data")).has(200); fmt.Sprint(again.at("data")) != fmt.Sprint(owner.at("data")) {
			t.Errorf("sent %s\ngot back %s", owner.body, again.body)
		}
		if now := len(w.auditOf("")); now != entries {
			t.Errorf("%d entries of changes that changed nothing", now-entries)
		}
	}
}

// An event type may be taken out of the configuration, or a template's type out of reach: what is stored stays valid.
func TestATypeThatIsNotConfiguredAnyMoreCanBeSentBack(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	webhook, err := carteiro.ParseID(o.webhook)
	must(t, err)
	stored, err := w.store.GetWebhook(t.Context(), webhook)
	must(t, err)
	changed := *stored
	changed.Events = append(slices.Clone(stored.Events), "event_of_before")
	changed.PayloadTemplates = map[string]json.RawMessage{"event_of_before": json.RawMessage(`{}`)}
	must(t, w.store.UpdateWebhook(t.Context(), store.UpdateWebhook{Webhook: &changed}))
	read := w.call("GET", o.hook, nil).has(200, "event_of_before")
	w.call("PUT", o.hook, read.at("data")).has(200)
	w.call("PUT", o.hook, `{"events":["`+o.event+`"]}`).has(200)
	wantList(t, "a type that is gone", w.call("PUT", o.hook, `{"events":["event_of_before"]}`).errors(), []string{
		"events.0: The selected events.0 is invalid.",
	})
}

// A header may have been stored before its name was reserved: it can be sent back, and no other one can be added.
func TestAHeaderThatBecameReservedCanBeSentBack(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	webhook, err := carteiro.ParseID(o.webhook)
	must(t, err)
	stored, err := w.store.GetWebhook(t.Context(), webhook)
	must(t, err)
	changed := *stored
	changed.CustomHeaders = []carteiro.Header{{Key: "content_encoding", Value: "gzip"}}
	must(t, w.store.UpdateWebhook(t.Context(), store.UpdateWebhook{Webhook: &changed}))
	read := w.call("GET", o.hook, nil).has(200, "content_encoding")
	w.call("PUT", o.hook, read.at("data")).has(200)
	wantList(t, "another reserved header", w.call("PUT", o.hook, `{"custom_headers":[{"key":"Content_Length","value":"1"}]}`).errors(), []string{
		"custom_headers.0.key: The selected custom_headers.0.key is invalid.",
	})
}

func TestAnEntryTellsWhenItsRequestStarted(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.publish(o)
	w.call("GET", o.hook+"/logs", nil).has(200, `"status":"pending"`).lacks("sent_at")
	finished := time.Now().Add(3 * time.Hour).UTC().Truncate(time.Microsecond) // a retry that was scheduled long before
	outcome := failedWith(500)
	outcome.FinishedAt, outcome.Duration = finished, 1500*time.Millisecond
	w.finish(o, outcome, time.Time{})
	sent := finished.Add(-1500 * time.Millisecond).Format("2006-01-02T15:04:05.000000Z")
	w.call("GET", o.hook+"/logs", nil).has(200, `"sent_at":"`+sent+`"`)
	for _, reason := range []carteiro.Reason{
		carteiro.ReasonWebhookDisabled, carteiro.ReasonWebhookDeleted, carteiro.ReasonBlocked, carteiro.ReasonInvalidRequest,
	} {
		w.publish(o)
		w.finish(o, carteiro.Outcome{Reason: reason, Error: "Not sent", FinishedAt: finished, Duration: time.Nanosecond}, time.Time{})
		if sent := w.call("GET", o.hook+"/logs?per_page=1", nil).has(200).at("data.0.sent_at"); sent != nil {
			t.Errorf("%s was sent at %v", reason, sent)
		}
	}
}

func TestAnUnknownStatusIsItsOwnReason(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.publish(o)
	outcome := failedWith(http.StatusInternalServerError)
	outcome.HTTPStatus, outcome.Error = 599, "HTTP 599"
	w.finish(o, outcome, time.Time{})
	w.call("GET", o.hook+"/logs", nil).has(200, `"error":"HTTP 599"`)
}

// crowded is a store in which somebody else changes each webhook first.
type crowded struct{ store.Store }

func (crowded) UpdateWebhook(context.Context, store.UpdateWebhook) error { return store.ErrConflict }

func TestAWebhookThatOthersKeepChangingIsAnsweredWithBusy(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.store.mu.Lock()
	w.store.Store = crowded{w.store.Store}
	w.store.mu.Unlock()
	for method, path := range map[string]string{"PUT": o.hook, "PATCH": o.hook + "/toggle", "DELETE": o.hook} {
		r := w.call(method, path, map[string]any{"name": "y"}).has(503, `"code":"SERVER_BUSY"`)
		if r.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", method)
		}
	}
}
