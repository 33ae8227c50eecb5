package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"carteiro"
	"carteiro/internal/app"
	"carteiro/internal/config"
	"carteiro/internal/store"
)

// Many measures what many webhooks cost that get little: an event a second, spread over all of them.
type Many struct {
	Webhooks int
	Seconds  int
	Log      io.Writer
}

// ManyReport is what was found.
type ManyReport struct {
	Webhooks   int     `json:"webhooks"`
	CPU        float64 `json:"server_cpu_share_of_a_core"`
	PeakMemory int64   `json:"server_peak_memory_bytes"`
	Latency    Latency `json:"publish_to_arrival"`
}

// Run registers the webhooks and publishes to them, one event a second.
func (l Many) Run(ctx context.Context) (*ManyReport, error) {
	folder, err := os.MkdirTemp("", "carteiro-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	database := "sqlite:" + folder + "/carteiro.db"
	b := &bench{Throughput: Throughput{Size: 500, Log: l.Log}}
	if b.receiver, err = startReceiver(ctx); err != nil {
		return nil, err
	}
	defer func() { _ = b.receiver.close() }()
	agents, token, err := l.register(ctx, database, b.receiver.url+"/0")
	if err != nil {
		return nil, fmt.Errorf("registering webhooks: %w", err)
	}
	if b.server, err = startServer(ctx, database); err != nil {
		return nil, err
	}
	defer func() { _ = b.server.stop() }()
	b.load = newLoad(token, connections)
	r := b.receiver.expect(0, l.Seconds, 1)
	before, began := b.server.usage(), time.Now()
	err = atRate(ctx, 1, l.Seconds, func(ctx context.Context, i int) error {
		agent := agents[i*7919%len(agents)] // a prime, so that they are spread
		return b.publishOne(ctx, r, agent.String(), i)
	})
	if err != nil {
		return nil, err
	}
	if err := await(ctx, r); err != nil {
		return nil, err
	}
	after := b.server.usage()
	return &ManyReport{
		Webhooks: l.Webhooks, PeakMemory: after.peakMemory, Latency: latency(r.latencies()),
		CPU: (after.cpu - before.cpu).Seconds() / time.Since(began).Seconds(),
	}, nil
}

// register makes an agent with a webhook for each, straight in the store.
func (l Many) register(ctx context.Context, database, url string) (agents []carteiro.ID, token string, err error) {
	s, err := app.OpenStore(ctx, config.Database{Database: database}, app.Exclusive)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = s.Close() }()
	ids, now := new(carteiro.IDSource), time.Now()
	environment := carteiro.Environment{ID: ids.New(now), Name: "bench", CreatedAt: now}
	token = carteiro.NewTokenSecret()
	err = s.CreateEnvironment(ctx, store.CreateEnvironment{Environment: environment, Token: carteiro.Token{
		ID: ids.New(now), EnvironmentID: environment.ID, Hash: carteiro.HashToken(token), CreatedAt: now,
	}})
	if err != nil {
		return nil, "", err
	}
	var mu sync.Mutex
	err = inParallel(ctx, connections, l.Webhooks, func(ctx context.Context, _ int) error {
		agent := carteiro.Owner{
			Kind: carteiro.OwnerAgent, ID: ids.New(now), EnvironmentID: environment.ID, Name: "bench", CreatedAt: now, UpdatedAt: now,
		}
		if _, _, err := s.PutOwner(ctx, store.PutOwner{Owner: agent}); err != nil {
			return err
		}
		mu.Lock()
		agents = append(agents, agent.ID)
		mu.Unlock()
		return s.CreateWebhook(ctx, &carteiro.Webhook{
			ID: ids.New(now), EnvironmentID: environment.ID, OwnerKind: agent.Kind, OwnerID: agent.ID, Name: "bench", URL: url,
			Events: []string{"event_phone_call_ended"}, Timeout: carteiro.DefaultTimeout, MaxRetries: carteiro.DefaultRetries, Enabled: true,
			HTTPMethod: carteiro.DefaultHTTPMethod, AuthorizationScheme: carteiro.AuthorizationNone,
			CreatedAt: now, UpdatedAt: now, Version: 1,
		})
	})
	_, _ = fmt.Fprintf(l.Log, "registered %d webhooks\n", len(agents))
	return agents, token, err
}

// Text writes the report for people.
func (r *ManyReport) Text(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d webhooks, one event a second: %.1f %% of a core, peak memory %d MB, publish to arrival p50 %v, p99 %v\n",
		r.Webhooks, 100*r.CPU, r.PeakMemory>>20, r.Latency.P50.Round(time.Microsecond), r.Latency.P99.Round(time.Microsecond))
	return err
}
