package bench

import (
	"context"
	"fmt"
	"io"
)

// Rates are the raw limit and what comes through Carteiro, measured in alternation.
type Rates struct {
	Raw   Raw     `json:"raw"`
	Modes []*Mode `json:"modes"`
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

func (r *Rates) mode(name string) *Mode {
	for _, m := range r.Modes {
		if m.Name == name {
			return m
		}
	}
	m := &Mode{Name: name}
	r.Modes = append(r.Modes, m)
	return m
}

// measure adds a round: the raw limit, then each of the modes.
func (r *Rates) measure(ctx context.Context, b *bench, modes []mode) error {
	raw, err := b.raw(ctx)
	if err != nil {
		return fmt.Errorf("raw limit: %w", err)
	}
	r.Raw.add(raw)
	_, _ = fmt.Fprintf(b.log, "raw limit %s/s", number(raw.perSecond()))
	for _, m := range modes {
		measured, err := b.through(ctx, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		r.mode(m.name).add(measured, raw)
		_, _ = fmt.Fprintf(b.log, "; %s %s/s, %.2f of raw", m.name, number(measured.perSecond()), measured.perSecond()/raw.perSecond())
	}
	_, _ = fmt.Fprintln(b.log)
	return nil
}

// Text writes a table for people.
func (r *Rates) Text(w io.Writer) error {
	rows := [][]string{
		{"", "deliveries/s", "of raw", "events/s", "CPU of the server, a delivery", "p50", "p99"},
		{"raw limit", r.Raw.PerSecond.write(""), "1", "", "", r.Raw.P50.write(" ms"), r.Raw.P99.write(" ms")},
	}
	for _, m := range r.Modes {
		rows = append(rows, []string{
			m.Name, m.DeliveriesPerSecond.write(""), m.Ratio.write(""), m.EventsPerSecond.write(""),
			m.CPUPerDelivery.write(" µs"), m.P50.write(" ms"), m.P99.write(" ms"),
		})
	}
	return table(w, rows)
}
