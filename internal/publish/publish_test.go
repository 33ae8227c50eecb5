package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// desk is a queue and lanes in one, which keep the order of what they are asked.
type desk struct {
	store.Queue
	publish.Lanes
	refuse  map[carteiro.ID]bool // webhooks whose attempts the lanes do not hold
	fail    []error              // of the calls to the store, in their order
	session int64

	calls     []string
	places    []carteiro.Place // that were reserved last
	accepted  []store.Accept
	retried   []store.Retry
	previewed store.PreviewRetry
	taken     []*carteiro.Delivery
	contexts  []error // of each call's context when the store was asked
	answer    store.AcceptResult
	retry     store.RetryResult
	outcome   *carteiro.Outcome
}

func (d *desk) Reserve(places []carteiro.Place) store.Session {
	d.session++
	for i := range places {
		places[i].Held = !d.refuse[places[i].WebhookID]
	}
	d.places = slices.Clone(places)
	d.calls = append(d.calls, fmt.Sprintf("reserve %d", len(places)))
	return store.Session{ID: d.session}
}

func (d *desk) Cancel(places []carteiro.Place) {
	d.calls = append(d.calls, fmt.Sprintf("cancel %d", len(places)))
}

func (d *desk) Take(s store.Session, deliveries []*carteiro.Delivery, urgent bool) {
	d.taken = append(d.taken, deliveries...)
	d.calls = append(d.calls, fmt.Sprintf("take %d in session %d, urgent %v", len(deliveries), s.ID, urgent))
}

func (d *desk) TakeNow(_ context.Context, s store.Session, delivery *carteiro.Delivery) (*carteiro.Outcome, error) {
	d.taken = append(d.taken, delivery)
	d.calls = append(d.calls, fmt.Sprintf("take now in session %d", s.ID))
	return d.outcome, nil
}

func (d *desk) Notice(due time.Time, webhooks ...carteiro.ID) {
	d.calls = append(d.calls, fmt.Sprintf("notice %d at %s", len(webhooks), due.Format("15:04:05")))
}

func (d *desk) Doubt(err error) { d.calls = append(d.calls, fmt.Sprintf("doubt %v", err)) }

func (d *desk) next(ctx context.Context) error {
	d.contexts = append(d.contexts, ctx.Err())
	if len(d.fail) == 0 {
		return nil
	}
	err := d.fail[0]
	d.fail = d.fail[1:]
	return err
}

func (d *desk) Accept(ctx context.Context, p store.Accept) (store.AcceptResult, error) {
	d.calls = append(d.calls, "accept")
	p.Items = slices.Clone(p.Items)
	for i := range p.Items {
		p.Items[i].Attempts = slices.Clone(p.Items[i].Attempts)
	}
	d.accepted = append(d.accepted, p)
	result := d.answer
	if result.Items == nil {
		result.Items = make([]*store.Replay, len(p.Items))
	}
	return result, d.next(ctx)
}

func (d *desk) Retry(ctx context.Context, p store.Retry) (store.RetryResult, error) {
	d.calls = append(d.calls, "retry")
	d.retried = append(d.retried, p)
	return d.retry, d.next(ctx)
}

func (d *desk) PreviewRetry(_ context.Context, p store.PreviewRetry) (store.RetryPreview, error) {
	d.previewed = p
	return store.RetryPreview{}, nil
}

// shop is a publisher for an agent with so many webhooks, at a desk.
type shop struct {
	*publish.Publisher
	*desk
	owner    store.OwnerRef
	webhooks []carteiro.ID
	registry *registry
}

func newShop(webhooks int) *shop {
	ids, now := new(carteiro.IDSource), time.Now()
	s := &shop{desk: &desk{refuse: map[carteiro.ID]bool{}}, owner: store.OwnerRef{EnvironmentID: ids.New(now), Kind: carteiro.OwnerAgent, ID: ids.New(now)}}
	r := &registry{missing: map[carteiro.ID]bool{}}
	s.registry = r
	for range webhooks {
		w := &carteiro.Webhook{ID: ids.New(now), OwnerKind: s.owner.Kind, OwnerID: s.owner.ID, Enabled: true, Events: []string{"event_action"}}
		r.webhooks, s.webhooks = append(r.webhooks, w), append(s.webhooks, w.ID)
	}
	s.Publisher = &publish.Publisher{Store: s.desk, Directory: directory.New(r, false), Lanes: s.desk, IDs: ids, Retention: time.Hour}
	return s
}

func (s *shop) event() publish.Event {
	return publish.Event{Owner: s.owner, Type: "event_action", Payload: []byte(`{"a":1}`), TraceParent: "00-1"}
}

func (s *shop) wantCalls(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.calls, want) {
		t.Errorf("the calls are\n%q, want\n%q", s.calls, want)
	}
}

var errDisk = fmt.Errorf("disk full: %w", store.ErrUnavailable)

func TestAStoredEventGoesToItsLanesAsItWasStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(2)
		s.refuse[s.webhooks[1]] = true
		results, err := s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{s.event()})
		if err != nil || len(results) != 1 || results[0].Err != nil || results[0].Deliveries != 2 {
			t.Fatalf("results %+v, %v", results, err)
		}
		// The lanes of the attempt that this node does not hold hear that it is due.
		s.wantCalls(t, "reserve 2", "accept", "notice 1 at "+time.Now().UTC().Format("15:04:05"), "take 1 in session 1, urgent false")
		p := s.accepted[0]
		e, attempts := p.Items[0].Event, p.Items[0].Attempts
		if p.Session.ID != 1 || !p.Now.Equal(time.Now()) || !attempts[0].Held || attempts[1].Held || !e.OccurredAt.Equal(e.AcceptedAt()) {
			t.Errorf("accepted %+v", p)
		}
		if e.ID != results[0].EventID || e.OwnerID != s.owner.ID || e.OwnerKind != s.owner.Kind || e.EnvironmentID != s.owner.EnvironmentID ||
			e.OwnerName != "Ana" || e.Type != "event_action" || string(e.Payload) != `{"a":1}` || e.TraceParent != "00-1" || e.Test {
			t.Errorf("stored the event %+v", e)
		}
		want := carteiro.Attempt{
			ID: attempts[0].ID, WebhookID: s.webhooks[0], EventID: e.ID, EventType: "event_action", Number: 1, ChainStart: 1,
			Trigger: carteiro.TriggerAutomatic, DueAt: e.AcceptedAt(), Status: carteiro.StatusPending,
		}
		if got := s.taken[0]; got.Event != e || got.Attempt != want {
			t.Errorf("took %+v, want %+v", got.Attempt, want)
		}
	})
}

func TestAnEventThatNobodyWantsIsStoredAndWakesNobody(t *testing.T) {
	s := newShop(0)
	if _, err := s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{s.event()}); err != nil {
		t.Fatal(err)
	}
	s.wantCalls(t, "reserve 0", "accept")
}

func TestAFailedAcceptGivesBackItsPlacesAndIsCheckedLater(t *testing.T) {
	s := newShop(1)
	s.fail = []error{errDisk}
	if _, err := s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{s.event()}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	s.wantCalls(t, "reserve 1", "accept", "cancel 1", fmt.Sprintf("doubt %v", errDisk))
}

func TestALostLeaseIsAskedForAnewUntilTheCallEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(1)
		s.fail = []error{store.ErrLeaseLost}
		start := time.Now()
		if _, err := s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{s.event()}); err != nil {
			t.Fatal(err)
		}
		lost := fmt.Sprintf("doubt %v", store.ErrLeaseLost)
		s.wantCalls(t, "reserve 1", "accept", "cancel 1", lost, "reserve 1", "accept", "take 1 in session 2, urgent false")
		if took := time.Since(start); took != time.Second/10 {
			t.Errorf("it took %v", took)
		}
		s.fail, s.calls = slices.Repeat([]error{store.ErrLeaseLost}, 100), nil
		ctx, stop := context.WithTimeout(t.Context(), time.Second/4)
		defer stop()
		if _, err := s.Publish(ctx, s.owner.EnvironmentID, nil, []publish.Event{s.event()}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// wantPlaces holds the places that were reserved last.
func (s *shop) wantPlaces(t *testing.T, want ...carteiro.Place) {
	t.Helper()
	if !slices.Equal(s.places, want) {
		t.Errorf("reserved %+v, want %+v", s.places, want)
	}
}

func TestAnEventKeepsWhenItHappenedAndWhoseItIs(t *testing.T) {
	s := newShop(0)
	e := s.event()
	e.CampaignID, e.OccurredAt = s.IDs.New(time.Now()), time.Unix(1_700_000_000, 0)
	results, err := s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{e})
	if err != nil || results[0].Deliveries != 0 {
		t.Fatal(results, err)
	}
	got := s.accepted[0].Items[0].Event
	if got.CampaignID != e.CampaignID || got.CampaignName != "Ana" || !got.OccurredAt.Equal(e.OccurredAt) || got.Undelivered != carteiro.NoWebhook {
		t.Errorf("stored %+v", got)
	}
}

func TestEachPlaceIsThatOfAnAttempt(t *testing.T) {
	s := newShop(2)
	if _, err := s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{s.event(), s.event()}); err != nil {
		t.Fatal(err)
	}
	var want []carteiro.Place
	for _, item := range s.accepted[0].Items {
		for _, a := range item.Attempts {
			if a.ID.Time() != item.Event.AcceptedAt() || a.ID == item.Event.ID {
				t.Errorf("attempt %v of event %v", a.ID, item.Event.ID)
			}
			want = append(want, carteiro.Place{ID: a.ID, WebhookID: a.WebhookID, Bytes: 7, Held: true})
		}
	}
	s.wantPlaces(t, want...)
}

func TestWhatIsHeldIsToldForEachEventOfABatch(t *testing.T) {
	s := newShop(1)
	item := s.event()
	item.Key = &publish.Key{Key: "k"}
	s.answer.Items = []*store.Replay{nil, {Answer: []byte(`[{}]`)}, nil}
	s.refuse[s.webhooks[0]] = true
	if _, err := s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{s.event(), item, s.event()}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.calls); n != 5 { // reserve, accept, notice, cancel, notice
		t.Errorf("the calls are %q", s.calls)
	}
}

func TestAnUnknownOwnerFailsItsEventAlone(t *testing.T) {
	s := newShop(1)
	stranger, lost := s.event(), s.event()
	stranger.Owner.ID, lost.CampaignID = s.IDs.New(time.Now()), s.IDs.New(time.Now())
	s.registry.missing[stranger.Owner.ID], s.registry.missing[lost.CampaignID] = true, true
	check := func(results []publish.Result, err error) {
		t.Helper()
		if err != nil || len(results) != 3 || !errors.Is(results[0].Err, directory.ErrOwnerNotFound) ||
			!errors.Is(results[1].Err, directory.ErrCampaignNotFound) || results[2].Err != nil || results[2].EventID.IsZero() {
			t.Errorf("results %+v, %v", results, err)
		}
	}
	key := &publish.Key{Key: "k"}
	check(s.Publish(t.Context(), s.owner.EnvironmentID, key, []publish.Event{stranger, lost, s.event()}))
	if len(s.accepted) != 1 || len(s.accepted[0].Items) != 1 {
		t.Errorf("accepted %+v", s.accepted)
	}
	s.answer.Replay = &store.Replay{Answer: s.accepted[0].Key.Answer} // the same call again
	check(s.Publish(t.Context(), s.owner.EnvironmentID, key, []publish.Event{stranger, lost, s.event()}))

	s.answer.Replay, s.calls = nil, nil
	if _, err := s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{stranger}); err != nil {
		t.Error(err)
	}
	s.wantCalls(t) // there is nothing to store
	if _, err := s.Publish(t.Context(), s.owner.EnvironmentID, key, []publish.Event{stranger}); err != nil {
		t.Error(err)
	}
	s.wantCalls(t, "reserve 0", "accept") // but the answer of a key
}

func TestAnAnswerThatIsNotOfOneEventIsNotGivenToOne(t *testing.T) {
	s := newShop(1)
	item := s.event()
	item.Key = &publish.Key{Key: "k"}
	s.answer.Items = []*store.Replay{{Answer: []byte(`[{},{}]`)}}
	results, err := s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{item})
	if err != nil || !errors.Is(results[0].Err, publish.ErrKeyReused) {
		t.Errorf("results %+v, %v", results, err)
	}
}

// A client that hangs up must not leave attempts that are stored as held by this node and unknown to it.
func TestACallThatHasBegunIsNotCanceledWithItsClient(t *testing.T) {
	s := newShop(1)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if _, err := s.Publish(ctx, s.owner.EnvironmentID, nil, []publish.Event{s.event()}); err != nil {
		t.Error(err)
	}
	s.retry = store.RetryResult{Delivery: new(carteiro.Delivery)}
	if _, err := s.Publisher.Retry(ctx, store.LogRef{}, nil, nil); err != nil {
		t.Error(err)
	}
	if want := []error{nil, nil}; !slices.Equal(s.contexts, want) {
		t.Errorf("the store was asked with contexts that ended with %v", s.contexts)
	}
}

func TestAKeyThatCameBeforeGivesItsAnswerAndItsPlacesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(1)
		key := &publish.Key{Key: "k", Fingerprint: [32]byte{1}}
		item := s.event()
		item.Key = key
		if _, err := s.Publish(t.Context(), s.owner.EnvironmentID, key, []publish.Event{item, s.event()}); err != nil {
			t.Fatal(err)
		}
		whole, one := s.accepted[0].Key, s.accepted[0].Items[0].Key
		for _, k := range []*store.Key{whole, one} {
			if k.EnvironmentID != s.owner.EnvironmentID || k.Key != "k" || k.Fingerprint != key.Fingerprint || !k.ExpiresAt.Equal(time.Now().Add(24*time.Hour)) {
				t.Errorf("kept the key %+v", k)
			}
		}
		first := s.accepted[0].Items[0].Event.ID

		s.calls, s.taken = nil, nil
		s.answer = store.AcceptResult{Items: []*store.Replay{{Fingerprint: one.Fingerprint, Answer: one.Answer}, nil}}
		results, err := s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{item, s.event()})
		if err != nil || results[0].EventID != first || results[0].Deliveries != 1 || results[1].EventID == first || len(s.taken) != 1 {
			t.Errorf("an item's key: %+v, %v, took %d", results, err, len(s.taken))
		}
		s.wantCalls(t, "reserve 2", "accept", "cancel 1", "take 1 in session 2, urgent false")

		s.answer.Items[0].Fingerprint = [32]byte{2}
		results, err = s.Publish(t.Context(), s.owner.EnvironmentID, nil, []publish.Event{item, s.event()})
		if err != nil || !errors.Is(results[0].Err, publish.ErrKeyReused) || results[1].Err != nil {
			t.Errorf("an item's key with another event: %+v, %v", results, err)
		}

		last := s.accepted[0]
		again := []*store.Replay{{Fingerprint: one.Fingerprint, Answer: one.Answer}, nil}
		for _, fingerprint := range [][32]byte{one.Fingerprint, {2}} {
			again[0].Fingerprint = fingerprint
			s.answer = store.AcceptResult{Replay: &store.Replay{Fingerprint: whole.Fingerprint, Answer: last.Answer(again)}}
			results, err = s.Publish(t.Context(), s.owner.EnvironmentID, key, []publish.Event{item, s.event()})
			if reused := fingerprint != one.Fingerprint; err != nil || errors.Is(results[0].Err, publish.ErrKeyReused) != reused || !reused && results[0].EventID != first {
				t.Errorf("the call's key after an item's key: %+v, %v", results, err)
			}
		}

		s.calls = nil
		s.answer = store.AcceptResult{Replay: &store.Replay{Fingerprint: whole.Fingerprint, Answer: whole.Answer}}
		results, err = s.Publish(t.Context(), s.owner.EnvironmentID, key, []publish.Event{item, s.event()})
		if err != nil || len(results) != 2 || results[0].EventID != first {
			t.Errorf("the call's key: %+v, %v", results, err)
		}
		s.wantCalls(t, "reserve 2", "accept", "cancel 2")
		s.answer.Replay.Fingerprint = [32]byte{2}
		if _, err = s.Publish(t.Context(), s.owner.EnvironmentID, key, []publish.Event{item}); !errors.Is(err, publish.ErrKeyReused) {
			t.Errorf("the call's key with another call: %v", err)
		}
		s.answer.Replay = &store.Replay{Fingerprint: key.Fingerprint, Answer: []byte("damaged")}
		if _, err = s.Publish(t.Context(), s.owner.EnvironmentID, key, []publish.Event{item}); err == nil {
			t.Error("a damaged answer was given again")
		}
	})
}

func TestATestIsSentOnceAtOnceUnderItsNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(1)
		s.outcome = &carteiro.Outcome{Success: true}
		w, sample := &carteiro.Webhook{ID: s.webhooks[0]}, s.event()
		sample.CampaignID = s.IDs.New(time.Now())
		outcome, err := s.Test(t.Context(), w, sample, publish.Names{Owner: "Ana", Campaign: "Spring"})
		if err != nil || outcome != s.outcome {
			t.Fatal(outcome, err)
		}
		s.wantCalls(t, "reserve 1", "accept", "take now in session 1")
		e, d := s.accepted[0].Items[0].Event, s.taken[0]
		if !e.Test || e.OwnerName != "Ana" || e.CampaignName != "Spring" || e.CampaignID != sample.CampaignID || e.Type != "event_action" ||
			e.OwnerID != s.owner.ID || e.OwnerKind != s.owner.Kind || e.EnvironmentID != s.owner.EnvironmentID || string(e.Payload) != `{"a":1}` ||
			e.TraceParent != "00-1" || !e.OccurredAt.Equal(e.AcceptedAt()) || !s.accepted[0].Now.Equal(time.Now()) {
			t.Errorf("stored the event %+v", e)
		}
		if d.Trigger != carteiro.TriggerTest || d.WebhookID != w.ID || d.Event != e || d.ID != s.accepted[0].Items[0].Attempts[0].ID {
			t.Errorf("took %+v", d)
		}
		s.wantPlaces(t, carteiro.Place{ID: d.ID, WebhookID: w.ID, Urgent: true, Held: true})
		if e.ID.IsZero() || d.ID.Time() != e.AcceptedAt() || d.ID == e.ID {
			t.Errorf("attempt %v of event %v", d.ID, e.ID)
		}
		s.calls = nil
		if err := s.TestLater(t.Context(), w, sample, publish.Names{}); err != nil {
			t.Fatal(err)
		}
		s.wantCalls(t, "reserve 1", "accept", "take 1 in session 2, urgent true")

		s.calls, s.refuse[w.ID] = nil, true // the node is stopping
		if _, err := s.Test(t.Context(), w, sample, publish.Names{}); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("of a node that stops: %v", err)
		}
		s.fail = []error{errDisk, errDisk}
		if err := s.TestLater(t.Context(), w, sample, publish.Names{}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("of a store that is away: %v", err)
		}
		if len(s.taken) != 2 {
			t.Errorf("%d tests were sent", len(s.taken))
		}
	})
}

func TestARetryIsOneAttemptAndSaysWhichOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(1)
		log := store.LogRef{WebhookID: s.webhooks[0], LogID: s.IDs.New(time.Now())}
		log.EnvironmentID = s.owner.EnvironmentID
		s.retry = store.RetryResult{Delivery: new(carteiro.Delivery)}
		audit, key := new(carteiro.AuditEntry), &publish.Key{Key: "k", Fingerprint: [32]byte{1}}
		got, err := s.Publisher.Retry(t.Context(), log, key, audit)
		if err != nil || got.OriginalLogID != log.LogID || !got.QueuedAt.Equal(got.LogID.Time()) {
			t.Fatalf("%+v, %v", got, err)
		}
		s.wantCalls(t, "reserve 1", "retry", "take 1 in session 1, urgent true")
		p := s.retried[0]
		s.wantPlaces(t, carteiro.Place{ID: got.LogID, WebhookID: log.WebhookID, Urgent: true, Held: true})
		if p.LogRef != log || p.NewID != got.LogID || p.Trigger != carteiro.TriggerManual || !p.Held || p.Session.ID != 1 || p.Audit != audit ||
			!p.Now.Equal(time.Now()) || !p.NotBefore.Equal(time.Now().Add(-time.Hour)) {
			t.Errorf("asked the store for %+v", p)
		}
		if k := p.Key; k.Key != "k" || k.Fingerprint != key.Fingerprint || k.EnvironmentID != log.EnvironmentID || !k.ExpiresAt.Equal(time.Now().Add(24*time.Hour)) {
			t.Errorf("kept the key %+v", k)
		}
		if len(audit.Changes) != 1 || string(audit.Changes[0].After) != `"`+got.LogID.String()+`"` {
			t.Errorf("wrote down %+v", audit.Changes)
		}

		s.calls, s.refuse[log.WebhookID] = nil, true
		if _, err := s.Publisher.Retry(t.Context(), log, nil, nil); err != nil {
			t.Fatal(err)
		}
		s.wantCalls(t, "reserve 1", "retry", "notice 1 at "+time.Now().UTC().Format("15:04:05"))
		if s.retried[1].Held || s.retried[1].Key != nil {
			t.Errorf("asked the store for %+v", s.retried[1])
		}
		delete(s.refuse, log.WebhookID)

		s.calls, s.retry = nil, store.RetryResult{Replay: &store.Replay{Fingerprint: key.Fingerprint, Answer: p.Key.Answer}}
		if again, err := s.Publisher.Retry(t.Context(), log, key, nil); err != nil || again != got {
			t.Errorf("the same key: %+v, %v, want %+v", again, err, got)
		}
		s.wantCalls(t, "reserve 1", "retry", "cancel 1", "doubt <nil>")
		s.retry.Replay.Fingerprint = [32]byte{2}
		if _, err := s.Publisher.Retry(t.Context(), log, key, nil); !errors.Is(err, publish.ErrKeyReused) {
			t.Errorf("the key of another call: %v", err)
		}
		s.retry = store.RetryResult{Refused: carteiro.TooOld}
		if _, err := s.Publisher.Retry(t.Context(), log, nil, nil); !errors.Is(err, publish.RefusedError{Reason: carteiro.TooOld}) {
			t.Errorf("a refused retry: %v", err)
		}
		s.calls, s.fail = nil, []error{store.ErrLeaseLost, errDisk}
		if _, err := s.Publisher.Retry(t.Context(), log, nil, nil); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a store that is away: %v", err)
		}
		s.wantCalls(t, "reserve 1", "retry", "cancel 1", fmt.Sprintf("doubt %v", store.ErrLeaseLost), "reserve 1", "retry", "cancel 1", fmt.Sprintf("doubt %v", errDisk))
		s.fail = slices.Repeat([]error{store.ErrLeaseLost}, 100)
		ctx, stop := context.WithTimeout(t.Context(), time.Second/4)
		defer stop()
		if _, err := s.Publisher.Retry(ctx, log, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call that ends: %v", err)
		}

		if _, err := s.Publisher.PreviewRetry(t.Context(), log); err != nil {
			t.Fatal(err)
		}
		if q := s.previewed; q.LogRef != log || q.NewID.IsZero() || !q.NotBefore.Equal(q.Now.Add(-time.Hour)) {
			t.Errorf("previewed %+v", q)
		}
	})
}
