package storetest

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var retrying = []story{
	{"a new attempt, numbered on, in a chain of its own; the original stays as it is to the byte", func(w *world) {
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		w.fail(session, first, true)
		w.pass(time.Hour)
		second := w.claim(session, hook.ID)[0]
		w.fail(session, second, false)
		before := []string{w.text(first), w.text(second)}

		w.pass(time.Hour)
		p := w.retryOf(first)
		p.Trigger = carteiro.TriggerBulk
		d := w.retry(p).Delivery
		want := &carteiro.Delivery{Event: first.Event, Attempt: carteiro.Attempt{
			ID: p.NewID, WebhookID: hook.ID, EventID: first.EventID, EventType: first.EventType, Number: 3, ChainStart: 3,
			Trigger: carteiro.TriggerBulk, PreviousID: first.ID, DueAt: w.now, Status: carteiro.StatusPending,
		}}
		equal(w.t, "delivery", d, want)
		equal(w.t, "log", w.log(hook.ID, p.NewID), &want.Attempt)
		equal(w.t, "claimed", w.claim(session, hook.ID), []*carteiro.Delivery{want})
		equal(w.t, "originals while it is open", []string{w.text(first), w.text(second)}, before)
		w.fail(session, d, true)
		equal(w.t, "originals after it has failed", []string{w.text(first), w.text(second)}, before)
		equal(w.t, "status of the manual retry", w.log(hook.ID, d.ID).Status, carteiro.StatusRetrying)
		w.pass(time.Hour)
		fourth := w.claim(session, hook.ID)[0]
		equal(w.t, "number of its automatic retry", []int{fourth.Number, fourth.ChainStart}, []int{4, 3})
		w.succeed(session, fourth)
		equal(w.t, "originals after it was delivered", []string{w.text(first), w.text(second)}, before)
		equal(w.t, "status of the manual retry", w.log(hook.ID, d.ID).Status, carteiro.StatusFailed)
	}},
	{"of a hundred at once one gets the attempt", func(w *world) {
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		w.fail(session, first, true)
		w.pass(time.Hour)
		second := w.claim(session, hook.ID)[0]
		w.fail(session, second, false)
		results, errs := make([]store.RetryResult, 100), make([]error, 100)
		params := make([]store.Retry, 100)
		for i := range params {
			params[i] = w.retryOf([]*carteiro.Delivery{first, second}[i%2]) // of either log entry
			params[i].Session, params[i].Held = session, i%3 == 0
		}
		var all sync.WaitGroup
		for i := range params {
			all.Go(func() { results[i], errs[i] = w.Retry(w.t.Context(), params[i]) })
		}
		all.Wait()
		got := make(map[string]int)
		for i, r := range results {
			w.ok(errs[i])
			got[string(r.Refused)]++
			if r.Refused == "" {
				equal(w.t, "delivery is of the call that got it", r.Delivery.ID, params[i].NewID)
			}
		}
		equal(w.t, "answers", got, map[string]int{"": 1, "in_progress": 99})
		equal(w.t, "open", w.list(store.ListLogs{WebhookID: hook.ID, Status: carteiro.StatusPending}).Total, 1)
		equal(w.t, "entries", w.list(store.ListLogs{WebhookID: hook.ID}).Total, 3)
	}},
	{"of a hundred at once with one key all get the answer of one", func(w *world) {
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		w.fail(session, first, false)
		results, errs := make([]store.RetryResult, 100), make([]error, 100)
		params := make([]store.Retry, 100)
		for i := range params {
			params[i] = w.retryOf(first)
			params[i].Key = w.key("k", 1)
			params[i].Key.Answer = fmt.Append(nil, i)
		}
		var all sync.WaitGroup
		for i := range params {
			all.Go(func() { results[i], errs[i] = w.Retry(w.t.Context(), params[i]) })
		}
		all.Wait()
		winner := -1
		for i, r := range results {
			w.ok(errs[i])
			if r.Delivery != nil {
				equal(w.t, "winner before", winner, -1)
				winner = i
			}
		}
		for i, r := range results {
			if i != winner {
				equal(w.t, "replay", r, store.RetryResult{Replay: &store.Replay{Fingerprint: [32]byte{1}, Answer: fmt.Append(nil, winner)}})
			}
		}
	}},
	{"held by the session that asked for it", func(w *world) {
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		w.fail(session, first, false)
		p := w.retryOf(first)
		p.Session, p.Held = session, true
		d := w.retry(p).Delivery
		equal(w.t, "claimed by another", len(w.claim(w.join(), hook.ID)), 0)
		w.succeed(session, d)
	}},
	{"a session that has ended gets nothing, and no key is spent", func(w *world) {
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		w.fail(session, first, false)
		w.end(session)
		p := w.retryOf(first)
		p.Session, p.Held, p.Key = session, true, w.key("k", 1)
		_, err := w.Retry(w.t.Context(), p)
		w.wantErr(err, store.ErrLeaseLost)
		equal(w.t, "entries", w.list(store.ListLogs{WebhookID: hook.ID}).Total, 1)
		p.Held = false
		equal(w.t, "retried by another", w.retry(p).Delivery.ID, p.NewID)
	}},
	{"a key gives its answer again, also when the log could not be retried now", func(w *world) {
		hook, session := w.webhook(), w.join()
		first, other := w.publish(session, hook.ID), w.publish(session, hook.ID)
		w.fail(session, first, false)
		w.fail(session, other, false)
		p := w.retryOf(first)
		p.Key, p.Session, p.Held = w.key("k", 1), session, true
		w.succeed(session, w.retry(p).Delivery)
		want := store.RetryResult{Replay: &store.Replay{Fingerprint: p.Key.Fingerprint, Answer: p.Key.Answer}}
		equal(w.t, "the same again", w.retry(p), want)
		p = w.retryOf(other)
		p.Key = w.key("k", 2)
		equal(w.t, "another request under the key", w.retry(p), want)
		w.disable(hook.ID)
		w.remove(hook.ID)
		equal(w.t, "after the webhook is gone", w.retry(p), want)
		w.now = p.Key.ExpiresAt
		p.Now = w.now
		_, err := w.Retry(w.t.Context(), p)
		w.wantErr(err, store.ErrNotFound)
	}},
	{"a key is spent only by what is granted", func(w *world) {
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		p := w.retryOf(first)
		p.Key = w.key("k", 1)
		equal(w.t, "refused", w.retry(p), store.RetryResult{Refused: carteiro.InProgress})
		w.fail(session, first, false)
		equal(w.t, "granted", w.retry(p).Delivery.ID, p.NewID)
	}},
	{"why not: the first reason that holds", tellReasons},
	{"another event, or the same at another webhook, stands in nobody's way", func(w *world) {
		one, two, session := w.webhook(), w.webhook(), w.join()
		event := w.newEvent("event_action")
		item := w.item(event, session, one.ID, two.ID)
		w.accept(session, item)
		first, elsewhere := delivery(event, item.Attempts[0]), delivery(event, item.Attempts[1])
		w.fail(session, first, false)
		w.publish(session, one.ID)
		equal(w.t, "while it is open elsewhere", w.retry(w.retryOf(first)).Delivery.Number, 2)
		w.succeed(session, w.claim(session, one.ID)[0])
		w.fail(session, elsewhere, false)
		equal(w.t, "after it was delivered elsewhere", w.retry(w.retryOf(elsewhere)).Delivery.Number, 2)
	}},
	{"a log of another webhook, owner or environment is not found", func(w *world) {
		hook, other, session := w.webhook(), w.webhook(), w.join()
		d := w.publish(session, hook.ID)
		w.fail(session, d, false)
		for name, change := range map[string]func(*store.Retry){
			"environment":  func(p *store.Retry) { p.EnvironmentID = w.newID() },
			"kind":         func(p *store.Retry) { p.Kind = carteiro.OwnerCampaign },
			"owner":        func(p *store.Retry) { p.ID = w.newID() },
			"webhook":      func(p *store.Retry) { p.WebhookID = other.ID },
			"no webhook":   func(p *store.Retry) { p.WebhookID = w.newID() },
			"log":          func(p *store.Retry) { p.LogID = w.newID() },
			"event's id":   func(p *store.Retry) { p.LogID = d.EventID },
			"pending log":  func(p *store.Retry) { p.LogID = w.publish(session, other.ID).ID },
			"webhook gone": func(*store.Retry) { w.remove(hook.ID) },
		} {
			if name == "webhook gone" {
				continue // the last, below
			}
			p := w.retryOf(d)
			change(&p)
			if _, err := w.Retry(w.t.Context(), p); err == nil {
				w.t.Errorf("%s: found", name)
			} else {
				w.wantErr(err, store.ErrNotFound)
			}
		}
		w.remove(hook.ID)
		_, err := w.Retry(w.t.Context(), w.retryOf(d))
		w.wantErr(err, store.ErrNotFound)
	}},
}

// text is all of a log entry that a client can read.
func (w *world) text(d *carteiro.Delivery) string {
	w.t.Helper()
	text, err := json.Marshal(w.log(d.WebhookID, d.ID))
	w.ok(err)
	return string(text)
}

// tellReasons goes through all combinations of what speaks against a retry, and wants the first in the order of the
// port.
func tellReasons(w *world) {
	for n := range 1 << 4 {
		delivered, open, old, disabled := n&1 != 0, n&2 != 0, n&4 != 0, n&8 != 0
		if delivered && open {
			continue // an event that was delivered is not opened again
		}
		hook, session := w.webhook(), w.join()
		first := w.publish(session, hook.ID)
		w.fail(session, first, true)
		w.pass(time.Hour)
		second := w.claim(session, hook.ID)[0]
		switch {
		case delivered:
			w.succeed(session, second)
		case !open:
			w.fail(session, second, false)
		}
		if disabled {
			w.disable(hook.ID)
		}
		for i, d := range []*carteiro.Delivery{first, second} {
			p := w.retryOf(d)
			p.NotBefore = d.ID.Time()
			if old {
				p.NotBefore = p.NotBefore.Add(time.Millisecond)
			}
			want := carteiro.NotRetriable("")
			switch {
			case delivered:
				want = carteiro.AlreadySucceeded
			case open:
				want = carteiro.InProgress
			case old:
				want = carteiro.TooOld
			case disabled:
				want = carteiro.WebhookOff
			case i == 1:
				want = carteiro.InProgress // the first was granted
			}
			if got := w.retry(p); got.Refused != want {
				w.t.Errorf("delivered %v, open %v, old %v, disabled %v, attempt %d: refused %q, want %q",
					delivered, open, old, disabled, i+1, got.Refused, want)
			}
		}
	}
}
