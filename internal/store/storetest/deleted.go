package storetest

import (
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// clean cleans what there is to clean, a little at a time, and gives how many attempts were finished.
func (w *world) clean(settledBefore time.Time) (finished int) {
	w.t.Helper()
	p := store.CleanDeleted{Now: w.now, Limit: 2, SettledBefore: settledBefore}
	for {
		cleaned, err := w.CleanDeleted(w.t.Context(), p)
		w.ok(err)
		if cleaned.WebhookID.IsZero() {
			return finished
		}
		finished += cleaned.Finished
		if !cleaned.More {
			p.After = cleaned.WebhookID
		}
	}
}

var deleting = []story{
	{"a deleted webhook's queued attempts and scheduled retries are finished, and the other webhooks' are not", func(w *world) {
		session, gone, other := w.join(), w.webhook(), w.webhook()
		for range 5 {
			w.publish(store.Session{}, gone.ID)
		}
		failed := w.publish(session, gone.ID)
		retry := w.fail(session, failed, true)
		kept := w.publish(store.Session{}, other.ID)
		equal(w.t, "before", w.log(gone.ID, failed.ID).Status, carteiro.StatusRetrying)
		equal(w.t, "nothing is deleted", w.clean(w.now), 0)
		w.remove(gone.ID)
		w.pass(time.Second)
		equal(w.t, "finished", w.clean(w.now), 6)
		equal(w.t, "again", w.clean(w.now), 0)

		equal(w.t, "the retried one", w.log(gone.ID, failed.ID).Status, carteiro.StatusFailed)
		last := w.log(gone.ID, retry.ID)
		equal(w.t, "the retry", []any{last.Status, last.Number, last.Outcome.Reason, last.Outcome.FinishedAt, last.Outcome.HTTPStatus},
			[]any{carteiro.StatusFailed, 2, carteiro.ReasonWebhookDeleted, w.now, 0})
		for status, want := range map[carteiro.Status]int{carteiro.StatusPending: 0, carteiro.StatusRetrying: 0, carteiro.StatusFailed: 7, "": 7} {
			equal(w.t, "total of "+string(status), w.list(store.ListLogs{WebhookID: gone.ID, Status: status}).Total, want)
		}
		equal(w.t, "the other webhook", w.log(other.ID, kept.ID).Status, carteiro.StatusPending)
		overview, err := w.Overview(w.t.Context(), store.Overview{EnvironmentID: w.owner.EnvironmentID, Now: w.now, From: w.now.Add(-time.Hour)})
		w.ok(err)
		equal(w.t, "the queue", overview.Queue.Open, 1)
		waiting, err := w.Backlog(w.t.Context(), store.Backlog{Limit: 10})
		w.ok(err)
		equal(w.t, "waiting", len(waiting), 1)
	}},
	{"what a session holds of a deleted webhook is left to it, and nothing follows from the result", func(w *world) {
		w.operators()
		session, hook := w.join(), w.webhook()
		var results []store.Result
		for i := range carteiro.FailuresForError + 2 {
			d := w.publish(session, hook.ID)
			r := store.Result{Delivery: d, Outcome: w.failure(d), Exhausted: i == 0, DisableWebhook: i == 1}
			if i > 1 {
				r.Next = w.next(d)
			}
			results = append(results, r)
		}
		w.remove(hook.ID)
		before := w.stored(hook.ID)
		w.pass(time.Second)
		equal(w.t, "finished", w.clean(w.now), 0)
		recorded, err := w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: results})
		w.ok(err)
		for i, r := range recorded {
			equal(w.t, "recorded", r, store.Recorded{})
			log := w.log(hook.ID, results[i].Delivery.ID)
			equal(w.t, "its entry", []any{log.Status, log.Outcome.HTTPStatus}, []any{carteiro.StatusFailed, 503})
		}
		equal(w.t, "entries", w.list(store.ListLogs{WebhookID: hook.ID}).Total, len(results))
		equal(w.t, "notices", len(w.notices()), 0)
		equal(w.t, "the webhook", w.stored(hook.ID), before)
	}},
	{"what a dead session held of a deleted webhook is finished, too", func(w *world) {
		session, hook := w.join(), w.webhook()
		d := w.publish(session, hook.ID)
		w.remove(hook.ID)
		w.pass(time.Second)
		equal(w.t, "while it is held", w.clean(w.now), 0)
		equal(w.t, "freed", w.end(session), 1)
		equal(w.t, "then", w.clean(w.now), 1)
		equal(w.t, "its status", w.log(hook.ID, d.ID).Status, carteiro.StatusFailed)
	}},
	{"what is accepted for a webhook while it is deleted is finished until the deletion has settled", func(w *world) {
		hook := w.webhook()
		w.remove(hook.ID)
		deleted := w.now
		w.pass(time.Second)
		equal(w.t, "nothing yet", w.clean(deleted), 0)
		w.publish(store.Session{}, hook.ID)
		equal(w.t, "finished", w.clean(deleted), 1)
		equal(w.t, "settled", w.clean(w.now), 0)
		cleaned, err := w.CleanDeleted(w.t.Context(), store.CleanDeleted{Now: w.now, WebhookID: hook.ID, Limit: 1})
		w.ok(err)
		equal(w.t, "visited when it is clean", cleaned, store.CleanedDeleted{})
	}},
	{"one webhook can be cleaned by itself", func(w *world) {
		one, other := w.webhook(), w.webhook()
		for range 3 {
			w.publish(store.Session{}, one.ID)
			w.publish(store.Session{}, other.ID)
		}
		clean := func() store.CleanedDeleted {
			cleaned, err := w.CleanDeleted(w.t.Context(), store.CleanDeleted{Now: w.now, WebhookID: other.ID, Limit: 2})
			w.ok(err)
			return cleaned
		}
		equal(w.t, "one that is not deleted", clean(), store.CleanedDeleted{})
		w.remove(one.ID)
		w.remove(other.ID)
		equal(w.t, "first", clean(), store.CleanedDeleted{WebhookID: other.ID, Finished: 2, More: true})
		equal(w.t, "then", clean(), store.CleanedDeleted{WebhookID: other.ID, Finished: 1})
		equal(w.t, "left alone", w.list(store.ListLogs{WebhookID: one.ID, Status: carteiro.StatusPending}).Total, 3)
	}},
	{"a paused job of a deleted webhook is canceled", func(w *world) {
		hook, _ := w.failures()
		job := w.begin(hook, carteiro.BulkFilter{})
		ref := store.BulkRef{WebhookID: hook.ID, ID: job.ID}
		_, err := w.ChangeBulkRetry(w.t.Context(), store.ChangeBulkRetry{BulkRef: ref, Status: carteiro.BulkPaused, Now: w.now})
		w.ok(err)
		w.remove(hook.ID)
		w.pass(time.Second)
		w.clean(w.now)
		job, err = w.GetBulkRetry(w.t.Context(), ref)
		w.ok(err)
		equal(w.t, "job", []any{job.Status, job.EndedAt}, []any{carteiro.BulkCancelled, w.now})
	}},
}
