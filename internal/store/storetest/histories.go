package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Random histories: the same calls are made to the store and to the model, and must be answered alike; so must, at the
// end, every question about everything. A seed always gives the same history, on every database.

// histories have fixed seeds: chance is for finding cases, not for failing on another machine's run.
var histories = historyStories(1, 2, 3, 4, 5, 6)

func historyStories(seeds ...uint64) (stories []story) {
	for _, seed := range seeds {
		stories = append(stories, story{fmt.Sprintf("seed %d", seed), func(w *world) { w.tellHistory(seed, 400, newModel()) }})
	}
	return stories
}

// history is one of them under way.
type history struct {
	*world // of the store that is tested
	random *rand.Rand
	model  store.Store
	step   int
	what   string

	webhooks   []carteiro.ID
	sessions   [][2]store.Session // in the store and in the model
	deliveries []*carteiro.Delivery
	logs       []store.AttemptRef
	events     []carteiro.ID
	bulk       []store.BulkRef
}

// Same tells one random history to two databases, which must answer alike.
func Same(t *testing.T, seed uint64, one, other store.Store) {
	newWorld(t, one).tellHistory(seed, 400, other)
}

// tellHistory tells a history to the store and to a model of it, or another store.
func (w *world) tellHistory(seed uint64, steps int, model store.Store) *history {
	h := &history{world: w, random: rand.New(rand.NewPCG(seed, 0)), model: model}
	_, _, err := h.model.PutOwner(w.t.Context(), store.PutOwner{Owner: carteiro.Owner{
		EnvironmentID: w.owner.EnvironmentID, Kind: w.owner.Kind, ID: w.owner.ID, Name: "Reception", CreatedAt: w.now, UpdatedAt: w.now,
	}})
	w.ok(err)
	for range 3 {
		h.addWebhook()
	}
	h.addOperators()
	h.addSession()
	h.tell(steps)
	return h
}

// tell makes so many random calls, and then asks for everything.
func (h *history) tell(steps int) {
	calls := []struct {
		weight int
		name   string
		make   func()
	}{
		{20, "accept", h.accept}, {10, "claim", h.claim}, {25, "record", h.record}, {4, "release", h.release},
		{15, "retry", h.retry}, {2, "join", h.addSession}, {2, "renew", h.renew}, {2, "end", h.end},
		{3, "update", h.update}, {1, "add webhook", h.addWebhook}, {12, "list", h.list}, {2, "backlog", h.askBacklog}, {2, "held", h.askHeld},
		{1, "purge", h.purge}, {3, "overview", h.askOverview}, {2, "begin bulk retry", h.beginBulk}, {8, "step bulk retry", h.stepBulk},
		{3, "change bulk retry", h.changeBulk}, {2, "vitals", h.askVitals}, {6, "events", h.askEvents}, {2, "begin replay", h.beginReplay},
		{4, "tell notices", h.tellNotices}, {4, "clean deleted", h.cleanDeleted},
	}
	total := 0
	for _, c := range calls {
		total += c.weight
	}
	for h.step = range steps {
		n := h.random.IntN(total)
		for _, c := range calls {
			if n -= c.weight; n < 0 {
				h.what = c.name
				c.make()
				break
			}
		}
		if h.random.IntN(3) == 0 {
			h.pass(time.Duration(h.random.Int64N(int64(h.pick(time.Millisecond, time.Minute, 40*time.Minute, 7*time.Hour)))).Truncate(time.Microsecond))
		}
	}
	h.askEverything()
}

func (h *history) pick(from ...time.Duration) time.Duration { return from[h.random.IntN(len(from))] }

func one[T any](h *history, from []T) (v T) {
	if len(from) > 0 {
		v = from[h.random.IntN(len(from))]
	}
	return v
}

// both checks that store and model have answered alike.
func (h *history) both(got, want any, gotErr, wantErr error) {
	h.t.Helper()
	what := fmt.Sprintf("step %d, %s", h.step, h.what)
	for _, word := range []error{store.ErrNotFound, store.ErrConflict, store.ErrLeaseLost} {
		if errors.Is(gotErr, word) != errors.Is(wantErr, word) {
			h.t.Fatalf("%s: error is %v, want %v", what, gotErr, wantErr)
		}
	}
	if (gotErr == nil) != (wantErr == nil) {
		h.t.Fatalf("%s: error is %v, want %v", what, gotErr, wantErr)
	}
	equal(h.t, what, got, want)
}

func (h *history) addWebhook() {
	webhook := h.webhook()
	h.ok(h.model.CreateWebhook(h.t.Context(), store.CreateWebhook{Webhook: webhook}))
	h.webhooks = append(h.webhooks, webhook.ID)
}

// addOperators gives the environment a webhook of its own, so that notices are written.
func (h *history) addOperators() {
	hook := h.operators()
	owner, err := h.GetOwner(h.t.Context(), ownerOf(hook))
	h.ok(err)
	_, _, err = h.model.PutOwner(h.t.Context(), store.PutOwner{Owner: owner})
	h.ok(err)
	h.ok(h.model.CreateWebhook(h.t.Context(), store.CreateWebhook{Webhook: hook}))
}

func (h *history) addSession() {
	p := store.Join{Node: "node", Now: h.now, Until: h.now.Add(h.pick(time.Minute, 10*time.Hour))}
	tested, err := h.Join(h.t.Context(), p)
	h.ok(err)
	modelled, err := h.model.Join(h.t.Context(), p)
	h.ok(err)
	h.sessions = append(h.sessions, [2]store.Session{tested, modelled})
}

// session gives one of the later sessions, live or not.
func (h *history) session() [2]store.Session { return one(h, h.sessions[max(0, len(h.sessions)-4):]) }

func (h *history) renew() {
	s, until := h.session(), h.now.Add(time.Hour)
	err := h.Renew(h.t.Context(), store.Renew{Session: s[0], Now: h.now, Until: until})
	h.both(nil, nil, err, h.model.Renew(h.t.Context(), store.Renew{Session: s[1], Now: h.now, Until: until}))
}

func (h *history) end() {
	var s [2]store.Session
	if h.random.IntN(2) == 0 {
		s = h.session()
	}
	got, err := h.EndSessions(h.t.Context(), store.EndSessions{Session: s[0], Now: h.now})
	want, wantErr := h.model.EndSessions(h.t.Context(), store.EndSessions{Session: s[1], Now: h.now})
	h.both(got, want, err, wantErr)
	h.addSession()
}

func (h *history) accept() {
	s := h.session()
	p := store.Accept{Now: h.now}
	if h.random.IntN(10) == 0 {
		p.Key = h.someKey()
	}
	if h.random.IntN(2) == 0 {
		p.Answer = answerOf
	}
	for range 1 + h.random.IntN(4) {
		event := h.newEvent([]string{"event_action", "event_recording", "event_rare"}[h.random.IntN(3)])
		event.Test = h.random.IntN(10) == 0
		item := store.AcceptItem{Event: event}
		wanted := h.random.IntN(4) > 0
		if !wanted && !event.Test {
			event.Undelivered = one(h, append(carteiro.UndeliveredReasons, ""))
		}
		if h.random.IntN(5) == 0 {
			item.Key = h.someKey()
		}
		for _, id := range h.webhooks {
			if wanted && h.random.IntN(2) == 0 {
				item.Attempts = append(item.Attempts, store.AcceptAttempt{
					ID: h.ids.sibling(event.ID), WebhookID: id, Trigger: carteiro.TriggerAutomatic, Held: h.random.IntN(2) == 0,
				})
			}
		}
		p.Items = append(p.Items, item)
	}
	p.Session = s[0]
	got, err := h.Accept(h.t.Context(), p)
	p.Session = s[1]
	want, wantErr := h.model.Accept(h.t.Context(), p)
	h.both(got, want, err, wantErr)
	for _, item := range p.Items {
		h.events = append(h.events, item.Event.ID)
		for _, a := range item.Attempts {
			h.remember(delivery(item.Event, a))
		}
	}
}

// remember keeps a delivery to be recorded and retried later, whether or not it was stored.
func (h *history) remember(d *carteiro.Delivery) {
	h.deliveries = append(h.deliveries, d)
	h.logs = append(h.logs, store.AttemptRef{WebhookID: d.WebhookID, ID: d.ID})
}

func (h *history) someKey() *store.Key {
	key := h.key(fmt.Sprint("key ", h.random.IntN(8)), byte(h.random.IntN(3)))
	key.ExpiresAt = h.now.Add(h.pick(time.Minute, 24*time.Hour))
	return key
}

func (h *history) claim() {
	s := h.session()
	p := store.Claim{WebhookID: one(h, h.webhooks), Now: h.now, Limit: 1 + h.random.IntN(10), MaxBytes: h.random.IntN(500)}
	p.Session = s[0]
	got, err := h.Claim(h.t.Context(), p)
	p.Session = s[1]
	want, wantErr := h.model.Claim(h.t.Context(), p)
	h.both(got, want, err, wantErr)
	for _, d := range got.Deliveries {
		h.remember(d)
	}
}

func (h *history) release() {
	s := h.session()
	refs := []store.AttemptRef{one(h, h.logs), one(h, h.logs)}
	err := h.Release(h.t.Context(), store.Release{Session: s[0], Attempts: refs})
	h.both(nil, nil, err, h.model.Release(h.t.Context(), store.Release{Session: s[1], Attempts: refs}))
}

func (h *history) record() {
	s := h.session()
	p := store.Record{Now: h.now}
	for range 1 + h.random.IntN(8) {
		// Mostly of late, and of whatever session: many are lost.
		if d := one(h, h.deliveries[max(0, len(h.deliveries)-40):]); d != nil {
			p.Results = append(p.Results, h.result(d))
		}
	}
	p.Session = s[0]
	got, err := h.Record(h.t.Context(), p)
	p.Session = s[1]
	want, wantErr := h.model.Record(h.t.Context(), p)
	h.both(got, want, err, wantErr)
	for i, r := range p.Results {
		if r.Next != nil && !got[i].Lost {
			h.logs = append(h.logs, store.AttemptRef{WebhookID: r.Next.WebhookID, ID: r.Next.ID})
		}
	}
}

func (h *history) result(d *carteiro.Delivery) store.Result {
	r := store.Result{Delivery: d, Outcome: h.failure(d)}
	if h.random.IntN(4) == 0 {
		r.Version = 1 + h.random.Int64N(4) // often not the present one
	}
	switch h.random.IntN(8) {
	case 0, 1, 2:
		r.Outcome = h.success(d)
	case 3, 4, 5:
		r.Next = h.next(d)
		r.Next.DueAt = h.now.Add(h.pick(time.Second, time.Hour))
	case 6:
		r.Outcome = h.blocked(carteiro.ReasonWebhookDisabled)
	case 7:
		r.DisableWebhook = h.random.IntN(4) == 0
		r.Exhausted = !r.DisableWebhook
	}
	return r
}

func (h *history) retry() {
	s := h.session()
	log := one(h, h.logs)
	p := store.Retry{
		LogRef: store.LogRef{OwnerRef: h.owner, WebhookID: log.WebhookID, LogID: log.ID}, Now: h.now,
		NotBefore: h.now.Add(-h.pick(time.Hour, 1000*time.Hour)), NewID: h.newID(), Trigger: carteiro.TriggerManual,
		Held: h.random.IntN(3) == 0,
	}
	if h.random.IntN(5) == 0 {
		p.Key = h.someKey()
	}
	h.preview(p)
	p.Session = s[0]
	got, err := h.Retry(h.t.Context(), p)
	p.Session = s[1]
	want, wantErr := h.model.Retry(h.t.Context(), p)
	h.both(got, want, err, wantErr)
	if got.Delivery != nil {
		h.remember(got.Delivery)
	}
}

func (h *history) preview(retry store.Retry) {
	h.t.Helper()
	p := store.PreviewRetry{LogRef: retry.LogRef, Now: retry.Now, NotBefore: retry.NotBefore, NewID: retry.NewID}
	got, err := h.PreviewRetry(h.t.Context(), p)
	want, wantErr := h.model.PreviewRetry(h.t.Context(), p)
	h.both(got, want, err, wantErr)
}

func (h *history) askOverview() {
	p := store.Overview{EnvironmentID: h.owner.EnvironmentID, Now: h.now, Failing: 1 + h.random.IntN(3), ByMinute: h.random.IntN(2) == 0}
	p.From = h.now.Add(-h.pick(time.Minute, time.Hour, 24*time.Hour))
	if !p.ByMinute {
		p.From = h.now.Add(-h.pick(time.Hour, 24*time.Hour, 30*24*time.Hour))
	}
	got, err := h.Overview(h.t.Context(), p)
	want, wantErr := h.model.Overview(h.t.Context(), p)
	h.both(got, want, err, wantErr)
}

func (h *history) askVitals() {
	got, err := h.Vitals(h.t.Context())
	want, wantErr := h.model.Vitals(h.t.Context())
	got.Bytes, want.Bytes = 0, 0 // each takes what it takes
	h.both(got, want, err, wantErr)
}

func (h *history) beginBulk() {
	p := store.CreateBulkRetry{OwnerRef: h.owner, ID: h.newID(), WebhookID: one(h, h.webhooks), Matched: h.random.IntN(100), Now: h.now}
	if h.random.IntN(3) == 0 {
		p.Filter.EventType = one(h, []string{"event_action", "event_rare"})
	}
	if h.random.IntN(4) == 0 {
		p.Filter.From = h.now.Add(-h.pick(time.Hour, 50*time.Hour))
	}
	if h.random.IntN(4) == 0 {
		p.Filter.To = h.now.Add(-h.pick(time.Second, time.Hour))
	}
	if h.random.IntN(4) == 0 {
		p.Filter.HTTP = &carteiro.StatusRange{Min: 500, Max: 599}
	}
	if h.random.IntN(6) == 0 {
		p.Filter.EventID = one(h, h.events)
	}
	if p.Replay == nil {
		find := store.FindRetriable{
			WebhookID: p.WebhookID, Filter: p.Filter, Before: p.ID, NotBefore: h.now.Add(-h.pick(time.Hour, 1000*time.Hour)), Look: 1 + h.random.IntN(30),
		}
		got, err := h.FindRetriable(h.t.Context(), find)
		want, wantErr := h.model.FindRetriable(h.t.Context(), find)
		h.both(got, want, err, wantErr)
	}
	got, err := h.CreateBulkRetry(h.t.Context(), p)
	want, wantErr := h.model.CreateBulkRetry(h.t.Context(), p)
	h.both(got, want, err, wantErr)
	h.bulk = append(h.bulk, store.BulkRef{WebhookID: p.WebhookID, ID: p.ID})
}

func (h *history) stepBulk() {
	p := store.StepBulkRetry{
		Now: h.now, DueAt: h.now.Add(h.pick(time.Millisecond, time.Minute)), NotBefore: h.now.Add(-h.pick(10*time.Hour, 1000*time.Hour)),
		Look: 1 + h.random.IntN(8), Stride: 1 + h.random.IntN(20),
	}
	for range h.random.IntN(5) {
		p.NewIDs = append(p.NewIDs, h.newID())
	}
	got, err := h.StepBulkRetry(h.t.Context(), p)
	want, wantErr := h.model.StepBulkRetry(h.t.Context(), p)
	h.both(got, want, err, wantErr)
	for _, id := range p.NewIDs[:got.Retried] {
		h.logs = append(h.logs, store.AttemptRef{WebhookID: got.Job.WebhookID, ID: id})
	}
}

func (h *history) changeBulk() {
	p := store.ChangeBulkRetry{BulkRef: one(h, h.bulk), Now: h.now, Status: one(h, []carteiro.BulkStatus{
		carteiro.BulkPaused, carteiro.BulkRunning, carteiro.BulkRunning, carteiro.BulkCancelled,
	})}
	got, err := h.ChangeBulkRetry(h.t.Context(), p)
	want, wantErr := h.model.ChangeBulkRetry(h.t.Context(), p)
	h.both(got, want, err, wantErr)
	list := store.ListBulkRetries{WebhookID: one(h, h.webhooks), Limit: 1 + h.random.IntN(5), Offset: h.random.IntN(3)}
	jobs, total, err := h.ListBulkRetries(h.t.Context(), list)
	wantJobs, wantTotal, wantErr := h.model.ListBulkRetries(h.t.Context(), list)
	if len(jobs)+len(wantJobs) == 0 {
		jobs, wantJobs = nil, nil
	}
	h.both([]any{jobs, total}, []any{wantJobs, wantTotal}, err, wantErr)
}

func (h *history) update() {
	webhook, err := h.GetWebhook(h.t.Context(), one(h, h.webhooks))
	h.ok(err)
	want, err := h.model.GetWebhook(h.t.Context(), webhook.ID)
	h.ok(err)
	equal(h.t, "webhook", webhook, want)
	webhook.Enabled = h.random.IntN(3) > 0
	if h.random.IntN(20) == 0 {
		webhook.DeletedAt = h.now
	}
	webhook.Version -= int64(h.random.IntN(4) / 3)
	copied := *webhook
	err = h.UpdateWebhook(h.t.Context(), store.UpdateWebhook{Webhook: webhook})
	wantErr := h.model.UpdateWebhook(h.t.Context(), store.UpdateWebhook{Webhook: &copied})
	h.both(webhook, &copied, err, wantErr)
}

func (h *history) cleanDeleted() {
	p := store.CleanDeleted{Now: h.now, Limit: 1 + h.random.IntN(4), SettledBefore: h.now.Add(-h.pick(time.Second, time.Hour))}
	switch h.random.IntN(3) {
	case 0:
		p.WebhookID = one(h, h.webhooks)
	case 1:
		p.After = one(h, h.webhooks)
	}
	got, err := h.CleanDeleted(h.t.Context(), p)
	want, wantErr := h.model.CleanDeleted(h.t.Context(), p)
	h.both(got, want, err, wantErr)
}

func (h *history) list() {
	p := store.ListLogs{WebhookID: one(h, h.webhooks), Limit: 1 + h.random.IntN(10), Offset: h.random.IntN(2) * h.random.IntN(60)}
	if h.random.IntN(2) == 0 {
		p.Status = one(h, []carteiro.Status{carteiro.StatusPending, carteiro.StatusSuccess, carteiro.StatusRetrying, carteiro.StatusFailed})
	}
	if h.random.IntN(3) == 0 {
		p.EventType = one(h, []string{"event_action", "event_rare", "event_never"})
	}
	if h.random.IntN(5) == 0 {
		p.EventID = one(h, h.events)
	}
	if h.random.IntN(3) == 0 {
		p.From = h.now.Add(-h.pick(time.Second, time.Hour, 50*time.Hour)).Truncate(h.pick(time.Hour, time.Microsecond))
	}
	if h.random.IntN(3) == 0 {
		p.To = h.now.Add(-h.pick(time.Second, time.Hour, 20*time.Hour)).Truncate(h.pick(time.Hour, time.Microsecond))
	}
	if h.random.IntN(3) == 0 {
		p.Before = one(h, h.logs).ID
	}
	if h.random.IntN(4) == 0 {
		p.HTTP = one(h, []*carteiro.StatusRange{{Min: 204, Max: 204}, {Min: 200, Max: 299}, {Min: 500, Max: 599}, {}, {Max: 599}})
	}
	p.Brief = h.random.IntN(4) == 0
	if h.random.IntN(6) == 0 {
		p.IDs = &store.IDRange{First: one(h, h.events), Last: one(h, h.logs).ID}
	}
	h.askList(p)
}

func (h *history) askList(p store.ListLogs) {
	h.t.Helper()
	got, err := h.ListLogs(h.t.Context(), p)
	want, wantErr := h.model.ListLogs(h.t.Context(), p)
	if len(got.Attempts)+len(want.Attempts) == 0 {
		got.Attempts, want.Attempts, got.Sizes, want.Sizes = nil, nil, nil, nil
	}
	h.what = "list " + show(p)
	h.both(got, want, err, wantErr)
}

func (h *history) askBacklog() {
	p := store.Backlog{After: one(h, append(h.webhooks, carteiro.ID{})), Limit: 1 + h.random.IntN(3)}
	got, err := h.Backlog(h.t.Context(), p)
	want, wantErr := h.model.Backlog(h.t.Context(), p)
	h.both(got, want, err, wantErr)
}

func (h *history) askHeld() {
	s := h.session()
	p := store.Held{Limit: 1 + h.random.IntN(10)}
	if h.random.IntN(2) == 0 {
		p.After = one(h, h.logs)
	}
	p.Session = s[0]
	got, err := h.Held(h.t.Context(), p)
	p.Session = s[1]
	want, wantErr := h.model.Held(h.t.Context(), p)
	h.both(got, want, err, wantErr)
}

func (h *history) purge() {
	before := h.now.Add(-h.pick(10*time.Hour, 60*time.Hour)).Truncate(day)
	p := store.Purge{Now: h.now, Before: before, Limit: 1 + h.random.IntN(20)}
	for _, s := range []store.Store{h.Store, h.model} {
		for more := true; more; {
			var err error
			more, err = s.Purge(h.t.Context(), p)
			h.ok(err)
		}
	}
}

// askEverything asks for every entry and every total.
func (h *history) askEverything() {
	for _, ref := range h.logs {
		h.what = fmt.Sprint("log ", ref)
		got, err := h.GetLog(h.t.Context(), ref)
		want, wantErr := h.model.GetLog(h.t.Context(), ref)
		h.both(got, want, err, wantErr)
	}
	h.askEveryEvent()
	statuses := []carteiro.Status{"", carteiro.StatusPending, carteiro.StatusSuccess, carteiro.StatusRetrying, carteiro.StatusFailed}
	for _, webhook := range h.webhooks {
		for _, status := range statuses {
			for _, eventType := range []string{"", "event_action", "event_recording", "event_rare"} {
				p := store.ListLogs{WebhookID: webhook, Status: status, EventType: eventType, Limit: 1000}
				h.askList(p)
				p.From = h.now.Add(-30 * time.Hour)
				h.askList(p)
			}
		}
		got, err := h.GetWebhook(h.t.Context(), webhook)
		want, wantErr := h.model.GetWebhook(h.t.Context(), webhook)
		h.both(got, want, err, wantErr)
	}
	h.askBacklog()
	h.askOverview()
	h.askVitals()
	for _, ref := range h.bulk {
		got, err := h.GetBulkRetry(h.t.Context(), ref)
		want, wantErr := h.model.GetBulkRetry(h.t.Context(), ref)
		h.both(got, want, err, wantErr)
	}
}
