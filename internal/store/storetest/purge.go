package storetest

import (
	"fmt"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// day is what a database may keep or drop as a whole. The stories purge at the beginnings of days.
const day = 24 * time.Hour

// nextDay lets time go by until a day begins.
func (w *world) nextDay() { w.now = w.now.Truncate(day).Add(day) }

var purging = []story{
	{"what is finished and old goes; the rest stays", func(w *world) {
		one, two, session := w.webhook(), w.webhook(), w.join()
		var gone []*carteiro.Delivery
		for i := range 30 {
			d := w.publish(session, []*carteiro.Webhook{one, two}[i%2].ID)
			w.succeed(session, d)
			gone = append(gone, d)
			w.pass(3 * time.Hour)
		}
		old := w.publish(session, one.ID)
		w.nextDay()
		before := w.now
		young := w.publish(session, one.ID)
		w.succeed(session, young)
		w.pass(time.Hour)
		w.purgeAll(before)
		for _, d := range gone {
			_, err := w.GetLog(w.t.Context(), store.AttemptRef{WebhookID: d.WebhookID, ID: d.ID})
			w.wantErr(err, store.ErrNotFound)
		}
		page := w.list(store.ListLogs{WebhookID: one.ID})
		equal(w.t, "total", page.Total, 2)
		equal(w.t, "young", page.Attempts[0].ID, young.ID)
		equal(w.t, "still open", page.Attempts[1].ID, old.ID)
		equal(w.t, "total of the other", w.list(store.ListLogs{WebhookID: two.ID}), store.LogPage{})
		w.succeed(session, old)
		equal(w.t, "finished late", w.log(one.ID, old.ID).Status, carteiro.StatusSuccess)
		w.purgeAll(before)
		equal(w.t, "total after it was finished, and purged", w.list(store.ListLogs{WebhookID: one.ID}).Total, 1)
	}},
	{"what is left of a day stays or goes, and is counted either way", func(w *world) {
		hook, session := w.webhook(), w.join()
		w.nextDay()
		for range 20 {
			w.succeed(session, w.publish(session, hook.ID))
			w.pass(time.Hour)
		}
		before := w.now.Add(-8 * time.Hour)
		w.purgeAll(before)
		page := w.list(store.ListLogs{WebhookID: hook.ID})
		if page.Total < 8 || page.Total > 20 || page.Total != len(page.Attempts) {
			w.t.Errorf("%d entries, total %d", len(page.Attempts), page.Total)
		}
	}},
	{"an event stays as long as an attempt of it", func(w *world) {
		one, two, session := w.webhook(), w.webhook(), w.join()
		event := w.newEvent("event_action")
		item := w.item(event, session, one.ID, two.ID)
		w.accept(session, item)
		first, elsewhere := delivery(event, item.Attempts[0]), delivery(event, item.Attempts[1])
		w.nextDay()
		w.pass(time.Hour)
		w.fail(session, first, true)
		w.succeed(session, elsewhere)
		w.purgeAll(w.now.Truncate(day)) // the first attempts, with the retry open
		_, err := w.GetLog(w.t.Context(), store.AttemptRef{WebhookID: one.ID, ID: first.ID})
		w.wantErr(err, store.ErrNotFound)
		equal(w.t, "retrying", w.list(store.ListLogs{WebhookID: one.ID, Status: carteiro.StatusRetrying}).Total, 0)
		equal(w.t, "failed", w.list(store.ListLogs{WebhookID: one.ID, Status: carteiro.StatusFailed}).Total, 0)

		w.pass(time.Hour)
		second := w.claim(session, one.ID)[0]
		equal(w.t, "event of the retry", second.Event, event)
		want := second.Attempt
		want.Outcome = w.success(second)
		want.Status = carteiro.StatusSuccess
		w.succeed(session, second)
		w.purgeAll(second.ID.Time().Truncate(day)) // nothing: the retry is of that day, not before
		equal(w.t, "the retry", w.log(one.ID, second.ID), &want)
		equal(w.t, "found by the event", w.list(store.ListLogs{WebhookID: one.ID, EventID: event.ID}).Total, 1)
		w.nextDay()
		w.purgeAll(w.now)
		equal(w.t, "left", w.list(store.ListLogs{WebhookID: one.ID}), store.LogPage{})
		// With its last attempt the event is gone, and its id is free.
		w.accept(session, w.item(event, session, one.ID))
	}},
	{"an event that no webhook wanted goes when it is old", func(w *world) {
		event := w.newEvent("event_action")
		w.accept(store.Session{}, w.item(event, store.Session{}))
		w.purgeAll(w.now.Truncate(day))
		_, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Items: []store.AcceptItem{{Event: event}}})
		if err == nil {
			w.t.Fatal("it is gone before its time")
		}
		w.nextDay()
		w.purgeAll(w.now)
		w.accept(store.Session{}, w.item(event, store.Session{}))
	}},
	{"a manual retry counts on from what is left", func(w *world) {
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		w.nextDay()
		w.fail(session, first, true)
		w.pass(time.Hour)
		second := w.claim(session, hook.ID)[0]
		w.fail(session, second, false)
		w.purgeAll(second.ID.Time().Truncate(day))
		equal(w.t, "number", w.retry(w.retryOf(second)).Delivery.Number, 3)
	}},
	{"a purge that reaches its limit says that there may be more, of whatever it deletes", func(w *world) {
		const each = 7 // more than two purges take
		_, token := w.environment("one")
		var keys []*store.Key
		var sessions []carteiro.Token
		var jobs []store.BulkRef
		for i := range each {
			key := w.key(fmt.Sprint(i), 1)
			_, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Key: key})
			w.ok(err)
			job := w.begin(w.webhook(), carteiro.BulkFilter{})
			ref := store.BulkRef{WebhookID: job.WebhookID, ID: job.ID}
			_, err = w.ChangeBulkRetry(w.t.Context(), store.ChangeBulkRetry{BulkRef: ref, Status: carteiro.BulkCancelled, Now: w.now})
			w.ok(err)
			keys, jobs, sessions = append(keys, key), append(jobs, ref), append(sessions, w.derive(token, fmt.Sprint("session ", i)))
		}
		then := w.now
		w.nextDay()
		w.pass(day)
		w.purgeAll(w.now)
		for i := range each {
			_, err := w.GetBulkRetry(w.t.Context(), jobs[i])
			w.wantErr(err, store.ErrNotFound)
			_, err = w.FindToken(w.t.Context(), sessions[i].Hash)
			w.wantErr(err, store.ErrNotFound)
			result, err := w.Accept(w.t.Context(), store.Accept{Now: then, Key: keys[i]})
			w.ok(err)
			equal(w.t, "replayed", result.Replay != nil, false)
		}
	}},
	{"keys go when they have expired", func(w *world) {
		key := w.key("k", 1)
		_, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Key: key})
		w.ok(err)
		w.purgeAll(w.now)
		result, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Key: key})
		w.ok(err)
		equal(w.t, "replayed", result.Replay != nil, true)
		then := w.now
		w.now = key.ExpiresAt
		w.purgeAll(then)
		w.now = then // what was deleted is gone, even for who lives in the past
		result, err = w.Accept(w.t.Context(), store.Accept{Now: w.now, Key: key})
		w.ok(err)
		equal(w.t, "replayed", result.Replay != nil, false)
	}},
}

func (w *world) purgeAll(before time.Time) {
	w.t.Helper()
	for more := true; more; {
		var err error
		more, err = w.Purge(w.t.Context(), store.Purge{Now: w.now, Before: before, Limit: 3})
		w.ok(err)
	}
}
