package bench

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Many measures what many webhooks cost that get little: an event a second, spread over all of them.
type Many struct {
	Database string // empty: a temporary SQLite file
	Webhooks int
	Seconds  int
	Log      io.Writer
}

// ManyReport is what was found.
type ManyReport struct {
	Machine    Machine `json:"machine"`
	Webhooks   int     `json:"webhooks"`
	Seconds    int     `json:"seconds"`
	CPU        float64 `json:"server_cpu_share_of_a_core"`
	PeakMemory int64   `json:"server_peak_memory_bytes"`
	Latency    Latency `json:"publish_to_arrival"`
}

// Run registers the webhooks and publishes to them, one event a second.
func (l Many) Run(ctx context.Context) (*ManyReport, error) {
	s, err := newSite(ctx, l.Database)
	if err != nil {
		return nil, err
	}
	defer s.remove()
	b := &bench{size: 500, log: l.Log}
	agents, err := b.startWithMany(ctx, s, l.Webhooks)
	if err != nil {
		return nil, err
	}
	defer b.end()
	m, err := b.seldom(ctx, spread(agents), l.Seconds)
	if err != nil {
		return nil, err
	}
	return &ManyReport{
		Machine: thisMachine(s.url), Webhooks: l.Webhooks, Seconds: l.Seconds, CPU: m.cpu.Seconds() / m.took.Seconds(),
		PeakMemory: b.server.usage().peakMemory, Latency: latency(m.latencies),
	}, nil
}

// seldom measures one event a second.
func (b *bench) seldom(ctx context.Context, agent func(int) string, seconds int) (measurement, error) {
	return b.atRate(ctx, 1, seconds, func(ctx context.Context, r *round, n int) error { return b.publishOne(ctx, r, agent(n), n) })
}

// spread names agents in turn, such that neighbours in number are none in age.
func spread(agents []string) func(n int) string {
	const prime = 7919
	return func(n int) string { return agents[n*prime%len(agents)] }
}

// startWithMany starts everything on a database in which so many webhooks are, each of an agent of its own. They are put
// straight into the store: over HTTP it takes too long.
func (b *bench) startWithMany(ctx context.Context, s *site, webhooks int) (agents []string, err error) {
	if b.receiver, err = startReceiver(ctx); err != nil {
		return nil, err
	}
	err = s.with(ctx, func(db store.Store) error {
		agents, err = s.putMany(ctx, db, webhooks, b.receiver.url+"/0")
		return err
	})
	if err != nil {
		_ = b.receiver.close()
		return nil, fmt.Errorf("registering webhooks: %w", err)
	}
	_, _ = fmt.Fprintf(b.log, "registered %s webhooks\n", count(webhooks))
	return agents, b.start(ctx, s)
}

func (s *site) putMany(ctx context.Context, db store.Store, webhooks int, url string) (agents []string, err error) {
	ids, now := new(carteiro.IDSource), time.Now()
	var mu sync.Mutex
	err = inParallel(ctx, connections, webhooks, func(ctx context.Context, _ int) error {
		agent, err := s.putAgent(ctx, db, ids.New(now), now)
		if err != nil {
			return err
		}
		mu.Lock()
		agents = append(agents, agent.ID.String())
		mu.Unlock()
		return db.CreateWebhook(ctx, store.CreateWebhook{Webhook: webhook(ids.New(now), agent, url, now)})
	})
	return agents, err
}

// Text writes the report for people.
func (r *ManyReport) Text(w io.Writer) error {
	_, _ = fmt.Fprintf(w, "%s webhooks, one event a second for %d s, spread over all of them; %s:\n\n", count(r.Webhooks), r.Seconds, r.Machine)
	return table(w, [][]string{
		{"CPU of the server", "peak memory", "p50 of publish to arrival", "p99"},
		{fmt.Sprintf("%.2f %% of a core", 100*r.CPU), size(r.PeakMemory), inMilliseconds(r.Latency.P50), inMilliseconds(r.Latency.P99)},
	})
}
