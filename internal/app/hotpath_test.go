package app_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/observe"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
)

// hotPath is everything an event passes on its way but the network: the API's handler, the publisher, the store, the
// lanes and the recorder. What is sent counts as delivered at once.
type hotPath struct {
	handler http.Handler
	token   string
	owner   store.OwnerRef
	sent    *stub
}

// stub delivers everything at once.
type stub struct {
	wg sync.WaitGroup
}

// Send implements dispatch.Sender.
func (s *stub) Send(_ context.Context, _ *send.Target, d *carteiro.Delivery) *carteiro.Outcome {
	s.wg.Done()
	return &carteiro.Outcome{
		Success: true, HTTPStatus: http.StatusOK, Duration: time.Millisecond, FinishedAt: time.Now(),
		RequestURL: "http://receiver.example/", RequestMethod: http.MethodPost,
		RequestBody: d.Event.Payload, SharedTail: len(d.Event.Payload),
		RequestHeaders: http.Header{"Content-Type": {"application/json"}},
	}
}

func newHotPath(tb testing.TB, webhooks int) *hotPath {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	ctx := context.Background()
	counts := observe.NewMetrics("bench")
	opened, err := sqlite.Open(ctx, filepath.Join(tb.TempDir(), "carteiro.db"), sqlite.Options{Committed: counts.Committed})
	must(err)
	s := counts.Watch(opened)
	ids, registry, sent := new(carteiro.IDSource), directory.New(s, false), new(stub)
	lanes := dispatch.New(dispatch.Config{
		Store: s, Webhooks: registry, Sender: sent, IDs: ids, Policy: carteiro.DefaultRetryPolicy(), Logger: slog.New(slog.DiscardHandler),
	})
	must(lanes.Start(ctx))
	tb.Cleanup(func() {
		lanes.Stop(ctx)
		must(s.Close())
	})
	now := time.Now()
	h := &hotPath{
		token: carteiro.NewTokenSecret(), sent: sent,
		handler: api.New(api.Config{
			Observer: counts,
			Store:    s, Directory: registry, Catalogue: carteiro.NewCatalogue(nil, nil), IDs: ids,
			Publisher: &publish.Publisher{Store: s, Directory: registry, Lanes: lanes, IDs: ids, Retention: time.Hour},
		}),
	}
	environment := carteiro.Environment{ID: ids.New(now), Name: "bench", CreatedAt: now}
	must(s.CreateEnvironment(ctx, store.CreateEnvironment{
		Environment: environment,
		Token:       carteiro.Token{ID: ids.New(now), EnvironmentID: environment.ID, Hash: carteiro.HashToken(h.token), CreatedAt: now, Scopes: carteiro.ScopeAll},
	}))
	h.owner = store.OwnerRef{EnvironmentID: environment.ID, Kind: carteiro.OwnerAgent, ID: ids.New(now)}
	_, _, err = registry.PutOwner(ctx, store.PutOwner{Owner: carteiro.Owner{
		Kind: h.owner.Kind, ID: h.owner.ID, EnvironmentID: environment.ID, Name: "bench", CreatedAt: now, UpdatedAt: now,
	}})
	must(err)
	for range webhooks {
		must(registry.CreateWebhook(ctx, store.CreateWebhook{Webhook: &carteiro.Webhook{
			ID: ids.New(now), EnvironmentID: environment.ID, OwnerKind: h.owner.Kind, OwnerID: h.owner.ID, Name: "bench",
			URL: "http://receiver.example/", Events: []string{"event_action"}, Timeout: carteiro.DefaultTimeout, Enabled: true,
			HTTPMethod: http.MethodPost, AuthorizationScheme: carteiro.AuthorizationNone, CreatedAt: now, UpdatedAt: now, Version: 1,
		}}))
	}
	return h
}

const hotPayload = `{"call":{"id":"call_00000001","from":"+5511987654321","duration_seconds":42},"transcript":"%s"}`

// publish sends a body to the handler and fails unless it is accepted.
func (h *hotPath) publish(tb testing.TB, path string, body []byte) {
	request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, bytes.NewReader(body))
	request.Header["Authorization"] = []string{"Bearer " + h.token}
	request.Header["Content-Type"] = []string{"application/json"}
	answer := httptest.NewRecorder()
	h.handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusAccepted {
		tb.Fatalf("%d %s", answer.Code, answer.Body)
	}
}

// single publishes n events one by one, from several goroutines as clients do.
func (h *hotPath) single(tb testing.TB, n, deliveries int) {
	body := fmt.Appendf(nil, `{"event":"event_action","payload":`+hotPayload+`}`, strings.Repeat("x", 400))
	path := "/api/v1/agents/" + h.owner.ID.String() + "/events"
	h.sent.wg.Add(n * deliveries)
	var clients sync.WaitGroup
	const connections = 64
	for range connections {
		clients.Go(func() {
			for range n / connections {
				h.publish(tb, path, body)
			}
		})
	}
	for range n % connections {
		h.publish(tb, path, body)
	}
	clients.Wait()
	h.sent.wg.Wait()
}

// batches publishes n events in batches of 100.
func (h *hotPath) batches(tb testing.TB, n int) {
	item := fmt.Sprintf(`{"agent_id":%q,"event":"event_action","payload":`+hotPayload+`}`, h.owner.ID, strings.Repeat("x", 400))
	body := []byte("[" + strings.Repeat(item+",", 99) + item + "]")
	h.sent.wg.Add(n / 100 * 100)
	for range n / 100 {
		h.publish(tb, "/api/v1/events/batch", body)
	}
	h.sent.wg.Wait()
}

// A thousand deliveries at a time: how well they share commits is part of what they cost.
func BenchmarkHotPath(b *testing.B) {
	for _, c := range []struct {
		name     string
		webhooks int
		publish  func(h *hotPath)
	}{
		{"1000 singly", 1, func(h *hotPath) { h.single(b, 1000, 1) }},
		{"1000 in batches", 1, func(h *hotPath) { h.batches(b, 1000) }},
		{"100 to 10 webhooks", 10, func(h *hotPath) { h.single(b, 100, 10) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := newHotPath(b, c.webhooks)
			c.publish(h) // fills caches and pools
			b.ReportAllocs()
			for b.Loop() {
				c.publish(h)
			}
		})
	}
}
