// Package bench measures a Carteiro server against what the machine can do: every figure that matters is a ratio of two
// things measured in one run, in alternation, because machines differ and are shared.
package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Figure is a median over the rounds, with its spread.
type Figure struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	all    []float64
}

func (f *Figure) add(value float64) {
	f.all = append(f.all, value)
	sorted := slices.Sorted(slices.Values(f.all))
	f.Median, f.Min, f.Max = sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1]
	if n := len(sorted); n%2 == 0 {
		f.Median = (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

func (f Figure) write(unit string) string {
	return fmt.Sprintf("%.4g%s (%.4g to %.4g)", f.Median, unit, f.Min, f.Max)
}

// Latency is the time from publishing an event to its first arrival.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
}

func latency(all []time.Duration) Latency {
	slices.Sort(all)
	return Latency{P50: all[len(all)/2], P99: all[len(all)*99/100]}
}

// Raw is the raw limit: the same bodies posted straight to the receiver.
type Raw struct {
	PerSecond Figure `json:"per_second"`
	P50       Figure `json:"p50_ms"`
	P99       Figure `json:"p99_ms"`
}

func (r *Raw) add(m measurement) {
	r.PerSecond.add(m.perSecond())
	l := latency(m.latencies)
	r.P50.add(milliseconds(l.P50))
	r.P99.add(milliseconds(l.P99))
}

// Mode is one way of publishing, measured.
type Mode struct {
	Name                string `json:"name"`
	EventsPerSecond     Figure `json:"events_per_second"`
	DeliveriesPerSecond Figure `json:"deliveries_per_second"`
	Ratio               Figure `json:"ratio_to_raw"`
	AcceptedPerSecond   Figure `json:"accepted_per_second"` // events, until the last was accepted
	CPUPerDelivery      Figure `json:"server_cpu_us_per_delivery"`
	P50                 Figure `json:"p50_ms"` // publish to arrival, at saturation
	P99                 Figure `json:"p99_ms"`
}

func (r *Mode) add(m, raw measurement) {
	events := float64(len(m.latencies))
	r.EventsPerSecond.add(events / m.took.Seconds())
	r.AcceptedPerSecond.add(events / m.publishing.Seconds())
	r.DeliveriesPerSecond.add(m.perSecond())
	r.Ratio.add(m.perSecond() / raw.perSecond())
	r.CPUPerDelivery.add(float64(m.cpu.Microseconds()) / float64(m.deliveries))
	l := latency(m.latencies)
	r.P50.add(milliseconds(l.P50))
	r.P99.add(milliseconds(l.P99))
}

// Calm is the latency at 200 events a second.
type Calm struct {
	Raw       Latency `json:"raw"`
	Carteiro  Latency `json:"carteiro"`
	P50Factor float64 `json:"p50_over_raw"`
	P99Factor float64 `json:"p99_over_raw"`
}

// Report is what the main benchmark found.
type Report struct {
	Events       int     `json:"deliveries_a_round"`
	Rounds       int     `json:"rounds"`
	PayloadBytes int     `json:"payload_bytes"`
	Connections  int     `json:"connections"`
	Raw          Raw     `json:"raw"`
	Modes        []*Mode `json:"modes"`
	Calm         Calm    `json:"at_200_events_per_second"`
	PeakMemory   int64   `json:"server_peak_memory_bytes"`
}

func (r *Report) mode(name string) *Mode {
	for _, m := range r.Modes {
		if m.Name == name {
			return m
		}
	}
	m := &Mode{Name: name}
	r.Modes = append(r.Modes, m)
	return m
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	_, _ = fmt.Fprintf(w, "%d rounds of %d deliveries, payloads of %d bytes; median (least to most)\n\n", r.Rounds, r.Events, r.PayloadBytes)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...any) {
		for _, c := range cells {
			_, _ = fmt.Fprintf(table, "%v\t", c)
		}
		_, _ = fmt.Fprintln(table)
	}
	row("", "deliveries/s", "of raw", "events/s", "accepted/s", "server CPU/delivery", "p50", "p99")
	row("raw limit", r.Raw.PerSecond.write(""), "1", "", "", "", r.Raw.P50.write(" ms"), r.Raw.P99.write(" ms"))
	for _, m := range r.Modes {
		row(m.Name, m.DeliveriesPerSecond.write(""), m.Ratio.write(""), m.EventsPerSecond.write(""), m.AcceptedPerSecond.write(""),
			m.CPUPerDelivery.write(" µs"), m.P50.write(" ms"), m.P99.write(" ms"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nat %d events/s, publish to arrival: p50 %v (raw %v, %.1f×), p99 %v (raw %v, %.1f×)\npeak memory of the server: %d MB\n",
		calmRate, r.Calm.Carteiro.P50, r.Calm.Raw.P50, r.Calm.P50Factor, r.Calm.Carteiro.P99, r.Calm.Raw.P99, r.Calm.P99Factor, r.PeakMemory>>20)
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
