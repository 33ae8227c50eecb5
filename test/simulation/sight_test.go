package simulation_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"carteiro"
	"carteiro/internal/directory"
	"carteiro/internal/send"
	"carteiro/internal/store"
)

// sightings are what people outside have seen, and must find true afterwards.
type sightings struct {
	accepted map[carteiro.ID]acceptance
	offs     map[carteiro.ID]change            // webhooks that were switched off or deleted, and are
	sends    map[carteiro.ID][]*sighting       // by attempt
	outcomes map[carteiro.ID]*carteiro.Outcome // of attempts, when they were finished
	statuses map[carteiro.ID]carteiro.Status   // of attempts, as they were read last
	happened map[happening]int
	gones    map[carteiro.ID]int // answers of 410 that were recorded, by webhook
}

// acceptance is an event that was answered 202.
type acceptance struct {
	tenant, key, deliveries int
}

// change is when a webhook came to be off, as the one who did it was told on a node.
type change struct {
	at   time.Time
	node *link
}

// sighting is a request at a receiver.
type sighting struct {
	by      *link
	session int64
	at      time.Time
}

func newSightings() sightings {
	return sightings{
		accepted: make(map[carteiro.ID]acceptance), offs: make(map[carteiro.ID]change), sends: make(map[carteiro.ID][]*sighting),
		outcomes: make(map[carteiro.ID]*carteiro.Outcome), statuses: make(map[carteiro.ID]carteiro.Status),
		happened: make(map[happening]int), gones: make(map[carteiro.ID]int),
	}
}

// changed notes that a webhook is off by now, if it is, and that a node knows.
func (w *world) changed(by *link, hook carteiro.ID) {
	is, err := w.truth.GetWebhook(context.Background(), hook)
	if err != nil {
		w.fault("a webhook cannot be read: %v", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.saw.offs[hook]; !known && !is.Live() {
		w.saw.offs[hook] = change{at: time.Now(), node: by}
	}
}

// on notes that a webhook is on again, whether anybody was told so or not.
func (w *world) on(hook carteiro.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.saw.offs, hook)
}

// recorded notes what a record has finished; nothing of that changes any more.
func (w *world) recorded(p *store.Record, recorded []store.Recorded) {
	w.happened(p, recorded)
	for i, r := range recorded {
		if r.Lost {
			continue
		}
		result := &p.Results[i]
		w.mu.Lock()
		twice := w.saw.outcomes[result.Delivery.ID] != nil
		w.saw.outcomes[result.Delivery.ID] = result.Outcome
		w.mu.Unlock()
		if twice {
			w.fault("attempt %s was finished twice", result.Delivery.ID)
		}
	}
}

// sender is the receivers as a node reaches them.
type sender struct {
	w *world
	n *node
}

// Send implements dispatch.Sender.
func (s *sender) Send(ctx context.Context, _ *send.Target, d *carteiro.Delivery) *carteiro.Outcome {
	none := &carteiro.Outcome{Reason: carteiro.ReasonConnection, Error: "nobody sees this"}
	lives, paused := s.n.standing()
	if !lives {
		return none
	}
	s.judge(d, paused)
	o, took := s.w.answer(d)
	if err := sleep(ctx, took); err != nil {
		return none
	}
	if lives, _ := s.n.standing(); !lives {
		return none
	}
	o.Duration, o.FinishedAt = took, time.Now()
	return o
}

// answer is what a receiver says to an attempt, and how long it takes.
func (w *world) answer(d *carteiro.Delivery) (*carteiro.Outcome, time.Duration) {
	hook, r := w.receiver(d)
	took := between(r, time.Millisecond, hook.slowest)
	luck := r.IntN(100)
	switch {
	case luck < hook.hangs:
		return &carteiro.Outcome{Reason: carteiro.ReasonTimeout, Error: "timeout"}, hook.timeout
	case luck < hook.hangs+hook.gones:
		return &carteiro.Outcome{Reason: carteiro.ReasonHTTPStatus, HTTPStatus: 410, Error: "HTTP 410"}, took
	case luck < hook.hangs+hook.gones+hook.busy:
		return &carteiro.Outcome{Reason: carteiro.ReasonHTTPStatus, HTTPStatus: 503, Error: "HTTP 503", RetryAfter: 30 * time.Second}, took
	case luck < hook.hangs+hook.gones+hook.busy+hook.failures && (d.Number < 3 || hook.failures == 100):
		return &carteiro.Outcome{Reason: carteiro.ReasonHTTPStatus, HTTPStatus: 500, Error: "HTTP 500"}, took
	default:
		return &carteiro.Outcome{Success: true, HTTPStatus: 204}, took
	}
}

// receiver is who gets an attempt, with the chance by which it answers.
func (w *world) receiver(d *carteiro.Delivery) (*webhookPlan, *rand.Rand) {
	if w.isOperators(d.WebhookID) {
		return &operatorPlan, w.plan.roll("operators", d.EventType, d.Number, time.Since(w.began).Round(time.Second))
	}
	i := slices.IndexFunc(w.hooks, func(h *carteiro.Webhook) bool { return h.ID == d.WebhookID })
	var m message
	_ = json.Unmarshal(d.Event.Payload, &m)
	return &w.plan.webhooks[i], w.plan.roll("answer", i, m, d.Number)
}

// judge holds a request that goes out against what must be true of it. One that was held up between the last look and the
// going out, because its node was paused, may be out of date: that is all that can be.
func (s *sender) judge(d *carteiro.Delivery, paused bool) {
	w, session := s.w, s.n.dispatcher.Session()
	now := &sighting{by: s.n.link, session: session.ID, at: time.Now()}
	hook, err := w.truth.GetWebhook(context.Background(), d.WebhookID)
	if err != nil || hook.EnvironmentID != d.Event.EnvironmentID {
		w.fault("an event of environment %s was sent to webhook %s of another: %v", d.Event.EnvironmentID, d.WebhookID, err)
	}
	held := w.holds(session, store.AttemptRef{WebhookID: d.WebhookID, ID: d.ID})
	w.mu.Lock()
	before := w.saw.sends[d.ID]
	w.saw.sends[d.ID] = append(before, now)
	off, isOff := w.saw.offs[d.WebhookID]
	finished := w.saw.outcomes[d.ID] != nil
	w.mu.Unlock()
	if paused {
		return
	}
	switch {
	case finished:
		w.fault("attempt %s was sent by %s after it had been finished", d.ID, s.n)
	case !held:
		w.fault("attempt %s was sent by %s, which does not hold it", d.ID, s.n)
	case slices.ContainsFunc(before, func(b *sighting) bool { return b.by == now.by && b.session == now.session }):
		w.fault("attempt %s was sent twice by %s, whose lease had not ended", d.ID, s.n)
	case isOff && off.tooLate(now):
		w.fault("attempt %s was sent by %s %s after its webhook was switched off", d.ID, s.n, now.at.Sub(off.at))
	}
}

// hearing is how long it takes a node to read a webhook, at most, beside the time for which it remembers what it has read.
const hearing = 100 * time.Millisecond

// tooLate says that a node should have known: the one on which the change was made at once, others when what they remember
// is stale.
func (c change) tooLate(s *sighting) bool {
	if c.node == s.by {
		return s.at.After(c.at)
	}
	return s.at.After(c.at.Add(directory.Freshness + hearing))
}

// holds asks the truth whether a session holds an attempt.
func (w *world) holds(session store.Session, ref store.AttemptRef) bool {
	held, err := w.truth.Held(context.Background(), store.Held{Session: session, Limit: 100_000})
	if err != nil {
		w.fault("what is held cannot be read: %v", err)
	}
	return slices.Contains(held, ref)
}

// look reads all logs as a client does: what was seen before has changed in no way but those that the port allows.
func (w *world) look() {
	for _, hook := range w.hooks {
		open := make(map[carteiro.ID]bool) // events
		for _, a := range w.logs(hook.ID) {
			w.mu.Lock()
			was, is := w.saw.statuses[a.ID], a.Status
			w.saw.statuses[a.ID] = is
			w.mu.Unlock()
			final := was == carteiro.StatusSuccess || was == carteiro.StatusFailed || was == carteiro.StatusRetrying
			if final && was != is && (was != carteiro.StatusRetrying || is != carteiro.StatusFailed) {
				w.fault("attempt %s read %s, and now %s", a.ID, was, is)
			}
			if is == carteiro.StatusPending {
				if open[a.EventID] {
					w.fault("event %s has two open attempts at webhook %s", a.EventID, hook.ID)
				}
				open[a.EventID] = true
			}
		}
	}
}
