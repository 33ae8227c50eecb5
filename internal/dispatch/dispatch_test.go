package dispatch_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
)

// node is a dispatcher on a real store, in simulated time, with receivers made of functions.
type node struct {
	*dispatch.Dispatcher
	t         *testing.T
	store     *faultyStore
	directory *directory.Directory
	ids       *carteiro.IDSource
	receivers *receivers
	owner     store.OwnerRef
	stopped   sync.Once
}

// start makes a node on a store of its own, inside the bubble.
func start(t *testing.T, change ...func(*dispatch.Config)) *node {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := startOn(t, &faultyStore{Store: s}, change...)
	t.Cleanup(func() {
		n.stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	environment := n.ids.New(time.Now())
	n.owner = store.OwnerRef{EnvironmentID: environment, Kind: carteiro.OwnerAgent, ID: n.ids.New(time.Now())}
	now := time.Now()
	must(t, s.CreateEnvironment(t.Context(), store.CreateEnvironment{
		Environment: carteiro.Environment{ID: environment, Name: "test", CreatedAt: now},
		Token:       carteiro.Token{ID: n.ids.New(now), EnvironmentID: environment, CreatedAt: now},
	}))
	_, _, err = n.directory.PutOwner(t.Context(), store.PutOwner{Owner: carteiro.Owner{
		Kind: n.owner.Kind, ID: n.owner.ID, EnvironmentID: environment, Name: "Ana", CreatedAt: now, UpdatedAt: now,
	}})
	must(t, err)
	return n
}

func startOn(t *testing.T, s *faultyStore, change ...func(*dispatch.Config)) *node {
	t.Helper()
	n := &node{t: t, store: s, directory: directory.New(s, false), ids: new(carteiro.IDSource), receivers: new(receivers)}
	config := dispatch.Config{
		Store: s, Webhooks: n.directory, Sender: n.receivers, IDs: n.ids,
		Policy: carteiro.RetryPolicy{Schedule: []time.Duration{5 * time.Second, 5 * time.Minute, 2 * time.Hour, 24 * time.Hour}},
		Logger: slog.New(slog.DiscardHandler),
		Lease:  time.Hour, // renewed seldom, so that days pass quickly; stories about leases have a short one
	}
	for _, c := range change {
		c(&config)
	}
	n.Dispatcher = dispatch.New(config)
	must(t, n.Start(t.Context()))
	return n
}

// Stop stops the dispatcher, unless that was done before.
func (n *node) Stop(ctx context.Context) { n.stopped.Do(func() { n.Dispatcher.Stop(ctx) }) }

// stop gives up what is in flight at once.
func (n *node) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n.Stop(ctx)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func shortLease(c *dispatch.Config) { c.Lease = dispatch.DefaultLease }

// webhook registers a webhook whose receiver is answer.
func (n *node) webhook(answer receiver, change ...func(*carteiro.Webhook)) *carteiro.Webhook {
	n.t.Helper()
	now := time.Now()
	w := &carteiro.Webhook{
		ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID,
		Name: "CRM", URL: "http://receiver.example/", Events: []string{"event_action"}, Timeout: carteiro.DefaultTimeout,
		MaxRetries: 3, Enabled: true, HTTPMethod: "POST", AuthorizationScheme: carteiro.AuthorizationNone,
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	for _, c := range change {
		c(w)
	}
	n.receivers.set(w.ID, answer)
	must(n.t, n.directory.CreateWebhook(n.t.Context(), store.CreateWebhook{Webhook: w}))
	return w
}

// publish does what the publisher does, for one event at the given webhooks.
func (n *node) publish(webhooks ...*carteiro.Webhook) *carteiro.Event {
	n.t.Helper()
	now := n.ids.Now()
	e := &carteiro.Event{
		ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID,
		OwnerName: "Ana", Type: "event_action", Payload: []byte(`{}`), OccurredAt: now,
	}
	item := store.AcceptItem{Event: e}
	var places []carteiro.Place
	for _, w := range webhooks {
		item.Attempts = append(item.Attempts, store.AcceptAttempt{ID: n.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic})
		places = append(places, carteiro.Place{ID: item.Attempts[len(item.Attempts)-1].ID, WebhookID: w.ID, Bytes: len(e.Payload)})
	}
	session := n.Reserve(places)
	for i := range places {
		item.Attempts[i].Held = places[i].Held
	}
	_, err := n.store.Accept(n.t.Context(), store.Accept{Now: now, Session: session, Items: []store.AcceptItem{item}})
	must(n.t, err)
	for i, a := range item.Attempts {
		if !places[i].Held {
			n.Notice(now, a.WebhookID)
			continue
		}
		n.Take(session, []*carteiro.Delivery{{Event: e, Attempt: carteiro.Attempt{
			ID: a.ID, WebhookID: a.WebhookID, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: a.Trigger, DueAt: now,
		}}}, false)
	}
	return e
}

// log reads the whole delivery log of a webhook, oldest first.
func (n *node) log(w *carteiro.Webhook) []*carteiro.Attempt {
	n.t.Helper()
	page, err := n.store.ListLogs(n.t.Context(), store.ListLogs{WebhookID: w.ID, Limit: 100_000})
	must(n.t, err)
	slices.Reverse(page.Attempts)
	return page.Attempts
}

// statuses sums a log up.
func (n *node) statuses(w *carteiro.Webhook) map[carteiro.Status]int {
	found := make(map[carteiro.Status]int)
	for _, a := range n.log(w) {
		found[a.Status]++
	}
	return found
}

// elapse lets simulated time go on, and everything settle.
func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// receiver answers one attempt; what it returns is filled up as send would.
type receiver func(ctx context.Context, d *carteiro.Delivery) *carteiro.Outcome

// takes is a receiver that answers with the status after a while.
func takes(took time.Duration, status int) receiver {
	return func(ctx context.Context, _ *carteiro.Delivery) *carteiro.Outcome {
		select {
		case <-time.After(took):
			return answered(status)
		case <-ctx.Done():
			return &carteiro.Outcome{Reason: carteiro.ReasonTimeout, Error: "given up"}
		}
	}
}

// never is a receiver that does not answer within the webhook's timeout.
func never(ctx context.Context, _ *carteiro.Delivery) *carteiro.Outcome {
	select {
	case <-time.After(carteiro.DefaultTimeout):
	case <-ctx.Done():
	}
	return &carteiro.Outcome{Reason: carteiro.ReasonTimeout, Error: "Connection timeout"}
}

func answered(status int) *carteiro.Outcome {
	if status/100 == 2 {
		return &carteiro.Outcome{Success: true, HTTPStatus: status}
	}
	return &carteiro.Outcome{Reason: carteiro.ReasonHTTPStatus, HTTPStatus: status, Error: "HTTP"}
}

// sent is one request that a receiver got.
type sent struct {
	logID   carteiro.ID
	eventID carteiro.ID
	number  int
	at      time.Time
}

// receivers is a dispatch.Sender whose receivers are functions, and a record of what they got.
type receivers struct {
	mu       sync.Mutex
	answer   map[carteiro.ID]receiver
	got      map[carteiro.ID][]sent
	inFlight map[carteiro.ID]int
	most     map[carteiro.ID]int // in flight at once
}

func (r *receivers) set(webhook carteiro.ID, answer receiver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answer == nil {
		r.answer, r.got = make(map[carteiro.ID]receiver), make(map[carteiro.ID][]sent)
		r.inFlight, r.most = make(map[carteiro.ID]int), make(map[carteiro.ID]int)
	}
	r.answer[webhook] = answer
}

// Send implements dispatch.Sender.
func (r *receivers) Send(ctx context.Context, _ *send.Target, d *carteiro.Delivery) *carteiro.Outcome {
	id, start := d.WebhookID, time.Now()
	r.mu.Lock()
	answer := r.answer[id]
	r.got[id] = append(r.got[id], sent{d.ID, d.EventID, d.Number, start})
	r.inFlight[id]++
	r.most[id] = max(r.most[id], r.inFlight[id])
	r.mu.Unlock()
	o := answer(ctx, d)
	r.mu.Lock()
	r.inFlight[id]--
	r.mu.Unlock()
	o.FinishedAt = time.Now()
	o.Duration = max(o.FinishedAt.Sub(start), 1)
	return o
}

// of gives what a webhook's receiver got so far.
func (r *receivers) of(w *carteiro.Webhook) []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got[w.ID])
}

func (r *receivers) mostInFlight(w *carteiro.Webhook) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most[w.ID]
}

// faultyStore is a store that can go down.
type faultyStore struct {
	store.Store
	mu     sync.Mutex
	down   bool
	cutOff bool // the lease cannot be renewed, while all else works
	asked  int  // how often it was asked what is held
	// listing is how long it takes to be told what is held, as it was when that was asked.
	listing time.Duration
	// unanswered is how many more records are committed without that the node is told.
	unanswered int
	// late is how many more releases fail, and are carried out so much later.
	late  int
	later time.Duration
	// slow is how long a renewal takes; ended is by which time sessions were ended last, and renewed by which they were renewed.
	slow           time.Duration
	silentTakeover bool // the next EndSessions is carried out and not answered
	renewed, ended time.Time
	// answering is how long the answer to a claim is under way.
	answering time.Duration
	// answeringReleases is how long the answer to a release is under way.
	answeringReleases time.Duration
	// silentClaims is how many more claims are carried out and not answered.
	silentClaims int
	// refuses, if not nil, says whether a record is refused for good.
	refuses func(store.Record) bool
	// afterRecord, if not nil, runs between the commit of a record and its answer.
	afterRecord func()
}

var errDown = errors.Join(store.ErrUnavailable, errors.New("the test took the store down"))

var errRefused = errors.New("the test refuses to record")

// refuse has the store refuse the records that the function picks; nil: none.
func (s *faultyStore) refuse(refuses func(store.Record) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = refuses
}

func (s *faultyStore) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *faultyStore) setCutOff(cutOff bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutOff = cutOff
}

func (s *faultyStore) askedHeld() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Held counts how often it is called.
func (s *faultyStore) Held(ctx context.Context, p store.Held) ([]store.AttemptRef, error) {
	s.mu.Lock()
	s.asked++
	listing := s.listing
	s.mu.Unlock()
	held, err := s.Store.Held(ctx, p)
	if listing > 0 {
		<-time.After(listing)
	}
	return held, err
}

func (s *faultyStore) listFor(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listing = d
}

func (s *faultyStore) fault() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errDown
	}
	return nil
}

func (s *faultyStore) Record(ctx context.Context, p store.Record) ([]store.Recorded, error) {
	if err := s.fault(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	refuses := s.refuses
	s.mu.Unlock()
	if refuses != nil && refuses(p) {
		return nil, errRefused
	}
	recorded, err := s.Store.Record(ctx, p)
	s.mu.Lock()
	after := s.afterRecord
	s.mu.Unlock()
	if after != nil {
		after()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unanswered > 0 {
		s.unanswered--
		return nil, errDown
	}
	return recorded, err
}

// onceAfterRecord runs do between the next commit of a record and its answer.
func (s *faultyStore) onceAfterRecord(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.afterRecord = func() {
		s.mu.Lock()
		s.afterRecord = nil
		s.mu.Unlock()
		do()
	}
}

func (s *faultyStore) delayReleases(releases int, by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late, s.later = releases, by
}

func (s *faultyStore) releasesToDelay() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

func (s *faultyStore) Release(ctx context.Context, p store.Release) error {
	s.mu.Lock()
	late, later := s.late > 0, s.later
	if late {
		s.late--
	}
	s.mu.Unlock() // nothing waits for a lock while time stands still
	if !late {
		err := s.Store.Release(ctx, p)
		s.mu.Lock()
		answering := s.answeringReleases
		s.mu.Unlock()
		if answering > 0 {
			<-time.After(answering)
		}
		return err
	}
	time.AfterFunc(later, func() { _ = s.Store.Release(context.Background(), p) })
	return errDown
}

func (s *faultyStore) leaveUnanswered(records int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unanswered = records
}

func (s *faultyStore) answerClaimsAfter(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answering = d
}

func (s *faultyStore) answerReleasesAfter(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answeringReleases = d
}

// leaveClaimsUnanswered has claims that bring something be carried out and not answered.
func (s *faultyStore) leaveClaimsUnanswered(claims int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silentClaims = claims
}

func (s *faultyStore) Claim(ctx context.Context, p store.Claim) (store.Claimed, error) {
	if err := s.fault(); err != nil {
		return store.Claimed{}, err
	}
	claimed, err := s.Store.Claim(ctx, p)
	s.mu.Lock()
	answering, silent := s.answering, s.silentClaims > 0 && len(claimed.Deliveries) > 0
	if silent {
		s.silentClaims--
	}
	s.mu.Unlock()
	if answering > 0 {
		<-time.After(answering)
	}
	if silent {
		return store.Claimed{}, errDown
	}
	return claimed, err
}

func (s *faultyStore) Renew(ctx context.Context, p store.Renew) error {
	if err := s.fault(); err != nil {
		return err
	}
	s.mu.Lock()
	cutOff := s.cutOff
	s.mu.Unlock()
	if cutOff {
		return errDown
	}
	s.mu.Lock()
	slow := s.slow
	s.renewed = p.Now
	s.mu.Unlock()
	if slow > 0 {
		<-time.After(slow)
	}
	return s.Store.Renew(ctx, p)
}

func (s *faultyStore) EndSessions(ctx context.Context, p store.EndSessions) (int, error) {
	if err := s.fault(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	s.ended = p.Now
	silent := s.silentTakeover
	s.silentTakeover = false
	s.mu.Unlock()
	freed, err := s.Store.EndSessions(ctx, p)
	if silent {
		return 0, errDown
	}
	return freed, err
}

func (s *faultyStore) Backlog(ctx context.Context, p store.Backlog) ([]store.Waiting, error) {
	if err := s.fault(); err != nil {
		return nil, err
	}
	return s.Store.Backlog(ctx, p)
}
