package storetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// broken gives a webhook whose circuit has opened just now, with so many deliveries that wait.
func (w *world) broken(session store.Session, waiting int) *carteiro.Webhook {
	w.t.Helper()
	hook := w.webhook()
	for range carteiro.FailuresForError {
		w.fail(session, w.publish(session, hook.ID), false)
	}
	for range waiting {
		w.publish(store.Session{}, hook.ID)
	}
	return w.stored(hook.ID)
}

func (w *world) stored(id carteiro.ID) *carteiro.Webhook {
	w.t.Helper()
	hook, err := w.GetWebhook(w.t.Context(), id)
	w.ok(err)
	return hook
}

// begunAnew closes the circuit of a webhook, for a story that is about something else.
func (w *world) begunAnew(id carteiro.ID) {
	w.t.Helper()
	w.disable(id)
	w.change(id, func(hook *carteiro.Webhook) { hook.Enabled = true })
}

func (w *world) claimOf(session store.Session, webhook carteiro.ID, limit int) store.Claimed {
	w.t.Helper()
	claimed, err := w.Claim(w.t.Context(), store.Claim{Session: session, WebhookID: webhook, Now: w.now, Limit: limit, MaxBytes: 1 << 20})
	w.ok(err)
	return claimed
}

// probe claims what is to be a probe.
func (w *world) probe(session store.Session, hook *carteiro.Webhook) *carteiro.Delivery {
	w.t.Helper()
	claimed := w.claimOf(session, hook.ID, 100)
	if len(claimed.Deliveries) != 1 || !claimed.Deliveries[0].Probe {
		w.t.Fatalf("claimed %s, want one probe", show(claimed))
	}
	return claimed.Deliveries[0]
}

// refused claims what is not to be had, and gives when to ask again.
func (w *world) refused(session store.Session, hook *carteiro.Webhook) time.Time {
	w.t.Helper()
	claimed := w.claimOf(session, hook.ID, 100)
	if len(claimed.Deliveries) != 0 || claimed.HeldBack.IsZero() || claimed.NextDue.IsZero() {
		w.t.Fatalf("claimed %s, want nothing now", show(claimed))
	}
	return claimed.HeldBack
}

var circuits = []story{
	{"what was sent to earlier settings says nothing of the present ones", func(w *world) {
		session, hook := w.join(), w.webhook()
		result := func(version int64, outcome func(*carteiro.Delivery) *carteiro.Outcome) store.Result {
			d := w.publish(session, hook.ID)
			return store.Result{Delivery: d, Outcome: outcome(d), Version: version}
		}
		gone := func(version int64) store.Result {
			r := result(version, w.failure)
			r.DisableWebhook = true
			return r
		}
		record := func(results ...store.Result) []store.Recorded {
			w.pass(time.Second)
			recorded, err := w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: results})
			w.ok(err)
			return recorded
		}
		w.change(hook.ID, func(hook *carteiro.Webhook) { hook.URL = "https://moved.example/" })
		moved := w.stored(hook.ID)
		equal(w.t, "version", moved.Version, int64(2))
		late := []store.Result{gone(1)}
		for range carteiro.FailuresForError {
			late = append(late, result(1, w.failure))
		}
		equal(w.t, "answers to what comes late", record(late...), make([]store.Recorded, len(late)))
		equal(w.t, "webhook", w.stored(hook.ID), moved)

		for range carteiro.FailuresForError - 1 {
			record(result(2, w.failure))
		}
		record(result(1, w.success), result(1, w.failure))
		equal(w.t, "failures in a row", w.stored(hook.ID).FailuresInARow, carteiro.FailuresForError-1)
		mixed := record(result(1, w.failure), result(2, w.failure), result(1, w.success))
		equal(w.t, "answers", mixed, []store.Recorded{{}, {Circuit: carteiro.CircuitOpened}, {}})
		record(result(1, w.success))
		equal(w.t, "status after a late success", w.stored(hook.ID).Status(), carteiro.WebhookError)

		off := record(gone(1), gone(2), result(2, w.failure))
		equal(w.t, "answers", off, []store.Recorded{{}, {Disabled: true}, {}})
		stored := w.stored(hook.ID)
		equal(w.t, "how", []any{stored.Enabled, stored.DisabledBy, stored.Version, stored.FailuresInARow},
			[]any{false, carteiro.DisabledByGone, int64(3), carteiro.FailuresForError + 2})
	}},
	{"failures in a row open it, once, and leave the version alone", func(w *world) {
		hook, session := w.webhook(), w.join()
		for n := range carteiro.FailuresForError + 3 {
			w.pass(time.Second)
			d := w.publish(session, hook.ID)
			recorded, err := w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: []store.Result{{Delivery: d, Outcome: w.failure(d)}}})
			w.ok(err)
			stored := w.stored(hook.ID)
			switch {
			case n+1 < carteiro.FailuresForError:
				equal(w.t, "circuit", stored.Circuit, carteiro.Circuit{})
				equal(w.t, "answer", recorded[0].Circuit, carteiro.CircuitUnchanged)
			case n+1 == carteiro.FailuresForError:
				equal(w.t, "circuit", stored.Circuit, carteiro.Circuit{OpenedAt: w.now, ProbeAt: w.now.Add(carteiro.FirstProbeWait)})
				equal(w.t, "answer", recorded[0].Circuit, carteiro.CircuitOpened)
			default:
				equal(w.t, "answer", recorded[0].Circuit, carteiro.CircuitUnchanged)
				equal(w.t, "version", stored.Version, hook.Version)
				equal(w.t, "a claim tells that it is open", w.claimOf(session, hook.ID, 1).CircuitOpen, true)
				equal(w.t, "status", stored.Status(), carteiro.WebhookError)
			}
		}
	}},
	{"one answer of a batch tells, whatever its order", func(w *world) {
		hook, other, session := w.webhook(), w.webhook(), w.join()
		lost := w.publish(store.Session{}, hook.ID)
		results := []store.Result{{Delivery: lost, Outcome: w.failure(lost)}}
		for range carteiro.FailuresForError {
			for _, id := range []carteiro.ID{other.ID, hook.ID} {
				d := w.publish(session, id)
				results = append(results, store.Result{Delivery: d, Outcome: w.failure(d)})
			}
		}
		recorded, err := w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: results})
		w.ok(err)
		for i, got := range recorded {
			want := carteiro.CircuitUnchanged
			if i == 1 || i == 2 { // the first of each that counts
				want = carteiro.CircuitOpened
			}
			equal(w.t, "answer", got.Circuit, want)
		}
	}},
	{"while it is open one goes out at a time, at growing intervals, and the others lose nothing", func(w *world) {
		session, other := w.join(), w.join()
		hook := w.broken(session, 10)
		equal(w.t, "first probe at", w.refused(session, hook), w.now.Add(carteiro.FirstProbeWait))
		wait := carteiro.FirstProbeWait
		for range 9 {
			w.now = w.stored(hook.ID).Circuit.ProbeAt
			d := w.probe(session, hook)
			wait = min(2*wait, carteiro.MaxProbeWait)
			equal(w.t, "next probe at", w.stored(hook.ID).Circuit.ProbeAt, w.now.Add(wait))
			w.refused(other, hook)
			w.pass(2 * wait) // it takes its time: no other goes beside it
			w.refused(other, hook)
			w.refused(session, hook)
			w.fail(session, d, false)
			equal(w.t, "attempt", d.Number, 1)
		}
		equal(w.t, "waiting", w.list(store.ListLogs{WebhookID: hook.ID, Status: carteiro.StatusPending}).Total, 1)
	}},
	{"a probe that is released unsent is followed by another at once, and the wait for the next one does not grow", func(w *world) {
		session, other := w.join(), w.join()
		hook := w.broken(session, 10)
		for range 5 {
			w.now = w.stored(hook.ID).Circuit.ProbeAt
			w.fail(session, w.probe(session, hook), false)
		}
		w.now = w.stored(hook.ID).Circuit.ProbeAt
		unsent := w.probe(session, hook)
		before := w.stored(hook.ID).Circuit
		wait := before.ProbeAt.Sub(w.now)
		for range 2 {
			w.pass(time.Millisecond)
			w.refused(other, hook)
			w.ok(w.Release(w.t.Context(), store.Release{Session: session, Attempts: []store.AttemptRef{{WebhookID: hook.ID, ID: unsent.ID}}}))
			equal(w.t, "the next probe", w.probe(other, hook), unsent)
			after := before
			after.ProbeAt = w.now.Add(wait)
			equal(w.t, "circuit", w.stored(hook.ID).Circuit, after)
			session, other = other, session
		}
		w.fail(session, unsent, false)
		w.refused(session, hook)
	}},
	{"a probe whose node is lost is followed by another", func(w *world) {
		session, other := w.join(), w.join()
		hook := w.broken(session, 3)
		w.pass(carteiro.FirstProbeWait)
		lost := w.probe(session, hook)
		w.pass(time.Millisecond)
		w.refused(other, hook)
		w.end(session)
		session = w.join()
		equal(w.t, "the next probe", w.probe(session, hook), lost)
		w.succeed(session, lost)
		equal(w.t, "status", w.stored(hook.ID).Status(), carteiro.WebhookActive)
	}},
	{"sessions that ask at once are given one probe", func(w *world) {
		session := w.join()
		hook := w.broken(session, 50)
		w.pass(carteiro.FirstProbeWait)
		const asking = 12
		var asked sync.WaitGroup
		got, faults := make([]store.Claimed, asking), make([]error, asking)
		for i := range asking {
			s := w.join()
			asked.Go(func() {
				got[i], faults[i] = w.Claim(w.t.Context(), store.Claim{Session: s, WebhookID: hook.ID, Now: w.now, Limit: 10, MaxBytes: 1 << 20})
			})
		}
		asked.Wait()
		n := 0
		for i := range got {
			w.ok(faults[i])
			n += len(got[i].Deliveries)
		}
		equal(w.t, "probes", n, 1)
	}},
	{"a success closes it, and what waits ramps up over all sessions", func(w *world) {
		sessions := []store.Session{w.join(), w.join()}
		hook := w.broken(sessions[0], 600)
		w.pass(carteiro.FirstProbeWait)
		d := w.probe(sessions[0], hook)
		recorded, err := w.Record(w.t.Context(), store.Record{Session: sessions[0], Now: w.now, Results: []store.Result{{Delivery: d, Outcome: w.success(d)}}})
		w.ok(err)
		equal(w.t, "answer", recorded[0].Circuit, carteiro.CircuitClosed)
		equal(w.t, "circuit", w.stored(hook.ID).Circuit, carteiro.Circuit{ClosedAt: w.now})
		claim := func() (n int) {
			for _, s := range sessions {
				claimed := w.claimOf(s, hook.ID, 1000)
				equal(w.t, "held back", claimed.HeldBack.After(w.now), true)
				n += len(claimed.Deliveries)
			}
			return n
		}
		equal(w.t, "at once", claim(), carteiro.RampFirst)
		total := carteiro.RampFirst
		for range 5 {
			w.pass(carteiro.RampDouble)
			equal(w.t, "as many again", claim(), total)
			total *= 2
		}
		w.pass(carteiro.RampTime)
		rest := w.claimOf(sessions[0], hook.ID, 1000)
		equal(w.t, "the rest", len(rest.Deliveries), 599-total)
		equal(w.t, "held back", rest.HeldBack, time.Time{})
	}},
	{"a clock that was set back holds nothing up for longer than a probe's wait, nor ramps again", func(w *world) {
		session, hook := w.join(), w.webhook()
		for range 20 {
			w.publish(store.Session{}, hook.ID)
		}
		w.pass(5 * time.Hour)
		for range carteiro.FailuresForError {
			w.fail(session, w.publish(session, hook.ID), false)
		}
		w.pass(-3 * time.Hour)
		w.succeed(session, w.probe(session, hook))
		w.pass(-time.Minute)
		equal(w.t, "claimed", len(w.claimOf(session, hook.ID, 100).Deliveries), 19)
	}},
	{"a change of the webhook has it probed at once", func(w *world) {
		session := w.join()
		hook := w.broken(session, 5)
		for range 4 {
			w.now = w.stored(hook.ID).Circuit.ProbeAt
			w.fail(session, w.probe(session, hook), false)
		}
		w.pass(time.Second)
		w.refused(session, hook)
		changed := w.change(hook.ID, func(hook *carteiro.Webhook) { hook.URL, hook.UpdatedAt = "https://example.com/cured", w.now })
		equal(w.t, "circuit", w.stored(hook.ID).Circuit, changed.Circuit)
		w.probe(session, hook)
	}},
	{"disabling it lets what waits come to its end, and enabling it begins anew", func(w *world) {
		session := w.join()
		hook := w.broken(session, 5)
		w.pass(time.Second)
		disabled := w.change(hook.ID, func(hook *carteiro.Webhook) { hook.Enabled, hook.UpdatedAt = false, w.now })
		equal(w.t, "disabled at", disabled.DisabledAt, w.now)
		equal(w.t, "claimed", len(w.claimOf(session, hook.ID, 100).Deliveries), 5)
		enabled := w.change(hook.ID, func(hook *carteiro.Webhook) { hook.Enabled = true })
		equal(w.t, "status", enabled.Status(), carteiro.WebhookActive)
		equal(w.t, "stored", w.stored(hook.ID), enabled)
		equal(w.t, "health", []any{enabled.FailuresInARow, enabled.LastError, enabled.Circuit}, []any{0, "", carteiro.Circuit{}})
	}},
	{"those that are open for too long are disabled, the longest first", func(w *world) {
		session := w.join()
		var hooks []*carteiro.Webhook
		for range 4 {
			hooks = append(hooks, w.broken(session, 0))
			w.pass(time.Hour)
		}
		w.remove(w.broken(session, 0).ID)
		w.disable(w.broken(session, 0).ID)
		d := w.publish(session, hooks[1].ID)
		w.succeed(session, d)
		w.pass(time.Hour)
		disable := func(limit int) (ids []carteiro.ID) {
			disabled, err := w.DisableFailing(w.t.Context(), store.DisableFailing{Now: w.now, OpenedBefore: hooks[3].Circuit.OpenedAt, Limit: limit})
			w.ok(err)
			for _, got := range disabled {
				equal(w.t, "stored", withoutSecrets(w.stored(got.ID)), got)
				equal(w.t, "how", []any{got.Enabled, got.DisabledBy, got.DisabledAt, got.UpdatedAt, got.Version},
					[]any{false, carteiro.DisabledByError, w.now, w.now, int64(2)})
				ids = append(ids, got.ID)
			}
			return ids
		}
		equal(w.t, "first", disable(1), []carteiro.ID{hooks[0].ID})
		equal(w.t, "then", disable(10), []carteiro.ID{hooks[2].ID})
		equal(w.t, "then", disable(10), []carteiro.ID(nil))
	}},
	{"a receiver that is gone is told from a user who disables", func(w *world) {
		hook, session := w.webhook(), w.join()
		d := w.publish(session, hook.ID)
		w.record(session, store.Result{Delivery: d, Outcome: w.failure(d), DisableWebhook: true})
		stored := w.stored(hook.ID)
		equal(w.t, "disabled", []any{stored.DisabledBy, stored.DisabledAt}, []any{carteiro.DisabledByGone, w.now})
		enabled := w.change(hook.ID, func(hook *carteiro.Webhook) { hook.Enabled = true })
		equal(w.t, "enabled", []any{enabled.DisabledBy, enabled.DisabledAt}, []any{carteiro.DisabledByUser, time.Time{}})
	}},
}

// DisableFailing implements store.Circuits.
func (m *model) DisableFailing(_ context.Context, p store.DisableFailing) (disabled []*carteiro.Webhook, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.webhooks {
		if w.Live() && w.Circuit.Open() && w.Circuit.OpenedAt.Before(p.OpenedBefore) {
			disabled = append(disabled, &w)
		}
	}
	slices.SortFunc(disabled, func(a, b *carteiro.Webhook) int { return a.Circuit.OpenedAt.Compare(b.Circuit.OpenedAt) })
	disabled = window(disabled, 0, p.Limit)
	for _, w := range disabled {
		w.DisableFailing(p.Now)
		m.webhooks[w.ID] = *w
		m.notice(w.DisabledNotification(w.LastError))
		withoutSecrets(w)
	}
	return disabled, nil
}

func withoutSecrets(w *carteiro.Webhook) *carteiro.Webhook {
	w.Secret, w.AuthorizationValue = "", ""
	w.CustomHeaders, w.FormerSecrets = slices.Clone(w.CustomHeaders), slices.Clone(w.FormerSecrets)
	for i := range w.CustomHeaders {
		if h := &w.CustomHeaders[i]; h.IsSecret() {
			h.Value = ""
		}
	}
	for i := range w.FormerSecrets {
		w.FormerSecrets[i].Secret = ""
	}
	return w
}
