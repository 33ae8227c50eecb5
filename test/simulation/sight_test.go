package simulation_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/store"
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
	urls     map[carteiro.ID]string
	goneURLs map[string]bool            // that have answered 410, with their webhook's id
	lanes    map[carteiro.ID]*sightLane // by webhook
	untold   map[carteiro.ID]bool       // webhooks that were deleted while attempts were in flight
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
	url     string
	givenUp bool // by its node, when its time to stop was over
}

func newSightings() sightings {
	return sightings{
		accepted: make(map[carteiro.ID]acceptance), offs: make(map[carteiro.ID]change), sends: make(map[carteiro.ID][]*sighting),
		outcomes: make(map[carteiro.ID]*carteiro.Outcome), statuses: make(map[carteiro.ID]carteiro.Status),
		happened: make(map[happening]int), gones: make(map[carteiro.ID]int),
		urls: make(map[carteiro.ID]string), goneURLs: make(map[string]bool), lanes: make(map[carteiro.ID]*sightLane),
		untold: make(map[carteiro.ID]bool),
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

// stored notes how a webhook was stored, whether anybody was told so or not.
func (w *world) stored(hook *carteiro.Webhook) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lane(hook.ID).activeAt = time.Now()
	w.saw.urls[hook.ID] = hook.URL
	if hook.Live() {
		delete(w.saw.offs, hook.ID)
	}
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
		w.lane(result.Delivery.WebhookID).activeAt = time.Now()
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
func (s *sender) Send(ctx context.Context, target *send.Target, d *carteiro.Delivery) *carteiro.Outcome {
	none := &carteiro.Outcome{Reason: carteiro.ReasonConnection, Error: "nobody sees this"}
	if lives, _ := s.n.standing(); !lives {
		return none
	}
	if d.MayBegin != nil && !d.MayBegin() {
		return &carteiro.Outcome{NotSent: carteiro.ErrNotClear}
	}
	if !s.n.lives() {
		return none
	}
	now := s.judge(d, target.URL())
	o, took := s.w.answer(d)
	s.w.begins(s.n.link, d)
	defer s.w.ends(d)
	if err := sleep(ctx, took); err != nil {
		s.w.giveUp(now)
		return none
	}
	o = s.w.movedAway(d, now.url, o)
	if lives, _ := s.n.standing(); !lives {
		return none
	}
	o.Duration, o.FinishedAt = took, time.Now()
	return o
}

func (w *world) giveUp(s *sighting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.givenUp = true
}

// answer is what a receiver says to an attempt, and how long it takes.
func (w *world) answer(d *carteiro.Delivery) (*carteiro.Outcome, time.Duration) {
	hook, r := w.receiver(d)
	took := between(r, hook.quickest, hook.slowest)
	luck, since := r.IntN(100), time.Since(w.began)
	switch {
	case hook.hangsFrom > 0 && since >= hook.hangsFrom:
		return &carteiro.Outcome{Reason: carteiro.ReasonTimeout, Error: "timeout"}, hook.timeout
	case hook.goneTests && d.EventType == carteiro.TestEvent:
		return &carteiro.Outcome{Reason: carteiro.ReasonHTTPStatus, HTTPStatus: 410, Error: "HTTP 410"}, took
	case since < hook.recovers:
		return &carteiro.Outcome{Reason: carteiro.ReasonHTTPStatus, HTTPStatus: 500, Error: "HTTP 500"}, took
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

// judge holds a request that goes out against what must be true of it.
func (s *sender) judge(d *carteiro.Delivery, url string) *sighting {
	w, session := s.w, s.n.dispatcher.Session()
	now := &sighting{by: s.n.link, session: session.ID, at: time.Now(), url: url}
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
	for _, b := range before {
		if !w.isGivenUp(b) && b.by.untroubledSince(b.at.Add(-dispatch.DefaultLease)) {
			w.fault("attempt %s was sent by %s, though %s has sent it %s ago and lives", d.ID, s.n, b.by, now.at.Sub(b.at))
		}
	}
	w.judgeStart(s.n, d)
	return now
}

func (w *world) isGivenUp(s *sighting) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return s.givenUp
}

// judgeStart sees that a crowd does not delay a healthy webhook.
func (w *world) judgeStart(n *node, d *carteiro.Delivery) {
	if !w.plan.crowd || w.isOperators(d.WebhookID) {
		return
	}
	if hook, _ := w.receiver(d); hook.healthy && time.Since(d.DueAt) > startBound {
		w.fault("attempt %s of a healthy webhook was started by %s %s after it was due", d.ID, n, time.Since(d.DueAt))
	}
}

// hearing is how long it takes a node to read a webhook, at most, beside the time for which it remembers what it has read.
const hearing = 100 * time.Millisecond

// tooLate reports whether the node should have known: the one on which the change was made at once, others when what they
// remember is stale. A goroutine that has read the webhook and is paused then sends what it has read.
func (c change) tooLate(s *sighting) bool {
	late := s.by.pausedSince(c.at)
	if c.node != s.by {
		late += directory.Freshness + hearing + s.by.w.plan.faults.slowest
	}
	return s.at.After(c.at.Add(late))
}

// holds asks the truth whether a session holds an attempt.
func (w *world) holds(session store.Session, ref store.AttemptRef) bool {
	if model, is := w.truth.(interface {
		Holds(session store.Session, ref store.AttemptRef) bool
	}); is {
		return model.Holds(session, ref)
	}
	after := ref
	for i := len(after.ID) - 1; ; i-- { // the id before
		if after.ID[i]--; after.ID[i] != 0xff {
			break
		}
	}
	held, err := w.truth.Held(context.Background(), store.Held{Session: session, After: after, Limit: 1})
	if err != nil {
		w.fault("what is held cannot be read: %v", err)
	}
	return slices.Contains(held, ref)
}

// look reads all logs as a client does: what was seen before has changed in no way but those that the port allows.
func (w *world) look() {
	if w.plan.crowd && !w.calm() {
		return // so many logs take long to read
	}
	for _, hook := range w.operators {
		logs := w.logs(hook.ID)
		w.judgePending(hook, logs)
		w.judgeProbe(hook, logs)
	}
	for _, hook := range w.hooks {
		open := make(map[carteiro.ID]bool) // events
		logs := w.logs(hook.ID)
		w.judgePending(hook, logs)
		w.judgeProbe(hook, logs)
		for _, a := range logs {
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
