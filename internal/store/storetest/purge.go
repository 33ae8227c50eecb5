package storetest

import (
	"time"

	"carteiro"
	"carteiro/internal/store"
)

var purging = []story{
	{"what is finished and old goes, in bounded steps; the rest stays", func(w *world) {
		one, two, session := w.webhook(), w.webhook(), w.join()
		var gone []*carteiro.Delivery
		for i := range 30 {
			d := w.publish(session, []*carteiro.Webhook{one, two}[i%2].ID)
			w.succeed(session, d)
			gone = append(gone, d)
			w.pass(10 * time.Minute)
		}
		old := w.publish(session, one.ID)
		before := w.now.Add(time.Microsecond)
		w.pass(time.Second)
		young := w.publish(session, one.ID)
		w.succeed(session, young)

		for more := true; more; {
			left := w.list(store.ListLogs{WebhookID: one.ID}).Total + w.list(store.ListLogs{WebhookID: two.ID}).Total
			var err error
			more, err = w.Purge(w.t.Context(), store.Purge{Now: w.now, Before: before, Limit: 7})
			w.ok(err)
			now := w.list(store.ListLogs{WebhookID: one.ID}).Total + w.list(store.ListLogs{WebhookID: two.ID}).Total
			if left-now > 7 {
				w.t.Fatalf("%d entries deleted in one step", left-now)
			}
		}
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
	}},
	{"an event stays as long as an attempt of it", func(w *world) {
		one, two, session := w.webhook(), w.webhook(), w.join()
		event := w.newEvent("event_action")
		item := w.item(event, session, one.ID, two.ID)
		w.accept(session, item)
		first, elsewhere := delivery(event, item.Attempts[0]), delivery(event, item.Attempts[1])
		w.pass(time.Hour)
		w.fail(session, first, true)
		w.succeed(session, elsewhere)
		w.purgeAll(w.now) // the first attempts, with the retry open
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
		w.purgeAll(second.ID.Time()) // nothing: the retry is as old as that, no older
		equal(w.t, "the retry", w.log(one.ID, second.ID), &want)
		equal(w.t, "found by the event", w.list(store.ListLogs{WebhookID: one.ID, EventID: event.ID}).Total, 1)
		w.purgeAll(w.now)
		equal(w.t, "left", w.list(store.ListLogs{WebhookID: one.ID}), store.LogPage{})
		// With its last attempt the event is gone, and its id is free.
		w.accept(session, w.item(event, session, one.ID))
	}},
	{"an event that no webhook wanted goes when it is old", func(w *world) {
		event := w.newEvent("event_action")
		w.accept(store.Session{}, w.item(event, store.Session{}))
		w.purgeAll(w.now)
		_, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Items: []store.AcceptItem{{Event: event}}})
		if err == nil {
			w.t.Fatal("it is gone before its time")
		}
		w.purgeAll(w.now.Add(time.Microsecond))
		w.accept(store.Session{}, w.item(event, store.Session{}))
	}},
	{"a manual retry counts on from what is left", func(w *world) {
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		w.pass(time.Hour)
		w.fail(session, first, true)
		w.pass(time.Hour)
		second := w.claim(session, hook.ID)[0]
		w.fail(session, second, false)
		w.purgeAll(second.ID.Time())
		equal(w.t, "number", w.retry(w.retryOf(second)).Delivery.Number, 3)
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
