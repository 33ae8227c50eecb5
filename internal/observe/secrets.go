package observe

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carteiro/carteiro/internal/store"
)

var descSecrets = describe("carteiro_webhook_secrets", "Webhooks that have secrets, by the key those are encrypted with: first (the one that encrypts), older, or none.", "key")

// secretsCollector asks which keys the webhooks' secrets are encrypted with when it is asked itself.
type secretsCollector struct {
	first string
	store interface {
		SecretKeys(ctx context.Context) ([]store.SecretKey, error)
	}

	mu    sync.Mutex
	known []store.SecretKey
	asked time.Time
	err   error
}

// WatchSecrets has each scrape tell how far the secrets are encrypted with the key of this name; "" for none.
func (m *Metrics) WatchSecrets(first string, s store.Secrets) {
	m.registry.MustRegister(&secretsCollector{first: first, store: s})
}

// Describe implements prometheus.Collector.
func (*secretsCollector) Describe(c chan<- *prometheus.Desc) { c <- descSecrets }

// Collect implements prometheus.Collector. What the store does not tell is left out.
func (s *secretsCollector) Collect(c chan<- prometheus.Metric) {
	keys, err := s.keys(time.Now())
	if err != nil {
		return
	}
	var first, older, none int
	for _, k := range keys {
		switch k.Name {
		case "":
			none += k.Webhooks
		case s.first:
			first += k.Webhooks
		default:
			older += k.Webhooks
		}
	}
	for name, n := range map[string]int{"first": first, "older": older, "none": none} {
		c <- prometheus.MustNewConstMetric(descSecrets, prometheus.GaugeValue, float64(n), name)
	}
}

func (s *secretsCollector) keys(now time.Time) ([]store.SecretKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.IsZero() || now.Sub(s.asked) >= vitalsMaxAge {
		ctx, cancel := context.WithTimeout(context.Background(), vitalsTimeout)
		defer cancel()
		s.known, s.err = s.store.SecretKeys(ctx)
		s.asked = now
	}
	return s.known, s.err
}
