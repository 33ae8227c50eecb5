package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var sessions = []story{
	{"a key that is only looked up is not taken", func(w *world) {
		key := store.Key{EnvironmentID: w.owner.EnvironmentID, Key: "once", Fingerprint: [32]byte{1}, Answer: []byte("first"), ExpiresAt: w.now.Add(time.Hour), Peek: true}
		ask := func() *store.Replay {
			stored, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Key: &key})
			w.ok(err)
			return stored.Replay
		}
		for range 2 {
			equal(w.t, "a look", ask(), (*store.Replay)(nil))
		}
		key.Peek = false
		equal(w.t, "the first call", ask(), (*store.Replay)(nil))
		key.Peek = true
		equal(w.t, "a look later", ask(), &store.Replay{Fingerprint: key.Fingerprint, Answer: key.Answer})
	}},
	{"a large call is stored whole, and once", func(w *world) {
		hook, session := w.webhook(), w.join()
		key := store.Key{EnvironmentID: w.owner.EnvironmentID, Key: "large", Fingerprint: [32]byte{1}, Answer: []byte("first"), ExpiresAt: w.now.Add(time.Hour)}
		p := store.Accept{Now: w.now, Session: session, Key: &key}
		for i := range 12 {
			event := w.newEvent("event_action")
			event.Payload = fmt.Appendf(nil, `{"n":%d,"text":%q}`, i, strings.Repeat("x", i<<17))
			p.Items = append(p.Items, w.item(event, session, hook.ID))
		}
		for _, want := range []*store.Replay{nil, {Fingerprint: key.Fingerprint, Answer: key.Answer}} {
			result, err := w.Accept(w.t.Context(), p)
			w.ok(err)
			equal(w.t, "answered before", result.Replay, want)
		}
		for _, item := range p.Items {
			stored, err := w.GetEvent(w.t.Context(), store.EventRef{EnvironmentID: w.owner.EnvironmentID, ID: item.Event.ID})
			w.ok(err)
			if string(stored.Payload) != string(item.Event.Payload) || len(stored.Deliveries) != 1 {
				w.t.Errorf("event with %d bytes: %d bytes, %d deliveries", len(item.Event.Payload), len(stored.Payload), len(stored.Deliveries))
			}
		}
	}},
	{"a session that ended presents itself in vain", func(w *world) {
		hook, session := w.webhook(), w.join()
		d := w.publish(session, hook.ID)
		equal(w.t, "freed", w.end(session), 1)
		w.wantErr(w.Renew(w.t.Context(), store.Renew{Session: session, Now: w.now, Until: w.now.Add(time.Hour)}), store.ErrLeaseLost)
		_, err := w.Claim(w.t.Context(), store.Claim{Session: session, WebhookID: hook.ID, Now: w.now, Limit: 1, MaxBytes: 1})
		w.wantErr(err, store.ErrLeaseLost)
		if w.record(session, store.Result{Delivery: d, Outcome: w.success(d)}) {
			w.t.Error("it recorded")
		}
		equal(w.t, "freed again", w.end(session), 0)
	}},
	{"ids of sessions are never used again", func(w *world) {
		first := w.join()
		w.end(first)
		if second := w.join(); second.ID == first.ID || second.ID == 0 || second.Node != "node" {
			w.t.Errorf("session %+v after %+v", second, first)
		}
	}},
	{"a lease ends when it has run out and someone says so, not before", func(w *world) {
		hook, session := w.webhook(), w.join()
		until := w.now.Add(time.Minute)
		d := w.publish(session, hook.ID)
		w.now = until
		equal(w.t, "freed at the last moment", w.end(store.Session{}), 0)
		w.pass(time.Hour)
		// Nobody has ended it: it may go on.
		w.ok(w.Renew(w.t.Context(), store.Renew{Session: session, Now: w.now, Until: w.now.Add(time.Minute)}))
		equal(w.t, "freed after it was renewed", w.end(store.Session{}), 0)
		w.pass(time.Hour)
		equal(w.t, "freed after it ran out", w.end(store.Session{}), 1)
		w.wantErr(w.Renew(w.t.Context(), store.Renew{Session: session, Now: w.now, Until: w.now.Add(time.Hour)}), store.ErrLeaseLost)
		equal(w.t, "claimed by the next", w.claim(w.join(), hook.ID), []*carteiro.Delivery{d})
	}},
	{"ending one leaves what others hold", func(w *world) {
		hook, one, other := w.webhook(), w.join(), w.join()
		mine, theirs := w.publish(one, hook.ID), w.publish(other, hook.ID)
		equal(w.t, "freed", w.end(one), 1)
		equal(w.t, "claimed", w.claim(w.join(), hook.ID), []*carteiro.Delivery{mine})
		w.succeed(other, theirs)
	}},
	{"what a session holds can be asked for, page by page, until it is done with or the session ends", func(w *world) {
		hooks, session, other := []*carteiro.Webhook{w.webhook(), w.webhook()}, w.join(), w.join()
		var want []store.AttemptRef
		for i := range 9 {
			hook := hooks[i%2].ID
			d := w.publish(session, hook)
			want = append(want, store.AttemptRef{WebhookID: hook, ID: d.ID})
			w.publish(other, hook)
			w.publish(store.Session{}, hook)
			w.succeed(session, w.publish(session, hook))
		}
		for _, d := range w.claim(session, hooks[0].ID) {
			want = append(want, store.AttemptRef{WebhookID: d.WebhookID, ID: d.ID})
		}
		released := want[0]
		w.ok(w.Release(w.t.Context(), store.Release{Session: session, Attempts: want[:1]}))
		want = want[1:]
		slices.SortFunc(want, compareRefs)
		for _, limit := range []int{1, 4, 1000} {
			equal(w.t, "held", w.held(session, limit), want)
		}
		equal(w.t, "held by one who was never there", len(w.held(store.Session{}, 10)), 0)
		w.end(session)
		equal(w.t, "held after the end", len(w.held(session, 10)), 0)
		equal(w.t, "claimed by the other", len(w.claim(other, released.WebhookID)) > 0, true)
	}},
	{"a session holds nothing that has not been given to it", func(w *world) {
		hook := w.webhook()
		d := w.publish(store.Session{}, hook.ID)
		if w.record(store.Session{}, store.Result{Delivery: d, Outcome: w.success(d)}) {
			w.t.Error("the zero session recorded what nobody holds")
		}
		if w.record(w.join(), store.Result{Delivery: d, Outcome: w.success(d)}) {
			w.t.Error("a session recorded what nobody holds")
		}
	}},
}

var accepting = []story{
	{"what is accepted is open, due at once, and held as asked", func(w *world) {
		one, two, session := w.webhook(), w.webhook(), w.join()
		event := w.newEvent("event_action")
		item := w.item(event, session, one.ID, two.ID)
		item.Attempts[1].Held = false
		result := w.accept(session, item)
		equal(w.t, "answer", result, store.AcceptResult{Items: []*store.Replay{nil}})
		w.pass(time.Minute)
		for i, a := range item.Attempts {
			want := delivery(event, a)
			equal(w.t, "log", w.log(a.WebhookID, a.ID), &want.Attempt)
			if got := w.claim(session, a.WebhookID); i == 1 {
				equal(w.t, "claimed", got, []*carteiro.Delivery{want})
			} else {
				equal(w.t, "claimed of what is held", len(got), 0)
			}
		}
	}},
	{"an event that no webhook wants is accepted", func(w *world) {
		result := w.accept(store.Session{}, w.item(w.newEvent("event_action"), store.Session{}))
		equal(w.t, "answer", result, store.AcceptResult{Items: []*store.Replay{nil}})
	}},
	{"a session that has ended gets nothing, and nothing of the call is stored", func(w *world) {
		hook, session := w.webhook(), w.join()
		w.end(session)
		free, own := w.item(w.newEvent("event_action"), store.Session{}, hook.ID), w.item(w.newEvent("event_action"), session, hook.ID)
		key := w.key("k", 1)
		_, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Session: session, Key: key, Items: []store.AcceptItem{free, own}})
		w.wantErr(err, store.ErrLeaseLost)
		equal(w.t, "log", w.list(store.ListLogs{WebhookID: hook.ID}).Total, 0)
		// Without anything to hold, the session is not asked for, and the key is still free.
		result, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Session: session, Key: key, Items: []store.AcceptItem{free}})
		w.ok(err)
		equal(w.t, "answer", result, store.AcceptResult{Items: []*store.Replay{nil}})
	}},
	{"one bad item leaves nothing of its call behind", func(w *world) {
		hook := w.webhook()
		good, bad := w.item(w.newEvent("event_action"), store.Session{}, hook.ID), w.item(w.newEvent("event_action"), store.Session{}, hook.ID, hook.ID)
		_, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Key: w.key("k", 1), Items: []store.AcceptItem{good, bad}})
		if err == nil {
			w.t.Fatal("two open attempts of one event at one webhook were accepted")
		}
		equal(w.t, "log", w.list(store.ListLogs{WebhookID: hook.ID}).Total, 0)
		equal(w.t, "backlog", len(w.backlog()), 0)
		result, err := w.Accept(w.t.Context(), store.Accept{Now: w.now, Key: w.key("k", 1), Items: []store.AcceptItem{good}})
		w.ok(err)
		equal(w.t, "answer", result, store.AcceptResult{Items: []*store.Replay{nil}})
	}},
	{"a key of an item gives what it gave before, for that item only", func(w *world) {
		hook := w.webhook()
		keyed := func(key *store.Key) store.AcceptItem {
			item := w.item(w.newEvent("event_action"), store.Session{}, hook.ID)
			item.Key = key
			return item
		}
		key := w.key("k", 1)
		w.accept(store.Session{}, keyed(key))
		again := *key
		again.Answer = []byte("another answer")
		other := w.key("k", 2)
		result := w.accept(store.Session{}, keyed(nil), keyed(&again), keyed(other), keyed(w.key("new", 1)), keyed(w.key("new", 2)))
		first := &store.Replay{Fingerprint: key.Fingerprint, Answer: key.Answer}
		equal(w.t, "answer", result.Items, []*store.Replay{nil, first, first, nil, {Fingerprint: [32]byte{1}, Answer: []byte{'a', 1}}})
		equal(w.t, "attempts", w.list(store.ListLogs{WebhookID: hook.ID}).Total, 3)
	}},
	{"a key of the call undoes nothing and does nothing the second time", func(w *world) {
		hook := w.webhook()
		call := func(request byte) store.AcceptResult {
			result, err := w.Accept(w.t.Context(), store.Accept{
				Now: w.now, Key: w.key("call", request),
				Items: []store.AcceptItem{w.item(w.newEvent("event_action"), store.Session{}, hook.ID)},
			})
			w.ok(err)
			return result
		}
		equal(w.t, "first answer", call(1), store.AcceptResult{Items: []*store.Replay{nil}})
		for _, request := range []byte{1, 2} {
			result := call(request)
			equal(w.t, "later answer", result.Replay, &store.Replay{Fingerprint: [32]byte{1}, Answer: []byte{'a', 1}})
		}
		equal(w.t, "attempts", w.list(store.ListLogs{WebhookID: hook.ID}).Total, 1)
	}},
	{"a key of the call stands for what the items' own keys gave", func(w *world) {
		hook := w.webhook()
		item := func() store.AcceptItem { return w.item(w.newEvent("event_action"), store.Session{}, hook.ID) }
		keyed := item()
		keyed.Key = w.key("item", 1)
		w.accept(store.Session{}, keyed)
		var seen []*store.Replay
		call := store.Accept{Now: w.now, Key: w.key("call", 2), Items: []store.AcceptItem{item(), keyed}, Answer: func(replays []*store.Replay) []byte {
			seen = replays
			return []byte("changed")
		}}
		result, err := w.Accept(w.t.Context(), call)
		w.ok(err)
		want := []*store.Replay{nil, {Fingerprint: keyed.Key.Fingerprint, Answer: keyed.Key.Answer}}
		equal(w.t, "items", result.Items, want)
		equal(w.t, "items that the answer was made of", seen, want)
		result, err = w.Accept(w.t.Context(), call)
		w.ok(err)
		equal(w.t, "later answer", result.Replay, &store.Replay{Fingerprint: call.Key.Fingerprint, Answer: []byte("changed")})

		call.Key, call.Items = w.key("other call", 3), []store.AcceptItem{item()}
		for i, want := range []*store.Replay{nil, {Fingerprint: call.Key.Fingerprint, Answer: call.Key.Answer}} {
			result, err = w.Accept(w.t.Context(), call)
			w.ok(err)
			equal(w.t, fmt.Sprintf("call %d without such items", i), result.Replay, want)
		}
	}},
	{"a call whose answer is nil leaves its key unused", func(w *world) {
		hook, session := w.webhook(), w.join()
		item := func(held store.Session, key *store.Key) store.AcceptItem {
			item := w.item(w.newEvent("event_action"), held, hook.ID)
			item.Key = key
			return item
		}
		call := func(session store.Session, request byte, items ...store.AcceptItem) (store.AcceptResult, error) {
			key := w.key("call", request)
			return w.Accept(w.t.Context(), store.Accept{Now: w.now, Session: session, Key: key, Items: items, Answer: answerOf})
		}
		w.accept(store.Session{}, item(store.Session{}, w.key("a", 1)))
		a := &store.Replay{Fingerprint: [32]byte{1}, Answer: []byte{'a', 1}}
		for range 2 {
			result, err := call(store.Session{}, 1, item(store.Session{}, w.key("a", 1)))
			w.ok(err)
			equal(w.t, "answer of a call without anything new", result, store.AcceptResult{Items: []*store.Replay{a}})
		}
		w.end(session)
		_, err := call(session, 2, item(session, nil), item(store.Session{}, w.key("a", 1)))
		w.wantErr(err, store.ErrLeaseLost)

		result, err := call(store.Session{}, 3, item(store.Session{}, w.key("a", 1)), item(store.Session{}, nil))
		w.ok(err)
		equal(w.t, "corrected call", result, store.AcceptResult{Items: []*store.Replay{a, nil}})
		want := &store.Replay{Fingerprint: [32]byte{3}, Answer: answerOf(result.Items)}
		result, err = call(store.Session{}, 4, item(store.Session{}, nil))
		w.ok(err)
		equal(w.t, "later answer", result, store.AcceptResult{Replay: want})
		equal(w.t, "attempts", w.list(store.ListLogs{WebhookID: hook.ID}).Total, 2)
	}},
	{"a key may come without any item, and is one environment's", func(w *world) {
		key, abroad := w.key("k", 1), w.key("k", 2)
		abroad.EnvironmentID = w.newID()
		for i, p := range []store.Accept{{Now: w.now, Key: key}, {Now: w.now, Key: abroad}, {Now: w.now, Key: key}} {
			result, err := w.Accept(w.t.Context(), p)
			w.ok(err)
			equal(w.t, "replayed", result.Replay != nil, i == 2)
		}
	}},
	{"a key that has expired is free again", func(w *world) {
		hook := w.webhook()
		for _, request := range []byte{1, 2, 3} {
			item := w.item(w.newEvent("event_action"), store.Session{}, hook.ID)
			item.Key = w.key("k", request)
			result := w.accept(store.Session{}, item)
			equal(w.t, "answer", result.Items, []*store.Replay{nil})
			w.now = item.Key.ExpiresAt.Add(-time.Microsecond)
			result = w.accept(store.Session{}, item)
			equal(w.t, "fingerprint, just before it expires", result.Items[0].Fingerprint, [32]byte{request})
			w.now = item.Key.ExpiresAt
		}
		equal(w.t, "attempts", w.list(store.ListLogs{WebhookID: hook.ID}).Total, 3)
	}},
}

// answerOf is a [store.Accept.Answer] that tells the items apart. A call that stores no item leaves its key unused.
func answerOf(items []*store.Replay) []byte {
	if !slices.Contains(items, nil) {
		return nil
	}
	var answer []byte
	for _, before := range items {
		if before == nil {
			answer = append(answer, "new,"...)
			continue
		}
		answer = append(append(append(answer, before.Fingerprint[0]), before.Answer...), ',')
	}
	return answer
}

var claiming = []story{
	{"in the order in which they fell due, no more than asked for, and the next is told", func(w *world) {
		hook, session := w.webhook(), w.join()
		var all []*carteiro.Delivery
		for range 7 {
			all = append(all, w.publish(store.Session{}, hook.ID))
			w.pass(time.Second)
		}
		claim := func(limit, bytes int) store.Claimed {
			claimed, err := w.Claim(w.t.Context(), store.Claim{Session: session, WebhookID: hook.ID, Now: all[5].DueAt, Limit: limit, MaxBytes: bytes})
			w.ok(err)
			return claimed
		}
		size := len(all[0].Event.Payload)
		equal(w.t, "as many as asked for", claim(1, 1<<20), store.Claimed{Deliveries: all[:1], NextDue: all[1].DueAt, Version: 1})
		equal(w.t, "one at least", claim(9, size-1), store.Claimed{Deliveries: all[1:2], NextDue: all[2].DueAt, Version: 1})
		equal(w.t, "as many as just fit", claim(9, 2*size), store.Claimed{Deliveries: all[2:4], NextDue: all[4].DueAt, Version: 1})
		equal(w.t, "no more than fit", claim(9, 2*size-1), store.Claimed{Deliveries: all[4:5], NextDue: all[5].DueAt, Version: 1})
		equal(w.t, "those due", claim(9, 9*size), store.Claimed{Deliveries: all[5:6], NextDue: all[6].DueAt, Version: 1})
		equal(w.t, "none", claim(9, 9*size), store.Claimed{NextDue: all[6].DueAt, Version: 1})
		equal(w.t, "the last", w.claim(session, hook.ID), all[6:])
		equal(w.t, "nothing is left", claim(9, 9*size), store.Claimed{Version: 1})
	}},
	{"a claim tells the version that the webhook has by then", func(w *world) {
		hook, session := w.webhook(), w.join()
		version := func(id carteiro.ID) int64 {
			w.publish(store.Session{}, id)
			claimed, err := w.Claim(w.t.Context(), store.Claim{Session: session, WebhookID: id, Now: w.now, Limit: 1, MaxBytes: 1})
			w.ok(err)
			return claimed.Version
		}
		equal(w.t, "version when new", version(hook.ID), int64(1))
		w.disable(hook.ID)
		equal(w.t, "version when changed", version(hook.ID), int64(2))
		w.remove(hook.ID)
		equal(w.t, "version when deleted", version(hook.ID), int64(3))
		equal(w.t, "version of none", version(w.newID()), int64(0))
	}},
	{"a retry waits until it is due", func(w *world) {
		hook, session := w.webhook(), w.join()
		next := w.fail(session, w.publish(session, hook.ID), true)
		w.now = next.DueAt.Add(-time.Microsecond)
		equal(w.t, "claimed too early", len(w.claim(session, hook.ID)), 0)
		w.pass(time.Microsecond)
		got := w.claim(session, hook.ID)
		equal(w.t, "claimed when due", len(got), 1)
		equal(w.t, "attempt", &got[0].Attempt, next)
	}},
	{"the backlog is the webhooks with attempts that nobody holds", func(w *world) {
		session := w.join()
		var want []store.Waiting
		for i := range 7 {
			hook := w.webhook()
			late := w.publish(store.Session{}, hook.ID)
			w.publish(session, hook.ID)
			if i%2 == 0 {
				want = append(want, store.Waiting{WebhookID: hook.ID, DueAt: late.DueAt})
			} else {
				w.claim(session, hook.ID)
			}
			w.pass(time.Second)
			w.publish(session, hook.ID)
		}
		slices.SortFunc(want, func(a, b store.Waiting) int { return compareIDs(a.WebhookID, b.WebhookID) })
		equal(w.t, "backlog", w.backlog(), want)
		for after := range want {
			page, err := w.Backlog(w.t.Context(), store.Backlog{After: want[after].WebhookID, Limit: 2})
			w.ok(err)
			if rest := window(want, after+1, 2); len(rest)+len(page) > 0 {
				equal(w.t, "page", page, rest)
			}
		}
	}},
	{"what is due later is in the backlog too", func(w *world) {
		hook, session := w.webhook(), w.join()
		next := w.fail(session, w.publish(session, hook.ID), true)
		equal(w.t, "backlog", w.backlog(), []store.Waiting{{WebhookID: hook.ID, DueAt: next.DueAt}})
	}},
	{"what is released can be claimed again; what others hold is left alone", func(w *world) {
		hook, one, other := w.webhook(), w.join(), w.join()
		mine, theirs := w.publish(one, hook.ID), w.publish(other, hook.ID)
		refs := []store.AttemptRef{{WebhookID: hook.ID, ID: mine.ID}, {WebhookID: hook.ID, ID: theirs.ID}, {WebhookID: hook.ID, ID: w.newID()}}
		w.ok(w.Release(w.t.Context(), store.Release{Session: one, Attempts: refs}))
		equal(w.t, "claimed", w.claim(other, hook.ID), []*carteiro.Delivery{mine})
	}},
	{"disabled and deleted webhooks keep what is open", func(w *world) {
		for _, switchOff := range []func(carteiro.ID){w.disable, w.remove} {
			hook, session := w.webhook(), w.join()
			d := w.publish(store.Session{}, hook.ID)
			switchOff(hook.ID)
			equal(w.t, "claimed", w.claim(session, hook.ID), []*carteiro.Delivery{d})
			w.fail(session, d, false)
			equal(w.t, "status", w.log(hook.ID, d.ID).Status, carteiro.StatusFailed)
		}
	}},
}

var recording = []story{
	{"an outcome is read back to the bit", func(w *world) {
		hook, session := w.webhook(), w.join()
		bare := func(*carteiro.Delivery) *carteiro.Outcome {
			return &carteiro.Outcome{FinishedAt: w.now, Reason: carteiro.ReasonDNS}
		}
		whole := func(d *carteiro.Delivery) *carteiro.Outcome {
			o := w.success(d)
			o.RequestBody, o.SharedTail = slices.Clone(d.Event.Payload), len(d.Event.Payload)
			return o
		}
		for _, outcome := range []func(*carteiro.Delivery) *carteiro.Outcome{w.success, w.failure, bare, whole} {
			d := w.publish(session, hook.ID)
			want := d.Attempt
			want.Outcome = outcome(d)
			want.Status = want.Outcome.Status()
			w.record(session, store.Result{Delivery: d, Outcome: outcome(d)})
			equal(w.t, "log", w.log(hook.ID, d.ID), &want)
		}
	}},
	{"a batch is recorded one by one: who is not held is told, the others count", func(w *world) {
		hook, session := w.webhook(), w.join()
		mine, free, twice := w.publish(session, hook.ID), w.publish(store.Session{}, hook.ID), w.publish(session, hook.ID)
		results := make([]store.Result, 0, 4)
		for _, d := range []*carteiro.Delivery{mine, free, twice, twice} {
			results = append(results, store.Result{Delivery: d, Outcome: w.success(d)})
		}
		recorded, err := w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: results})
		w.ok(err)
		equal(w.t, "answers", recorded, []store.Recorded{{}, {Lost: true}, {}, {Lost: true}})
		equal(w.t, "successes", w.list(store.ListLogs{WebhookID: hook.ID, Status: carteiro.StatusSuccess}).Total, 2)
	}},
	{"a failed attempt reads retrying while its retry is open, and failed again after, whatever came of it", func(w *world) {
		for _, end := range []func(store.Session, *carteiro.Delivery){
			w.succeed,
			func(s store.Session, d *carteiro.Delivery) { w.fail(s, d, false) },
			func(s store.Session, d *carteiro.Delivery) { w.fail(s, d, true) },
		} {
			hook, session := w.webhook(), w.join()
			first := w.publish(session, hook.ID)
			next := w.fail(session, first, true)
			equal(w.t, "status while the retry waits", w.log(hook.ID, first.ID).Status, carteiro.StatusRetrying)
			equal(w.t, "the retry", w.log(hook.ID, next.ID), next)
			w.now = next.DueAt
			d := w.claim(session, hook.ID)[0]
			equal(w.t, "status while the retry is held", w.log(hook.ID, first.ID).Status, carteiro.StatusRetrying)
			end(session, d)
			equal(w.t, "status after the retry", w.log(hook.ID, first.ID).Status, carteiro.StatusFailed)
		}
	}},
	{"failures in a row are counted, and forgotten at the next success", func(w *world) {
		hook, session := w.webhook(), w.join()
		send := func(test bool, outcome func(*carteiro.Delivery) *carteiro.Outcome, want int) {
			event := w.newEvent("event_action")
			event.Test = test
			item := w.item(event, session, hook.ID)
			w.accept(session, item)
			d := delivery(event, item.Attempts[0])
			w.record(session, store.Result{Delivery: d, Outcome: outcome(d)})
			stored, err := w.GetWebhook(w.t.Context(), hook.ID)
			w.ok(err)
			equal(w.t, "failures in a row", stored.FailuresInARow, want)
			equal(w.t, "version", stored.Version, int64(1))
		}
		notSent := func(reason carteiro.Reason) func(*carteiro.Delivery) *carteiro.Outcome {
			return func(*carteiro.Delivery) *carteiro.Outcome { return w.blocked(reason) }
		}
		send(false, w.success, 0)
		send(false, w.failure, 1)
		send(false, w.failure, 2)
		send(true, w.failure, 2)
		send(false, notSent(carteiro.ReasonWebhookDisabled), 2)
		send(false, notSent(carteiro.ReasonWebhookDeleted), 2)
		send(false, notSent(carteiro.ReasonBlocked), 3)
		send(false, w.success, 0)
		send(false, w.failure, 1)
		send(true, w.success, 0)
	}},
	{"one batch may fail, succeed and fail again", func(w *world) {
		hook, session := w.webhook(), w.join()
		var results []store.Result
		for i := range 5 {
			d := w.publish(session, hook.ID)
			r := store.Result{Delivery: d, Outcome: w.failure(d)}
			if i == 2 {
				r.Outcome = w.success(d)
			}
			results = append(results, r)
		}
		_, err := w.Record(w.t.Context(), store.Record{Session: session, Now: w.now, Results: results})
		w.ok(err)
		stored, err := w.GetWebhook(w.t.Context(), hook.ID)
		w.ok(err)
		equal(w.t, "failures in a row", stored.FailuresInARow, 2)
	}},
	{"a receiver can switch its webhook off, once", func(w *world) {
		hook, session := w.webhook(), w.join()
		for range 2 {
			d := w.publish(session, hook.ID)
			w.record(session, store.Result{Delivery: d, Outcome: w.failure(d), DisableWebhook: true})
			stored, err := w.GetWebhook(w.t.Context(), hook.ID)
			w.ok(err)
			equal(w.t, "enabled", stored.Enabled, false)
			equal(w.t, "version", stored.Version, int64(2))
		}
		// Whoever read it before must read it again.
		w.wantErr(w.UpdateWebhook(w.t.Context(), store.UpdateWebhook{Webhook: hook}), store.ErrConflict)
	}},
}
