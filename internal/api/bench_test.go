package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// registry is a store that knows one token and every owner, without webhooks.
type registry struct {
	store.Store
	token carteiro.Token
}

func (r registry) FindToken(_ context.Context, hash carteiro.TokenHash) (carteiro.Token, error) {
	if hash != r.token.Hash {
		return carteiro.Token{}, store.ErrNotFound
	}
	return r.token, nil
}

func (registry) GetOwner(_ context.Context, ref store.OwnerRef) (carteiro.Owner, error) {
	return carteiro.Owner{Kind: ref.Kind, ID: ref.ID, EnvironmentID: ref.EnvironmentID, Name: "Front desk"}, nil
}

func (registry) ListWebhooks(context.Context, store.OwnerRef) ([]*carteiro.Webhook, error) {
	return nil, nil
}

// accepter takes every event and keeps none.
type accepter struct{ Publisher }

func (accepter) Publish(_ context.Context, _ carteiro.ID, _ *publish.Key, events []publish.Event) ([]publish.Result, error) {
	return make([]publish.Result, len(events)), nil
}

const benchToken = "talq_benchmark"

// newAlone makes a handler without a store or a publisher worth the name.
func newAlone() http.Handler {
	ids := new(carteiro.IDSource)
	environment := ids.New(time.Now())
	s := registry{token: carteiro.Token{ID: environment, EnvironmentID: environment, Hash: carteiro.HashToken(benchToken), Scopes: carteiro.ScopeAll}}
	return New(Config{
		Directory: directory.New(s, false), Store: s, Publisher: accepter{},
		Catalogue: carteiro.NewCatalogue(nil, nil), IDs: ids, RateLimit: 600,
	})
}

// blank is a ResponseWriter that keeps nothing but the status.
type blank struct {
	header http.Header
	status int
}

func (b *blank) Header() http.Header         { return b.header }
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(status int)      { b.status = status }

func benchmarkPublish(b *testing.B, payload string, headers ...string) {
	handler := newAlone()
	body := []byte(`{"event":"event_phone_call_ended","payload":` + payload + `,"occurred_at":"2025-09-03T23:19:51.204Z"}`)
	reader := bytes.NewReader(body)
	req, err := http.NewRequestWithContext(b.Context(), "POST",
		"http://localhost/api/v1/agents/01990e54-9d6b-7f00-8f63-3c1f0a5d7b21/events", io.NopCloser(reader))
	if err != nil {
		b.Fatal(err)
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Authorization", "Bearer "+benchToken)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := &blank{header: make(http.Header)}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		clear(w.header)
		handler.ServeHTTP(w, req)
	}
	if w.status != http.StatusAccepted {
		b.Fatalf("status %d", w.status)
	}
}

func payloadOf(size int) string {
	const member = `"k%":{"id":"c-1042","duration":187,"tags":["a","b"],"note":"a caf\u00e9 in town"},`
	body := "{" + strings.Repeat(member, max(1, size/len(member)))
	return strings.TrimSuffix(body, ",") + "}"
}

func BenchmarkPublish(b *testing.B) {
	b.Run("100B", func(b *testing.B) { benchmarkPublish(b, payloadOf(100)) })
	b.Run("1KiB", func(b *testing.B) { benchmarkPublish(b, payloadOf(1<<10)) })
	b.Run("64KiB", func(b *testing.B) { benchmarkPublish(b, payloadOf(64<<10)) })
	b.Run("1KiB with a key", func(b *testing.B) { benchmarkPublish(b, payloadOf(1<<10), "Idempotency-Key", "k-1") })
}

func BenchmarkDecodeEvent(b *testing.B) {
	s := New(Config{Catalogue: carteiro.NewCatalogue(nil, nil)}).(*server)
	body := []byte(`{"event":"event_phone_call_ended","payload":` + payloadOf(1<<10) + `,"occurred_at":"2025-09-03T23:19:51.204Z"}`)
	r := &request{Request: &http.Request{}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.decodeEvent(r, s.agents, store.OwnerRef{}, body); err != nil {
			b.Fatal(err)
		}
	}
}
