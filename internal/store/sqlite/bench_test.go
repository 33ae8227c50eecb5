package sqlite

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// An event accepted and its delivery recorded, in batches of 200 over 10 webhooks: what a delivery costs the store.
func BenchmarkAcceptAndRecord(b *testing.B) {
	s := openTemp(b)
	l := newLoad(b, s, 10)
	b.ReportAllocs()
	for done := 0; done < b.N; done += 200 {
		l.deliver(min(200, b.N-done), func(int) bool { return false })
	}
}

// The halves of it, and the claim that takes up what was not sent from memory: 200 at a time, for 10 webhooks.
func BenchmarkAccept(b *testing.B) {
	l := newLoad(b, openTemp(b), 10)
	b.ReportAllocs()
	for b.Loop() {
		p, _ := l.next(200, true)
		l.accept(p)
	}
}

func BenchmarkRecord(b *testing.B) {
	l := newLoad(b, openTemp(b), 10)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		p, results := l.next(200, true)
		l.accept(p)
		b.StartTimer()
		l.record(results)
	}
}

func BenchmarkClaim(b *testing.B) {
	l := newLoad(b, openTemp(b), 1)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		p, _ := l.next(200, false)
		l.accept(p)
		b.StartTimer()
		claimed, err := l.store.Claim(b.Context(), store.Claim{
			Session: l.session, WebhookID: l.webhooks[0], Now: l.now.Add(time.Hour), Limit: 200, MaxBytes: 1 << 30,
		})
		if err != nil || len(claimed.Deliveries) != 200 {
			b.Fatal(len(claimed.Deliveries), err)
		}
	}
}

// One event a call, from 64 callers at once: what group commit makes of it.
func BenchmarkAcceptAlone(b *testing.B) {
	s := openTemp(b)
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
	b.ReportMetric(float64(b.N)/float64(s.writer.commits.Load()), "events/commit")
}

// Pages of a webhook with 100,000 entries over 30 days.
func BenchmarkListLogs(b *testing.B) {
	s := openTemp(b)
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

// deliver accepts n events and records their deliveries; those that fail get a retry.
func (l *load) deliver(n int, fails func(int) bool) {
	l.Helper()
	p, results := l.next(n, true)
	for i := range results {
		if fails(l.made - n + i + 1) {
			results[i] = l.failed(results[i])
		}
	}
	l.accept(p)
	l.record(results)
}

// next makes n events, and the results of their deliveries.
func (l *load) next(n int, held bool) (store.Accept, []store.Result) {
	p := store.Accept{Now: l.now, Session: l.session, Items: make([]store.AcceptItem, n)}
	results := make([]store.Result, n)
	for i := range n {
		l.made++
		event := &carteiro.Event{
			ID: l.ids.New(l.now), OwnerKind: carteiro.OwnerAgent, OwnerName: "Reception", OccurredAt: l.now,
			Type: []string{"event_action", "event_recording", "event_phone_call_ended", "event_phone_call_started"}[l.made%4], Payload: l.payload,
		}
		a := store.AcceptAttempt{
			ID: l.ids.Sibling(event.ID), WebhookID: l.webhooks[l.made%len(l.webhooks)], Trigger: carteiro.TriggerAutomatic, Held: held,
		}
		p.Items[i] = store.AcceptItem{Event: event, Attempts: []store.AcceptAttempt{a}}
		results[i] = l.result(event, a)
	}
	return p, results
}

func (l *load) accept(p store.Accept) {
	l.Helper()
	if _, err := l.store.Accept(l.Context(), p); err != nil {
		l.Fatal(err)
	}
}

func (l *load) record(results []store.Result) {
	l.Helper()
	recorded, err := l.store.Record(l.Context(), store.Record{Session: l.session, Now: l.now, Results: results})
	if err != nil || recorded[len(results)-1].Lost {
		l.Fatal(recorded, err)
	}
}

var loadHeaders = http.Header{
	"Content-Type": {"application/json"}, "User-Agent": {"Carteiro/1.0"}, "Webhook-Id": {"0199123a-7fff-7000-8000-000000000000"},
	"Webhook-Timestamp": {"1756941591"}, "Webhook-Signature": {"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
	"X-Webhook-Event": {"event_action"}, "X-Webhook-Attempt": {"1"}, "X-Webhook-Log-Id": {"0199123a-7fff-7000-8000-000000000000"},
}

func (l *load) result(e *carteiro.Event, a store.AcceptAttempt) store.Result {
	d := &carteiro.Delivery{Event: e, Attempt: carteiro.Attempt{
		ID: a.ID, WebhookID: a.WebhookID, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: a.Trigger,
		DueAt: e.AcceptedAt(), Status: carteiro.StatusPending,
	}}
	return store.Result{Delivery: d, Outcome: &carteiro.Outcome{
		Success: true, FinishedAt: l.now, Duration: 37 * time.Millisecond, RequestURL: "https://example.com/hooks/carteiro",
		RequestMethod: "POST", RequestHeaders: loadHeaders, HTTPStatus: 200, ResponseBody: []byte("ok"),
		RequestBody: append([]byte(`{"event":"event_action","agent_id":"0199123a-7fff-7000-8000-000000000000",`), e.Payload[1:]...),
		SharedTail:  len(e.Payload) - 1, ResponseHeaders: http.Header{"Date": {"Wed, 03 Sep 2025 23:19:51 GMT"}, "Server": {"nginx"}},
	}}
}

// failed makes a success a failure that is followed by a retry.
func (l *load) failed(r store.Result) store.Result {
	d := r.Delivery
	r.Outcome.Success, r.Outcome.HTTPStatus = false, 503
	r.Next = &carteiro.Attempt{
		ID: l.ids.New(l.now), WebhookID: d.WebhookID, EventID: d.EventID, EventType: d.EventType, Number: 2, ChainStart: 1,
		Trigger: carteiro.TriggerAutomatic, PreviousID: d.ID, DueAt: l.now.Add(time.Hour), Status: carteiro.StatusPending,
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
		"server errors":        {HTTP: &carteiro.StatusRange{Min: 500, Max: 599}},
		"a status of none":     {HTTP: &carteiro.StatusRange{Min: 201, Max: 201}},
		"begins with":          {IDs: &store.IDRange{First: carteiro.MinID(l.now.Add(-15 * day)), Last: carteiro.MinID(l.now.Add(-15*day + 65*time.Second))}},
	}
	for name, p := range questions {
		p.WebhookID, p.Limit = l.webhooks[0], 25
		questions[name] = p
	}
	return questions
}

// The overview of an environment with 5,000 webhooks that fail, a month of activity, and 200,000 attempts that wait.
func BenchmarkOverview(b *testing.B) {
	s := openTemp(b)
	l := newLoad(b, s, 5000)
	register(b, s, l.webhooks)
	for range 60 {
		l.history(2000, 12*time.Hour)
	}
	var items []store.AcceptItem
	for i := range 200_000 {
		item := newItem(&l.ids, l.webhooks[i%len(l.webhooks)])
		item.Attempts[0].Held = i%10 == 0
		if items = append(items, item); len(items) == 2000 {
			if _, err := s.Accept(b.Context(), store.Accept{Now: l.now, Session: l.session, Items: items}); err != nil {
				b.Fatal(err)
			}
			items = nil
		}
	}
	for name, p := range map[string]store.Overview{
		"hour": {From: l.now.Add(-time.Hour), ByMinute: true}, "day": {From: l.now.Add(-24 * time.Hour), ByMinute: true},
		"month": {From: l.now.Add(-30 * 24 * time.Hour)},
	} {
		p.Now, p.Failing = l.now, 10
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if o, err := s.Overview(b.Context(), p); err != nil || len(o.Failing) == 0 && name == "month" {
					b.Fatal(o, err)
				}
			}
		})
	}
}

// register makes webhooks of these ids, many at once so that they share commits.
func register(b *testing.B, s *Store, ids []carteiro.ID) {
	b.Helper()
	owner := carteiro.Owner{Kind: carteiro.OwnerAgent, Name: "Reception", CreatedAt: start, UpdatedAt: start}
	if _, _, err := s.PutOwner(b.Context(), store.PutOwner{Owner: owner}); err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			for n := i; n < len(ids); n += 100 {
				w := &carteiro.Webhook{ID: ids[n], OwnerKind: owner.Kind, Name: "Hook", Enabled: true, CreatedAt: start, UpdatedAt: start}
				if err := s.CreateWebhook(b.Context(), store.CreateWebhook{Webhook: w}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}
