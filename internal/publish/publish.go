// Package publish takes events in: it finds the webhooks that want each, stores all of it in one durable commit, and
// hands what this node may send at once to its lanes. It also opens the attempts that people ask for, tests and manual
// retries, in the same way.
package publish

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/store"
)

// keyLifetime is how long an idempotency key gives the first answer again.
const keyLifetime = 24 * time.Hour

// Lanes is where stored attempts go to be sent; the dispatcher is it.
type Lanes interface {
	Reserve(places []carteiro.Place) store.Session
	Cancel(places []carteiro.Place)
	Take(session store.Session, deliveries []*carteiro.Delivery, urgent bool)
	TakeNow(ctx context.Context, session store.Session, delivery *carteiro.Delivery) (*carteiro.Outcome, error)
	Notice(due time.Time, webhooks ...carteiro.ID)
	Doubt(err error)
}

// Publisher takes events in. It is safe for concurrent use.
type Publisher struct {
	Store     store.Queue
	Directory *directory.Directory
	Lanes     Lanes
	IDs       *carteiro.IDSource
	// Retention is how long a log entry may be retried by hand.
	Retention time.Duration
	// Memory limits what attempts take on their way into the store; nil: nothing does.
	Memory *budget.Budget
	// MaxRendered is how many bytes templates may make of one event, over all webhooks; 0: any number.
	MaxRendered int
}

// Event is an event to publish. It has been checked for form: type in the catalogue, payload a JSON object within
// bounds.
type Event struct {
	Owner      store.OwnerRef
	CampaignID carteiro.ID // of an agent's event: that of the call; zero when none
	Type       string
	Payload    []byte
	OccurredAt time.Time // zero: now
	Key        *Key
	// TraceParent is the publisher's trace context, valid or empty.
	TraceParent string
}

// Key is a caller's idempotency key.
type Key struct {
	Key         string
	Fingerprint [32]byte // of the whole request that bears it
}

// Accepted is the answer to a published event.
type Accepted struct {
	EventID    carteiro.ID `json:"event_id"`
	Deliveries int         `json:"deliveries"`
}

// Result is what became of one event.
type Result struct {
	Accepted
	// Err is nil, directory.ErrOwnerNotFound, directory.ErrCampaignNotFound, [ErrRenderedTooLarge] or [ErrKeyReused].
	Err error
}

// ErrKeyReused says that an idempotency key came before, with another request.
var ErrKeyReused = errors.New("idempotency key was used for another request")

// Publish stores events of one environment, and returns once they are durable. Each stands for itself: results are in
// the order of the events. key, if not nil, is that of the whole call: when it came before, the results are those of
// that time. It fails as a whole with [ErrKeyReused] for that key, with [budget.ErrShare] or [budget.ErrFull], and when the store fails.
func (p *Publisher) Publish(ctx context.Context, environment carteiro.ID, key *Key, events []Event) ([]Result, error) {
	b := batch{now: p.IDs.Now(), results: make([]Result, len(events)), memory: p.Memory.Open(environment)}
	defer b.memory.Close()
	for i := range events {
		if err := b.add(ctx, p, i, &events[i]); err != nil {
			return nil, err
		}
	}
	if key != nil {
		b.key = b.storeKey(environment, key, b.results)
		b.key.Peek = len(b.items) == 0 // a call that accepts nothing leaves the key for the one that is corrected
	}
	return b.commit(ctx, p)
}

// batch is the events of one call on their way into the store.
type batch struct {
	now     time.Time
	key     *store.Key
	results []Result
	items   []store.AcceptItem
	index   []int // of each item's result
	places  []carteiro.Place
	memory  budget.Account
	charged int // attempts
}

const (
	// attemptBytes is about how much memory an attempt takes until it is stored and handed to its lane.
	attemptBytes = 1 << 10
	// chargeStep is how many attempts are charged at once. A call with fewer is not charged: connections are limited, too.
	chargeStep = 128
)

// charge charges the attempts of the batch.
func (b *batch) charge() error {
	if more := len(b.places) - b.charged; more >= chargeStep {
		b.charged = len(b.places)
		return b.memory.Grow(int64(more) * attemptBytes)
	}
	return nil
}

// add finds an event's recipients and makes its attempts.
func (b *batch) add(ctx context.Context, p *Publisher, i int, e *Event) error {
	to, err := p.Directory.Recipients(ctx, e.Owner, e.CampaignID, e.Type)
	if errors.Is(err, directory.ErrOwnerNotFound) || errors.Is(err, directory.ErrCampaignNotFound) {
		b.results[i].Err = err
		return nil
	}
	if err != nil {
		return err
	}
	event := &carteiro.Event{
		ID:            p.IDs.New(b.now),
		EnvironmentID: e.Owner.EnvironmentID,
		OwnerKind:     e.Owner.Kind,
		OwnerID:       e.Owner.ID,
		OwnerName:     to.Owner.Name,
		CampaignID:    to.Campaign.ID,
		CampaignName:  to.Campaign.Name,
		Type:          e.Type,
		Payload:       e.Payload,
		OccurredAt:    e.OccurredAt,
		TraceParent:   e.TraceParent,
		Undelivered:   to.Undelivered,
	}
	if event.OccurredAt.IsZero() {
		event.OccurredAt = event.AcceptedAt()
	}
	tooLarge, err := p.exceedsRenderedLimit(&b.memory, event, to.Webhooks)
	if err != nil {
		return err
	}
	if tooLarge {
		b.results[i].Err = ErrRenderedTooLarge
		return nil
	}
	b.results[i].Accepted = Accepted{EventID: event.ID, Deliveries: len(to.Webhooks)}
	item := store.AcceptItem{Event: event, Attempts: make([]store.AcceptAttempt, len(to.Webhooks))}
	for j, w := range to.Webhooks {
		item.Attempts[j] = store.AcceptAttempt{ID: p.IDs.Sibling(event.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic}
		b.places = append(b.places, carteiro.Place{ID: item.Attempts[j].ID, WebhookID: w.ID, Bytes: len(e.Payload)})
	}
	if e.Key != nil {
		item.Key = b.storeKey(e.Owner.EnvironmentID, e.Key, b.results[i:i+1])
	}
	b.items = append(b.items, item)
	b.index = append(b.index, i)
	return b.charge()
}

// storeKey makes what the store keeps of a key: the results it stands for. Those that failed are kept as they are, too:
// the same call gives the same answer.
func (b *batch) storeKey(environment carteiro.ID, key *Key, results []Result) *store.Key {
	return &store.Key{
		EnvironmentID: environment,
		Key:           key.Key,
		Fingerprint:   key.Fingerprint,
		Answer:        encodeResults(results),
		ExpiresAt:     b.now.Add(keyLifetime),
	}
}

// answer encodes the results of the whole call when some events were published before under their own keys. Otherwise the
// call's key would stand for events that were not stored. It returns nil if every event was rejected: such a call does
// not use its key.
func (b *batch) answer(replays []*store.Replay) []byte {
	results := b.resolve(replays)
	if !slices.ContainsFunc(results, func(r Result) bool { return r.Err == nil }) {
		return nil
	}
	return encodeResults(results)
}

// resolve returns the results of the call. replays is what the key of each item gave before, nil for a stored item.
func (b *batch) resolve(replays []*store.Replay) []Result {
	results := slices.Clone(b.results)
	for n, again := range replays {
		if again != nil {
			results[b.index[n]] = replayOne(b.items[n].Key, again)
		}
	}
	return results
}

// commit stores the batch and hands on what this node holds of it.
func (b *batch) commit(ctx context.Context, p *Publisher) ([]Result, error) {
	if len(b.items) == 0 && b.key == nil {
		return b.results, nil
	}
	session, stored, err := b.accept(ctx, p)
	if err != nil {
		return nil, err
	}
	if stored.Replay != nil {
		p.Lanes.Cancel(b.places)
		return replay(b.key, stored.Replay)
	}
	var held []*carteiro.Delivery
	places := b.places
	for n, item := range b.items {
		mine := places[:len(item.Attempts)]
		places = places[len(item.Attempts):]
		if stored.Items[n] != nil {
			p.Lanes.Cancel(mine)
			continue
		}
		held = p.appendHeld(held, item, mine)
	}
	if len(held) > 0 {
		p.Lanes.Take(session, held, false)
	}
	return b.resolve(stored.Items), nil
}

// accept commits under the session that the lanes hold by now; a session that ends in between is asked for anew.
func (b *batch) accept(ctx context.Context, p *Publisher) (store.Session, store.AcceptResult, error) {
	for {
		session := p.Lanes.Reserve(b.places)
		n := 0
		for _, item := range b.items {
			for j := range item.Attempts {
				item.Attempts[j].Held = b.places[n].Held
				n++
			}
		}
		// Once begun it is not called off: whoever hung up must not leave attempts that are stored as held by this node
		// and that this node does not know of.
		stored, err := p.Store.Accept(context.WithoutCancel(ctx), store.Accept{Now: b.now, Session: session, Key: b.key, Items: b.items, Answer: b.answer})
		if err == nil {
			return session, stored, nil
		}
		p.Lanes.Cancel(b.places)
		p.Lanes.Doubt(err)
		if !errors.Is(err, store.ErrLeaseLost) {
			return session, stored, err
		}
		for i := range b.places {
			b.places[i].Held = false
		}
		if err := sleep(ctx, time.Second/10); err != nil {
			return session, stored, err
		}
	}
}

// appendHeld collects the deliveries of a stored item that this node holds, and tells the lanes of the others.
func (p *Publisher) appendHeld(held []*carteiro.Delivery, item store.AcceptItem, places []carteiro.Place) []*carteiro.Delivery {
	for j, a := range item.Attempts {
		if !places[j].Held {
			p.Lanes.Notice(item.Event.AcceptedAt(), a.WebhookID)
			continue
		}
		held = append(held, firstAttempt(item.Event, a))
	}
	return held
}

func firstAttempt(e *carteiro.Event, a store.AcceptAttempt) *carteiro.Delivery {
	return &carteiro.Delivery{
		Event: e,
		Attempt: carteiro.Attempt{
			ID: a.ID, WebhookID: a.WebhookID, EventID: e.ID, EventType: e.Type,
			Number: 1, ChainStart: 1, Trigger: a.Trigger,
			DueAt: e.AcceptedAt(), Status: carteiro.StatusPending,
		},
	}
}

// storedResult is a Result as an idempotency key keeps it.
type storedResult struct {
	Accepted
	Failure string `json:"failure,omitempty"`
}

// failures names the errors that a key keeps.
var failures = map[string]error{
	"owner_not_found":    directory.ErrOwnerNotFound,
	"campaign_not_found": directory.ErrCampaignNotFound,
	"key_reused":         ErrKeyReused,
	"rendered_too_large": ErrRenderedTooLarge,
}

func encodeResults(results []Result) []byte {
	stored := make([]storedResult, len(results))
	for i, r := range results {
		stored[i].Accepted = r.Accepted
		for name, err := range failures {
			if errors.Is(r.Err, err) {
				stored[i].Failure = name
			}
		}
	}
	answer, _ := json.Marshal(stored) // ids and numbers: it cannot fail
	return answer
}

func replay(key *store.Key, before *store.Replay) ([]Result, error) {
	if key.Fingerprint != before.Fingerprint {
		return nil, ErrKeyReused
	}
	var stored []storedResult
	if err := json.Unmarshal(before.Answer, &stored); err != nil {
		return nil, err
	}
	results := make([]Result, len(stored))
	for i, r := range stored {
		results[i] = Result{Accepted: r.Accepted, Err: failures[r.Failure]}
	}
	return results, nil
}

func replayOne(key *store.Key, before *store.Replay) Result {
	results, err := replay(key, before)
	if err != nil || len(results) != 1 {
		return Result{Err: ErrKeyReused}
	}
	return results[0]
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
