package postgres

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
	"github.com/carteiro/carteiro/internal/store/sqlite"
	"github.com/carteiro/carteiro/internal/store/storetest"
)

// cluster is two nodes on one database, with an agent and what the tests do with it.
type cluster struct {
	t     *testing.T
	url   string
	a, b  *Store
	now   time.Time
	ids   *carteiro.IDSource
	owner store.OwnerRef
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, url: postgrestest.Database(t, ""), now: time.Now(), ids: new(carteiro.IDSource)}
	c.a, c.b = openURL(t, c.url), openURL(t, c.url)
	c.owner = store.OwnerRef{EnvironmentID: c.ids.New(c.now), Kind: carteiro.OwnerAgent, ID: c.ids.New(c.now)}
	_, _, err := c.a.PutOwner(t.Context(), store.PutOwner{Owner: carteiro.Owner{
		EnvironmentID: c.owner.EnvironmentID, Kind: c.owner.Kind, ID: c.owner.ID, Name: "Reception", CreatedAt: c.now, UpdatedAt: c.now,
	}})
	c.ok(err)
	return c
}

func (c *cluster) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) webhook() *carteiro.Webhook {
	c.t.Helper()
	w := &carteiro.Webhook{
		ID: c.ids.New(c.now), EnvironmentID: c.owner.EnvironmentID, OwnerKind: c.owner.Kind, OwnerID: c.owner.ID,
		Name: "Hook", URL: "https://example.com", Events: []string{"event_action"}, Enabled: true, CreatedAt: c.now, UpdatedAt: c.now,
	}
	c.ok(c.a.CreateWebhook(c.t.Context(), store.CreateWebhook{Webhook: w}))
	return w
}

func (c *cluster) join(s *Store) store.Session {
	c.t.Helper()
	session, err := s.Join(c.t.Context(), store.Join{Node: "node", Now: c.now, Until: c.now.Add(time.Minute)})
	c.ok(err)
	return session
}

// item is an event with a first attempt, held by the session unless that is the zero one.
func (c *cluster) item(webhook carteiro.ID, session store.Session) (store.AcceptItem, *carteiro.Delivery) {
	e := &carteiro.Event{ID: c.ids.New(c.now), EnvironmentID: c.owner.EnvironmentID, OwnerKind: c.owner.Kind, OwnerID: c.owner.ID, Type: "event_action", Payload: []byte(`{"n":1}`)}
	first := store.AcceptAttempt{ID: c.ids.Sibling(e.ID), WebhookID: webhook, Trigger: carteiro.TriggerAutomatic, Held: session.ID != 0}
	d := &carteiro.Delivery{Event: e, Attempt: carteiro.Attempt{
		ID: first.ID, WebhookID: webhook, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: first.Trigger, DueAt: e.AcceptedAt(),
	}}
	return store.AcceptItem{Event: e, Attempts: []store.AcceptAttempt{first}}, d
}

func (c *cluster) publish(s *Store, session store.Session, webhook carteiro.ID) *carteiro.Delivery {
	c.t.Helper()
	item, d := c.item(webhook, session)
	_, err := s.Accept(c.t.Context(), store.Accept{Now: c.now, Session: session, Items: []store.AcceptItem{item}})
	c.ok(err)
	return d
}

func (c *cluster) record(s *Store, session store.Session, success bool, deliveries ...*carteiro.Delivery) (lost int) {
	c.t.Helper()
	p := store.Record{Session: session, Now: c.now}
	for _, d := range deliveries {
		r := store.Result{Delivery: d, Outcome: &carteiro.Outcome{Success: success, FinishedAt: c.now}}
		hook, err := s.GetWebhook(c.t.Context(), d.WebhookID)
		switch {
		case err == nil:
			r.Version = hook.Version
		case !errors.Is(err, store.ErrNotFound): // some tests need no webhook
			c.t.Fatal(err)
		}
		p.Results = append(p.Results, r)
	}
	recorded, err := s.Record(c.t.Context(), p)
	c.ok(err)
	for _, r := range recorded {
		if r.Lost {
			lost++
		}
	}
	return lost
}

func (c *cluster) total(webhook carteiro.ID, status carteiro.Status) int {
	c.t.Helper()
	page, err := c.b.ListLogs(c.t.Context(), store.ListLogs{WebhookID: webhook, Status: status, Limit: 1})
	c.ok(err)
	return page.Total
}

func TestTenNodesBootAtOnceOnAnEmptyDatabase(t *testing.T) {
	url, now := postgrestest.Database(t, ""), time.Now()
	var all sync.WaitGroup
	errs := make([]error, 10)
	for i := range errs {
		all.Go(func() {
			s, err := Open(t.Context(), url, Options{Connections: MinConnections})
			if err == nil {
				_, err = s.Purge(t.Context(), store.Purge{Now: now, Before: now.Add(-time.Hour), Limit: 100}) // makes the days
				err = errors.Join(err, s.Close())
			}
			errs[i] = err
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	s := openURL(t, url)
	wantConsistent(t, s)
	days := 0
	err := s.inTx(t.Context(), func(t *tx) error {
		return t.row(`SELECT count(*) FROM pg_inherits WHERE inhparent IN ('events'::regclass, 'attempts'::regclass)`)(&days)
	})
	if err != nil || days != 2*(1+1+daysAhead) {
		t.Errorf("%d partitions, %v", days, err)
	}
}

func TestOfAHundredRetriesOnTwoNodesOneGetsTheAttempt(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	session := c.join(c.a)
	d := c.publish(c.a, session, hook.ID)
	c.record(c.a, session, false, d)
	other := c.join(c.b)
	results, errs := make([]store.RetryResult, 100), make([]error, 100)
	var all sync.WaitGroup
	for i := range results {
		node, holder := c.a, session
		if i%2 == 1 {
			node, holder = c.b, other
		}
		p := store.Retry{
			LogRef: store.LogRef{OwnerRef: c.owner, WebhookID: hook.ID, LogID: d.ID}, Now: c.now, NotBefore: c.now.Add(-time.Hour),
			NewID: c.ids.New(c.now), Trigger: carteiro.TriggerManual, Session: holder, Held: i%3 == 0,
		}
		all.Go(func() { results[i], errs[i] = node.Retry(t.Context(), p) })
	}
	all.Wait()
	c.ok(errors.Join(errs...))
	got := make(map[carteiro.NotRetriable]int)
	for _, r := range results {
		got[r.Refused]++
	}
	if got[""] != 1 || got[carteiro.InProgress] != 99 {
		t.Errorf("answers %v", got)
	}
	if n := c.total(hook.ID, ""); n != 2 {
		t.Errorf("%d entries", n)
	}
	wantConsistent(t, c.a)
}

// A retry must not be granted between the end of one and the record of its success, whichever node does which.
func TestRetriesAgainstRecordsOnAnotherNodeNeverOpenADeliveredEvent(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	one, two := c.join(c.a), c.join(c.b)
	for range 30 {
		first := c.publish(c.a, one, hook.ID)
		c.record(c.a, one, false, first)
		retry := func() (*carteiro.Delivery, error) {
			result, err := c.b.Retry(t.Context(), store.Retry{
				LogRef: store.LogRef{OwnerRef: c.owner, WebhookID: hook.ID, LogID: first.ID}, Now: c.now, NotBefore: c.now.Add(-time.Hour),
				NewID: c.ids.New(c.now), Trigger: carteiro.TriggerManual, Session: two, Held: true,
			})
			return result.Delivery, err
		}
		granted, err := retry()
		c.ok(err)
		var all sync.WaitGroup
		all.Go(func() { c.record(c.b, two, true, granted) })
		for range 4 {
			all.Go(func() {
				if again, err := retry(); err != nil || again != nil {
					t.Errorf("granted %v beside a success, %v", again, err)
				}
			})
		}
		all.Wait()
	}
	wantConsistent(t, c.a)
}

func TestOneKeyOnTwoNodesAtOnceGivesOneEvent(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	results, errs := make([]store.AcceptResult, 60), make([]error, 60)
	var all sync.WaitGroup
	for i := range results {
		item, _ := c.item(hook.ID, store.Session{})
		key := &store.Key{EnvironmentID: c.owner.EnvironmentID, Key: "k", Fingerprint: [32]byte{1}, Answer: fmt.Append(nil, i), ExpiresAt: c.now.Add(time.Hour)}
		p := store.Accept{Now: c.now, Items: []store.AcceptItem{item}}
		if i%3 == 0 {
			p.Key = key // of the call
		} else {
			p.Items[0].Key = key
		}
		node := []*Store{c.a, c.b}[i%2]
		all.Go(func() { results[i], errs[i] = node.Accept(t.Context(), p) })
	}
	all.Wait()
	c.ok(errors.Join(errs...))
	stored, answers := 0, make(map[string]int)
	for _, r := range results {
		switch {
		case r.Replay != nil:
			answers[string(r.Replay.Answer)]++
		case r.Items[0] != nil:
			answers[string(r.Items[0].Answer)]++
		default:
			stored++
		}
	}
	if stored != 1 || len(answers) != 1 || c.total(hook.ID, "") != 1 {
		t.Errorf("%d stored, answers %v, %d entries", stored, answers, c.total(hook.ID, ""))
	}
}

func TestWorkIsSharedAndNothingIsHandedOutTwice(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	const events = 400
	for range events {
		c.publish(c.a, store.Session{}, hook.ID)
	}
	var mu sync.Mutex
	got := make(map[carteiro.ID]int)
	shares := make([]int, 2)
	// Nobody goes on before everybody has something in hand: which node is quicker is the machine's affair.
	const workers = 3
	var all, begun sync.WaitGroup
	begun.Add(2 * workers)
	for i, node := range []*Store{c.a, c.b} {
		session := c.join(node)
		for range workers {
			all.Go(func() {
				begin := sync.OnceFunc(func() {
					begun.Done()
					begun.Wait()
				})
				defer begin()
				for {
					claimed, err := node.Claim(t.Context(), store.Claim{Session: session, WebhookID: hook.ID, Now: c.now.Add(time.Hour), Limit: 7, MaxBytes: 1 << 20})
					if err != nil {
						t.Error(err)
						return
					}
					if len(claimed.Deliveries) == 0 && claimed.NextDue.IsZero() {
						return
					}
					if len(claimed.Deliveries) > 0 {
						begin()
					}
					c.record(node, session, true, claimed.Deliveries...)
					mu.Lock()
					shares[i] += len(claimed.Deliveries)
					for _, d := range claimed.Deliveries {
						got[d.ID]++
					}
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	for id, times := range got {
		if times != 1 {
			t.Errorf("%s was handed out %d times", id, times)
		}
	}
	if len(got) != events || shares[0] < workers || shares[1] < workers {
		t.Errorf("%d handed out, shares %v", len(got), shares)
	}
	if n := c.total(hook.ID, carteiro.StatusSuccess); n != events {
		t.Errorf("%d successes", n)
	}
	wantConsistent(t, c.a)
}

// A node that ends another's session and one that records under it meet at the session's row: whichever is first, the
// attempt is finished once.
func TestATakeOverAndARecordNeverBothCount(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	for range 40 {
		session := c.join(c.a)
		d := c.publish(c.a, session, hook.ID)
		var lost, freed int
		var all sync.WaitGroup
		all.Go(func() { lost = c.record(c.a, session, true, d) })
		all.Go(func() {
			var err error
			freed, err = c.b.EndSessions(t.Context(), store.EndSessions{Session: session, Now: c.now})
			if err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		if lost != freed {
			t.Fatalf("%d outcomes lost, %d attempts freed", lost, freed)
		}
	}
	wantConsistent(t, c.a)
}

// A paused node may stand in the middle of a transaction that keeps its session. Others must get over that.
func TestASessionThatATransactionKeepsDoesNotHoldUpTheOthers(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	later := clock()
	c.now = later.Add(-time.Hour)
	dead, paused := c.join(c.a), c.join(c.a)
	c.publish(c.a, dead, hook.ID)
	c.publish(c.a, paused, hook.ID)
	err := c.a.inTx(t.Context(), func(transaction *tx) error {
		if err := transaction.mustLive(paused); err != nil {
			return err
		}
		freed, err := c.b.EndSessions(t.Context(), store.EndSessions{Now: later})
		if err != nil || freed != 1 {
			t.Errorf("freed %d beside the paused one, %v", freed, err)
		}
		return nil
	})
	c.ok(err)
	freed, err := c.b.EndSessions(t.Context(), store.EndSessions{Now: later})
	if err != nil || freed != 1 {
		t.Errorf("freed %d when the paused one's transaction had ended, %v", freed, err)
	}
	var timeout string
	c.ok(c.a.inTx(t.Context(), func(t *tx) error { return t.row(`SHOW idle_in_transaction_session_timeout`)(&timeout) }))
	if timeout != "5s" {
		t.Errorf("a transaction may stand still for %s", timeout)
	}
}

// Clocks of nodes differ. A lease is a promise between them, so that it is kept by the database's clock.
func TestLeasesAreKeptByTheDatabasesClock(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	behind := func(s *Store, by time.Duration) (now time.Time) {
		var database time.Time
		c.ok(s.inTx(t.Context(), func(t *tx) error { return t.row(`SELECT clock_timestamp()`)(&database) }))
		s.ahead.Store(int64(by)) // what keepTime would have found
		return database.Add(-by)
	}
	slow, quick := behind(c.a, time.Minute), behind(c.b, -time.Minute)
	session, err := c.a.Join(t.Context(), store.Join{Node: "slow", Now: slow.Add(-15 * time.Second), Until: slow.Add(-5 * time.Second)})
	c.ok(err)
	c.publish(c.a, session, hook.ID)
	if freed, err := c.b.EndSessions(t.Context(), store.EndSessions{Now: quick.Add(-10 * time.Second)}); err != nil || freed != 0 {
		t.Errorf("freed %d while the lease ran, %v", freed, err)
	}
	if freed, err := c.b.EndSessions(t.Context(), store.EndSessions{Now: quick}); err != nil || freed != 1 {
		t.Errorf("freed %d when the lease had run out, %v", freed, err)
	}
}

// A node whose clock is set an hour ahead takes nothing from others that run, nor has its own lease for an hour longer, even in
// the moment in which it has not compared clocks again.
func TestAClockThatIsSetAheadEndsNobodysLease(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	now := clock()
	session, err := c.a.Join(t.Context(), store.Join{Node: "right", Now: now, Until: now.Add(time.Hour)})
	c.ok(err)
	c.publish(c.a, session, hook.ID)
	ahead := now.Add(2 * time.Hour)
	if freed, err := c.b.EndSessions(t.Context(), store.EndSessions{Now: ahead}); err != nil || freed != 0 {
		t.Errorf("freed %d that another held, %v", freed, err)
	}
	c.ok(c.a.Renew(t.Context(), store.Renew{Session: session, Now: now, Until: now.Add(time.Hour)}))
	own, err := c.b.Join(t.Context(), store.Join{Node: "ahead", Now: ahead, Until: ahead.Add(time.Minute)})
	c.ok(err)
	var runs time.Duration
	c.ok(c.b.inTx(t.Context(), func(t *tx) error {
		var micros int64
		err := t.row(`SELECT (extract(epoch FROM until - clock_timestamp()) * 1e6)::bigint FROM sessions WHERE id = $1`, own.ID)(&micros)
		runs = time.Duration(micros) * time.Microsecond
		return err
	}))
	if runs > time.Minute {
		t.Errorf("its own lease runs for %s, want a minute", runs)
	}
}

func TestANodeFindsOutHowFarTheDatabasesClockIsAhead(t *testing.T) {
	s := new(Store)
	now := clock()
	s.keepTime(now, now.Add(time.Hour))
	if got := time.Duration(s.ahead.Load()); (got - time.Hour).Abs() > time.Second {
		t.Errorf("%v ahead, want an hour", got)
	}
	before := s.ahead.Load()
	s.keepTime(clock(), clock().Add(time.Hour+clockTolerance/2))
	if s.ahead.Load() != before {
		t.Error("a difference that means nothing was taken for one")
	}
}

// Of a rotation and people who sign in on other nodes meanwhile: no session outlives the token that it is of.
func TestNoSessionSlipsThroughARotation(t *testing.T) {
	c := newCluster(t)
	environment := carteiro.Environment{ID: c.ids.New(c.now), Name: "production", CreatedAt: c.now}
	token := func() carteiro.Token {
		id := c.ids.New(c.now)
		return carteiro.Token{ID: id, EnvironmentID: environment.ID, Hash: carteiro.HashToken(id.String()), CreatedAt: c.now}
	}
	current := token()
	c.ok(c.a.CreateEnvironment(t.Context(), store.CreateEnvironment{Environment: environment, Token: current}))
	for range 20 {
		next := token()
		derived := make([]carteiro.Token, 6)
		var all sync.WaitGroup
		for i := range derived {
			session := token()
			session.Session, session.ExpiresAt = true, c.now.Add(12*time.Hour)
			all.Go(func() {
				var err error
				derived[i], err = []*Store{c.a, c.b}[i%2].DeriveToken(t.Context(), store.DeriveToken{Token: session, From: current.Hash, Now: c.now})
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Error(err)
				}
			})
		}
		all.Go(func() { c.wantNil(c.b.RotateToken(t.Context(), store.RotateToken{Token: next, OldEndsAt: c.now})) })
		all.Wait()
		for _, session := range derived {
			if session.ID.IsZero() {
				continue // it came too late
			}
			found, err := c.a.FindToken(t.Context(), session.Hash)
			c.ok(err)
			if !found.Expired(c.now) {
				t.Fatalf("the session ends at %s", found.ExpiresAt)
			}
		}
		current = next
	}
}

func TestNodesHearOfEachOther(t *testing.T) {
	c := newCluster(t)
	heard := make(chan store.Hint, 100)
	listening := make(chan struct{})
	var once sync.Once
	go c.b.Listen(t.Context(), func(h store.Hint) {
		if h.Lost {
			once.Do(func() { close(listening) })
			return
		}
		heard <- h
	})
	<-listening
	hear := func() store.Hint {
		t.Helper()
		select {
		case h := <-heard:
			return h
		case <-time.After(time.Minute):
			t.Fatal("nothing is heard")
			return store.Hint{}
		}
	}
	hook := c.webhook()
	h := hear()
	if len(h.Webhooks) != 1 || h.Webhooks[0] != hook.ID || len(h.Owners) != 1 || h.Owners[0] != c.owner {
		t.Errorf("of a new webhook: %+v", h)
	}
	c.publish(c.a, store.Session{}, hook.ID)
	if h = hear(); len(h.Waiting) != 1 || h.Waiting[0] != hook.ID {
		t.Errorf("of what waits: %+v", h)
	}
	// What is held, what waits at the node itself, and what was not changed is not told.
	c.publish(c.a, c.join(c.a), hook.ID)
	c.publish(c.b, store.Session{}, hook.ID)
	stale := *hook
	stale.Version = 7
	if err := c.a.UpdateWebhook(t.Context(), store.UpdateWebhook{Webhook: &stale}); !errors.Is(err, store.ErrConflict) {
		t.Fatal(err)
	}
	session := c.join(c.a)
	gone := c.publish(c.a, session, hook.ID)
	_, err := c.a.Record(t.Context(), store.Record{Session: session, Now: c.now, Results: []store.Result{{
		Delivery: gone, Version: hook.Version, Outcome: &carteiro.Outcome{HTTPStatus: 410, FinishedAt: c.now}, DisableWebhook: true,
	}}})
	c.ok(err)
	if h = hear(); len(h.Webhooks) != 1 || h.Webhooks[0] != hook.ID {
		t.Errorf("of a webhook whose receiver is gone: %+v", h)
	}
	deleted, err := c.a.DeleteOwner(t.Context(), store.DeleteOwner{OwnerRef: c.owner, Now: c.now})
	c.ok(err)
	if h = hear(); len(h.Owners) != 1 || len(h.Webhooks) != len(deleted) {
		t.Errorf("of a deleted owner: %+v", h)
	}
}

func TestTheSameHistoriesGiveTheSameOnBothDatabases(t *testing.T) {
	for _, seed := range []uint64{101, 102, 103} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			file, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := file.Close(); err != nil {
					t.Error(err)
				}
			})
			s := openURL(t, postgrestest.Database(t, ""))
			storetest.Same(t, seed, s, file)
			wantConsistent(t, s)
		})
	}
}

// A group that needs to know nothing before it writes is sent as one, without a beginning and an end.
func TestACallThatFailsLeavesNothingOfItsGroupBehind(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	item, _ := c.item(hook.ID, store.Session{})
	item.Attempts = append(item.Attempts, item.Attempts[0])
	item.Attempts[1].ID = c.ids.New(c.now) // two open attempts of one event
	if _, err := c.a.Accept(t.Context(), store.Accept{Now: c.now, Items: []store.AcceptItem{item}}); err == nil {
		t.Fatal("it was accepted")
	}
	item.Attempts = item.Attempts[:1]
	_, err := c.a.Accept(t.Context(), store.Accept{Now: c.now, Items: []store.AcceptItem{item}})
	c.ok(err)
	wantConsistent(t, c.a)
}

// Of many calls that share a group the one at fault is told so, and the others are stored.
func TestOneCallAtFaultDoesNotSpoilItsGroup(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	taken, _ := c.item(hook.ID, store.Session{})
	_, err := c.a.Accept(t.Context(), store.Accept{Now: c.now, Items: []store.AcceptItem{taken}})
	c.ok(err)
	const callers = 50
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range errs {
		item, _ := c.item(hook.ID, store.Session{})
		if i%10 == 3 {
			item = taken
		}
		all.Go(func() {
			_, errs[i] = c.a.Accept(t.Context(), store.Accept{Now: c.now, Items: []store.AcceptItem{item}})
		})
	}
	all.Wait()
	for i, err := range errs {
		if (err != nil) != (i%10 == 3) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if n := c.total(hook.ID, ""); n != 1+callers*9/10 {
		t.Errorf("%d entries", n)
	}
	wantConsistent(t, c.a)
}

// What others write may hold bytes that text of PostgreSQL does not take.
func TestWhateverBytesOthersSendAreKept(t *testing.T) {
	c := newCluster(t)
	odd := "\x00\xff é"
	owner := carteiro.Owner{EnvironmentID: c.owner.EnvironmentID, Kind: c.owner.Kind, ID: c.ids.New(c.now), Name: odd, CreatedAt: c.now, UpdatedAt: c.now}
	_, _, err := c.a.PutOwner(t.Context(), store.PutOwner{Owner: owner})
	c.ok(err)
	found, total, err := c.a.ListOwners(t.Context(), store.ListOwners{EnvironmentID: owner.EnvironmentID, Kind: owner.Kind, Search: "\x00", Limit: 10})
	if err != nil || total != 1 || found[0].Name != odd {
		t.Errorf("%+v, %d, %v", found, total, err)
	}
	hook, session := c.webhook(), c.join(c.a)
	item, d := c.item(hook.ID, session)
	item.Event.OwnerName, item.Event.CampaignName, item.Event.Payload = odd, odd, []byte(odd)
	item.Key = &store.Key{EnvironmentID: c.owner.EnvironmentID, Key: odd, Answer: []byte(odd), ExpiresAt: c.now.Add(time.Hour)}
	_, err = c.a.Accept(t.Context(), store.Accept{Now: c.now, Session: session, Items: []store.AcceptItem{item}})
	c.ok(err)
	outcome := &carteiro.Outcome{Error: odd, Detail: odd, RequestURL: odd, RequestHeaders: map[string][]string{"X": {odd}}, ResponseBody: []byte(odd)}
	_, err = c.a.Record(t.Context(), store.Record{Session: session, Now: c.now, Results: []store.Result{{Delivery: d, Outcome: outcome}}})
	c.ok(err)
	log, err := c.a.GetLog(t.Context(), store.AttemptRef{WebhookID: hook.ID, ID: d.ID})
	c.ok(err)
	if o := log.Outcome; o.Error != odd || o.Detail != odd || o.RequestURL != odd || o.RequestHeaders.Get("X") != odd || string(o.ResponseBody) != odd {
		t.Errorf("outcome %+v", o)
	}
	page, err := c.a.ListLogs(t.Context(), store.ListLogs{WebhookID: hook.ID, EventType: odd, Limit: 1})
	if err != nil || page.Total != 0 {
		t.Errorf("entries of an odd type: %+v, %v", page, err)
	}
}

func TestNoPasswordIsTold(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:secret@h:1,h2:2/d?x=y":        "postgres://u:***@h:1,h2:2/d?x=y",
		"postgres://u:se@cret@h/d":                  "postgres://u:***@h/d",
		"postgres://h/d?user=u&password=secret&a=b": "postgres://h/d?user=u&password=***&a=b",
		"postgres://h/d?sslpassword=secret":         "postgres://h/d?sslpassword=***",
		"postgres://u@h/d":                          "postgres://u@h/d",
	} {
		if got := Redacted(url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	for _, url := range []string{"postgres://u:secret@127.0.0.1:1/d?connect_timeout=1", "postgres://u:secret@127.0.0.1:none/d", "postgres://u:secret@[::1/d"} {
		_, err := Open(t.Context(), url, Options{})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
}
