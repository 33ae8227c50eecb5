package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Growth measures how the cost of a delivery grows with one quantity: the size of payloads, the number of webhooks, or
// the length of the delivery log.
type Growth struct {
	Over   string // one of [OverPayload], [OverWebhooks] and [OverEntries]
	Points []int  // bytes of payload, webhooks, or entries of the log
	Rounds int
	Events int    // deliveries a round; fewer of large payloads
	Folder string // keeps the databases with long logs for later runs; empty: they are temporary
	Log    io.Writer
}

// What cost may grow with.
const (
	OverPayload  = "payload"
	OverWebhooks = "webhooks"
	OverEntries  = "entries"
)

// GrowthReport is what was found.
type GrowthReport struct {
	Machine Machine     `json:"machine"`
	Over    string      `json:"over"`
	Rounds  int         `json:"rounds"`
	Events  int         `json:"deliveries_a_round"`
	Rows    []GrowthRow `json:"rows"`
}

// GrowthRow is what was found at one point.
type GrowthRow struct {
	Point int `json:"point"`
	Rates
	PeakMemory int64   `json:"server_peak_memory_bytes"`
	Disk       float64 `json:"database_bytes_per_delivery,omitempty"`
	// Seldom is the share of a core that one event a second takes, spread over all webhooks.
	Seldom float64 `json:"server_cpu_share_at_one_event_per_second,omitempty"`
	// Start is how long the server takes from its start until it listens.
	Start time.Duration `json:"start_ns,omitempty"`
	Logs  []LogsRow     `json:"logs,omitempty"`
}

// Run measures each point on a server and a database of its own.
func (g Growth) Run(ctx context.Context) (*GrowthReport, error) {
	report := &GrowthReport{Machine: thisMachine("sqlite"), Over: g.Over, Rounds: g.Rounds, Events: g.Events}
	measure := map[string]func(context.Context, int) (GrowthRow, error){
		OverPayload: g.payload, OverWebhooks: g.webhooks, OverEntries: g.entries,
	}[g.Over]
	if measure == nil {
		return nil, fmt.Errorf("growth over %q is not measured", g.Over)
	}
	for _, point := range g.Points {
		_, _ = fmt.Fprintf(g.Log, "%s: %s\n", g.Over, count(point))
		row, err := measure(ctx, point)
		if err != nil {
			return nil, fmt.Errorf("%s of %d: %w", g.Over, point, err)
		}
		row.Point = point
		report.Rows = append(report.Rows, row)
	}
	return report, nil
}

// maxRoundBytes bounds what the payloads of a round take.
const maxRoundBytes = 128 << 20

// payload measures payloads of a size.
func (g Growth) payload(ctx context.Context, bytes int) (row GrowthRow, err error) {
	s, err := newSite(ctx, "")
	if err != nil {
		return row, err
	}
	defer s.remove()
	b := &bench{events: min(g.Events, maxRoundBytes/bytes), size: bytes, log: g.Log}
	if err := b.start(ctx, s); err != nil {
		return row, err
	}
	defer b.end()
	agent, err := b.register(ctx, 1)
	if err != nil {
		return row, err
	}
	before := s.bytes()
	if err := row.measure(ctx, b, twoModes(always(agent)), g.Rounds); err != nil {
		return row, err
	}
	row.Disk, err = b.finish(s.bytes, before)
	return row, err
}

// measure adds several rounds.
func (r *GrowthRow) measure(ctx context.Context, b *bench, modes []mode, rounds int) error {
	if err := b.warmUp(ctx, modes); err != nil {
		return err
	}
	for range rounds {
		if err := r.Rates.measure(ctx, b, modes); err != nil {
			return err
		}
	}
	r.PeakMemory = b.server.usage().peakMemory
	return nil
}

// seldomFor is how long one event a second is watched, in seconds.
const seldomFor = 10

// webhooks measures events that are spread over many webhooks.
func (g Growth) webhooks(ctx context.Context, webhooks int) (row GrowthRow, err error) {
	s, err := newSite(ctx, "")
	if err != nil {
		return row, err
	}
	defer s.remove()
	b := &bench{events: g.Events, size: 500, log: g.Log}
	agents, err := b.startWithMany(ctx, s, webhooks)
	if err != nil {
		return row, err
	}
	defer b.end()
	m, err := b.seldom(ctx, spread(agents), seldomFor)
	if err != nil {
		return row, err
	}
	row.Seldom = m.cpu.Seconds() / m.took.Seconds()
	if err := row.measure(ctx, b, twoModes(spread(agents)), g.Rounds); err != nil {
		return row, err
	}
	_, err = b.finish(s.bytes, 0)
	return row, err
}

// entries measures deliveries and reading beside a long log, a tenth of which is of the webhook that is read.
func (g Growth) entries(ctx context.Context, entries int) (row GrowthRow, err error) {
	s, log, err := g.longLog(ctx, entries)
	if err != nil {
		return row, err
	}
	defer s.remove()
	b := &bench{events: g.Events, size: 500, log: g.Log}
	began := time.Now()
	if err := b.start(ctx, s, keepAll); err != nil {
		return row, err
	}
	defer b.end()
	row.Start, row.Disk = time.Since(began), log.disk
	agent, err := b.register(ctx, 1)
	if err != nil {
		return row, err
	}
	if row.Logs, err = log.read(ctx, newLoad(s.token, 1), b.server, logRequests); err != nil {
		return row, err
	}
	if err := row.measure(ctx, b, twoModes(always(agent)), g.Rounds); err != nil {
		return row, err
	}
	_, err = b.finish(s.bytes, 0)
	return row, err
}

// logRequests is how many requests of each kind read a long log.
const logRequests = 300

// longLog gives a database with so many entries: one that an earlier run has left in the folder, or a new one.
func (g Growth) longLog(ctx context.Context, entries int) (*site, *longLog, error) {
	l := Logs{Entries: entries / 10, Others: entries - entries/10, Log: g.Log}
	if g.Folder == "" {
		return l.site(ctx)
	}
	file := filepath.Join(g.Folder, fmt.Sprintf("entries-%d.db", entries))
	l.Database = "sqlite:" + file
	_, err := os.Stat(file)
	l.Filled = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	return l.site(ctx)
}

// Text writes the report for people.
func (r *GrowthReport) Text(w io.Writer) error {
	_, _ = fmt.Fprintf(w, "%d rounds of %s deliveries at each point; %s; medians:\n\n", r.Rounds, count(r.Events), r.Machine)
	head := map[string]string{OverPayload: "payload", OverWebhooks: "webhooks", OverEntries: "entries of the log"}[r.Over]
	rows := [][]string{{head, "raw limit", "batches of 100", "of raw", "CPU, a delivery", "single publishing", "of raw", "CPU, a delivery", "peak memory"}}
	switch r.Over {
	case OverPayload:
		rows[0] = append(rows[0], "on disk, a delivery")
	case OverWebhooks:
		rows[0] = append(rows[0], "one event a second: CPU")
	case OverEntries:
		rows[0] = append(rows[0], "on disk, an entry", "start", firstPage+": p50", "p99")
	}
	for _, row := range r.Rows {
		rows = append(rows, row.cells(r.Over))
	}
	return table(w, rows)
}

func (r *GrowthRow) cells(over string) []string {
	point := count(r.Point)
	if over == OverPayload {
		point = size(int64(r.Point))
	}
	cells := []string{point, number(r.Raw.PerSecond.Median) + "/s"}
	for _, m := range r.Modes {
		cells = append(cells, number(m.DeliveriesPerSecond.Median)+"/s", number(m.Ratio.Median), number(m.CPUPerDelivery.Median)+" µs")
	}
	cells = append(cells, size(r.PeakMemory))
	switch over {
	case OverPayload:
		return append(cells, size(int64(r.Disk)))
	case OverWebhooks:
		return append(cells, fmt.Sprintf("%.2f %% of a core", 100*r.Seldom))
	}
	return append(cells, size(int64(r.Disk)), inMilliseconds(r.Start), inMilliseconds(r.Logs[0].P50), inMilliseconds(r.Logs[0].P99))
}
