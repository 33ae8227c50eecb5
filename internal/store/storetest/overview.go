package storetest

import (
	"fmt"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var overviews = []story{
	{"activity is what was recorded, by the minute and by the hour, when it ended and for its environment alone", func(w *world) {
		hook, session := w.webhook(), w.join()
		stranger := store.OwnerRef{EnvironmentID: w.newID(), Kind: carteiro.OwnerAgent, ID: w.newID()}
		first, second, third := w.publish(session, hook.ID), w.publish(session, hook.ID), w.publish(session, hook.ID)
		w.now = w.now.Truncate(time.Hour).Add(time.Hour + 59*time.Minute + 58*time.Second)
		hour := w.now.Truncate(time.Hour)
		w.succeed(session, first)
		w.fail(session, second, true)
		w.pass(2 * time.Second)
		w.record(session, store.Result{Delivery: third, Outcome: w.blocked(carteiro.ReasonWebhookDisabled)})

		took := func(all ...time.Duration) (l carteiro.Latencies) {
			for _, d := range all {
				l[carteiro.LatencyBucket(d)]++
			}
			return l
		}
		want := []store.Activity{
			{At: hour.Add(59 * time.Minute), Success: 1, Failed: 1, Latencies: took(123456789*time.Nanosecond, time.Second)},
			{At: hour.Add(time.Hour), Failed: 1},
		}
		equal(w.t, "by the minute", w.overview(hour, true).Activity, want)
		equal(w.t, "since the minute", w.overview(hour.Add(time.Hour+time.Second), true).Activity, want[1:])
		want[0].At = hour
		equal(w.t, "by the hour", w.overview(hour.Add(time.Minute), false).Activity, want)
		equal(w.t, "later", w.overview(hour.Add(2*time.Hour), false).Activity, []store.Activity(nil))
		w.owner = stranger
		equal(w.t, "of another", w.overview(hour, false), store.OverviewResult{})
	}},
	{"activity outlives the log, minutes for a day and hours for a month", func(w *world) {
		hook, session := w.webhook(), w.join()
		w.succeed(session, w.publish(session, hook.ID))
		begin := w.now.Truncate(time.Hour)
		for _, at := range []struct {
			passed         time.Duration
			minutes, hours int
		}{{25 * time.Hour, 1, 1}, {3 * time.Hour, 0, 1}, {30 * 24 * time.Hour, 0, 1}, {3 * 24 * time.Hour, 0, 0}} {
			w.pass(at.passed)
			w.purgeAll(w.now)
			got := []int{len(w.overview(begin, true).Activity), len(w.overview(begin, false).Activity)}
			equal(w.t, fmt.Sprint("minutes and hours after ", w.now.Sub(begin)), got, []int{at.minutes, at.hours})
		}
	}},
	{"the queue is what is held, due and scheduled", func(w *world) {
		hook, other, session := w.webhook(), w.webhook(), w.join()
		begin := w.now
		equal(w.t, "empty", w.overview(begin, true).Queue, store.QueueState{})
		d := w.publish(session, hook.ID)
		w.pass(time.Second)
		w.publish(store.Session{}, hook.ID)
		w.publish(store.Session{}, other.ID)
		w.pass(time.Second)
		equal(w.t, "queue", w.overview(begin, true).Queue, store.QueueState{Open: 3, Held: 1, Due: 2, OldestDue: begin})
		next := w.fail(session, d, true)
		want := store.QueueState{Open: 3, Due: 2, Scheduled: 1, OldestDue: begin.Add(time.Second), NextDue: next.DueAt}
		equal(w.t, "after a failure", w.overview(begin, true).Queue, want)
		w.claim(session, hook.ID)
		w.claim(session, other.ID)
		want = store.QueueState{Open: 3, Held: 2, Scheduled: 1, OldestDue: want.OldestDue, NextDue: next.DueAt}
		equal(w.t, "once claimed", w.overview(begin, true).Queue, want)
	}},
	{"the vitals are of all environments", func(w *world) {
		v, err := w.Vitals(w.t.Context())
		w.ok(err)
		equal(w.t, "vitals of an empty database", []any{v.Open, v.OldestWaiting, v.Active, v.Disabled, v.Failing},
			[]any{0, time.Time{}, 0, 0, 0})
		hook, off, gone, session := w.webhook(), w.webhook(), w.webhook(), w.join()
		w.change(off.ID, func(webhook *carteiro.Webhook) { webhook.Enabled = false })
		w.remove(gone.ID)
		w.publish(session, hook.ID)
		w.pass(time.Second)
		due := w.now
		w.publish(store.Session{}, hook.ID)
		w.pass(time.Second)
		v, err = w.Vitals(w.t.Context())
		w.ok(err)
		equal(w.t, "vitals", []any{v.Open, v.OldestWaiting, v.Active, v.Disabled, v.Failing}, []any{2, due, 1, 1, 0})
		for range carteiro.FailuresForError {
			w.fail(session, w.publish(session, hook.ID), false)
		}
		v, err = w.Vitals(w.t.Context())
		w.ok(err)
		equal(w.t, "webhooks once one fails", []int{v.Active, v.Disabled, v.Failing}, []int{0, 1, 1})
		equal(w.t, "what waits for a circuit is not late", v.OldestWaiting, time.Time{})
		w.remove(hook.ID)
		v, err = w.Vitals(w.t.Context())
		w.ok(err)
		equal(w.t, "what waits for the end of a deleted webhook is", v.OldestWaiting, due)
	}},
	{"of a long queue all are counted, and of each kind as many as anybody wants to know", func(w *world) {
		hook := w.webhook()
		for range store.MaxQueueCount/500 + 1 {
			var items []store.AcceptItem
			for range 500 {
				items = append(items, w.item(w.newEvent("event_action"), store.Session{}, hook.ID))
			}
			w.accept(store.Session{}, items...)
		}
		q := w.overview(w.now, true).Queue
		equal(w.t, "queue", []any{q.Open, q.Due, q.Held, q.Scheduled, q.More, q.OldestDue},
			[]any{store.MaxQueueCount + 500, store.MaxQueueCount, 0, 0, true, w.now})
	}},
	{"those that fail most come first, with what they have done since the hour began", func(w *world) {
		session := w.join()
		begin := w.now.Truncate(time.Hour)
		var hooks []*carteiro.Webhook
		for n := range 4 {
			hook := w.webhook()
			hooks = append(hooks, hook)
			for range n {
				w.fail(session, w.publish(session, hook.ID), false)
			}
			w.succeed(session, w.publish(session, hook.ID))
		}
		w.remove(hooks[3].ID)
		got := w.overview(begin.Add(30*time.Minute), true).Failing
		var brief []any
		for _, f := range got {
			brief = append(brief, f.ID, f.Failed, f.Success, f.OwnerName, f.LastFailedAt)
		}
		equal(w.t, "failing", brief, []any{hooks[2].ID, 2, 1, "Reception", w.now, hooks[1].ID, 1, 1, "Reception", w.now})
		equal(w.t, "in a later hour", len(w.overview(begin.Add(time.Hour), true).Failing), 0)
	}},
	{"a webhook knows since when it fails, and of what", func(w *world) {
		hook, session := w.webhook(), w.join()
		deliveries := make([]*carteiro.Delivery, 6)
		for i := range deliveries {
			deliveries[i] = w.publish(session, hook.ID)
		}
		results := func(outcomes ...*carteiro.Outcome) (all []store.Result) {
			for i, o := range outcomes {
				all = append(all, store.Result{Delivery: deliveries[i], Outcome: o})
			}
			deliveries = deliveries[len(outcomes):]
			return all
		}
		failure := func(text string) *carteiro.Outcome {
			o := w.failure(nil)
			o.Error = text
			return o
		}
		want := func(failures int, since time.Time, text string, last time.Time) {
			w.t.Helper()
			got, err := w.GetWebhook(w.t.Context(), hook.ID)
			w.ok(err)
			equal(w.t, "health", []any{got.FailuresInARow, got.FailingSince, got.LastError, got.LastFailedAt}, []any{failures, since, text, last})
		}
		recorded := func(all []store.Result) {
			w.t.Helper()
			_, err := w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: all})
			w.ok(err)
		}
		want(0, time.Time{}, "", time.Time{})
		first := w.now
		recorded(results(failure("one")))
		w.pass(time.Minute)
		recorded(results(failure("two")))
		want(2, first, "two", w.now)
		w.change(hook.ID, func(webhook *carteiro.Webhook) { webhook.LastError, webhook.FailingSince = "x", time.Time{} })
		want(2, first, "two", w.now)
		w.pass(time.Minute)
		third := w.now
		recorded(results(w.success(deliveries[0]), failure("four")))
		want(1, third, "four", third)
		w.pass(time.Minute)
		recorded(results(failure("five"), w.success(deliveries[1])))
		want(0, time.Time{}, "", w.now)
	}},
}

func (w *world) overview(from time.Time, byMinute bool) store.OverviewResult {
	w.t.Helper()
	o, err := w.Overview(w.t.Context(), store.Overview{
		EnvironmentID: w.owner.EnvironmentID, Now: w.now, From: from, ByMinute: byMinute, Failing: 10,
	})
	w.ok(err)
	return o
}
