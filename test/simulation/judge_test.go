package simulation_test

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/check"
	"github.com/carteiro/carteiro/internal/store"
)

// judge holds what is stored in the end against what everybody was told.
func (w *world) judge() {
	chains := make(map[carteiro.ID]map[carteiro.ID][]*carteiro.Attempt) // by event and webhook
	for _, hook := range w.hooks {
		for _, a := range w.logs(hook.ID) {
			if chains[a.EventID] == nil {
				chains[a.EventID] = make(map[carteiro.ID][]*carteiro.Attempt)
			}
			chains[a.EventID][hook.ID] = append(chains[a.EventID][hook.ID], a)
			w.judgeOutcome(a)
		}
	}
	byKey := make(map[[2]int]carteiro.ID)
	for event, a := range w.saw.accepted {
		if len(chains[event]) != a.deliveries {
			w.fault("event %s was accepted for %d webhooks, and is there for %d", event, a.deliveries, len(chains[event]))
		}
		if before, given := byKey[[2]int{a.tenant, a.key}]; a.key > 0 && given && before != event {
			w.fault("key %d of environment %d stands for two events, %s and %s", a.key, a.tenant, before, event)
		}
		byKey[[2]int{a.tenant, a.key}] = event
	}
	for event, at := range chains {
		for hook, attempts := range at {
			i := slices.IndexFunc(w.hooks, func(h *carteiro.Webhook) bool { return h.ID == hook })
			w.judgeChain(event, &w.plan.webhooks[i], attempts)
		}
	}
	w.judgeGone()
	w.judgeOperators()
	w.examine()
}

// judgeOutcome sees that a finished attempt is what it was when it was recorded.
func (w *world) judgeOutcome(a *carteiro.Attempt) {
	outcome := w.saw.outcomes[a.ID]
	if outcome == nil && a.Outcome != nil && a.Outcome.Reason == carteiro.ReasonWebhookDeleted {
		return // no node had it: it was finished with its webhook
	}
	if a.Outcome == nil || outcome == nil {
		if a.Status != carteiro.StatusPending && (a.Outcome == nil || a.Outcome.Reason != carteiro.ReasonWebhookDeleted) { // what deletes a webhook may finish it
			w.fault("attempt %s is %s, and nobody has recorded it", a.ID, a.Status)
		}
		return
	}
	if a.Outcome.Success != outcome.Success || a.Outcome.HTTPStatus != outcome.HTTPStatus || a.Outcome.Reason != outcome.Reason {
		w.fault("attempt %s is another than was recorded", a.ID)
	}
}

// deletedBy reports whether a webhook was deleted by a time, or within a minute of it: it takes a while to record a result, and nodes'
// clocks differ. If a clock is set, times mean nothing.
func (w *world) deletedBy(webhook carteiro.ID, at time.Time) bool {
	hook, err := w.truth.GetWebhook(context.Background(), webhook)
	return err == nil && hook.Deleted() && (w.plan.jumps() || hook.DeletedAt.Before(at.Add(time.Minute)))
}

// judgeChain sees that an event has come to its end at a webhook: in a success, which is the last attempt; or in failure, after
// as many attempts as the webhook wants, unless there is a reason to end before.
func (w *world) judgeChain(event carteiro.ID, hook *webhookPlan, attempts []*carteiro.Attempt) {
	slices.SortFunc(attempts, func(a, b *carteiro.Attempt) int { return cmp.Compare(a.Number, b.Number) })
	for i, a := range attempts {
		if a.Number != i+1 {
			w.fault("event %s has attempt %d in the place of attempt %d", event, a.Number, i+1)
		}
		if a.Status == carteiro.StatusSuccess && i < len(attempts)-1 {
			w.fault("event %s was tried again after a success", event)
		}
		if a.Number-a.ChainStart > hook.maxRetries {
			w.fault("event %s has more than %d automatic retries", event, hook.maxRetries)
		}
	}
	last := attempts[len(attempts)-1]
	if last.Outcome == nil {
		w.fault("event %s is still open two hours later, as attempt %s", event, last.ID)
		return
	}
	switch o := last.Outcome; {
	case o.Success, o.HTTPStatus == http.StatusGone, o.Reason == carteiro.ReasonWebhookDisabled, o.Reason == carteiro.ReasonWebhookDeleted,
		last.EventType == carteiro.TestEvent, last.Number-last.ChainStart == hook.maxRetries, w.deletedBy(last.WebhookID, o.FinishedAt):
	default:
		w.fault("event %s has ended in failure after %d of %d retries", event, last.Number-last.ChainStart, hook.maxRetries)
	}
}

// judgeStop sees that a node that was stopped in peace has left nothing in flight.
func (w *world) judgeStop(n *node) {
	held, err := w.truth.Held(context.Background(), store.Held{Session: n.dispatcher.Session(), Limit: 10})
	if err != nil || len(held) > 0 {
		w.fault("%s has stopped, and holds %d attempts; %v", n, len(held), err)
	}
}

// judgeIdle sees that nodes with nothing to do know that they have nothing to do. It reports false if there is something to do
// yet: a node that was paused went on with a request of a user.
func (w *world) judgeIdle() bool {
	pass(turmoil)
	for slot := range w.slots() {
		n := w.living(slot)
		if n == nil || slices.ContainsFunc(w.hooks, w.hasOpen) || !w.allTold() {
			return false
		}
		if d := n.dispatcher.Depth(); d.Waiting != 0 || d.Reserved != 0 || d.InFlight != 0 || d.HeldBytes != 0 {
			w.fault("%s has nothing to do, and believes in %+v", n, d)
		}
	}
	return true
}

// examine has the doctor look at a database that is one.
func (w *world) examine() {
	s, is := w.truth.(store.Examinable)
	if !is {
		return
	}
	report, err := (&check.Checker{Store: s, Now: time.Now()}).Run(context.Background())
	if err != nil {
		w.fault("the doctor could not look: %v", err)
		return
	}
	for _, f := range report.Findings {
		says, _ := json.Marshal(f)
		w.fault("the doctor has found %s", says)
	}
}
