package postgres

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

var start = time.Date(2025, 9, 3, 12, 0, 0, 0, time.UTC)

func join(t testing.TB, s *Store) store.Session {
	t.Helper()
	session, err := s.Join(t.Context(), store.Join{Node: "node", Now: start, Until: start.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// An event accepted and its delivery recorded, in batches of 200 over 10 webhooks: what a delivery costs the store.
func BenchmarkAcceptAndRecord(b *testing.B) {
	s := openURL(b, postgrestest.Database(b, ""))
	l := newLoad(b, s, 10)
	b.ReportAllocs()
	for done := 0; done < b.N; done += 200 {
		l.deliver(min(200, b.N-done), func(int) bool { return false })
	}
}

// One event a call, from 64 callers at once: what group commit makes of it.
func BenchmarkAcceptAlone(b *testing.B) {
	s := openURL(b, postgrestest.Database(b, ""))
	ids := new(carteiro.IDSource)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := s.Accept(b.Context(), store.Accept{Now: start, Items: []store.AcceptItem{newItem(ids, carteiro.ID{1})}})
			if err != nil {
				b.Error(err)
			}
		}
	})
}

// Pages of a webhook with 100,000 entries over 30 days.
func BenchmarkListLogs(b *testing.B) {
	s := openURL(b, postgrestest.Database(b, ""))
	l := newLoad(b, s, 1)
	l.history(100_000, 30*24*time.Hour)
	for name, p := range l.questions() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.ListLogs(b.Context(), p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// load makes deliveries of usual sizes: a payload of 500 bytes, headers of 400, an answer of 200.
type load struct {
	testing.TB
	store    *Store
	now      time.Time
	ids      carteiro.IDSource
	session  store.Session
	webhooks []carteiro.ID
	made     int
	payload  []byte
}

func newLoad(t testing.TB, s *Store, webhooks int) *load {
	l := &load{TB: t, store: s, now: start, session: join(t, s), payload: []byte(`{"data":"` + strings.Repeat("x", 490) + `"}`)}
	for range webhooks {
		l.webhooks = append(l.webhooks, l.ids.New(l.now))
	}
	return l
}

func (l *load) ok(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// deliver accepts n events and records their deliveries; those that fail get a retry.
func (l *load) deliver(n int, fails func(int) bool) {
	l.Helper()
	p := store.Accept{Now: l.now, Session: l.session, Items: make([]store.AcceptItem, n)}
	results := make([]store.Result, n)
	for i := range n {
		l.made++
		event := &carteiro.Event{
			ID: l.ids.New(l.now), OwnerKind: carteiro.OwnerAgent, OwnerName: "Reception", OccurredAt: l.now,
			Type: []string{"event_action", "event_recording", "event_phone_call_ended", "event_phone_call_started"}[l.made%4], Payload: l.payload,
		}
		a := store.AcceptAttempt{
			ID: l.ids.Sibling(event.ID), WebhookID: l.webhooks[l.made%len(l.webhooks)], Trigger: carteiro.TriggerAutomatic, Held: true,
		}
		p.Items[i] = store.AcceptItem{Event: event, Attempts: []store.AcceptAttempt{a}}
		results[i] = l.result(event, a, fails(l.made))
	}
	if _, err := l.store.Accept(l.Context(), p); err != nil {
		l.Fatal(err)
	}
	recorded, err := l.store.Record(l.Context(), store.Record{Session: l.session, Now: l.now, Results: results})
	if err != nil || recorded[n-1].Lost {
		l.Fatal(recorded, err)
	}
}

var loadHeaders = http.Header{
	"Content-Type": {"application/json"}, "User-Agent": {"Carteiro/1.0"}, "Webhook-Id": {"0199123a-7fff-7000-8000-000000000000"},
	"Webhook-Timestamp": {"1756941591"}, "Webhook-Signature": {"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
	"X-Webhook-Event": {"event_action"}, "X-Webhook-Attempt": {"1"}, "X-Webhook-Log-Id": {"0199123a-7fff-7000-8000-000000000000"},
}

func (l *load) result(e *carteiro.Event, a store.AcceptAttempt, fails bool) store.Result {
	d := &carteiro.Delivery{Event: e, Attempt: carteiro.Attempt{
		ID: a.ID, WebhookID: a.WebhookID, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: a.Trigger,
		DueAt: e.AcceptedAt(), Status: carteiro.StatusPending,
	}}
	r := store.Result{Delivery: d, Outcome: &carteiro.Outcome{
		Success: !fails, FinishedAt: l.now, Duration: 37 * time.Millisecond, RequestURL: "https://example.com/hooks/carteiro",
		RequestMethod: "POST", RequestHeaders: loadHeaders, HTTPStatus: 200, ResponseBody: []byte("ok"),
		RequestBody: append([]byte(`{"event":"event_action","agent_id":"0199123a-7fff-7000-8000-000000000000",`), e.Payload[1:]...),
		SharedTail:  len(e.Payload) - 1, ResponseHeaders: http.Header{"Date": {"Wed, 03 Sep 2025 23:19:51 GMT"}, "Server": {"nginx"}},
	}}
	if fails {
		r.Next = &carteiro.Attempt{
			ID: l.ids.New(l.now), WebhookID: d.WebhookID, EventID: d.EventID, EventType: d.EventType, Number: 2, ChainStart: 1,
			Trigger: carteiro.TriggerAutomatic, PreviousID: d.ID, DueAt: l.now.Add(time.Hour), Status: carteiro.StatusPending,
		}
	}
	return r
}

// history makes n deliveries spread over a time; 1 in 20 fails and waits to be retried.
func (l *load) history(n int, over time.Duration) {
	const batch = 500
	for done := 0; done < n; done += batch {
		l.deliver(batch, func(i int) bool { return i%20 == 0 })
		l.now = l.now.Add(over / time.Duration(n/batch))
	}
}

func (l *load) questions() map[string]store.ListLogs {
	day := 24 * time.Hour
	questions := map[string]store.ListLogs{
		"first page":           {},
		"page 100":             {Offset: 2500},
		"page 2000":            {Offset: 50_000},
		"cursor in the middle": {Before: carteiro.MinID(l.now.Add(-15 * day))},
		"success":              {Status: carteiro.StatusSuccess},
		"retrying":             {Status: carteiro.StatusRetrying},
		"failed":               {Status: carteiro.StatusFailed},
		"one type":             {EventType: "event_recording"},
		"a type of none":       {EventType: "event_never"},
		"some hours":           {From: l.now.Add(-10 * day), To: l.now.Add(-10*day + 90*time.Minute)},
		"days, one type":       {From: l.now.Add(-20*day - 7*time.Minute), To: l.now.Add(-10*day + 7*time.Minute), EventType: "event_action"},
		"pending":              {Status: carteiro.StatusPending},
	}
	for name, p := range questions {
		p.WebhookID, p.Limit = l.webhooks[0], 25
		questions[name] = p
	}
	return questions
}

// newItem is an event with one attempt that nobody holds.
func newItem(ids *carteiro.IDSource, webhook carteiro.ID) store.AcceptItem {
	event := &carteiro.Event{ID: ids.New(start), Type: "event_action", OwnerKind: carteiro.OwnerAgent, Payload: []byte(`{}`)}
	return store.AcceptItem{Event: event, Attempts: []store.AcceptAttempt{{ID: ids.Sibling(event.ID), WebhookID: webhook, Trigger: carteiro.TriggerAutomatic}}}
}
