package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// The heart of the matter: what was answered 202 is delivered, whatever happens to the process. A server is killed
// under load again and again, on one file, and at the end every accepted event has reached each of its webhooks, and
// was sent twice only if a kill came between its arrival and its record.
func TestNothingAcceptedIsLostByKill(t *testing.T) {
	t.Parallel()
	crash{rounds: 5, shortest: 300 * time.Millisecond, longest: 1200 * time.Millisecond}.run(t)
}

// The same on PostgreSQL. What a killed server held waits there until its lease has run out.
func TestNothingAcceptedIsLostByKillOnPostgres(t *testing.T) {
	t.Parallel()
	crash{
		rounds: 3, shortest: 300 * time.Millisecond, longest: 1200 * time.Millisecond,
		environ: []string{"CARTEIRO_DATABASE=" + postgrestest.Database(t, ""), "CARTEIRO_TAKEOVER=2s"},
	}.run(t)
}

// crash says how often the server is killed, and after how long under load.
type crash struct {
	rounds            int
	shortest, longest time.Duration
	environ           []string // variables of the servers
}

func (c crash) run(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	ledger := newLedger()
	receiver, connections := watched(t, ledger.receive)
	h := newHouseIn(t, c.environ, "--allow-private-networks", "--rate-limit", "0", "--retry-schedule", "50ms,200ms,500ms").start()
	owners := register(h, receiver.URL, ledger)
	for round := range c.rounds {
		if round > 0 {
			h.start()
		}
		ctx, cancel := context.WithCancel(t.Context())
		var publishers sync.WaitGroup
		for i := range 6 {
			batch := 1
			if i >= 4 {
				batch = 25
			}
			publishers.Go(func() { ledger.publish(ctx, h.client(), owners, i, batch) })
		}
		publishers.Go(func() { commandsBeside(ctx, t, h, round%10 == 0) })
		pause(ctx, c.shortest+time.Duration(random.Int64N(int64(c.longest-c.shortest))))
		killed := time.Now()
		h.kill()
		h.wait(t)
		connections.drain(t, receiver.URL)
		ledger.died(killed)
		cancel()
		publishers.Wait()
	}
	h.start()
	ledger.awaitAll(t)
	for _, w := range ledger.webhooks() {
		eventually(t, "nothing is open any more", func(ctx context.Context) bool {
			_, open, err := h.client().ListLogs(ctx, w.Owner(), w.ID, client.LogFilter{Status: client.StatusPending, PerPage: 1})
			return err == nil && open.Total == 0
		})
	}
	ledger.audit(t, h)
	h.stop()
	report, err := h.command("doctor")
	if err != nil {
		t.Errorf("%s %v", report, err)
	}
	t.Log(report)
}

// commandsBeside runs commands on the file, again and again, while a server is at work on it, dies, and is back. Whatever is
// under way, everything holds; which is not looked at always, because it takes longer the more there is.
func commandsBeside(ctx context.Context, t *testing.T, h *house, examine bool) {
	for ctx.Err() == nil {
		if out, err := h.command("environment", "list", "--json"); err != nil || !strings.Contains(out, `"name":"test"`) {
			t.Errorf("%s %v", out, err)
		}
		if !examine {
			continue
		}
		if out, err := h.command("doctor"); err != nil {
			t.Errorf("%s %v", out, err)
		}
	}
}

// pause lets load run for a while: how long is what the test is about, so it is waited for and not signalled.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// register makes three agents: one with two webhooks, one whose receiver is slow, and one whose receiver often fails.
func register(h *house, url string, l *ledger) (owners []client.Owner) {
	for _, paths := range [][]string{{"/well", "/well/too"}, {"/slow"}, {"/flaky"}} {
		owner := h.agent()
		owners = append(owners, owner)
		for _, path := range paths {
			l.add(owner, path, h.webhook(owner, url+path, 10))
		}
	}
	return owners
}

// connections counts those that a receiver has open.
type connections struct {
	mu   sync.Mutex
	open int
	none chan struct{} // gets a token when the last one is closed
}

func (c *connections) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open += n; c.open == 0 {
		select {
		case c.none <- struct{}{}:
		default:
		}
	}
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// watched starts a receiver with an eye on its connections.
func watched(t testing.TB, take func(delivery) int) (*httptest.Server, *connections) {
	t.Helper()
	c := &connections{none: make(chan struct{}, 1)}
	s := httptest.NewUnstartedServer(takeDeliveries(take))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			c.add(1)
		case http.StateClosed, http.StateHijacked:
			c.add(-1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, c
}

// drain waits until the receiver has taken all that a dead server had sent: connections are accepted in their order, so
// that once a new one is answered all earlier ones are open, and each is closed when it has been read to its end.
func (c *connections) drain(t *testing.T, url string) {
	t.Helper()
	last := &http.Transport{}
	resp, err := (&http.Client{Transport: last}).Head(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	last.CloseIdleConnections()
	for c.count() > 0 {
		next(t, c.none, "the receiver's connections to be closed")
	}
}

// to is one event at one of its webhooks, which is named by the path of its URL.
type to struct{ path, event string }

// arrival is one request that a receiver got.
type arrival struct {
	life int // of the server, counted from 0
	log  string
	ok   bool
	at   time.Time
}

// ledger is what publishers were promised and what receivers got.
type ledger struct {
	hooks map[string]client.Webhook // by path
	paths map[client.Owner][]string

	mu       sync.Mutex
	deaths   []time.Time             // of the servers so far
	accepted map[string]client.Owner // event to its owner
	unknown  int                     // events of calls that were not answered: they may be stored or not
	gap      time.Duration           // between a publisher's calls
	arrivals map[to][]arrival
	missing  map[to]bool // promised, and not arrived yet
	flaky    flaky
	recorded map[to]time.Time // when what the log has as a success was delivered
	all      chan struct{}
}

func newLedger() *ledger {
	return &ledger{
		hooks:    make(map[string]client.Webhook),
		paths:    make(map[client.Owner][]string),
		accepted: make(map[string]client.Owner),
		arrivals: make(map[to][]arrival),
		missing:  make(map[to]bool),
		recorded: make(map[to]time.Time),
		all:      make(chan struct{}, 1),
	}
}

func (l *ledger) add(o client.Owner, path string, w client.Webhook) {
	l.hooks[path] = w
	l.paths[o] = append(l.paths[o], path)
}

func (l *ledger) webhooks() []client.Webhook { return slices.Collect(maps.Values(l.hooks)) }

func (l *ledger) died(killed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaths = append(l.deaths, killed)
}

// publish puts events in, one call after another, until the server dies.
func (l *ledger) publish(ctx context.Context, c *client.Client, owners []client.Owner, publisher, batch int) {
	for n := 0; ; n++ {
		events := make([]client.Event, batch)
		for i := range events {
			events[i] = client.Event{
				Owner: owners[(n+i)%len(owners)], Type: callEnded,
				Payload: map[string]any{"publisher": publisher, "n": n, "i": i},
			}
		}
		if err := l.put(ctx, c, events); err != nil {
			l.mu.Lock()
			l.unknown += batch
			l.mu.Unlock()
			return
		}
		pause(ctx, l.gap)
	}
}

func (l *ledger) put(ctx context.Context, c *client.Client, events []client.Event) error {
	if len(events) == 1 {
		a, err := c.Publish(ctx, events[0])
		if err == nil {
			l.promise(a.EventID, events[0].Owner)
		}
		return err
	}
	results, err := c.PublishBatch(ctx, events)
	for i, r := range results {
		if r.Err != nil {
			return r.Err
		}
		l.promise(r.EventID, events[i].Owner)
	}
	return err
}

func (l *ledger) promise(event string, o client.Owner) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted[event] = o
	for _, path := range l.paths[o] {
		if at := (to{path, event}); !slices.ContainsFunc(l.arrivals[at], func(a arrival) bool { return a.ok }) {
			l.missing[at] = true
		}
	}
}

// receive answers a delivery, and writes it down before.
func (l *ledger) receive(d delivery) int {
	if d.logID() == "" {
		return http.StatusOK // the barrier of connections.drain
	}
	at, status := to{d.path, d.eventID()}, http.StatusOK
	if d.path == "/slow" {
		pause(context.Background(), 20*time.Millisecond)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.path == "/flaky" && l.flaky.fails() {
		status = http.StatusInternalServerError
	}
	l.arrivals[at] = append(l.arrivals[at], arrival{life: len(l.deaths), log: d.logID(), ok: status == http.StatusOK, at: time.Now()})
	if status == http.StatusOK && l.missing[at] {
		delete(l.missing, at)
		select {
		case l.all <- struct{}{}:
		default:
		}
	}
	return status
}

// flaky is a receiver that fails a quarter of its requests. It stays well enough for its circuit to be closed most of the
// time, but for an outage a minute, which opens it and ends after a few probes.
type flaky struct {
	inARow, outage int
	next           time.Time // outage
}

const (
	flakyFirst  = 5 * time.Second // after the first request
	flakyEvery  = time.Minute
	flakyOutage = 7 // failures; five in a row open a circuit
	flakyInARow = 3 // at most, otherwise
)

func (f *flaky) fails() bool {
	now := time.Now()
	if f.next.IsZero() {
		f.next = now.Add(flakyFirst)
	}
	if now.After(f.next) {
		f.outage, f.next = flakyOutage, now.Add(flakyEvery)
	}
	switch {
	case f.outage > 0:
		f.outage--
		f.inARow = flakyInARow // it is well after it
	case f.inARow < flakyInARow && rand.IntN(4) == 0:
		f.inARow++
	default:
		f.inARow = 0
		return false
	}
	return true
}

// awaitAll waits until all that was promised has arrived.
func (l *ledger) awaitAll(t *testing.T) {
	t.Helper()
	for {
		l.mu.Lock()
		left := len(l.missing)
		l.mu.Unlock()
		if left == 0 {
			return
		}
		next(t, l.all, fmt.Sprintf("%d accepted events that have not arrived", left))
	}
}

// audit holds what arrived and what the logs say against what was promised.
func (l *ledger) audit(t *testing.T, h *house) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	twice, unrecorded := l.auditArrivals(t)
	t.Logf("%d kills; %s; %d delivered again, the oldest of them %s before a kill",
		len(l.deaths), l.auditLogs(t, h), twice, unrecorded.Round(time.Millisecond))
}

// auditLogs holds what the logs say against what was promised, and sums up.
func (l *ledger) auditLogs(t *testing.T, h *house) string {
	t.Helper()
	lost, deliveries := 0, 0
	for event, owner := range l.accepted {
		for _, path := range l.paths[owner] {
			deliveries++
			if !slices.ContainsFunc(l.arrivals[to{path, event}], func(a arrival) bool { return a.ok }) {
				lost++
				t.Errorf("event %s was accepted and has not arrived at %s", event, path)
			}
		}
	}
	entries, surprises := 0, make(map[string]bool)
	for path, hook := range l.hooks {
		entries += l.auditLog(t, h, path, hook, surprises)
	}
	if len(surprises) > l.unknown {
		t.Errorf("%d events are logged that nobody was told of, of %d that were not answered", len(surprises), l.unknown)
	}
	return fmt.Sprintf("%d events accepted, %d not answered of which %d were stored; %d deliveries promised, lost %d; %d log entries",
		len(l.accepted), l.unknown, len(surprises), deliveries, lost, entries)
}

// auditArrivals counts deliveries that came again after they had succeeded, and says how long before its death a server
// had got the answer that it took longest not to record. A delivery may come again only when the server died in
// between, and once for each time it died.
func (l *ledger) auditArrivals(t *testing.T) (twice int, unrecorded time.Duration) {
	t.Helper()
	type sending struct {
		life int
		log  string
	}
	for at, arrivals := range l.arrivals {
		sent := make(map[sending]bool)
		var succeeded *arrival // the last one that has
		for _, a := range arrivals {
			if sent[sending{a.life, a.log}] {
				t.Errorf("log %s of event %s was sent twice to %s by one server", a.log, at.event, at.path)
			}
			sent[sending{a.life, a.log}] = true
			switch {
			case succeeded == nil:
			case succeeded.life == a.life:
				t.Errorf("event %s was sent to %s again by the server that had delivered it", at.event, at.path)
			default:
				twice++
				unrecorded = max(unrecorded, l.deaths[succeeded.life].Sub(succeeded.at))
			}
			if a.ok {
				succeeded = &a
			}
		}
	}
	return twice, unrecorded
}

// said is what the log of a webhook has of an event, newest first.
func said(t *testing.T, h *house, hook client.Webhook, event string) string {
	t.Helper()
	logs, _, err := h.client().ListLogs(within(t), hook.Owner(), hook.ID, client.LogFilter{EventID: event, PerPage: 100})
	if err != nil {
		return err.Error()
	}
	var lines strings.Builder
	for _, log := range logs {
		fmt.Fprintf(&lines, "\n  attempt %d, %s, %s, %+v", log.Attempt, log.ID, log.Status, log)
	}
	return lines.String()
}

// auditLog reads a webhook's whole log and gives how many entries it has. Events that were stored but not answered for
// are noted as surprises.
func (l *ledger) auditLog(t *testing.T, h *house, path string, hook client.Webhook, surprises map[string]bool) (entries int) {
	t.Helper()
	attempts := make(map[string][]int) // by event, newest first
	succeeded := make(map[string]bool)
	byStatus := make(map[string]int)
	// How long it takes to read depends on how long the run was.
	for log, err := range h.client().Logs(t.Context(), hook.Owner(), hook.ID, client.LogFilter{PerPage: 100}) {
		if err != nil {
			t.Fatal(err)
		}
		entries++
		byStatus[log.Status]++
		attempts[log.EventID] = append(attempts[log.EventID], log.Attempt)
		if log.Status == client.StatusSuccess {
			if succeeded[log.EventID] {
				t.Errorf("event %s has two successes in the log of %s", log.EventID, path)
			}
			succeeded[log.EventID] = true
			l.recorded[to{path, log.EventID}] = log.DeliveredAt
		}
		if _, known := l.accepted[log.EventID]; !known {
			surprises[log.EventID] = true
		}
		if !slices.ContainsFunc(l.arrivals[to{path, log.EventID}], func(a arrival) bool { return a.log == log.ID }) {
			t.Errorf("log %s of %s was never received", log.ID, path)
		}
	}
	for event, numbers := range attempts {
		slices.Reverse(numbers)
		for i, n := range numbers {
			if n != i+1 {
				t.Errorf("event %s has the attempts %v in the log of %s", event, numbers, path)
				break
			}
		}
	}
	for event, owner := range l.accepted {
		if slices.Contains(l.paths[owner], path) && !succeeded[event] {
			t.Errorf("event %s has no success in the log of %s, but %s", event, path, said(t, h, hook, event))
		}
	}
	for _, status := range []string{"", client.StatusPending, client.StatusSuccess, client.StatusRetrying, client.StatusFailed} {
		want := byStatus[status]
		if status == "" {
			want = entries
		}
		_, page, err := h.client().ListLogs(within(t), hook.Owner(), hook.ID, client.LogFilter{Status: status, PerPage: 1})
		if err != nil || page.Total != want {
			t.Errorf("log of %s, status %q: total %d, counted %d, %v", path, status, page.Total, want, err)
		}
	}
	return entries
}
