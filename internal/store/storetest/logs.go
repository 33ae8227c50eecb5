package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var logs = []story{
	{"a log is one webhook's", func(w *world) {
		hook, other, session := w.webhook(), w.webhook(), w.join()
		open, done := w.publish(session, hook.ID), w.publish(session, hook.ID)
		w.succeed(session, done)
		for _, ref := range []store.AttemptRef{
			{WebhookID: other.ID, ID: open.ID}, {WebhookID: other.ID, ID: done.ID}, {WebhookID: hook.ID, ID: w.newID()},
			{WebhookID: hook.ID, ID: done.EventID}, {},
		} {
			_, err := w.GetLog(w.t.Context(), ref)
			w.wantErr(err, store.ErrNotFound)
		}
		equal(w.t, "entries of the other", w.list(store.ListLogs{WebhookID: other.ID}), store.LogPage{})
	}},
	{"an entry outlives its webhook", func(w *world) {
		hook, session := w.webhook(), w.join()
		d := w.publish(session, hook.ID)
		w.succeed(session, d)
		_, err := w.DeleteOwner(w.t.Context(), store.DeleteOwner{OwnerRef: w.owner, Now: w.now})
		w.ok(err)
		equal(w.t, "status", w.log(hook.ID, d.ID).Status, carteiro.StatusSuccess)
		equal(w.t, "entries", w.list(store.ListLogs{WebhookID: hook.ID}).Total, 1)
	}},
	{"every filter, page and cursor gives what looking at all entries gives", tellFilters},
	{"a page beyond the last is empty, and its total is right", func(w *world) {
		hook, session := w.webhook(), w.join()
		for range 3 {
			w.succeed(session, w.publish(session, hook.ID))
		}
		for _, p := range []store.ListLogs{{Limit: 2, Offset: 3}, {Limit: 2, Offset: 1000}} {
			p.WebhookID = hook.ID
			equal(w.t, "page", w.list(p), store.LogPage{Total: 3})
		}
	}},
	{"of a range of ids that holds very many some are found, and it says so", func(w *world) {
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		w.succeed(session, first)
		const more = store.MaxFound + 10
		for range more / 10 {
			var items []store.AcceptItem
			for range 10 {
				items = append(items, w.item(w.newEvent("event_action"), store.Session{}, hook.ID))
			}
			w.accept(store.Session{}, items...)
		}
		page := w.list(store.ListLogs{WebhookID: hook.ID, IDs: &store.IDRange{First: first.ID, Last: first.ID}})
		equal(w.t, "one", []any{page.Total, page.TotalIsLowerBound}, []any{1, false})
		page = w.list(store.ListLogs{WebhookID: hook.ID, IDs: &store.IDRange{Last: w.newID()}})
		equal(w.t, "it says so", page.TotalIsLowerBound, true)
		equal(w.t, "enough are found", page.Total >= store.MaxFound && page.Total <= more+1, true)
	}},
	{"a time range includes its beginning and excludes its end, to the id", tellBounds},
	{"the cursor goes through everything once", func(w *world) {
		hook := w.busyWebhook()
		all := w.list(store.ListLogs{WebhookID: hook})
		for _, limit := range []int{1, 7, 100} {
			p := store.ListLogs{WebhookID: hook, Limit: limit}
			var got []*carteiro.Attempt
			for more := true; more; {
				page := w.list(p)
				equal(w.t, "total", page.Total, all.Total)
				got = append(got, page.Attempts...)
				more = page.More
				p.Before = got[len(got)-1].ID
			}
			equal(w.t, "entries", got, all.Attempts)
		}
	}},
}

// tellBounds lists entries whose ids are the least of an instant, which is exactly where a range begins or ends.
func tellBounds(w *world) {
	hook, session := w.webhook(), w.join()
	begin := w.now.Truncate(time.Hour).Add(time.Hour)
	var bounds []time.Time
	for i, finish := range []func(*carteiro.Delivery){
		func(*carteiro.Delivery) {},
		func(d *carteiro.Delivery) { w.succeed(session, d) },
		func(d *carteiro.Delivery) { w.fail(session, d, false) },
		func(d *carteiro.Delivery) { w.fail(session, d, true) },
	} {
		for _, minute := range []int{0, 30} {
			w.now = begin.Add(time.Duration(i)*time.Hour + time.Duration(minute)*time.Minute)
			event := w.newEvent("event_action")
			item := w.item(event, session, hook.ID)
			item.Attempts[0].ID = carteiro.MinID(w.now)
			w.accept(session, item)
			finish(delivery(event, item.Attempts[0]))
			bounds = append(bounds, w.now)
		}
	}
	all := w.list(store.ListLogs{WebhookID: hook.ID}).Attempts
	for _, at := range bounds {
		for _, span := range [][2]time.Time{{at, {}}, {{}, at}, {at, at.Add(time.Millisecond)}, {at.Add(-time.Hour), at}, {at, at.Add(time.Hour)}} {
			for _, p := range []store.ListLogs{
				{}, {Status: carteiro.StatusPending}, {Status: carteiro.StatusSuccess}, {Status: carteiro.StatusFailed}, {Status: carteiro.StatusRetrying},
				{HTTP: &carteiro.StatusRange{Min: 200, Max: 599}}, {HTTP: &carteiro.StatusRange{Min: 503, Max: 503}},
			} {
				for _, p.EventType = range []string{"", "event_action"} {
					p.WebhookID, p.From, p.To = hook.ID, span[0], span[1]
					w.wantPages(all, p, [][2]int{{25, 0}, {1, 1}})
				}
			}
		}
	}
}

// busyWebhook gives a webhook with some hundred entries of all kinds, over days.
func (w *world) busyWebhook() carteiro.ID {
	w.t.Helper()
	hook, other, session := w.webhook(), w.webhook(), w.join()
	for i := range 120 {
		event := w.newEvent([]string{"event_action", "event_recording", "event_rare"}[i%7%3])
		if i == 60 {
			event.Type = "event_once"
		}
		holder := session
		if i%11 == 0 {
			holder = store.Session{}
		}
		item := w.item(event, holder, hook.ID, other.ID)
		w.accept(holder, item)
		for _, a := range item.Attempts {
			d := delivery(event, a)
			switch {
			case i%11 == 0 || i%13 == 0: // stays open
			case i%5 == 0:
				w.fail(session, d, true)
			case i%5 == 1:
				w.fail(session, d, false)
				if i%2 == 0 {
					w.retry(w.retryOf(d))
				}
			default:
				w.succeed(session, d)
			}
		}
		// Crowded hours, sparse ones, and gaps of days.
		w.pass([]time.Duration{time.Second, time.Millisecond, 20 * time.Minute, time.Second, 0, 17 * time.Hour}[i%6])
	}
	return hook.ID
}

// tellFilters asks for all combinations of filters, and filters all entries itself.
func tellFilters(w *world) {
	hook := w.busyWebhook()
	all := w.list(store.ListLogs{WebhookID: hook}).Attempts
	equal(w.t, "order", slices.IsSortedFunc(all, func(a, b *carteiro.Attempt) int { return compareIDs(b.ID, a.ID) }), true)
	for _, a := range all {
		equal(w.t, "entry", a, w.log(hook, a.ID))
	}
	middle, late := all[len(all)/2], all[len(all)/5]
	spans := [][2]time.Time{
		{}, {middle.CreatedAt(), late.CreatedAt()}, {late.CreatedAt(), {}}, {{}, middle.CreatedAt().Add(time.Microsecond)},
		{middle.CreatedAt().Truncate(time.Hour), late.CreatedAt().Truncate(time.Hour)}, {late.CreatedAt(), middle.CreatedAt()},
		{middle.CreatedAt().Truncate(time.Hour), middle.CreatedAt()}, {w.now.Add(-100 * time.Hour), w.now.Add(time.Hour)},
	}
	for _, status := range []carteiro.Status{"", carteiro.StatusPending, carteiro.StatusSuccess, carteiro.StatusRetrying, carteiro.StatusFailed} {
		for _, eventType := range []string{"", "event_action", "event_rare", "event_once", "event_never"} {
			for i, between := range spans {
				p := store.ListLogs{WebhookID: hook, Status: status, EventType: eventType, From: between[0], To: between[1]}
				w.wantPages(all, p, [][2]int{{25, 0}, {1, 0}, {10, 10}, {7, 33}, {25, 90}})
				if i < 2 {
					for _, p.EventID = range []carteiro.ID{middle.EventID, {1}} {
						w.wantPages(all, p, [][2]int{{25, 0}, {1, 1}})
					}
					if p.EventID = (carteiro.ID{}); eventType == "" || eventType == "event_action" {
						w.tellRarerFilters(all, p)
					}
				}
			}
		}
	}
}

// tellRarerFilters adds those by HTTP status and by ids to others.
func (w *world) tellRarerFilters(all []*carteiro.Attempt, p store.ListLogs) {
	w.t.Helper()
	for _, between := range [][2]int{{204, 204}, {200, 299}, {503, 503}, {400, 599}, {0, 0}, {0, 599}} {
		p.HTTP = &carteiro.StatusRange{Min: between[0], Max: between[1]}
		w.wantPages(all, p, [][2]int{{25, 0}, {7, 3}})
	}
	p.HTTP = nil
	middle := all[len(all)/2]
	begin := middle.ID
	clear(begin[5:])
	end := begin
	for i := 5; i < len(end); i++ {
		end[i] = 0xff
	}
	for _, ids := range [][2]carteiro.ID{{middle.ID, middle.ID}, {middle.EventID, middle.EventID}, {begin, end}, {{}, all[0].ID}} {
		p.IDs = &store.IDRange{First: ids[0], Last: ids[1]}
		w.wantPages(all, p, [][2]int{{25, 0}, {7, 3}})
		p.HTTP = &carteiro.StatusRange{Min: 500, Max: 599}
		w.wantPages(all, p, [][2]int{{25, 0}})
		p.HTTP, p.EventID = nil, middle.EventID
		w.wantPages(all, p, [][2]int{{25, 0}})
		p.EventID = carteiro.ID{}
	}
}

// wantPages checks pages of a filtered list, given by limit and offset, with a cursor and without.
func (w *world) wantPages(all []*carteiro.Attempt, p store.ListLogs, pages [][2]int) {
	w.t.Helper()
	matching := slices.DeleteFunc(slices.Clone(all), func(a *carteiro.Attempt) bool { return !matches(a, &p) })
	for _, at := range pages {
		for _, before := range []carteiro.ID{{}, all[len(all)/3].ID} {
			p.Limit, p.Offset, p.Before = at[0], at[1], before
			rest := slices.DeleteFunc(slices.Clone(matching), func(a *carteiro.Attempt) bool {
				return !before.IsZero() && compareIDs(a.ID, before) >= 0
			})
			want := store.LogPage{Attempts: window(rest, p.Offset, p.Limit), Total: len(matching), More: len(rest) > p.Offset+p.Limit}
			got := w.list(p)
			if got.Total != want.Total || got.More != want.More || !slices.EqualFunc(got.Attempts, want.Attempts, same) {
				w.t.Fatalf("%s:\n got %s\nwant %s", show(p), brief(got), brief(want))
			}
		}
	}
}

func same(a, b *carteiro.Attempt) bool { return a.ID == b.ID && a.Status == b.Status }

// brief is a page in a few words.
func brief(page store.LogPage) string {
	text := fmt.Sprintf("total %d, more %v:", page.Total, page.More)
	for _, a := range page.Attempts {
		text += fmt.Sprintf(" %s(%s)", a.ID, a.Status)
	}
	return text
}
