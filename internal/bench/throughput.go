package bench

import (
	"context"
	"fmt"
	"io"
)

// Throughput is what the main benchmark is told.
type Throughput struct {
	Database string // empty: a temporary SQLite file
	Nodes    int    // servers that share the database, and the requests; 0 is 1
	Rounds   int
	Events   int // deliveries a round
	Size     int // bytes of payload
	Seconds  int // of the measurement at 200 events a second, raw and through Carteiro, in each round
	Log      io.Writer
}

// calmRate is the events a second at which the latency of an unhurried server is measured.
const calmRate = 200

// Report is what the main benchmark found.
type Report struct {
	Machine      Machine `json:"machine"`
	Events       int     `json:"deliveries_a_round"`
	Rounds       int     `json:"rounds"`
	PayloadBytes int     `json:"payload_bytes"`
	Connections  int     `json:"connections"`
	Nodes        int     `json:"nodes"`
	Rates
	Calm       Calm  `json:"at_200_events_per_second"`
	PeakMemory int64 `json:"server_peak_memory_bytes"`
	// Disk is what a delivery takes, its share of the event included; 0 when the database is no file.
	Disk float64 `json:"database_bytes_per_delivery,omitempty"`
}

// Calm is the latency at 200 events a second: publish to arrival, in milliseconds.
type Calm struct {
	RawP50         Figure `json:"raw_p50_ms"`
	RawP99         Figure `json:"raw_p99_ms"`
	P50            Figure `json:"p50_ms"`
	P99            Figure `json:"p99_ms"`
	P50Factor      Figure `json:"p50_over_raw"`
	P99Factor      Figure `json:"p99_over_raw"`
	CPUPerDelivery Figure `json:"server_cpu_us_per_delivery"`
}

func (c *Calm) add(m, raw measurement) {
	through, straight := latency(m.latencies), latency(raw.latencies)
	c.RawP50.add(milliseconds(straight.P50))
	c.RawP99.add(milliseconds(straight.P99))
	c.P50.add(milliseconds(through.P50))
	c.P99.add(milliseconds(through.P99))
	c.P50Factor.add(through.P50.Seconds() / straight.P50.Seconds())
	c.P99Factor.add(through.P99.Seconds() / straight.P99.Seconds())
	c.CPUPerDelivery.add(float64(m.cpu.Microseconds()) / float64(m.deliveries))
}

// Run measures, in one run and in alternation, the raw limit and what comes through Carteiro. It fails when anything
// did not arrive exactly once.
func (t Throughput) Run(ctx context.Context) (*Report, error) {
	s, err := newSite(ctx, t.Database)
	if err != nil {
		return nil, err
	}
	defer s.remove()
	b := &bench{events: t.Events, size: t.Size, log: t.Log}
	if err := b.start(ctx, s); err != nil {
		return nil, err
	}
	defer b.end()
	if err := b.startOthers(ctx, s, t.Nodes); err != nil {
		return nil, err
	}
	modes, err := b.threeModes(ctx)
	if err != nil {
		return nil, err
	}
	before := s.bytes()
	if err := b.warmUp(ctx, modes); err != nil {
		return nil, err
	}
	report := &Report{Machine: thisMachine(s.url), Events: t.Events, Rounds: t.Rounds, PayloadBytes: t.Size, Connections: connections, Nodes: max(1, t.Nodes)}
	for i := range t.Rounds {
		_, _ = fmt.Fprintf(t.Log, "round %d of %d: ", i+1, t.Rounds)
		if err := report.measure(ctx, b, modes); err != nil {
			return nil, err
		}
		if err := report.Calm.measure(ctx, b, modes[1].agent, t.Seconds); err != nil {
			return nil, fmt.Errorf("at %d events a second: %w", calmRate, err)
		}
	}
	report.PeakMemory = b.usage().peakMemory
	report.Disk, err = b.finish(s.bytes, before)
	return report, err
}

// measure adds a round.
func (c *Calm) measure(ctx context.Context, b *bench, agent func(int) string, seconds int) error {
	n := calmRate * seconds
	raw, err := b.atRate(ctx, calmRate, n, b.postRaw)
	if err != nil {
		return err
	}
	through, err := b.atRate(ctx, calmRate, n, func(ctx context.Context, r *round, n int) error {
		return b.publishOne(ctx, r, agent(n), n)
	})
	if err != nil {
		return err
	}
	b.made += n
	c.add(through, raw)
	return nil
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	_, _ = fmt.Fprintf(w, "%d rounds of %s deliveries, payloads of %d bytes; %s%s; median (least to most):\n\n",
		r.Rounds, count(r.Events), r.PayloadBytes, r.Machine, nodes(r.Nodes))
	if err := r.Rates.Text(w); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "\nPublish to arrival at %d events a second:\n\n", calmRate)
	err := table(w, [][]string{
		{"", "raw", "through Carteiro", "over raw"},
		{"p50", r.Calm.RawP50.write(" ms"), r.Calm.P50.write(" ms"), r.Calm.P50Factor.write("×")},
		{"p99", r.Calm.RawP99.write(" ms"), r.Calm.P99.write(" ms"), r.Calm.P99Factor.write("×")},
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\nCPU of the server at that rate: %s a delivery. Peak memory of the server over all of it: %s.%s\n",
		r.Calm.CPUPerDelivery.write(" µs"), size(r.PeakMemory), onDisk(" On disk: %s a delivery.", r.Disk))
	return err
}

// nodes says how many there are, where there is more than one.
func nodes(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(", %d nodes", n)
}

// onDisk says what something takes on disk, and nothing where that cannot be told.
func onDisk(format string, bytes float64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf(format, size(int64(bytes)))
}
