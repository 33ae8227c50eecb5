package storetest

import (
	"slices"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// replay creates a job that sends events to a webhook.
func (w *world) replay(hook *carteiro.Webhook, f carteiro.ReplayFilter) carteiro.BulkRetry {
	w.t.Helper()
	id := w.newID()
	var since time.Time
	if owner, err := w.GetOwner(w.t.Context(), ownerOf(hook)); err == nil {
		since = owner.CreatedAt
	}
	job, err := w.CreateBulkRetry(w.t.Context(), store.CreateBulkRetry{
		OwnerRef: ownerOf(hook), ID: id, WebhookID: hook.ID, Replay: &f, Now: w.now,
		Matched: w.listEvents(store.Replayed(&carteiro.BulkRetry{ID: id, Replay: &f}, ownerOf(hook), since)).Total,
	})
	w.ok(err)
	return job
}

// finishJob takes steps until the job that is due first has ended.
func (w *world) finishJob(retries, look int) carteiro.BulkRetry {
	w.t.Helper()
	for range 1000 {
		step, err := w.StepBulkRetry(w.t.Context(), store.StepBulkRetry{
			Now: w.now, DueAt: w.now.Add(time.Second), Look: look, NewIDs: w.newIDs(retries),
		})
		w.ok(err)
		w.pass(time.Second)
		if step.Job == nil || step.Job.Status.Ended() {
			return *step.Job
		}
	}
	w.t.Fatal("a job does not end")
	return carteiro.BulkRetry{}
}

func eventIDs(deliveries []*carteiro.Delivery) (ids []carteiro.ID) {
	for _, d := range deliveries {
		ids = append(ids, d.EventID)
	}
	return ids
}

var replays = []story{
	{"events that went nowhere are sent, oldest first; what comes in later is not", func(w *world) {
		hook, session := w.webhook(), w.join()
		var want []carteiro.ID
		for i := range 12 {
			e := w.unwanted([]string{"event_action", "event_recording"}[i%2], carteiro.NotSubscribed)
			if i%2 == 0 {
				want = append(want, e.ID)
			}
			w.succeed(session, w.publish(session, hook.ID))
			w.pass(17 * time.Minute)
		}
		job := w.replay(hook, carteiro.ReplayFilter{Undelivered: true, EventTypes: []string{"event_action"}})
		equal(w.t, "job", job, carteiro.BulkRetry{
			ID: job.ID, WebhookID: hook.ID, Status: carteiro.BulkQueued, Matched: 6, DueAt: w.now, UpdatedAt: w.now,
			Replay: &carteiro.ReplayFilter{Undelivered: true, EventTypes: []string{"event_action"}},
		})
		w.pass(time.Second)
		w.unwanted("event_action", carteiro.NotSubscribed)
		ended := w.finishJob(4, 5)
		equal(w.t, "ended", []any{ended.Status, ended.Retried, ended.Skipped}, []any{carteiro.BulkDone, 6, carteiro.BulkSkips{}})
		sent := w.claim(session, hook.ID)
		equal(w.t, "sent", eventIDs(sent), want)
		for _, d := range sent {
			equal(w.t, "attempt", []any{d.Trigger, d.Number, d.ChainStart, d.PreviousID, d.IsRetry()}, []any{carteiro.TriggerBulk, 1, 1, carteiro.ID{}, false})
			equal(w.t, "its entry", w.list(store.ListLogs{WebhookID: hook.ID, EventID: d.EventID}).Attempts, []*carteiro.Attempt{w.log(hook.ID, d.ID)})
		}
		equal(w.t, "still undelivered", w.listEvents(store.ListEvents{Undelivered: new(true)}).Total, 7)
		stored, err := w.GetEvent(w.t.Context(), store.EventRef{EnvironmentID: w.owner.EnvironmentID, ID: want[0]})
		w.ok(err)
		equal(w.t, "delivery", []any{stored.Undelivered, stored.Deliveries[0].LogID}, []any{carteiro.Undelivered(""), sent[0].ID})
	}},
	{"an attempt of the same instant as its event counts once", func(w *world) {
		hook, session := w.webhook(), w.join()
		event := w.unwanted("event_action", carteiro.NotSubscribed)
		w.pass(time.Second)
		w.replay(hook, carteiro.ReplayFilter{Undelivered: true})
		id := event.ID
		id[len(id)-1] ^= 1
		step, err := w.StepBulkRetry(w.t.Context(), store.StepBulkRetry{Now: w.now, DueAt: w.now.Add(time.Second), Look: 10, NewIDs: []carteiro.ID{id}})
		w.ok(err)
		equal(w.t, "replayed", step.Retried, 1)
		w.succeed(session, w.claim(session, hook.ID)[0])
		stored, err := w.GetEvent(w.t.Context(), store.EventRef{EnvironmentID: w.owner.EnvironmentID, ID: event.ID})
		w.ok(err)
		delivery := stored.Deliveries[0]
		equal(w.t, "delivery", []any{len(stored.Deliveries), delivery.Attempts, delivery.LogID, delivery.Status}, []any{1, 1, id, carteiro.StatusSuccess})
		page := w.list(store.ListLogs{WebhookID: hook.ID, EventID: event.ID})
		equal(w.t, "entries", []int{page.Total, len(page.Attempts)}, []int{1, 1})
	}},
	{"what came of it is followed as of any attempt: retried by itself, by hand and in bulk", func(w *world) {
		hook, session := w.webhook(), w.join()
		event := w.unwanted("event_action", carteiro.WebhooksDisabled)
		w.pass(time.Hour)
		w.replay(hook, carteiro.ReplayFilter{Undelivered: true})
		w.finishJob(4, 10)
		first := w.claim(session, hook.ID)[0]
		equal(w.t, "event", first.Event.ID, event.ID)
		w.fail(session, first, true)
		equal(w.t, "status", w.log(hook.ID, first.ID).Status, carteiro.StatusRetrying)
		equal(w.t, "in progress", w.retry(w.retryOf(first)).Refused, carteiro.InProgress)
		w.pass(time.Hour)
		second := w.claim(session, hook.ID)[0]
		equal(w.t, "numbers", []int{second.Number, second.ChainStart}, []int{2, 1})
		w.fail(session, second, false)
		w.pass(time.Second)
		w.begin(hook, carteiro.BulkFilter{})
		ended := w.finishJob(4, 10)
		equal(w.t, "bulk", []any{ended.Retried, ended.Skipped}, []any{1, carteiro.BulkSkips{InProgress: 1}})
		third := w.claim(session, hook.ID)[0]
		equal(w.t, "number", third.Number, 3)
		w.succeed(session, third)
		equal(w.t, "succeeded", w.retry(w.retryOf(first)).Refused, carteiro.AlreadySucceeded)
		equal(w.t, "entries", w.list(store.ListLogs{WebhookID: hook.ID, EventID: event.ID}).Total, 3)
	}},
	{"what was delivered or is on its way there is passed over; what failed there goes on", func(w *world) {
		hook, elsewhere, session := w.webhook(), w.webhook(), w.join()
		w.succeed(session, w.publish(session, hook.ID))
		w.publish(session, hook.ID)
		failed := w.publish(session, hook.ID)
		w.fail(session, failed, false)
		w.succeed(session, w.publish(session, elsewhere.ID))
		w.pass(time.Second)
		w.replay(hook, carteiro.ReplayFilter{})
		ended := w.finishJob(10, 10)
		equal(w.t, "ended", []any{ended.Matched, ended.Retried, ended.Skipped}, []any{4, 2, carteiro.BulkSkips{AlreadySucceeded: 1, InProgress: 1}})
		sent := w.claim(session, hook.ID)
		equal(w.t, "after a failure", []any{sent[0].Number, sent[0].PreviousID, sent[1].Number, sent[1].PreviousID}, []any{2, failed.ID, 1, carteiro.ID{}})
		w.replay(hook, carteiro.ReplayFilter{})
		ended = w.finishJob(10, 10)
		equal(w.t, "and again", []any{ended.Retried, ended.Skipped}, []any{0, carteiro.BulkSkips{AlreadySucceeded: 1, InProgress: 3}})
	}},
	{"what is undelivered goes to one webhook, whoever asks for it there and elsewhere", func(w *world) {
		one, other := w.webhook(), w.webhook()
		for range 10 {
			w.unwanted("event_action", carteiro.NotSubscribed)
		}
		w.pass(time.Second)
		first := w.replay(one, carteiro.ReplayFilter{Undelivered: true})
		second := w.replay(other, carteiro.ReplayFilter{Undelivered: true})
		equal(w.t, "matched", []int{first.Matched, second.Matched}, []int{10, 10})
		retried := 0
		for range 2 {
			retried += w.finishJob(3, 10).Retried
		}
		equal(w.t, "attempts", retried, 10)
		equal(w.t, "undelivered", w.listEvents(store.ListEvents{Undelivered: new(true)}).Total, 0)
	}},
	{"a campaign's webhook gets its campaign's events, and its calls' when asked for", func(w *world) {
		hook := w.newWebhook()
		hook.OwnerKind, hook.OwnerID = carteiro.OwnerCampaign, w.newID()
		w.putOwner(ownerOf(hook), "Autumn")
		w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: hook}))
		session := w.join()
		own, call := w.newEvent("campaign.started"), w.newEvent("event_action")
		own.OwnerKind, own.OwnerID, call.CampaignID = carteiro.OwnerCampaign, hook.OwnerID, hook.OwnerID
		w.accept(session, w.item(own, session), w.item(call, session))
		w.unwanted("event_action", carteiro.NoWebhook)
		w.pass(time.Second)
		w.replay(hook, carteiro.ReplayFilter{Undelivered: true})
		w.finishJob(5, 10)
		equal(w.t, "its own", eventIDs(w.claim(session, hook.ID)), []carteiro.ID{own.ID})
		w.replay(hook, carteiro.ReplayFilter{Undelivered: true, CallEvents: true})
		w.finishJob(5, 10)
		equal(w.t, "its calls'", eventIDs(w.claim(session, hook.ID)), []carteiro.ID{call.ID})
	}},
	{"events are named, or looked for among many; what is too old is left alone", func(w *world) {
		hook, session := w.webhook(), w.join()
		var all []carteiro.ID
		for range 30 {
			all = append(all, w.unwanted("event_action", carteiro.NoWebhook).ID)
			w.pass(time.Minute)
		}
		named := []carteiro.ID{all[3], all[4], all[20]}
		w.replay(hook, carteiro.ReplayFilter{EventIDs: named})
		w.finishJob(1, 2)
		equal(w.t, "named", eventIDs(w.claim(session, hook.ID)), named)
		for _, undelivered := range []bool{false, true} {
			limit := w.now.Add(-29 * time.Minute)
			job := w.replay(hook, carteiro.ReplayFilter{Undelivered: undelivered, EventTypes: []string{"event_action"}, To: limit.Add(20 * time.Minute)})
			for !job.Status.Ended() {
				step, err := w.StepBulkRetry(w.t.Context(), store.StepBulkRetry{
					Now: w.now, DueAt: w.now, NotBefore: limit, Look: 3, Stride: 4, NewIDs: w.newIDs(2),
				})
				w.ok(err)
				job = *step.Job
			}
			equal(w.t, "old ones are left", job.Skipped.TooOld > 0, true)
			equal(w.t, "come to", []any{job.Retried + job.Skipped.Total(), job.Remaining()}, []any{job.Matched, 0})
		}
	}},
	{"an owner that was deleted and created again does not get the events of its predecessor", func(w *world) {
		ref := store.OwnerRef{EnvironmentID: w.owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: w.newID()}
		calls := func() (ids []carteiro.ID) { // one event of the campaign, one of a call that belongs to it
			own, call := w.newEvent("campaign.started"), w.newEvent("event_action")
			own.OwnerKind, own.OwnerID, call.CampaignID = ref.Kind, ref.ID, ref.ID
			own.Undelivered, call.Undelivered = carteiro.NoWebhook, carteiro.NoWebhook
			w.accept(store.Session{}, w.item(own, store.Session{}), w.item(call, store.Session{}))
			return []carteiro.ID{own.ID, call.ID}
		}
		w.putOwner(ref, "Autumn")
		old := calls()
		_, err := w.DeleteOwner(w.t.Context(), store.DeleteOwner{OwnerRef: ref, Now: w.now})
		w.ok(err)
		w.pass(time.Microsecond)
		w.putOwner(ref, "Autumn")
		young := calls()
		w.pass(time.Hour)
		w.putOwner(ref, "Winter") // a new name is no new owner
		hook, session := w.newWebhook(), w.join()
		hook.OwnerKind, hook.OwnerID = ref.Kind, ref.ID
		w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: hook}))
		for _, f := range []carteiro.ReplayFilter{{EventIDs: append(slices.Clone(old), young...), CallEvents: true}, {Undelivered: true, CallEvents: true}} {
			job := w.replay(hook, f)
			w.finishJob(5, 10)
			sent := eventIDs(w.claim(session, hook.ID))
			if f.Undelivered {
				equal(w.t, "once more", []any{job.Matched, len(sent)}, []any{0, 0})
				continue
			}
			equal(w.t, "sent", []any{job.Matched, sent}, []any{2, young})
		}
		equal(w.t, "still undelivered", w.listEvents(store.ListEvents{Undelivered: new(true)}).Total, 2)
	}},
	{"of many nodes at once, and of people who retry meanwhile, one sends each event", func(w *world) {
		hook, session := w.webhook(), w.join()
		for range 60 {
			w.unwanted("event_action", carteiro.NoWebhook)
		}
		w.pass(time.Second)
		job := w.replay(hook, carteiro.ReplayFilter{Undelivered: true})
		for range 8 {
			var all sync.WaitGroup
			errs := make([]error, 16)
			for i := range errs {
				p := store.StepBulkRetry{Now: w.now, DueAt: w.now.Add(time.Second), Look: 100, NewIDs: w.newIDs(10)}
				all.Go(func() { _, errs[i] = w.StepBulkRetry(w.t.Context(), p) })
			}
			all.Wait()
			for _, err := range errs {
				w.ok(err)
			}
			w.pass(time.Second)
		}
		job, err := w.GetBulkRetry(w.t.Context(), store.BulkRef{WebhookID: hook.ID, ID: job.ID})
		w.ok(err)
		equal(w.t, "job", []any{job.Status, job.Retried, job.Skipped.Total()}, []any{carteiro.BulkDone, 60, 0})
		sent := eventIDs(w.claim(session, hook.ID))
		slices.SortFunc(sent, compareIDs)
		equal(w.t, "sent once each", len(slices.Compact(sent)), 60)
	}},
	{"an event stays as long as what was made of it on a later day", func(w *world) {
		hook, session := w.webhook(), w.join()
		event := w.unwanted("event_action", carteiro.NoWebhook)
		w.nextDay()
		next := w.now
		w.pass(time.Hour)
		w.replay(hook, carteiro.ReplayFilter{Undelivered: true})
		w.finishJob(5, 10)
		w.purgeAll(next)
		d := w.claim(session, hook.ID)[0]
		equal(w.t, "event of what is open", d.Event, delivered(event))
		w.fail(session, d, false)
		w.purgeAll(next)
		p := w.retryOf(d)
		p.Session, p.Held = session, true
		again := w.retry(p).Delivery
		equal(w.t, "event of what is retried", []any{again.EventID, again.Number}, []any{event.ID, 2})
		w.succeed(session, again)
		w.nextDay()
		w.purgeAll(w.now)
		equal(w.t, "in the end", w.listEvents(store.ListEvents{}).Total, 0)
	}},
}

// delivered is an event once there is an attempt of it.
func delivered(e *carteiro.Event) *carteiro.Event {
	copied := *e
	copied.Undelivered = ""
	return &copied
}
