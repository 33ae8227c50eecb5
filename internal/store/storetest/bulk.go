package storetest

import (
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var bulks = []story{
	{"a key makes one job, and another request none", func(w *world) {
		hook := w.webhook()
		create := func(fingerprint byte) (carteiro.BulkRetry, error) {
			id := w.newID()
			return w.CreateBulkRetry(w.t.Context(), store.CreateBulkRetry{
				OwnerRef: w.owner, ID: id, WebhookID: hook.ID, Now: w.now, Key: &store.Key{
					EnvironmentID: w.owner.EnvironmentID, Key: "once", Fingerprint: [32]byte{fingerprint}, Answer: id[:], ExpiresAt: w.now.Add(time.Hour),
				},
			})
		}
		first, err := create(1)
		w.ok(err)
		again, err := create(1)
		w.ok(err)
		equal(w.t, "the job", again, first)
		_, err = create(2)
		w.wantErr(err, store.ErrKeyReused)
		w.pass(2 * time.Hour)
		_, err = create(2)
		w.wantErr(err, store.ErrConflict) // the key is free again, and the job is open
		_, total, err := w.ListBulkRetries(w.t.Context(), store.ListBulkRetries{WebhookID: hook.ID, Limit: 10})
		w.ok(err)
		equal(w.t, "jobs", total, 1)
	}},
	{"every failed entry is come to once, oldest first, some at a time; younger ones never", func(w *world) {
		hook, session := w.webhook(), w.join()
		var failed []carteiro.ID
		for i := range 12 {
			d := w.publish(session, hook.ID)
			if i%4 == 3 {
				w.succeed(session, d)
			} else {
				w.fail(session, d, false)
				failed = append(failed, d.ID)
			}
			w.pass(17 * time.Minute)
		}
		job := w.begin(hook, carteiro.BulkFilter{})
		equal(w.t, "job", job, carteiro.BulkRetry{
			ID: job.ID, WebhookID: hook.ID, Status: carteiro.BulkQueued, Matched: 9, DueAt: w.now, UpdatedAt: w.now,
		})
		w.fail(session, w.publish(session, hook.ID), false)
		var retried []carteiro.ID
		for _, want := range []struct {
			retried int
			status  carteiro.BulkStatus
		}{{4, carteiro.BulkRunning}, {4, carteiro.BulkRunning}, {1, carteiro.BulkDone}} {
			step := w.step(4, 100)
			equal(w.t, "a second too early", w.step(4, 100).Job, (*carteiro.BulkRetry)(nil))
			equal(w.t, "retried", []any{step.Retried, step.Job.Status}, []any{want.retried, want.status})
			for _, d := range w.claim(session, hook.ID) {
				equal(w.t, "trigger", []any{d.Trigger, d.Number, d.ChainStart, d.DueAt}, []any{carteiro.TriggerBulk, 2, 2, w.now})
				retried = append(retried, d.PreviousID)
			}
			w.pass(time.Second)
		}
		equal(w.t, "retried", retried, failed)
		job, err := w.GetBulkRetry(w.t.Context(), store.BulkRef{WebhookID: hook.ID, ID: job.ID})
		w.ok(err)
		equal(w.t, "in the end", []any{job.Status, job.Retried, job.Skipped.Total(), job.Remaining(), job.EndedAt},
			[]any{carteiro.BulkDone, 9, 0, 0, w.now.Add(-time.Second)})
		equal(w.t, "then nothing is due", w.step(4, 100), store.BulkStep{})
	}},
	{"an event with several failed entries is retried once, also when that fails at once", func(w *world) {
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		w.fail(session, first, true)
		w.pass(time.Hour)
		w.fail(session, w.claim(session, hook.ID)[0], false)
		w.pass(time.Minute)
		w.begin(hook, carteiro.BulkFilter{})
		equal(w.t, "retried", w.step(1, 100).Retried, 1)
		w.fail(session, w.claim(session, hook.ID)[0], false)
		w.pass(time.Minute)
		step := w.step(5, 100)
		equal(w.t, "the rest", []any{step.Retried, step.Job.Skipped, step.Job.Status},
			[]any{0, carteiro.BulkSkips{RetriedSince: 1}, carteiro.BulkDone})
	}},
	{"what could not be retried when it was created is neither matched nor counted, unless it can be by then", func(w *world) {
		hook, session := w.webhook(), w.join()
		fail := func() *carteiro.Delivery {
			d := w.publish(session, hook.ID)
			w.fail(session, d, false)
			return d
		}
		again := func(d *carteiro.Delivery) *carteiro.Delivery {
			p := w.retryOf(d)
			p.Session, p.Held = session, true
			return w.retry(p).Delivery
		}
		fail() // too old when it is created
		w.pass(time.Hour)
		limit := w.now
		ages := fail() // too old by then
		w.pass(10 * time.Second)
		w.succeed(session, again(fail()))
		succeeds, fails, retrying := again(fail()), again(fail()), w.publish(session, hook.ID)
		w.fail(session, retrying, true)
		plain, delivered, queued := fail(), fail(), fail()
		w.pass(time.Minute)
		id := w.newID()
		find := func(look int) store.Retriable {
			found, err := w.FindRetriable(w.t.Context(), store.FindRetriable{WebhookID: hook.ID, Before: id, NotBefore: limit, Look: look})
			w.ok(err)
			return found
		}
		equal(w.t, "found", find(100), store.Retriable{IDs: []carteiro.ID{ages.ID, plain.ID, delivered.ID, queued.ID}, Looked: 8, All: true})
		equal(w.t, "exactly as many are looked at", find(8).All, true)
		equal(w.t, "fewer are looked at", find(6), store.Retriable{IDs: []carteiro.ID{ages.ID, plain.ID}, Looked: 6})
		_, err := w.CreateBulkRetry(w.t.Context(), store.CreateBulkRetry{OwnerRef: w.owner, ID: id, WebhookID: hook.ID, Matched: 4, Now: w.now})
		w.ok(err)

		w.pass(time.Second)
		w.succeed(session, succeeds)
		w.fail(session, fails, false)
		w.succeed(session, again(delivered))
		again(queued)
		w.pass(time.Second)
		for i, remaining := range []int{3, 3, 3, 2, 0, 0} {
			step, err := w.StepBulkRetry(w.t.Context(), store.StepBulkRetry{
				Now: w.now, DueAt: w.now, NotBefore: limit.Add(2 * time.Second), Look: 2, NewIDs: w.newIDs(1),
			})
			w.ok(err)
			equal(w.t, "ended, remaining", []any{i, step.Job.Status.Ended(), step.Job.Remaining()}, []any{i, i == 5, remaining})
		}
		job, err := w.GetBulkRetry(w.t.Context(), store.BulkRef{WebhookID: hook.ID, ID: id})
		w.ok(err)
		equal(w.t, "in the end", []any{job.Matched, job.Retried, job.Skipped},
			[]any{5, 2, carteiro.BulkSkips{AlreadySucceeded: 1, InProgress: 1, TooOld: 1}})
	}},
	{"what needs no retry or cannot have one is left alone", func(w *world) {
		hook, session := w.webhook(), w.join()
		old := w.publish(session, hook.ID)
		w.fail(session, old, false)
		w.pass(time.Hour)
		limit := w.now
		for _, then := range []func(*carteiro.Delivery){
			func(*carteiro.Delivery) {},
			func(d *carteiro.Delivery) { w.succeed(session, d) },
			func(d *carteiro.Delivery) { w.fail(session, d, false) },
		} {
			d := w.publish(session, hook.ID)
			w.fail(session, d, false)
			p := w.retryOf(d)
			p.Session, p.Held = session, true
			then(w.retry(p).Delivery)
		}
		w.pass(time.Second)
		w.begin(hook, carteiro.BulkFilter{})
		step, err := w.StepBulkRetry(w.t.Context(), store.StepBulkRetry{Now: w.now, DueAt: w.now, NotBefore: limit, Look: 100, NewIDs: w.newIDs(10)})
		w.ok(err)
		// Of the third event both entries match: the second is in progress once the first is retried.
		equal(w.t, "counted", []any{step.Job.Retried, step.Job.Skipped},
			[]any{1, carteiro.BulkSkips{InProgress: 1}})
	}},
	{"what meets the filter is what the list shows under it", func(w *world) {
		for n := range 9 {
			hook, all := w.failures()
			f := []carteiro.BulkFilter{
				{}, {EventType: "event_recording"}, {HTTP: &carteiro.StatusRange{Min: 500, Max: 599}}, {HTTP: &carteiro.StatusRange{}},
				{From: all[5].CreatedAt(), To: all[15].CreatedAt()}, {EventID: all[7].EventID}, {EventID: carteiro.ID{1}},
				{EventType: "event_action", HTTP: &carteiro.StatusRange{Min: 503, Max: 503}, From: all[1].CreatedAt()}, {To: all[0].CreatedAt()},
			}[n]
			p := store.ListLogs{EventType: f.EventType, EventID: f.EventID, From: f.From, To: f.To, HTTP: f.HTTP}
			var want, got []carteiro.ID
			for _, a := range all {
				if matches(a, &p) {
					want = append(want, a.ID)
				}
			}
			equal(w.t, "matched by "+show(f), w.begin(hook, f).Matched, len(want))
			session := w.join()
			w.begunAnew(hook.ID)
			for done := false; !done; w.pass(time.Second) {
				step := w.step(3, 5)
				equal(w.t, "filter", step.Job.Filter, f)
				done = step.Job.Status == carteiro.BulkDone
				for _, d := range w.claim(session, hook.ID) {
					got = append(got, d.PreviousID)
				}
			}
			equal(w.t, "retried by "+show(f), got, want)
		}
	}},
	{"failed tests are neither counted nor retried", func(w *world) {
		hook, session := w.webhook(), w.join()
		var tests, failed []carteiro.ID
		for i := range 40 {
			event := w.newEvent("event_action")
			event.Test = i%8 != 7
			item := w.item(event, session, hook.ID)
			if event.Test {
				item.Attempts[0].Trigger = carteiro.TriggerTest
			}
			w.accept(session, item)
			d := delivery(event, item.Attempts[0])
			w.fail(session, d, false)
			w.pass(10 * time.Minute)
			if !event.Test {
				failed = append(failed, d.ID)
				continue
			}
			tests = append(tests, event.ID)
			if i == 0 { // a test that someone has retried individually is still a test
				p := w.retryOf(d)
				p.Session, p.Held = session, true
				w.fail(session, w.retry(p).Delivery, false)
			}
		}
		cancel := func(job carteiro.BulkRetry) {
			_, err := w.ChangeBulkRetry(w.t.Context(), store.ChangeBulkRetry{
				BulkRef: store.BulkRef{WebhookID: hook.ID, ID: job.ID}, Status: carteiro.BulkCancelled, Now: w.now,
			})
			w.ok(err)
		}
		for _, f := range []carteiro.BulkFilter{{EventID: tests[0]}, {EventID: tests[7]}, {To: tests[5].Time().Add(time.Second)}} {
			job := w.begin(hook, f)
			equal(w.t, "matched by "+show(f), job.Matched, 0)
			step := w.step(100, 100)
			equal(w.t, "retried by "+show(f), []any{step.Retried, step.Job.Skipped.Total(), step.Job.Status}, []any{0, 0, carteiro.BulkDone})
		}
		page := w.list(store.ListLogs{WebhookID: hook.ID, Status: carteiro.StatusFailed, NoTests: true, Limit: 3})
		equal(w.t, "listed", []any{page.Total, page.More, page.Attempts[0].ID, page.Attempts[2].ID}, []any{5, true, failed[4], failed[2]})
		spans := []carteiro.BulkFilter{{From: failed[1].Time().Add(time.Minute), To: w.now}, {EventType: "event_action"}, {}}
		for i, want := range []int{3, 5, 5} {
			job := w.begin(hook, spans[i])
			equal(w.t, "matched by "+show(spans[i]), job.Matched, want)
			if i < 2 {
				cancel(job)
			}
		}
		w.begunAnew(hook.ID)
		var retried []carteiro.ID
		for done := false; !done; w.pass(time.Second) {
			step := w.step(2, 4) // fewer than the tests in a row
			done = step.Job.Status == carteiro.BulkDone
			equal(w.t, "skipped", step.Job.Skipped.Total(), 0)
			for _, d := range w.claim(session, hook.ID) {
				retried = append(retried, d.PreviousID)
			}
		}
		equal(w.t, "retried", retried, failed)
	}},
	{"of many nodes at once one takes each step", func(w *world) {
		hook, session := w.webhook(), w.join()
		for range 40 {
			w.fail(session, w.publish(session, hook.ID), false)
		}
		w.pass(time.Second)
		job := w.begin(hook, carteiro.BulkFilter{})
		for range 5 {
			params := make([]store.StepBulkRetry, 16)
			for i := range params {
				params[i] = store.StepBulkRetry{Now: w.now, DueAt: w.now.Add(time.Second), Look: 100, NewIDs: w.newIDs(10)}
			}
			steps, errs := make([]store.BulkStep, len(params)), make([]error, len(params))
			var all sync.WaitGroup
			for i := range params {
				all.Go(func() { steps[i], errs[i] = w.StepBulkRetry(w.t.Context(), params[i]) })
			}
			all.Wait()
			taken := 0
			for i := range steps {
				w.ok(errs[i])
				if steps[i].Job != nil {
					taken++
				}
			}
			equal(w.t, "taken", taken <= 1, true)
			w.pass(time.Second)
		}
		job, err := w.GetBulkRetry(w.t.Context(), store.BulkRef{WebhookID: hook.ID, ID: job.ID})
		w.ok(err)
		equal(w.t, "job", []any{job.Status, job.Retried, job.Skipped.Total()}, []any{carteiro.BulkDone, 40, 0})
		w.begunAnew(hook.ID)
		equal(w.t, "open", len(w.claim(session, hook.ID)), 40)
	}},
	{"a webhook has one that is open; it can be paused, resumed and cancelled until it has ended", func(w *world) {
		hook, session := w.webhook(), w.join()
		for range 3 {
			w.fail(session, w.publish(session, hook.ID), false)
		}
		w.pass(time.Second)
		job := w.begin(hook, carteiro.BulkFilter{})
		_, err := w.CreateBulkRetry(w.t.Context(), store.CreateBulkRetry{OwnerRef: w.owner, ID: w.newID(), WebhookID: hook.ID, Now: w.now})
		w.wantErr(err, store.ErrConflict)
		elsewhere := w.begin(w.webhook(), carteiro.BulkFilter{})
		_, err = w.ChangeBulkRetry(w.t.Context(), store.ChangeBulkRetry{
			BulkRef: store.BulkRef{WebhookID: elsewhere.WebhookID, ID: elsewhere.ID}, Status: carteiro.BulkCancelled, Now: w.now,
		})
		w.ok(err)
		change := func(status, want carteiro.BulkStatus, wantErr error) {
			var pausedBy carteiro.PauseReason
			if want == carteiro.BulkPaused {
				pausedBy = carteiro.PausedByUser
			}
			w.t.Helper()
			w.pass(time.Second)
			got, err := w.ChangeBulkRetry(w.t.Context(), store.ChangeBulkRetry{BulkRef: store.BulkRef{WebhookID: hook.ID, ID: job.ID}, Status: status, Now: w.now})
			w.wantErr(err, wantErr)
			if err == nil {
				equal(w.t, "status", []any{got.Status, got.PausedBy}, []any{want, pausedBy})
			}
		}
		change(carteiro.BulkRunning, carteiro.BulkQueued, nil)
		change(carteiro.BulkPaused, carteiro.BulkPaused, nil)
		equal(w.t, "paused", w.step(1, 1), store.BulkStep{})
		change(carteiro.BulkRunning, carteiro.BulkRunning, nil)
		equal(w.t, "resumed", w.step(1, 1).Retried, 1)
		change(carteiro.BulkCancelled, carteiro.BulkCancelled, nil)
		ended := w.now
		equal(w.t, "cancelled", w.step(1, 1), store.BulkStep{})
		change(carteiro.BulkCancelled, carteiro.BulkCancelled, nil)
		change(carteiro.BulkPaused, "", store.ErrConflict)
		change(carteiro.BulkRunning, "", store.ErrConflict)
		second := w.begin(hook, carteiro.BulkFilter{})
		jobs, total, err := w.ListBulkRetries(w.t.Context(), store.ListBulkRetries{WebhookID: hook.ID, Limit: 10})
		w.ok(err)
		equal(w.t, "listed", []any{total, jobs[0].ID, jobs[1].ID, jobs[1].EndedAt}, []any{2, second.ID, job.ID, ended})
		w.purgeAll(ended)
		w.purgeAll(ended.Add(time.Microsecond))
		_, total, err = w.ListBulkRetries(w.t.Context(), store.ListBulkRetries{WebhookID: hook.ID, Limit: 10})
		w.ok(err)
		equal(w.t, "kept as long as the log", total, 1)
	}},
	{"a disabled webhook pauses it, a deleted one cancels it", func(w *world) {
		hook, session := w.webhook(), w.join()
		w.fail(session, w.publish(session, hook.ID), false)
		w.pass(time.Second)
		job := w.begin(hook, carteiro.BulkFilter{})
		w.disable(hook.ID)
		paused := w.step(1, 1).Job
		equal(w.t, "disabled", []any{paused.Status, paused.PausedBy}, []any{carteiro.BulkPaused, carteiro.PausedByWebhookDisabled})
		again, err := w.ChangeBulkRetry(w.t.Context(), store.ChangeBulkRetry{
			BulkRef: store.BulkRef{WebhookID: hook.ID, ID: job.ID}, Status: carteiro.BulkPaused, Now: w.now,
		})
		w.ok(err)
		equal(w.t, "paused by a user as well", again, *paused)
		w.remove(hook.ID)
		resumed, err := w.ChangeBulkRetry(w.t.Context(), store.ChangeBulkRetry{
			BulkRef: store.BulkRef{WebhookID: hook.ID, ID: job.ID}, Status: carteiro.BulkRunning, Now: w.now,
		})
		w.ok(err)
		equal(w.t, "resumed", []any{resumed.Status, resumed.PausedBy}, []any{carteiro.BulkRunning, carteiro.PauseReason("")})
		step := w.step(1, 1)
		equal(w.t, "deleted", []any{step.Job.Status, step.Job.EndedAt, step.Retried}, []any{carteiro.BulkCancelled, w.now, 0})
	}},
	{"one of another count than expected is not begun, unless its key has begun it already", func(w *world) {
		hook := w.webhook()
		key := &store.Key{EnvironmentID: w.owner.EnvironmentID, Key: "expected"}
		create := func(matched, expected int) (carteiro.BulkRetry, error) {
			id := w.newID()
			key.Answer, key.ExpiresAt = id[:], w.now.Add(time.Hour)
			return w.CreateBulkRetry(w.t.Context(), store.CreateBulkRetry{
				OwnerRef: w.owner, ID: id, WebhookID: hook.ID, Matched: matched, Expected: &expected, Now: w.now, Key: key,
			})
		}
		_, err := create(7, 2)
		w.wantErr(err, store.ErrCount)
		begun, err := create(2, 2)
		w.ok(err)
		again, err := create(0, 2)
		w.ok(err)
		equal(w.t, "job", again.ID, begun.ID)
	}},
	{"one of another webhook, or at none, is not found", func(w *world) {
		hook, other := w.webhook(), w.webhook()
		job := w.begin(hook, carteiro.BulkFilter{})
		for _, ref := range []store.BulkRef{{WebhookID: other.ID, ID: job.ID}, {WebhookID: hook.ID, ID: w.newID()}, {}} {
			_, err := w.GetBulkRetry(w.t.Context(), ref)
			w.wantErr(err, store.ErrNotFound)
			_, err = w.ChangeBulkRetry(w.t.Context(), store.ChangeBulkRetry{BulkRef: ref, Status: carteiro.BulkCancelled, Now: w.now})
			w.wantErr(err, store.ErrNotFound)
		}
		w.remove(other.ID)
		for name, p := range map[string]store.CreateBulkRetry{
			"gone":    {OwnerRef: w.owner, WebhookID: other.ID},
			"unknown": {OwnerRef: w.owner, WebhookID: w.newID()},
			"foreign": {OwnerRef: store.OwnerRef{EnvironmentID: w.newID(), Kind: w.owner.Kind, ID: w.owner.ID}, WebhookID: hook.ID},
		} {
			p.ID, p.Now = w.newID(), w.now
			_, err := w.CreateBulkRetry(w.t.Context(), p)
			if w.wantErr(err, store.ErrNotFound); err == nil {
				w.t.Error(name)
			}
		}
	}},
}

// failures gives a webhook with failed entries of all kinds over hours.
func (w *world) failures() (hook *carteiro.Webhook, all []*carteiro.Attempt) {
	w.t.Helper()
	hook, session := w.webhook(), w.join()
	for i := range 24 {
		event := w.newEvent([]string{"event_action", "event_recording"}[i%2])
		item := w.item(event, session, hook.ID)
		w.accept(session, item)
		d := delivery(event, item.Attempts[0])
		o := w.failure(d)
		o.HTTPStatus = []int{503, 500, 404, 0}[i/2%4]
		w.record(session, store.Result{Delivery: d, Outcome: o})
		all = append(all, w.log(hook.ID, d.ID))
		w.pass(25 * time.Minute)
	}
	return hook, all
}

// begin creates a job for what matches now.
func (w *world) begin(hook *carteiro.Webhook, f carteiro.BulkFilter) carteiro.BulkRetry {
	w.t.Helper()
	id := w.newID()
	found, err := w.FindRetriable(w.t.Context(), store.FindRetriable{WebhookID: hook.ID, Filter: f, Before: id, Look: 10_000})
	w.ok(err)
	equal(w.t, "all are found", found.All, true)
	job, err := w.CreateBulkRetry(w.t.Context(), store.CreateBulkRetry{
		OwnerRef: w.owner, ID: id, WebhookID: hook.ID, Filter: f, Matched: len(found.IDs), Now: w.now,
	})
	w.ok(err)
	return job
}

// step takes the next step, a second before the one after it.
func (w *world) step(retries, look int) store.BulkStep {
	w.t.Helper()
	step, err := w.StepBulkRetry(w.t.Context(), store.StepBulkRetry{
		Now: w.now, DueAt: w.now.Add(time.Second), Look: look, NewIDs: w.newIDs(retries),
	})
	w.ok(err)
	return step
}

func (w *world) newIDs(n int) (ids []carteiro.ID) {
	for range n {
		ids = append(ids, w.newID())
	}
	return ids
}
