package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/api/apitest"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/jobs"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
	"github.com/carteiro/carteiro/internal/tail"
)

// world is an API on a real store, asked over HTTP. Nothing is sent to receivers: tests say what came of an attempt.
type world struct {
	t         *testing.T
	store     *faultyStore
	elsewhere store.Store // as another node has it: what it changes is not heard of here
	hub       *tail.Hub
	bulk      *jobs.BulkRunner
	lanes     *lanes
	publisher *publish.Publisher
	directory *directory.Directory
	ids       *carteiro.IDSource
	handler   http.Handler
	url       string
	exchange  func(*http.Request) (*http.Response, error)
	validator *apitest.Validator
	log       *syncBuffer
	home      *tenant
	other     *tenant // another environment
}

// tenant is an environment with its token.
type tenant struct {
	id    carteiro.ID
	token string
}

func newWorld(t *testing.T, change ...func(*api.Config)) *world {
	t.Helper()
	w := makeWorld(t, change...)
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	w.url, w.exchange = server.URL, http.DefaultClient.Do
	return w
}

// makeWorld is newWorld without the network.
func makeWorld(t *testing.T, change ...func(*api.Config)) *world {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	hub := tail.NewHub()
	t.Cleanup(hub.Close)
	w := &world{
		t: t, store: &faultyStore{Store: hub.Watch(s)}, elsewhere: s, hub: hub, ids: new(carteiro.IDSource), validator: apitest.New(t), log: new(syncBuffer),
	}
	w.exchange = w.hand
	w.directory = directory.New(w.store, false)
	session, err := s.Join(t.Context(), store.Join{Node: "test", Now: time.Now(), Until: time.Now().Add(time.Hour)})
	must(t, err)
	w.lanes = &lanes{store: w.store, session: session}
	w.publisher = &publish.Publisher{Store: w.store, Directory: w.directory, Lanes: w.lanes, IDs: w.ids, Retention: 30 * 24 * time.Hour, MaxRendered: publish.MaxRendered(carteiro.DefaultMaxPayload)}
	c := api.Config{
		Directory: w.directory,
		Store:     w.store,
		Admin:     w.store,
		Publisher: w.publisher,
		Previewer: send.New(egress.New(false), "test"),
		Tail:      hub,
		Sessions:  true,
		Version:   "v1.2.3",
		Catalogue: carteiro.NewCatalogue([]carteiro.EventType{{Name: "event_own", Description: "The operator's own"}}, nil),
		IDs:       w.ids,
		Logger:    slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	w.bulk = jobs.NewBulkRunner(jobs.BulkConfig{Store: w.store, Lanes: w.lanes, IDs: w.ids, Logger: c.Logger, Retention: 30 * 24 * time.Hour})
	c.Bulk = w.bulk
	for _, f := range change {
		f(&c)
	}
	w.handler = api.New(c)
	w.home, w.other = w.tenant(), w.tenant()
	return w
}

// inSimulatedTime tells a story of a world whose clock stands still while anything is done, so that no full minute comes
// into it. Its requests go to the handler without a network, which does not wait for that clock.
func inSimulatedTime(t *testing.T, story func(*world), change ...func(*api.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := makeWorld(t, change...)
		w.url = "http://carteiro.test"
		story(w)
	})
}

// hand gives a request to the handler itself.
func (w *world) hand(req *http.Request) (*http.Response, error) {
	req.RemoteAddr = "192.0.2.1:1024"
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, req)
	resp := answer.Result()
	read := make(http.Header, len(resp.Header)) // as a client reads them: the contract spells some its own way
	for name, values := range resp.Header {
		read[http.CanonicalHeaderKey(name)] = values
	}
	resp.Header = read
	return resp, nil
}

// in gives the same world to a subtest.
func (w *world) in(t *testing.T) *world {
	same := *w
	same.t = t
	return &same
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) tenant() *tenant {
	now := time.Now()
	secret := carteiro.NewTokenSecret()
	e := carteiro.Environment{ID: w.ids.New(now), Name: "test", CreatedAt: now}
	must(w.t, w.store.CreateEnvironment(w.t.Context(), store.CreateEnvironment{
		Environment: e,
		Token:       carteiro.Token{ID: w.ids.New(now), EnvironmentID: e.ID, Hash: carteiro.HashToken(secret), CreatedAt: now, Name: "test", Scopes: carteiro.ScopeAll},
	}))
	return &tenant{e.ID, secret}
}

// allowed gives the home environment with a token of these scopes.
func (w *world) allowed(scopes carteiro.Scopes) *tenant {
	w.t.Helper()
	now, secret := time.Now(), carteiro.NewTokenSecret()
	must(w.t, w.store.CreateToken(w.t.Context(), store.CreateToken{Token: carteiro.Token{
		ID: w.ids.New(now), EnvironmentID: w.home.id, Name: scopes.String(), Hash: carteiro.HashToken(secret), Scopes: scopes, CreatedAt: now,
	}}))
	return &tenant{w.home.id, secret}
}

// reply is an answer, read.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// call sends a request with the home environment's token, and holds the answer against the OpenAPI document. body is a
// string to send as it is, or a value to send as JSON. headers are names and values in turn; an empty value removes.
func (w *world) call(method, path string, body any, headers ...string) *reply {
	w.t.Helper()
	return w.callAs(w.home, method, path, body, headers...)
}

func (w *world) callAs(who *tenant, method, path string, body any, headers ...string) *reply {
	w.t.Helper()
	req, sent := w.request(who, method, path, body, headers...)
	return w.send(req, sent)
}

// send is the rest of call, for a request that was changed. sent is shown beside a failure.
func (w *world) send(req *http.Request, sent []byte) *reply {
	w.t.Helper()
	resp, err := w.exchange(req)
	must(w.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(w.t, err)
	w.validator.Check(w.t, req, sent, resp, answer)
	return &reply{w.t, resp.StatusCode, resp.Header, string(answer)}
}

func (w *world) request(who *tenant, method, path string, body any, headers ...string) (*http.Request, []byte) {
	w.t.Helper()
	var sent []byte
	switch b := body.(type) {
	case nil:
	case string:
		sent = []byte(b)
	default:
		var err error
		sent, err = json.Marshal(b)
		must(w.t, err)
	}
	if !strings.HasPrefix(path, "/api/v1") && !strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "/admin/") {
		path = "/api/v1" + path
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(w.t.Context()), method, w.url+path, bytes.NewReader(sent))
	must(w.t, err)
	req.Header.Set("Authorization", "Bearer "+who.token)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	return req, sent
}

// is checks status and whole body.
func (r *reply) is(status int, body string) *reply {
	r.t.Helper()
	if r.status != status || r.body != body {
		r.t.Errorf("answered %d %s\nwant     %d %s", r.status, r.body, status, body)
	}
	return r
}

// has checks status and that the body holds each part.
func (r *reply) has(status int, parts ...string) *reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("answered %d %s, want %d", r.status, r.body, status)
	}
	for _, part := range parts {
		if !strings.Contains(r.body, part) {
			r.t.Errorf("answer %s\nholds no %s", r.body, part)
		}
	}
	return r
}

// lacks checks that the body holds none of the parts.
func (r *reply) lacks(parts ...string) *reply {
	r.t.Helper()
	for _, part := range parts {
		if strings.Contains(r.body, part) {
			r.t.Errorf("answer %s\nholds %s", r.body, part)
		}
	}
	return r
}

// at gives the value at a path through the body, as "data.id" or "data.0.id"; nil when there is none.
func (r *reply) at(path string) any {
	r.t.Helper()
	var value any
	if err := json.Unmarshal([]byte(r.body), &value); err != nil {
		r.t.Fatalf("%s: %v", r.body, err)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch inside := value.(type) {
		case map[string]any:
			value = inside[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(inside) {
				return nil
			}
			value = inside[i]
		default:
			return nil
		}
	}
	return value
}

func (r *reply) text(path string) string {
	r.t.Helper()
	s, ok := r.at(path).(string)
	if !ok {
		r.t.Fatalf("no text at %s of %s", path, r.body)
	}
	return s
}

func (r *reply) id(path string) carteiro.ID {
	r.t.Helper()
	id, err := carteiro.ParseID(r.text(path))
	must(r.t, err)
	return id
}

// errors are the messages of a 422, as "field: message", in the fields' alphabetical order.
func (r *reply) errors() []string {
	r.t.Helper()
	if r.status != 422 {
		r.t.Fatalf("answered %d %s, want 422", r.status, r.body)
	}
	var body struct {
		Message string
		Errors  map[string][]string
	}
	must(r.t, json.Unmarshal([]byte(r.body), &body))
	if body.Message != "The given data was invalid." {
		r.t.Errorf("message %q", body.Message)
	}
	var list []string
	for field, messages := range body.Errors {
		for _, m := range messages {
			list = append(list, field+": "+m)
		}
	}
	slices.Sort(list)
	return list
}

// owner is an agent or campaign of the home environment with a webhook.
type owner struct {
	id      string
	path    string // of the owner
	hooks   string // of its webhooks
	events  string // where its events are put in
	event   string // a type of its events
	webhook string // id
	hook    string // path
	job     string // path of a bulk retry, once begun
}

var plurals = []string{"agents", "campaigns"}

// eventOf is an event type of each kind of owner.
var eventOf = map[string]string{"agents": "event_phone_call_ended", "campaigns": "campaign.completed"}

// newOwner makes one with a webhook that takes the named settings beside what is required.
func (w *world) newOwner(who *tenant, plural string, settings ...any) *owner {
	w.t.Helper()
	o := &owner{event: eventOf[plural]}
	o.id = w.callAs(who, "POST", "/"+plural, map[string]any{"name": "Front desk"}).has(201).text("data.id")
	o.path = "/" + plural + "/" + o.id
	o.hooks, o.events = o.path+"/webhooks", o.path+"/events"
	body := map[string]any{"name": "CRM", "webhook_url": "https://example.com/hook", "events": []string{o.event}}
	for i := 0; i < len(settings); i += 2 {
		body[settings[i].(string)] = settings[i+1]
	}
	o.webhook = w.callAs(who, "POST", o.hooks, body).has(201).text("data.id")
	o.hook = o.hooks + "/" + o.webhook
	return o
}

// publish puts an event of the owner in and gives its id.
func (w *world) publish(o *owner) carteiro.ID {
	w.t.Helper()
	return w.call("POST", o.events, map[string]any{"event": o.event, "payload": map[string]any{"call": 1}}).
		has(202, `"message":"Event accepted"`, `"deliveries":1`).id("data.event_id")
}

// finish claims what is due at the owner's webhook and records this outcome for it; retryAt is that of the automatic
// retry, zero for none.
func (w *world) finish(o *owner, outcome carteiro.Outcome, retryAt time.Time) []*carteiro.Delivery {
	w.t.Helper()
	webhook, err := carteiro.ParseID(o.webhook)
	must(w.t, err)
	return w.lanes.finish(w.t, webhook, outcome, retryAt, w.ids)
}

// failedLog puts an event in, lets it fail, and gives the path of its entry.
func (w *world) failedLog(o *owner) string {
	w.t.Helper()
	w.publish(o)
	done := w.finish(o, failedWith(500), time.Time{})
	if len(done) != 1 {
		w.t.Fatalf("%d attempts were open, want 1", len(done))
	}
	return o.hook + "/logs/" + done[0].ID.String()
}

// beginBulk begins a bulk retry of all that has failed at the owner's webhook. Nobody takes it on.
func (w *world) beginBulk(o *owner) *reply {
	w.t.Helper()
	r := w.call("POST", o.hook+"/logs/retry", map[string]any{}).has(202, `"message":"Bulk retry queued"`)
	o.job = o.hook + "/retries/" + r.text("data.id")
	return r
}

func failedWith(status int) carteiro.Outcome {
	o := answeredWith(status)
	o.Success, o.Reason, o.Error = false, carteiro.ReasonHTTPStatus, fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))
	return o
}

func answeredWith(status int) carteiro.Outcome {
	return carteiro.Outcome{
		Success: true, HTTPStatus: status, FinishedAt: time.Now(), Duration: 150 * time.Millisecond,
		RequestURL: "https://example.com/hook", RequestMethod: "POST",
		RequestHeaders:  http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + carteiro.Masked}},
		RequestBody:     []byte(`{"event":"x","n":1.50}`),
		ResponseHeaders: http.Header{"X-Many": {"a", "b"}},
		ResponseBody:    []byte("caf\xe9"),
	}
}

// lanes stands in for the dispatcher: what someone waits for it holds, all else it leaves in the store.
type lanes struct {
	store   store.Store
	session store.Session

	mu      sync.Mutex
	outcome func(*carteiro.Delivery) carteiro.Outcome // of tests
	taken   []*carteiro.Delivery
}

func (l *lanes) Reserve(places []carteiro.Place) store.Session {
	for i := range places {
		places[i].Held = places[i].Urgent
	}
	return l.session
}

func (*lanes) Cancel([]carteiro.Place) {}
func (*lanes) Doubt(error)             {}

func (*lanes) Notice(time.Time, ...carteiro.ID) {}

func (l *lanes) Take(_ store.Session, deliveries []*carteiro.Delivery, _ bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = append(l.taken, deliveries...)
}

func (l *lanes) TakeNow(ctx context.Context, session store.Session, d *carteiro.Delivery) (*carteiro.Outcome, error) {
	outcome := l.outcome(d)
	_, err := l.store.Record(ctx, store.Record{Session: session, Now: time.Now(), Results: []store.Result{{Delivery: d, Outcome: &outcome, Version: l.version(d)}}})
	return &outcome, err
}

// version is that of the webhook that a delivery goes to; 0 if it is gone.
func (l *lanes) version(d *carteiro.Delivery) int64 {
	w, err := l.store.GetWebhook(context.Background(), d.WebhookID)
	if err != nil {
		return 0
	}
	return w.Version
}

// finish records an outcome for what the lanes hold of a webhook and for what waits for it in the store.
func (l *lanes) finish(t *testing.T, webhook carteiro.ID, outcome carteiro.Outcome, retryAt time.Time, ids *carteiro.IDSource) []*carteiro.Delivery {
	t.Helper()
	p := store.Claim{Session: l.session, WebhookID: webhook, Now: time.Now().Add(time.Second), Limit: 1000, MaxBytes: 1 << 30}
	claimed, err := l.store.Claim(t.Context(), p)
	must(t, err)
	if len(claimed.Deliveries) == 0 && claimed.HeldBack.After(p.Now) { // its circuit is open: the next probe
		p.Now = claimed.HeldBack
		claimed, err = l.store.Claim(t.Context(), p)
		must(t, err)
	}
	l.mu.Lock()
	done := slices.Concat(l.taken, claimed.Deliveries)
	l.taken = nil
	l.mu.Unlock()
	record := store.Record{Session: l.session, Now: time.Now()}
	for _, d := range done {
		result := store.Result{Delivery: d, Outcome: &outcome, Version: l.version(d)}
		if !retryAt.IsZero() {
			result.Next = &carteiro.Attempt{
				ID: ids.New(time.Now()), WebhookID: d.WebhookID, EventID: d.EventID, EventType: d.EventType, Number: d.Number + 1,
				ChainStart: d.ChainStart, Trigger: carteiro.TriggerAutomatic, PreviousID: d.ID, DueAt: retryAt,
				Status: carteiro.StatusPending,
			}
		}
		record.Results = append(record.Results, result)
	}
	_, err = l.store.Record(t.Context(), record)
	must(t, err)
	return done
}

// faultyStore is a store that can be made to fail.
type faultyStore struct {
	store.Store
	mu    sync.Mutex
	fault error
	panic bool
}

func (s *faultyStore) set(fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *faultyStore) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panic {
		panic("secret of the house")
	}
	return s.fault
}

func (s *faultyStore) Ping(ctx context.Context) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.Store.Ping(ctx)
}

func (s *faultyStore) GetOwner(ctx context.Context, ref store.OwnerRef) (carteiro.Owner, error) {
	if err := s.err(); err != nil {
		return carteiro.Owner{}, err
	}
	return s.Store.GetOwner(ctx, ref)
}

func (s *faultyStore) Accept(ctx context.Context, p store.Accept) (store.AcceptResult, error) {
	if err := s.err(); err != nil {
		return store.AcceptResult{}, err
	}
	return s.Store.Accept(ctx, p)
}

// syncBuffer takes what is logged.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func wantList(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}
