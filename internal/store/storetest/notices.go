package storetest

import (
	"slices"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// operators gives a webhook of the world's environment itself.
func (w *world) operators() *carteiro.Webhook {
	w.t.Helper()
	hook := w.newWebhook()
	hook.OwnerKind, hook.OwnerID = carteiro.OwnerEnvironment, w.owner.EnvironmentID
	hook.Events = []string{carteiro.WebhookErrorEvent}
	w.putOwner(ownerOf(hook), "Production")
	w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: hook}))
	return hook
}

// notices lists all there are, read in pages, without their numbers.
func (w *world) notices() (all []carteiro.Notification) {
	w.t.Helper()
	all = listNotices(w, w.Store)
	for i := range all {
		all[i].Seq = 0
	}
	return all
}

func typesOf(notices []carteiro.Notification) (types []string) {
	for _, n := range notices {
		types = append(types, n.Type)
	}
	return types
}

func listNotices(w *world, s store.Store) (all []carteiro.Notification) {
	w.t.Helper()
	p := store.ListNotices{Limit: 2}
	for {
		page, err := s.ListNotices(w.t.Context(), p)
		w.ok(err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		p.After = page[len(page)-1].Seq
	}
}

// tiding makes what a notice becomes: an event for the environment's own webhook.
func (w *world) tiding(n carteiro.Notification, to carteiro.ID) store.Tiding {
	e := w.newEvent(n.Type)
	e.OwnerKind, e.OwnerID, e.CampaignID, e.CampaignName = carteiro.OwnerEnvironment, e.EnvironmentID, carteiro.ID{}, ""
	item := w.item(e, store.Session{}, to)
	return store.Tiding{Notice: n.Seq, Item: &item}
}

// exhaust has an event fail at a webhook for good.
func (w *world) exhaust(session store.Session, hook carteiro.ID) *carteiro.Delivery {
	w.t.Helper()
	d := w.publish(session, hook)
	w.record(session, store.Result{Delivery: d, Outcome: w.failure(d), Exhausted: true})
	return d
}

var noticing = []story{
	{"a circuit that opens and closes is told, and how it stood", func(w *world) {
		w.operators()
		session, hook := w.join(), w.webhook()
		since := w.now
		for range carteiro.FailuresForError {
			w.fail(session, w.publish(session, hook.ID), false)
			w.pass(time.Second)
		}
		opened := w.now.Add(-time.Second)
		w.succeed(session, w.publish(session, hook.ID))
		equal(w.t, "notices", w.notices(), []carteiro.Notification{
			{
				At: opened, EnvironmentID: w.owner.EnvironmentID, Type: carteiro.WebhookErrorEvent, WebhookID: hook.ID,
				Since: since, Failures: carteiro.FailuresForError, Error: w.failure(nil).Error,
			},
			{
				At: w.now, EnvironmentID: w.owner.EnvironmentID, Type: carteiro.WebhookRecoveredEvent, WebhookID: hook.ID,
				Since: opened,
			},
		})
	}},
	{"a webhook that the server disables is told once, and why", func(w *world) {
		w.operators()
		session, gone := w.join(), w.webhook()
		var results []store.Result
		for range 3 {
			d := w.publish(session, gone.ID)
			results = append(results, store.Result{Delivery: d, Outcome: w.failure(d), DisableWebhook: true})
		}
		_, err := w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: results[:2]})
		w.ok(err)
		w.record(session, results[2])
		w.pass(time.Second)
		failing := w.broken(session, 0)
		w.pass(time.Hour)
		for range 2 {
			_, err = w.DisableFailing(w.t.Context(), store.DisableFailing{Now: w.now, OpenedBefore: w.now, Limit: 10})
			w.ok(err)
		}
		told := slices.DeleteFunc(w.notices(), func(n carteiro.Notification) bool { return n.Type != carteiro.WebhookDisabledEvent })
		equal(w.t, "notices", told, []carteiro.Notification{
			{
				At: w.now.Add(-time.Hour - time.Second), EnvironmentID: w.owner.EnvironmentID,
				Type: carteiro.WebhookDisabledEvent, WebhookID: gone.ID, DisabledBy: carteiro.DisabledByGone, Error: w.failure(nil).Error,
			},
			{
				At: w.now, EnvironmentID: w.owner.EnvironmentID, Type: carteiro.WebhookDisabledEvent,
				WebhookID: failing.ID, Since: failing.Circuit.OpenedAt, DisabledBy: carteiro.DisabledByError, Error: w.failure(nil).Error,
			},
		})
	}},
	{"a delivery that has failed for good is told, unless its result was lost", func(w *world) {
		w.operators()
		session, hook := w.join(), w.webhook()
		d := w.exhaust(session, hook.ID)
		w.record(session, store.Result{Delivery: d, Outcome: w.failure(d), Exhausted: true})
		equal(w.t, "notices", w.notices(), []carteiro.Notification{{
			At: w.now, EnvironmentID: w.owner.EnvironmentID, Type: carteiro.DeliveryExhaustedEvent, WebhookID: hook.ID,
			Error: w.failure(d).Error, Last: carteiro.LastAttempt{ID: d.ID, EventID: d.EventID, EventType: d.EventType, Number: 1, HTTPStatus: 503},
		}})
	}},
	{"where an environment has no webhook of its own nothing is written", func(w *world) {
		session, hook := w.join(), w.webhook()
		operators := w.operators()
		w.remove(operators.ID)
		w.exhaust(session, hook.ID)
		w.owner.EnvironmentID = w.newID() // another one has
		w.operators()
		equal(w.t, "notices", len(w.notices()), 0)
	}},
	{"of an environment's own webhooks nothing is told, whatever becomes of them", func(w *world) {
		session, hook := w.join(), w.operators()
		w.operators()
		for range carteiro.FailuresForError {
			w.exhaust(session, hook.ID)
		}
		w.pass(time.Hour)
		_, err := w.DisableFailing(w.t.Context(), store.DisableFailing{Now: w.now, OpenedBefore: w.now, Limit: 10})
		w.ok(err)
		w.change(hook.ID, func(hook *carteiro.Webhook) { hook.Enabled = true })
		d := w.publish(session, hook.ID)
		w.record(session, store.Result{Delivery: d, Outcome: w.failure(d), DisableWebhook: true})
		equal(w.t, "disabled by", w.stored(hook.ID).DisabledBy, carteiro.DisabledByGone)
		equal(w.t, "notices", len(w.notices()), 0)
	}},
	{"a notice becomes its event once, in one transaction", func(w *world) {
		operators, session := w.operators(), w.join()
		hook := w.webhook()
		w.exhaust(session, hook.ID)
		w.pass(time.Second)
		w.exhaust(session, hook.ID)
		found := listNotices(w, w.Store)
		tidings := []store.Tiding{w.tiding(found[0], operators.ID), {Notice: found[1].Seq}}
		for _, want := range []bool{true, false} {
			told, err := w.TellNotices(w.t.Context(), store.TellNotices{Now: w.now, Tidings: tidings})
			w.ok(err)
			equal(w.t, "told", told, []bool{want, want})
			tidings[0] = w.tiding(found[0], operators.ID) // of another node
		}
		equal(w.t, "notices left", len(w.notices()), 0)
		equal(w.t, "deliveries", w.list(store.ListLogs{WebhookID: operators.ID}).Total, 1)
		claimed := w.claim(session, operators.ID)
		equal(w.t, "claimed", []any{len(claimed), claimed[0].EventType, claimed[0].Event.OwnerKind}, []any{1, carteiro.DeliveryExhaustedEvent, carteiro.OwnerEnvironment})
	}},
	{"notices of one instant are listed in the order of the changes", func(w *world) {
		w.operators()
		session, hook := w.join(), w.webhook()
		var want []string
		for range 10 {
			for range carteiro.FailuresForError {
				w.fail(session, w.publish(session, hook.ID), false)
			}
			w.succeed(session, w.publish(session, hook.ID))
			w.exhaust(session, hook.ID)
			want = append(want, carteiro.WebhookErrorEvent, carteiro.WebhookRecoveredEvent, carteiro.DeliveryExhaustedEvent)
		}
		equal(w.t, "notices", typesOf(w.notices()), want)
	}},
	{"notices of one call are in the order of its results, and that of the circuit is the last", func(w *world) {
		w.operators()
		session, hook := w.join(), w.webhook()
		for range carteiro.FailuresForError {
			w.fail(session, w.publish(session, hook.ID), false)
		}
		var results []store.Result
		for _, disable := range []bool{false, true, false} {
			d := w.publish(session, hook.ID)
			results = append(results, store.Result{Delivery: d, Outcome: w.failure(d), DisableWebhook: disable, Exhausted: !disable})
		}
		d := w.publish(session, hook.ID)
		results = append(results, store.Result{Delivery: d, Outcome: w.success(d)})
		_, err := w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: results})
		w.ok(err)
		equal(w.t, "notices", typesOf(w.notices()), []string{
			carteiro.WebhookErrorEvent,
			carteiro.DeliveryExhaustedEvent, carteiro.WebhookDisabledEvent, carteiro.DeliveryExhaustedEvent, carteiro.WebhookRecoveredEvent,
		})
	}},
	{"notices after one that another node has published stay", func(w *world) {
		operators, session := w.operators(), w.join()
		hook := w.webhook()
		for range 4 {
			w.exhaust(session, hook.ID)
		}
		found := listNotices(w, w.Store)
		tell := func(notices ...carteiro.Notification) []bool {
			p := store.TellNotices{Now: w.now}
			for _, n := range notices {
				p.Tidings = append(p.Tidings, w.tiding(n, operators.ID))
			}
			told, err := w.TellNotices(w.t.Context(), p)
			w.ok(err)
			return told
		}
		equal(w.t, "told first", tell(found[1]), []bool{true})
		equal(w.t, "told then", tell(found...), []bool{true, false, false, false})
		equal(w.t, "notices left", listNotices(w, w.Store), found[2:])
		equal(w.t, "deliveries", w.list(store.ListLogs{WebhookID: operators.ID}).Total, 2)
	}},
	{"when the event cannot be stored the notice stays", func(w *world) {
		operators, session := w.operators(), w.join()
		w.exhaust(session, w.webhook().ID)
		w.pass(time.Second)
		w.exhaust(session, w.webhook().ID)
		found := listNotices(w, w.Store)
		tidings := []store.Tiding{w.tiding(found[0], operators.ID), w.tiding(found[1], operators.ID)}
		tidings[1].Item.Event.ID = tidings[0].Item.Event.ID
		if _, err := w.TellNotices(w.t.Context(), store.TellNotices{Now: w.now, Tidings: tidings}); err == nil {
			w.t.Error("an event was stored twice")
		}
		equal(w.t, "notices", listNotices(w, w.Store), found)
		equal(w.t, "deliveries", w.list(store.ListLogs{WebhookID: operators.ID}).Total, 0)
	}},
	{"of many nodes that tell the same notices at once each is told by one", func(w *world) {
		const tellers, count = 8, 20
		operators, session, hook := w.operators(), w.join(), w.webhook()
		for range count {
			w.exhaust(session, hook.ID)
		}
		found := slices.DeleteFunc(listNotices(w, w.Store), func(n carteiro.Notification) bool { return n.Type != carteiro.DeliveryExhaustedEvent })
		won, errs := make([]int, tellers), make([]error, tellers)
		var all sync.WaitGroup
		for i := range tellers {
			inner := *w // for ids; the store is shared
			inner.ids.n = uint64(i+1) << 32
			all.Go(func() {
				p := store.TellNotices{Now: inner.now}
				for _, n := range found {
					p.Tidings = append(p.Tidings, inner.tiding(n, operators.ID))
				}
				told, err := inner.TellNotices(inner.t.Context(), p)
				errs[i] = err
				for _, mine := range told {
					if mine {
						won[i]++
					}
				}
			})
		}
		all.Wait()
		sum := 0
		for i := range tellers {
			w.ok(errs[i])
			sum += won[i]
		}
		equal(w.t, "told", []int{sum, w.list(store.ListLogs{WebhookID: operators.ID}).Total}, []int{count, count})
	}},
}

// tellNotices tells some notices in store and model, or drops them.
func (h *history) tellNotices() {
	found := [][]carteiro.Notification{listNotices(h.world, h.Store), listNotices(h.world, h.model)}
	bare := make([][]carteiro.Notification, 2)
	for i, notices := range found {
		for _, n := range notices {
			n.Seq = 0
			bare[i] = append(bare[i], n)
		}
	}
	h.both(bare[0], bare[1], nil, nil)
	var p, modelled store.TellNotices
	for i := range found[0][:min(len(found[0]), h.random.IntN(5))] {
		tiding := store.Tiding{Notice: found[0][i].Seq}
		if h.random.IntN(3) > 0 {
			tiding = h.tiding(found[0][i], one(h, h.webhooks))
		}
		p.Tidings = append(p.Tidings, tiding)
		tiding.Notice = found[1][i].Seq
		modelled.Tidings = append(modelled.Tidings, tiding)
	}
	p.Now, modelled.Now = h.now, h.now
	got, err := h.TellNotices(h.t.Context(), p)
	want, wantErr := h.model.TellNotices(h.t.Context(), modelled)
	h.both(got, want, err, wantErr)
}
