package observe

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// LaneState is what a node holds in memory, summed over its lanes: one number for each webhook would be labels without end.
type LaneState struct {
	Lanes     int // with something to do
	Waiting   int // attempts held, not yet begun
	Reserved  int // places of attempts that are being committed
	InFlight  int // attempts begun
	HeldBytes int
	Refused   int       // outcomes that the database has refused to record so far
	Paused    bool      // no attempt is started: outcomes cannot be recorded, or the lease has run out
	ProxyDown bool      // deliveries are held because the egress proxy is unavailable
	OldestDue time.Time // of those waiting first in their lanes; zero when there are none
}

const (
	// vitalsMaxAge is how long what the store said is told again: scrapers may come as often as they like.
	vitalsMaxAge = 5 * time.Second
	// vitalsTimeout bounds how long a scrape waits for the store.
	vitalsTimeout = 5 * time.Second
)

// stateCollector asks how things stand when it is asked itself.
type stateCollector struct {
	lanes func() LaneState
	store interface {
		Vitals(ctx context.Context) (store.Vitals, error)
	}

	mu    sync.Mutex
	known store.Vitals
	asked time.Time
	err   error
}

// WatchState has each scrape tell how deep the lanes and the store are.
func (m *Metrics) WatchState(lanes func() LaneState, s store.Store) {
	m.registry.MustRegister(&stateCollector{lanes: lanes, store: s})
}

// IngestCounts is what became of the messages of one source since the start.
type IngestCounts struct{ Accepted, Refused int64 }

// ingestCollector ask what became of messages when they are asked themselves.
type ingestCollector struct {
	counts func() map[string]IngestCounts
}

// WatchIngest has each scrape tell what became of the messages of each source, by its name. Names are the operator's: there
// are as many as the sources file has.
func (m *Metrics) WatchIngest(counts func() map[string]IngestCounts) {
	m.registry.MustRegister(ingestCollector{counts})
}

// Describe implements prometheus.Collector.
func (ingestCollector) Describe(c chan<- *prometheus.Desc) { c <- descIngested }

// Collect implements prometheus.Collector.
func (s ingestCollector) Collect(c chan<- prometheus.Metric) {
	for name, n := range s.counts() {
		c <- prometheus.MustNewConstMetric(descIngested, prometheus.CounterValue, float64(n.Accepted), name, "taken")
		c <- prometheus.MustNewConstMetric(descIngested, prometheus.CounterValue, float64(n.Refused), name, "refused")
	}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	descLanes     = describe("carteiro_lanes", "Webhooks that this node has something to do for.")
	descLane      = describe("carteiro_lane_attempts", "Attempts in this node's memory: waiting, reserved (being committed) or in flight.", "state")
	descHeld      = describe("carteiro_lane_held_bytes", "Memory that waiting deliveries take.")
	descRefused   = describe("carteiro_outcomes_refused", "Outcomes that the database has refused to record so far. They are kept and retried.")
	descPaused    = describe("carteiro_sending_paused", "1 while this node starts no attempts because it cannot record outcomes or renew its lease, else 0.")
	descProxy     = describe("carteiro_egress_proxy_down", "1 while this node holds deliveries because the egress proxy is unavailable, else 0.")
	descOpen      = describe("carteiro_attempts_open", "Attempts in the store that have not ended: waiting, scheduled or in flight.")
	descOldest    = describe("carteiro_oldest_due_seconds", "For how long the attempt that has been due longest has waited; 0 when none is late.")
	descWebhooks  = describe("carteiro_webhooks", "Webhooks by status; error is an open circuit.", "status")
	descCircuits  = describe("carteiro_circuits", "Circuits of enabled webhooks: closed, open (deliveries wait for the next probe) or half_open (a probe is under way).", "state")
	descSize      = describe("carteiro_store_size_bytes", "Size of the database.")
	descIngested  = describe("carteiro_ingest_messages_total", "Messages from brokers that were acknowledged: taken (stored, now or before) or refused.", "source", "result")
	descReachable = describe("carteiro_store_up", "Whether the store answered this scrape.")
)

// Describe implements prometheus.Collector.
func (s *stateCollector) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLanes, descLane, descHeld, descRefused, descPaused, descProxy, descOpen, descOldest, descWebhooks, descCircuits, descSize, descReachable} {
		c <- d
	}
}

// Collect implements prometheus.Collector. What the store does not tell is left out rather than told as it was.
func (s *stateCollector) Collect(c chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now, l := time.Now(), s.lanes()
	gauge(descLanes, float64(l.Lanes))
	gauge(descLane, float64(l.Waiting), "waiting")
	gauge(descLane, float64(l.Reserved), "reserved")
	gauge(descLane, float64(l.InFlight), "in_flight")
	gauge(descHeld, float64(l.HeldBytes))
	gauge(descRefused, float64(l.Refused))
	gauge(descPaused, boolToFloat(l.Paused))
	gauge(descProxy, boolToFloat(l.ProxyDown))
	v, err := s.vitals(now)
	if err != nil {
		gauge(descReachable, 0)
		return
	}
	gauge(descReachable, 1)
	gauge(descOpen, float64(v.Open))
	gauge(descOldest, max(lateness(now, l.OldestDue), lateness(now, v.OldestWaiting)))
	gauge(descWebhooks, float64(v.Active), string(carteiro.WebhookActive))
	gauge(descWebhooks, float64(v.Disabled), string(carteiro.WebhookDisabled))
	gauge(descWebhooks, float64(v.Failing), string(carteiro.WebhookError))
	gauge(descCircuits, float64(v.Active), "closed")
	gauge(descCircuits, float64(v.Failing-v.Probing), "open")
	gauge(descCircuits, float64(v.Probing), "half_open")
	gauge(descSize, float64(v.Bytes))
}

func boolToFloat(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func lateness(now, due time.Time) float64 {
	if due.IsZero() {
		return 0
	}
	return max(0, now.Sub(due)).Seconds()
}

func (s *stateCollector) vitals(now time.Time) (store.Vitals, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.IsZero() || now.Sub(s.asked) >= vitalsMaxAge {
		ctx, cancel := context.WithTimeout(context.Background(), vitalsTimeout)
		defer cancel()
		s.known, s.err = s.store.Vitals(ctx)
		s.asked = now
	}
	return s.known, s.err
}
