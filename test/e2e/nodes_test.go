package e2e_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// Stories of servers that share a PostgreSQL database, each a process of its own.

// sharing are the flags of such servers: one that is not heard of is taken over soon.
var sharing = append([]string{"--takeover", "4s"}, quick...)

// newCluster starts servers on an empty database.
func newCluster(t *testing.T, nodes int) []*house {
	t.Helper()
	first := newHouseIn(t, []string{"CARTEIRO_DATABASE=" + postgrestest.Database(t, "")}, sharing...)
	houses := []*house{first}
	for range nodes - 1 {
		houses = append(houses, first.beside(first.environ...))
	}
	var all sync.WaitGroup
	for _, h := range houses {
		all.Go(func() { h.start() })
	}
	all.Wait()
	return houses
}

// beside is another house with the same environment.
func (h *house) beside(environ ...string) *house {
	return &house{t: h.t, dir: h.t.TempDir(), flags: h.flags, token: h.token, environ: environ}
}

// tally is a receiver that counts what comes, by event, and knows what it has not answered yet.
type tally struct {
	mu       sync.Mutex
	came     map[string]int
	answered map[string]int
	take     func(delivery)
}

func newTally(take func(delivery)) *tally {
	return &tally{came: make(map[string]int), answered: make(map[string]int), take: take}
}

func (c *tally) receive(d delivery) int {
	c.mu.Lock()
	c.came[d.eventID()]++
	c.mu.Unlock()
	c.take(d)
	c.mu.Lock()
	c.answered[d.eventID()]++
	c.mu.Unlock()
	return http.StatusOK
}

// inFlight gives the events that have come and are not answered.
func (c *tally) inFlight() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	flying := make(map[string]bool)
	for event, n := range c.came {
		if c.answered[event] < n {
			flying[event] = true
		}
	}
	return flying
}

func (c *tally) count(event string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.came[event]
}

func (c *tally) total() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, times := range c.came {
		n += times
	}
	return n
}

// publishMany publishes events and gives their ids.
func (h *house) publishMany(o client.Owner, n int) (ids []string) {
	h.t.Helper()
	events := make([]client.Event, n)
	for i := range events {
		events[i] = client.Event{Owner: o, Type: callEnded, Payload: map[string]any{"i": i}}
	}
	results, err := h.client().PublishBatch(within(h.t), events)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			h.t.Fatal(r.Err)
		}
		ids = append(ids, r.EventID)
	}
	return ids
}

// awaitSuccesses waits until the log of a webhook has so many successes, and nothing else.
func (h *house) awaitSuccesses(w client.Webhook, want int) {
	h.t.Helper()
	eventually(h.t, "all are delivered", func(ctx context.Context) bool {
		_, page, err := h.client().ListLogs(ctx, w.Owner(), w.ID, client.LogFilter{Status: client.StatusSuccess, PerPage: 1})
		return err == nil && page.Total == want
	})
	_, page, err := h.client().ListLogs(within(h.t), w.Owner(), w.ID, client.LogFilter{PerPage: 1})
	if err != nil || page.Total != want {
		h.t.Errorf("%d entries, want %d, %v", page.Total, want, err)
	}
}

var tookOver = regexp.MustCompile(`took over attempts`)

func TestWhatAKilledServerHeldIsTakenOver(t *testing.T) {
	t.Parallel()
	came := make(chan delivery, 1000)
	c := newTally(func(d delivery) { came <- d; pause(context.Background(), 300*time.Millisecond) })
	r := newReceiver(t, c.receive)
	nodes := newCluster(t, 2)
	a, b := nodes[0], nodes[1]
	agent := a.agent()
	hook := a.webhook(agent, r.URL, 3)
	events := a.publishMany(agent, 60)
	for range 6 {
		next(t, came, "some deliveries")
	}
	flying := c.inFlight()
	a.kill()
	a.wait(t)
	for event := range c.inFlight() {
		flying[event] = true
	}
	if _, err := b.log.await(within(t), tookOver); err != nil {
		t.Fatal(err)
	}
	b.awaitSuccesses(hook, len(events))
	for _, event := range events {
		if n := c.count(event); n != 1 && (n != 2 || !flying[event]) {
			t.Errorf("event %s came %d times; in flight at the kill: %v", event, n, flying[event])
		}
	}
	b.stop()
}

// begunAtMost is how many requests a server may be stopped in the middle of, between its last look at the lease and the
// moment that the receiver hears of them. A dozen more wait in its memory, and must not go out.
const begunAtMost = 2

func TestAServerThatWakesUpLateRecordsAndSendsNothingOfOthers(t *testing.T) {
	t.Parallel()
	came := make(chan delivery, 1000)
	c := newTally(func(d delivery) { came <- d; pause(context.Background(), 300*time.Millisecond) })
	r := newReceiver(t, c.receive)
	nodes := newCluster(t, 2)
	a, b := nodes[0], nodes[1]
	agent := a.agent()
	hook := a.webhook(agent, r.URL, 3)
	events := a.publishMany(agent, 60)
	for range 6 {
		next(t, came, "some deliveries")
	}
	a.signal(syscall.SIGSTOP)
	flying := c.inFlight()
	if _, err := b.log.await(within(t), tookOver); err != nil {
		t.Fatal(err)
	}
	b.awaitSuccesses(hook, len(events))
	before := c.total()
	a.signal(syscall.SIGCONT)
	if _, err := a.log.await(within(t), regexp.MustCompile(`lease lost`)); err != nil {
		t.Fatal(err)
	}
	// It goes on, and the log reads as the other has left it.
	event := a.publish(agent)
	a.statuses(hook, event.EventID, client.StatusSuccess)
	late := c.total() - before - 1
	if late > begunAtMost {
		t.Errorf("%d deliveries of old events came after it woke up", late)
	}
	b.awaitSuccesses(hook, len(events)+1)
	for _, event := range events {
		n := c.count(event)
		if n == 2 && !flying[event] && late > 0 {
			late, n = late-1, 1
		}
		if n != 1 && (n != 2 || !flying[event]) {
			t.Errorf("event %s came %d times; in flight when the server was stopped: %v", event, n, flying[event])
		}
	}
	a.stop()
	b.stop()
}

func TestServersShareTheWorkTheRetriesAndTheChanges(t *testing.T) {
	t.Parallel()
	c := newTally(func(delivery) { pause(context.Background(), 50*time.Millisecond) })
	r := newReceiver(t, c.receive)
	let := make(chan int, 10)
	failing := newReceiver(t, func(delivery) int { return <-let })
	nodes := newCluster(t, 2)
	a, b := nodes[0], nodes[1]
	agent, other := a.agent(), a.agent()
	hook := a.webhook(agent, r.URL, 3)

	// All is published at one of them; the other hears of what waits there.
	a.publishMany(agent, 200)
	a.awaitSuccesses(hook, 200)
	if c.total() != 200 {
		t.Errorf("%d deliveries of 200 events", c.total())
	}

	// Of a hundred retries on both one is granted.
	flaky := a.webhook(other, failing.URL, 0)
	let <- http.StatusInternalServerError
	event := b.publish(other)
	next(t, failing.got, "the first attempt")
	failed := a.statuses(flaky, event.EventID, client.StatusFailed)[0]
	var all sync.WaitGroup
	won, refused := make([][]client.Retried, 2), make([]map[string]int, 2)
	for i, h := range nodes {
		all.Go(func() { won[i], refused[i] = retryAtOnce(t, h, flaky, failed.ID, 50) })
	}
	all.Wait()
	if len(won[0])+len(won[1]) != 1 || refused[0][client.ReasonInProgress]+refused[1][client.ReasonInProgress] != 99 {
		t.Errorf("%v were granted, refused were %v", won, refused)
	}
	let <- http.StatusOK
	b.statuses(flaky, event.EventID, client.StatusSuccess, client.StatusFailed)

	// What is changed at one holds at the other.
	moved := newReceiver(t, always(http.StatusOK))
	if _, err := a.client().UpdateWebhook(within(t), agent, hook.ID, client.WebhookSettings{URL: moved.URL}); err != nil {
		t.Fatal(err)
	}
	pause(t.Context(), time.Second) // which is how long it may take
	b.publish(agent)
	next(t, moved.got, "a delivery to where the webhook points by now")

	// A session that is begun at one holds at the other, and ends there with it.
	cookie := a.signIn()
	if status := b.session(http.MethodGet, cookie); status != http.StatusOK {
		t.Errorf("the other answers %d to a session", status)
	}
	if status := a.session(http.MethodDelete, cookie); status != http.StatusOK {
		t.Errorf("signing out is answered %d", status)
	}
	pause(t.Context(), time.Second)
	if status := b.session(http.MethodGet, cookie); status != http.StatusUnauthorized {
		t.Errorf("the other answers %d to a session that has ended", status)
	}
	a.stop()
	b.stop()
}

// signIn begins a session and gives its cookie.
func (h *house) signIn() *http.Cookie {
	h.t.Helper()
	status, cookies := h.ask(http.MethodPost, strings.NewReader(`{"token":"`+h.token+`"}`), nil)
	if status != http.StatusCreated || len(cookies) != 1 {
		h.t.Fatalf("signing in is answered %d with %v", status, cookies)
	}
	return cookies[0]
}

// session asks for the session of a cookie, or ends it.
func (h *house) session(method string, cookie *http.Cookie) (status int) {
	h.t.Helper()
	status, _ = h.ask(method, nil, cookie)
	return status
}

func (h *house) ask(method string, body io.Reader, cookie *http.Cookie) (status int, cookies []*http.Cookie) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(within(h.t), method, h.url+"/api/v1/session", body)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if cookie != nil {
		req.AddCookie(cookie)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Cookies()
}

// proxy is the way to a database, which can be cut.
type proxy struct {
	net.Listener
	to string

	flow  sync.RWMutex // whoever has it lets nothing through, and nobody is told
	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

// newProxy gives a proxy to the server of a database, and the URL of the database behind it.
func newProxy(t *testing.T, database string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: listener, to: u.Host, conns: make(map[net.Conn]bool)}
	go p.serve()
	t.Cleanup(func() { p.Close(); p.set(true) })
	u.Host = listener.Addr().String()
	return p, u.String()
}

func (p *proxy) serve() {
	for {
		client, err := p.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil || !p.keep(client, server) {
			client.Close()
			if server != nil {
				server.Close()
			}
			continue
		}
		for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
			go p.pass(pair[0], pair[1])
		}
	}
}

// pass hands on what comes, while it flows.
func (p *proxy) pass(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.flow.RLock()
		_, lost := to.Write(buf[:n])
		p.flow.RUnlock()
		if err != nil || lost != nil {
			return
		}
	}
}

func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

// set cuts all connections and lets none through, or lets them through again.
func (p *proxy) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
}

func TestALostDatabaseIsWaitedForAndNothingIsSentThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	came := make(chan delivery, 1000)
	c := newTally(func(d delivery) { came <- d; pause(context.Background(), 100*time.Millisecond) })
	r := newReceiver(t, c.receive)
	way, database := newProxy(t, postgrestest.Database(t, ""))
	h := newHouseIn(t, []string{"CARTEIRO_DATABASE=" + database}, sharing...).start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 3)
	events := h.publishMany(agent, 300)
	for range 10 {
		next(t, came, "some deliveries")
	}
	way.set(true)
	before := c.total()
	_, err := h.client().Publish(within(t), client.Event{Owner: agent, Type: callEnded, Payload: map[string]any{}})
	var refused *client.Error
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusServiceUnavailable || refused.RetryAfter == 0 {
		t.Errorf("publishing without the database: %v", err)
	}
	eventually(t, "it says that it is not ready", func(ctx context.Context) bool { return h.client().Ready(ctx) != nil })
	if err := h.client().Health(within(t)); err != nil {
		t.Errorf("health: %v", err)
	}
	if _, err := h.log.await(within(t), regexp.MustCompile(`could not record outcomes`)); err != nil {
		t.Fatal(err)
	}
	pause(t.Context(), 500*time.Millisecond) // in which what is in flight ends
	paused := c.total()
	if paused-before > 64 {
		t.Errorf("%d were sent without the database", paused-before)
	}
	pause(t.Context(), time.Second)
	if more := c.total() - paused; more > 0 {
		t.Errorf("%d were sent although nothing could be recorded", more)
	}
	way.set(false)
	eventually(t, "it says that it is ready", func(ctx context.Context) bool { return h.client().Ready(ctx) == nil })
	events = append(events, h.publish(agent).EventID)
	h.awaitSuccesses(hook, len(events))
	for _, event := range events {
		if n := c.count(event); n != 1 {
			t.Errorf("event %s came %d times", event, n)
		}
	}
	h.stop()
}
