package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// The state machine of an attempt, as a table: in each state each verb leads to the state that is written there, or is
// refused and changes nothing. docs/attempts.md draws the same.

// state of an attempt. All but the last two are told by what can be done with it; of failed and retrying the second has
// an open automatic retry.
type state string

const (
	none      state = "none"
	waiting   state = "waiting"
	held      state = "held" // by session A, unless a claim by B says otherwise
	succeeded state = "success"
	failed    state = "failed"
	tryAgain  state = "retrying"
)

// refused stands for "told so, and nothing is changed".
const refused state = ""

// A scene is an attempt in a state, with two sessions, A and B.
type scene struct {
	*world
	a, b    store.Session
	webhook *carteiro.Webhook
	subject *carteiro.Delivery
}

// reach brings about each state.
var reach = map[state]func(*scene){
	none:      func(*scene) {},
	waiting:   func(s *scene) { s.accept(store.Session{}, s.first(store.Session{})) },
	held:      func(s *scene) { s.accept(s.a, s.first(s.a)) },
	succeeded: func(s *scene) { s.accept(s.a, s.first(s.a)); s.succeed(s.a, s.subject) },
	failed:    func(s *scene) { s.accept(s.a, s.first(s.a)); s.fail(s.a, s.subject, false) },
	tryAgain:  func(s *scene) { s.accept(s.a, s.first(s.a)); s.fail(s.a, s.subject, true) },
}

// first is the item with the subject.
func (s *scene) first(session store.Session) store.AcceptItem {
	return store.AcceptItem{Event: s.subject.Event, Attempts: []store.AcceptAttempt{{
		ID: s.subject.ID, WebhookID: s.webhook.ID, Trigger: carteiro.TriggerAutomatic, Held: session.ID != 0,
	}}}
}

// A verb is done to the subject, and says whether the store took it.
type verb struct {
	name string
	do   func(*scene) (taken bool)
	// to is the state that the verb leads to, by the state in which it is done; where there is none it is refused.
	to map[state]state
}

var verbs = []verb{
	{"accept", acceptFor(func(*scene) store.Session { return store.Session{} }), map[state]state{none: waiting}},
	{"accept, held by A", acceptFor(func(s *scene) store.Session { return s.a }), map[state]state{none: held}},
	{"claim by A", claimBy(func(s *scene) store.Session { return s.a }), map[state]state{waiting: held}},
	{"claim by B", claimBy(func(s *scene) store.Session { return s.b }), map[state]state{waiting: held}},
	{"release by A", releaseBy(func(s *scene) store.Session { return s.a }), map[state]state{held: waiting}},
	{"release by B", releaseBy(func(s *scene) store.Session { return s.b }), nil},
	{"record success by A", recordBy(func(s *scene) store.Session { return s.a }, succeeded), map[state]state{held: succeeded}},
	{"record failure and retry by A", recordBy(func(s *scene) store.Session { return s.a }, tryAgain), map[state]state{held: tryAgain}},
	{"record failure by A", recordBy(func(s *scene) store.Session { return s.a }, failed), map[state]state{held: failed}},
	{"record success by B", recordBy(func(s *scene) store.Session { return s.b }, succeeded), nil},
	{"record failure and retry by B", recordBy(func(s *scene) store.Session { return s.b }, tryAgain), nil},
	{"record failure by B", recordBy(func(s *scene) store.Session { return s.b }, failed), nil},
	{"record by nobody", recordBy(func(*scene) store.Session { return store.Session{} }, succeeded), nil},
	{"end A", func(s *scene) bool { return s.end(s.a) > 0 }, map[state]state{held: waiting}},
	{"end A, record success by A", func(s *scene) bool {
		freed := s.end(s.a) > 0
		if recordBy(func(s *scene) store.Session { return s.a }, succeeded)(s) {
			s.t.Error("a session that has ended recorded something")
		}
		return freed
	}, map[state]state{held: waiting}},
	{"end B", func(s *scene) bool { return s.end(s.b) > 0 }, nil},
	{"retry", retryBy(func(s *scene) store.Retry { return s.retryOf(s.subject) }), map[state]state{failed: failed}},
	{"retry by another owner", retryBy(func(s *scene) store.Retry {
		p := s.retryOf(s.subject)
		p.EnvironmentID = s.newID()
		return p
	}), nil},
	{"disable, then retry", func(s *scene) bool {
		s.disable(s.webhook.ID)
		return retryBy(func(s *scene) store.Retry { return s.retryOf(s.subject) })(s)
	}, nil},
	{"delete, then retry", func(s *scene) bool {
		s.remove(s.webhook.ID)
		return retryBy(func(s *scene) store.Retry { return s.retryOf(s.subject) })(s)
	}, nil},
}

func acceptFor(by func(*scene) store.Session) func(*scene) bool {
	return func(s *scene) bool {
		_, err := s.Accept(s.t.Context(), store.Accept{Now: s.now, Session: by(s), Items: []store.AcceptItem{s.first(by(s))}})
		return err == nil
	}
}

func claimBy(by func(*scene) store.Session) func(*scene) bool {
	return func(s *scene) bool {
		got := s.claim(by(s), s.webhook.ID)
		if len(got) > 0 {
			equal(s.t, "delivery", got, []*carteiro.Delivery{s.subject})
		}
		return len(got) > 0
	}
}

// releaseBy tells by the backlog what became of it: the verb does not say.
func releaseBy(by func(*scene) store.Session) func(*scene) bool {
	return func(s *scene) bool {
		before := s.isWaiting()
		ref := store.AttemptRef{WebhookID: s.webhook.ID, ID: s.subject.ID}
		s.ok(s.Release(s.t.Context(), store.Release{Session: by(s), Attempts: []store.AttemptRef{ref}}))
		return s.isWaiting() && !before
	}
}

func recordBy(by func(*scene) store.Session, as state) func(*scene) bool {
	return func(s *scene) bool {
		r := store.Result{Delivery: s.subject, Outcome: s.failure(s.subject)}
		switch as {
		case succeeded:
			r.Outcome = s.success(s.subject)
		case tryAgain:
			r.Next = s.next(s.subject)
		}
		return s.record(by(s), r)
	}
}

func retryBy(params func(*scene) store.Retry) func(*scene) bool {
	return func(s *scene) bool {
		result, err := s.Retry(s.t.Context(), params(s))
		if !errors.Is(err, store.ErrNotFound) {
			s.ok(err)
		}
		return result.Delivery != nil
	}
}

var states = stateStories()

func stateStories() (stories []story) {
	for _, from := range []state{none, waiting, held, succeeded, failed, tryAgain} {
		stories = append(stories, story{string(from), func(w *world) {
			for _, v := range verbs {
				to := v.to[from]
				name := v.name + ": " + string(to)
				if to == refused {
					name = v.name + ": refused"
				}
				w.t.Run(name, func(t *testing.T) {
					// The scenes of a state share a store; each has a webhook and sessions of its own.
					inner := *w
					inner.t = t
					inner.tellEdge(from, v, to)
					w.ids, w.events = inner.ids, inner.events
				})
			}
		}})
	}
	return stories
}

func (w *world) tellEdge(from state, v verb, to state) {
	s := &scene{world: w, a: w.join(), b: w.join(), webhook: w.webhook()}
	event := w.newEvent("event_action")
	s.subject = delivery(event, store.AcceptAttempt{ID: w.ids.sibling(event.ID), WebhookID: s.webhook.ID, Trigger: carteiro.TriggerAutomatic})
	reach[from](s)
	s.wantState(from)
	before := s.everything()

	taken := v.do(s)
	if to == refused {
		if taken {
			w.t.Error("the verb was not refused")
		}
		s.wantState(from)
		equal(w.t, "everything, after a refusal", s.everything(), before)
		return
	}
	if !taken {
		w.t.Error("the verb was refused")
	}
	s.wantState(to)
}

// wantState checks the state, in what is read of the attempt and in what is waiting.
func (s *scene) wantState(want state) {
	s.t.Helper()
	a, err := s.GetLog(s.t.Context(), store.AttemptRef{WebhookID: s.webhook.ID, ID: s.subject.ID})
	if want == none {
		s.wantErr(err, store.ErrNotFound)
		return
	}
	s.ok(err)
	got := state(a.Status)
	if a.Status == carteiro.StatusPending {
		got = held
		if s.isWaiting() {
			got = waiting
		}
	}
	if got != want {
		s.t.Errorf("the attempt is %s, want %s", got, want)
	}
	if page := s.list(store.ListLogs{WebhookID: s.webhook.ID, Status: a.Status}); page.Total == 0 {
		s.t.Errorf("it is not listed as %s", a.Status)
	}
}

// isWaiting says whether the webhook has an attempt that nobody holds.
func (s *scene) isWaiting() bool {
	s.t.Helper()
	return slices.ContainsFunc(s.backlog(), func(waiting store.Waiting) bool { return waiting.WebhookID == s.webhook.ID })
}

// everything is what can be read of the scene's log and queue.
func (s *scene) everything() []any {
	all := s.list(store.ListLogs{WebhookID: s.webhook.ID})
	seen := []any{all, s.isWaiting()}
	for _, status := range []carteiro.Status{carteiro.StatusPending, carteiro.StatusSuccess, carteiro.StatusRetrying, carteiro.StatusFailed} {
		seen = append(seen, s.list(store.ListLogs{WebhookID: s.webhook.ID, Status: status}))
	}
	return seen
}
