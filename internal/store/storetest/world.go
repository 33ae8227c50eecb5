package storetest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// world is a store with an environment, an agent and a clock, and short words for what the stories do with it.
type world struct {
	t *testing.T
	store.Store
	now    time.Time
	ids    ids
	owner  store.OwnerRef
	events int
}

func newWorld(t *testing.T, s store.Store) *world {
	w := &world{t: t, Store: s, now: time.Date(2025, 9, 3, 23, 19, 51, 0, time.UTC)}
	w.owner = store.OwnerRef{EnvironmentID: w.ids.next(w.now), Kind: carteiro.OwnerAgent, ID: w.ids.next(w.now)}
	w.putOwner(w.owner, "Reception")
	return w
}

// pass lets time go by.
func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// ids makes ids that are the same at every run. Those of one instant share their time, as siblings do, which is harder
// on a store than what carteiro.IDSource makes.
type ids struct{ n uint64 }

func (s *ids) next(now time.Time) carteiro.ID { return s.sibling(carteiro.MinID(now)) }

func (s *ids) sibling(id carteiro.ID) carteiro.ID {
	s.n++
	binary.BigEndian.PutUint64(id[8:], 1<<63|s.n)
	return id
}

func (w *world) newID() carteiro.ID { return w.ids.next(w.now) }

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantErr(err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Fatalf("error is %v, want %v", err, want)
	}
}

// equal checks that two values are the same down to the last bit.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %s\nwant %s", what, show(got), show(want))
	}
}

func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	return string(text)
}

func (w *world) putOwner(ref store.OwnerRef, name string) carteiro.Owner {
	w.t.Helper()
	owner, _, err := w.PutOwner(w.t.Context(), store.PutOwner{Owner: carteiro.Owner{
		EnvironmentID: ref.EnvironmentID, Kind: ref.Kind, ID: ref.ID, Name: name, CreatedAt: w.now, UpdatedAt: w.now,
	}})
	w.ok(err)
	return owner
}

// newWebhook gives a webhook with every setting set, not stored.
func (w *world) newWebhook() *carteiro.Webhook {
	return &carteiro.Webhook{
		ID: w.newID(), EnvironmentID: w.owner.EnvironmentID, OwnerKind: w.owner.Kind, OwnerID: w.owner.ID,
		Name: "Hook <1> & “more”", URL: "https://example.com/hook?a=1&b=2", Events: []string{"event_action", "event_recording"},
		IncludeCallEvents: true, Secret: "whsec_c2VjcmV0", Timeout: 30 * time.Second, MaxRetries: 3, Enabled: true, HTTPMethod: "PUT",
		SignatureScheme: carteiro.SignatureHMAC, HeaderStyle: carteiro.HeadersBoth,
		FormerSecrets: []carteiro.FormerSecret{
			{Secret: "whsk_planted", Scheme: carteiro.SignatureEd25519, EndsAt: w.now.Add(time.Hour)}, {Secret: "older", EndsAt: w.now.Add(time.Minute)},
		},
		AuthorizationScheme: carteiro.AuthorizationBasic, AuthorizationValue: "user:pass\\word",
		CustomHeaders:    []carteiro.Header{{Key: "X-One", Value: "1"}, {Key: "X-One", Value: ""}},
		PayloadTemplates: map[string]json.RawMessage{"event_action": json.RawMessage("{ \"a\" : \"<{{b}}>\"\n}")},
		CreatedAt:        w.now, UpdatedAt: w.now,
	}
}

func (w *world) webhook() *carteiro.Webhook {
	w.t.Helper()
	webhook := w.newWebhook()
	w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: webhook}))
	return webhook
}

func (w *world) change(id carteiro.ID, change func(*carteiro.Webhook)) *carteiro.Webhook {
	w.t.Helper()
	webhook, err := w.GetWebhook(w.t.Context(), id)
	w.ok(err)
	change(webhook)
	w.ok(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: webhook}))
	return webhook
}

func (w *world) disable(id carteiro.ID) {
	w.t.Helper()
	w.change(id, func(webhook *carteiro.Webhook) { webhook.Enabled = false })
}

func (w *world) remove(id carteiro.ID) {
	w.t.Helper()
	w.change(id, func(webhook *carteiro.Webhook) { webhook.DeletedAt = w.now })
}

func (w *world) join() store.Session {
	w.t.Helper()
	session, err := w.Join(w.t.Context(), store.Join{Node: "node", Now: w.now, Until: w.now.Add(time.Minute)})
	w.ok(err)
	return session
}

func (w *world) end(session store.Session) int {
	w.t.Helper()
	freed, err := w.EndSessions(w.t.Context(), store.EndSessions{Session: session, Now: w.now})
	w.ok(err)
	return freed
}

func (w *world) newEvent(eventType string) *carteiro.Event {
	w.events++
	return &carteiro.Event{
		ID: w.newID(), EnvironmentID: w.owner.EnvironmentID, OwnerKind: w.owner.Kind, OwnerID: w.owner.ID, OwnerName: "Reception",
		CampaignID: w.newID(), CampaignName: "Autumn", Type: eventType, OccurredAt: w.now.Add(-time.Second),
		TraceParent: fmt.Sprintf("00-%032x-%016x-01", w.events, w.events),
		Payload:     fmt.Appendf(nil, "{\"n\": %d,\n \"text\":\"\\u00e9\"}", w.events),
	}
}

// item makes an event with its first attempts; a session other than the zero one is to hold them.
func (w *world) item(event *carteiro.Event, session store.Session, webhooks ...carteiro.ID) store.AcceptItem {
	item := store.AcceptItem{Event: event}
	for _, id := range webhooks {
		item.Attempts = append(item.Attempts, store.AcceptAttempt{
			ID: w.ids.sibling(event.ID), WebhookID: id, Trigger: carteiro.TriggerAutomatic, Held: session.ID != 0,
		})
	}
	return item
}

func (w *world) accept(session store.Session, items ...store.AcceptItem) store.AcceptResult {
	w.t.Helper()
	result, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Session: session, Items: items})
	w.ok(err)
	return result
}

// publish accepts a new event for one webhook and gives its delivery, which the session holds unless it is the zero one.
func (w *world) publish(session store.Session, webhook carteiro.ID) *carteiro.Delivery {
	w.t.Helper()
	event := w.newEvent("event_action")
	item := w.item(event, session, webhook)
	w.accept(session, item)
	return delivery(event, item.Attempts[0])
}

// delivery gives what a first attempt is to read as.
func delivery(e *carteiro.Event, a store.AcceptAttempt) *carteiro.Delivery {
	return &carteiro.Delivery{Event: e, Attempt: carteiro.Attempt{
		ID: a.ID, WebhookID: a.WebhookID, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: a.Trigger,
		DueAt: e.AcceptedAt(), Status: carteiro.StatusPending,
	}}
}

func (w *world) claim(session store.Session, webhook carteiro.ID) []*carteiro.Delivery {
	w.t.Helper()
	claimed, err := w.Claim(w.t.Context(), store.Claim{
		Session: session, WebhookID: webhook, Now: w.now, Limit: 1000, MaxBytes: 1 << 20,
	})
	w.ok(err)
	return claimed.Deliveries
}

// held gives all that a session holds, read in pages.
func (w *world) held(session store.Session, limit int) (all []store.AttemptRef) {
	w.t.Helper()
	p := store.Held{Session: session, Limit: limit}
	for {
		page, err := w.Held(w.t.Context(), p)
		w.ok(err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		p.After = page[len(page)-1]
	}
}

// Record records results as of attempts that were sent to the webhooks as they are now, unless they say which version they were sent
// to.
func (w *world) Record(ctx context.Context, p store.Record) ([]store.Recorded, error) {
	for i := range p.Results {
		r := &p.Results[i]
		if hook, err := w.GetWebhook(ctx, r.Delivery.WebhookID); err == nil && r.Version == 0 {
			r.Version = hook.Version
		}
	}
	return w.Store.Record(ctx, p)
}

// record records one result and says whether it counted.
func (w *world) record(session store.Session, r store.Result) bool {
	w.t.Helper()
	recorded, err := w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: []store.Result{r}})
	w.ok(err)
	if len(recorded) != 1 {
		w.t.Fatalf("%d answers to one result", len(recorded))
	}
	return !recorded[0].Lost
}

// succeed and fail record an outcome that must count. fail opens a retry an hour later when asked to.
func (w *world) succeed(session store.Session, d *carteiro.Delivery) {
	w.t.Helper()
	if !w.record(session, store.Result{Delivery: d, Outcome: w.success(d)}) {
		w.t.Fatal("a success was lost")
	}
}

func (w *world) fail(session store.Session, d *carteiro.Delivery, retry bool) *carteiro.Attempt {
	w.t.Helper()
	r := store.Result{Delivery: d, Outcome: w.failure(d)}
	if retry {
		r.Next = w.next(d)
	}
	if !w.record(session, r) {
		w.t.Fatal("a failure was lost")
	}
	return r.Next
}

// next is the automatic retry of a delivery, due in an hour.
func (w *world) next(d *carteiro.Delivery) *carteiro.Attempt {
	return &carteiro.Attempt{
		ID: w.newID(), WebhookID: d.WebhookID, EventID: d.EventID, EventType: d.EventType, Number: d.Number + 1,
		ChainStart: d.ChainStart, Trigger: carteiro.TriggerAutomatic, PreviousID: d.ID, DueAt: w.now.Add(time.Hour),
		Status: carteiro.StatusPending,
	}
}

// success is an outcome whose body ends as the event's payload does.
func (w *world) success(d *carteiro.Delivery) *carteiro.Outcome {
	tail := d.Event.Payload[1:]
	return &carteiro.Outcome{
		Success: true, FinishedAt: w.now.Add(time.Microsecond), Duration: 123456789 * time.Nanosecond,
		RequestURL: "https://example.com/hook", RequestMethod: "POST",
		RequestHeaders: http.Header{"Content-Type": {"application/json"}, "X-Two": {"b", "a", ""}, "x-odd": {}},
		RequestBody:    append([]byte("{\"event\":\"event_action\","), tail...),
		SharedTail:     len(tail),
		HTTPStatus:     204, ResponseHeaders: http.Header{}, ResponseBody: []byte{},
	}
}

// failure is an outcome that shares nothing with the payload.
func (w *world) failure(*carteiro.Delivery) *carteiro.Outcome {
	return &carteiro.Outcome{
		Reason: carteiro.ReasonHTTPStatus, Error: "HTTP 503 Service Unavailable", Detail: "maintenance", FinishedAt: w.now,
		Duration: time.Second, RequestURL: "https://example.com/hook", RequestMethod: "PATCH",
		RequestHeaders: http.Header{"Content-Type": {"application/json"}}, RequestBody: []byte(`{"templated":true}`),
		HTTPStatus: 503, ResponseHeaders: http.Header{"Retry-After": {"120"}}, ResponseBody: []byte("\x00\xff not text"),
		ResponseTruncated: true, RetryAfter: 2 * time.Minute,
	}
}

// blocked is an outcome of an attempt that was not sent.
func (w *world) blocked(reason carteiro.Reason) *carteiro.Outcome {
	return &carteiro.Outcome{Reason: reason, Error: "Not sent", FinishedAt: w.now}
}

func (w *world) log(webhook, id carteiro.ID) *carteiro.Attempt {
	w.t.Helper()
	a, err := w.GetLog(w.t.Context(), store.AttemptRef{WebhookID: webhook, ID: id})
	w.ok(err)
	return a
}

func (w *world) list(p store.ListLogs) store.LogPage {
	w.t.Helper()
	if p.Limit == 0 {
		p.Limit = 1000
	}
	page, err := w.ListLogs(w.t.Context(), p)
	w.ok(err)
	if len(page.Attempts) == 0 {
		page.Attempts = nil // a slice of none may be nil or not
	}
	return page
}

func (w *world) backlog() []store.Waiting {
	w.t.Helper()
	waiting, err := w.Backlog(w.t.Context(), store.Backlog{Limit: 1000})
	w.ok(err)
	return waiting
}

// retryOf is the parameter of a manual retry that should be granted.
func (w *world) retryOf(d *carteiro.Delivery) store.Retry {
	return store.Retry{
		LogRef: store.LogRef{OwnerRef: w.owner, WebhookID: d.WebhookID, LogID: d.ID},
		Now:    w.now, NotBefore: w.now.Add(-30 * 24 * time.Hour), NewID: w.newID(), Trigger: carteiro.TriggerManual,
	}
}

func (w *world) retry(p store.Retry) store.RetryResult {
	w.t.Helper()
	result, err := w.Retry(w.t.Context(), p)
	w.ok(err)
	return result
}

func (w *world) key(name string, request byte) *store.Key {
	return &store.Key{
		EnvironmentID: w.owner.EnvironmentID, Key: name, Fingerprint: [32]byte{request}, Answer: []byte{'a', request},
		ExpiresAt: w.now.Add(24 * time.Hour),
	}
}
