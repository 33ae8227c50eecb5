package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
)

// broker is a real broker, or one that speaks its protocol, as the story needs it.
type broker interface {
	// source makes a place for events and one for dead letters, and says how they are reached.
	source(t *testing.T) config.Source
	// put sends a message under an id of its sender's; empty for none. Values of headers are strings, or lists of them.
	put(t *testing.T, s *config.Source, id string, headers map[string]any, body string)
	// misleading gives headers that would send a copy of the message, or of others, elsewhere.
	misleading() map[string]any
	// buried gives the body of the oldest message in the dead-letter place, which is there already, and of its headers the
	// tenant and all that are named like Carteiro's, in any case.
	buried(t *testing.T, s *config.Source) (body string, headers map[string][]string)
}

// tenant is a header that means nothing to Carteiro or a broker.
const tenant = "x-tenant"

// The story that every kind of source has to pass: messages come, some of them twice and one malformed; the process ends
// between storing a batch and acknowledging it; the store fails for a while; a good message sent later still gets through.
// Every event is there once in the end, what was malformed is buried, and nothing is left at the broker.
func TestEveryMessageBecomesOneEvent(t *testing.T) {
	for name, start := range map[string]func(*testing.T) broker{
		config.NATS: startNATS, config.RabbitMQ: startRabbitMQ, config.Kafka: startKafka, config.Redis: startRedis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			w := newWorld(t)
			s := b.source(t)
			s.Name, s.Kind, s.Environment, s.Format, s.Batch = "calls", name, "production", config.FormatCarteiro, 40
			const events, malformed = 200, `{"event":`
			left := make(ledger)
			put := func(id string, headers map[string]any, body string) {
				b.put(t, &s, id, headers, body)
				left[body]++
			}
			for i := range events {
				id := fmt.Sprint("m", i)
				put(id, nil, w.event(i))
				if i%10 == 0 {
					put(id, nil, w.event(i))
				}
				if i == 50 {
					headers := b.misleading()
					headers[headerReason], headers["Carteiro-Source"], headers[tenant] = "forged", "forged", "acme"
					put("bad", headers, malformed)
				}
			}

			killed := newRun(t, w, s, left)
			killed.killAt = 60
			killed.until(func() bool { return killed.dead })
			if got := w.total(); got < 30 || got == events {
				t.Fatalf("%d events were stored before the end, not some", got)
			}

			w.store.fail(2)
			newRun(t, w, s, left).until(func() bool { return len(left) == 0 })
			if got := w.total(); got != events || w.store.failures() != 0 {
				t.Errorf("%d events, and the store would fail %d times", got, w.store.failures())
			}
			body, headers := b.buried(t, &s)
			want := map[string][]string{headerReason: {"The request body is not valid JSON."}, headerSource: {"calls"}, tenant: {"acme"}}
			if body != malformed || !reflect.DeepEqual(headers, want) {
				t.Errorf("buried %s with %q, want %q", body, headers, want)
			}

			// What comes now is all that comes: the rest is done. A CloudEvent's id is its own, whatever the broker says.
			s.Format = config.FormatCloudEvents
			cloudEvents := map[string]any{"content-type": "application/cloudevents+json"}
			b.put(t, &s, "c1", cloudEvents, w.cloudEvent("1"))
			b.put(t, &s, "c2", cloudEvents, w.cloudEvent("1"))
			b.put(t, &s, "", cloudEvents, w.cloudEvent("2"))
			last := newRun(t, w, s, left)
			last.until(func() bool { c := last.counts(); return c.Accepted+c.Refused >= 3 })
			if c := last.counts(); c.Refused != 0 || c.Accepted != 3 || w.total() != events+2 {
				t.Errorf("%+v, and %d events in all", c, w.total())
			}
		})
	}
}

// ledger holds, by body, how many messages are not acknowledged yet.
type ledger map[string]int

// run is a reader of one source that may be killed.
type run struct {
	t      *testing.T
	in     *Ingest
	left   ledger
	killAt int // after so many messages the process ends, before it acknowledges them; 0: never

	mu      sync.Mutex
	passed  int
	dead    bool
	settled chan struct{}
	end     context.CancelFunc
}

func newRun(t *testing.T, w *world, s config.Source, left ledger) *run {
	t.Helper()
	in, err := New([]config.Source{s}, w.environments, w.intake, slog.New(slog.NewTextHandler(t.Output(), nil)))
	must(t, err)
	r := &run{t: t, in: in, left: left, settled: make(chan struct{}, 1000)}
	c := in.consumers[0]
	c.open = func(ctx context.Context, s *config.Source) (source, error) {
		opened, err := open(ctx, s)
		if err != nil {
			return nil, err
		}
		return &mortal{opened, r}, nil
	}
	return r
}

// until runs until the condition holds, which is looked at after each batch.
func (r *run) until(done func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	r.end = cancel
	held := func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return done()
	}
	var running sync.WaitGroup
	running.Go(func() { r.in.Run(ctx) })
	defer running.Wait()
	defer cancel()
	for {
		select {
		case <-r.settled:
		case <-ctx.Done():
			running.Wait()
			if !held() {
				r.t.Fatalf("it did not come to that: %+v", r.counts())
			}
			return
		}
		if held() {
			return
		}
	}
}

func (r *run) counts() Counts { return r.in.Counts()["calls"] }

// mortal is a source whose process may end just before it acknowledges.
type mortal struct {
	source
	run *run
}

func (m *mortal) receive(ctx context.Context) ([]message, error) {
	select {
	case m.run.settled <- struct{}{}: // the batch before is counted
	default:
	}
	return m.source.receive(ctx)
}

func (m *mortal) acknowledge(ctx context.Context, messages []message) error {
	m.run.mu.Lock()
	m.run.passed += len(messages)
	if m.run.killAt > 0 && m.run.passed >= m.run.killAt {
		m.run.dead = true
		m.run.end()
		m.run.mu.Unlock()
		return context.Canceled
	}
	m.run.mu.Unlock()
	if err := m.source.acknowledge(ctx, messages); err != nil {
		return err
	}
	m.run.mu.Lock()
	defer m.run.mu.Unlock()
	for _, message := range messages {
		body := string(message.body)
		if m.run.left[body]--; m.run.left[body] <= 0 {
			delete(m.run.left, body)
		}
	}
	return nil
}

// world is a publisher on a real store, with an agent whose webhook wants everything.
type world struct {
	t            *testing.T
	store        *faultyStore
	intake       *api.Intake
	environments []carteiro.Environment
	agent        carteiro.ID
	webhook      carteiro.ID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	now, ids := time.Now(), new(carteiro.IDSource)
	w := &world{t: t, store: &faultyStore{Store: s}, agent: ids.New(now), webhook: ids.New(now)}
	environment := carteiro.Environment{ID: ids.New(now), Name: "production", CreatedAt: now}
	w.environments = []carteiro.Environment{environment}
	must(t, s.CreateEnvironment(t.Context(), store.CreateEnvironment{Environment: environment, Token: carteiro.Token{
		ID: ids.New(now), EnvironmentID: environment.ID, Hash: carteiro.HashToken(carteiro.NewTokenSecret()), CreatedAt: now,
	}}))
	_, _, err = s.PutOwner(t.Context(), store.PutOwner{Owner: carteiro.Owner{
		ID: w.agent, EnvironmentID: environment.ID, Kind: carteiro.OwnerAgent, Name: "Ana", CreatedAt: now, UpdatedAt: now,
	}})
	must(t, err)
	must(t, s.CreateWebhook(t.Context(), store.CreateWebhook{Webhook: &carteiro.Webhook{
		ID: w.webhook, EnvironmentID: environment.ID, OwnerKind: carteiro.OwnerAgent, OwnerID: w.agent, Name: "CRM", URL: "https://example.com",
		Events: []string{"event_action"}, Enabled: true, HTTPMethod: "POST", Timeout: carteiro.DefaultTimeout, AuthorizationScheme: "none",
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}}))
	registry := directory.New(s, false)
	w.intake = api.NewIntake(api.Config{
		Store: s, Directory: registry, IDs: ids, Catalogue: carteiro.NewCatalogue(nil, nil),
		Publisher: &publish.Publisher{Store: w.store, Directory: registry, Lanes: noLanes{}, IDs: ids, Retention: time.Hour},
	})
	return w
}

func (w *world) event(n int) string {
	return fmt.Sprintf(`{"agent_id":%q,"event":"event_action","payload":{"n":%d}}`, w.agent.String(), n)
}

func (w *world) cloudEvent(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/x","type":"event_action","agentid":%q,"data":{}}`, id, w.agent.String())
}

// total is how many deliveries there are, each of an event of its own.
func (w *world) total() int {
	page, err := w.store.ListLogs(context.Background(), store.ListLogs{WebhookID: w.webhook, Limit: 1})
	must(w.t, err)
	return page.Total
}

// noLanes leaves every attempt in the store.
type noLanes struct{ publish.Lanes }

func (noLanes) Reserve([]carteiro.Place) store.Session               { return store.Session{} }
func (noLanes) Cancel([]carteiro.Place)                              {}
func (noLanes) Notice(time.Time, ...carteiro.ID)                     {}
func (noLanes) Doubt(error)                                          {}
func (noLanes) Take(_ store.Session, _ []*carteiro.Delivery, _ bool) {}

// faultyStore fails to accept so many times.
type faultyStore struct {
	store.Store
	mu   sync.Mutex
	left int
}

func (s *faultyStore) fail(times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = times
}

func (s *faultyStore) failures() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}

func (s *faultyStore) Accept(ctx context.Context, p store.Accept) (store.AcceptResult, error) {
	s.mu.Lock()
	failing := s.left > 0
	if failing {
		s.left--
	}
	s.mu.Unlock()
	if failing {
		return store.AcceptResult{}, fmt.Errorf("disk full: %w", store.ErrUnavailable)
	}
	return s.Store.Accept(ctx, p)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestASourceNeedsAnEnvironmentThatIsThereOnce(t *testing.T) {
	w := newWorld(t)
	twice := append(slices.Clone(w.environments), carteiro.Environment{ID: w.agent, Name: "production"})
	for _, test := range []struct {
		name         string
		environments []carteiro.Environment
		want         string
	}{
		{"staging", w.environments, "no environment"}, {"production", twice, "give the id"},
		{"production", w.environments, ""}, {w.environments[0].ID.String(), twice, ""},
	} {
		_, err := New([]config.Source{{Name: "x", Environment: test.name}}, test.environments, w.intake, slog.New(slog.DiscardHandler))
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
