package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Backlog measures what a long queue for receivers that never answer costs: memory, and time at the next start.
type Backlog struct {
	Attempts int    // queued in all
	Dead     int    // receivers they are for
	Database string // empty: a temporary SQLite file
	Log      io.Writer
}

// BacklogReport is what was found.
type BacklogReport struct {
	Machine        Machine       `json:"machine"`
	Attempts       int           `json:"attempts"`
	Dead           int           `json:"dead_receivers"`
	Accepted       float64       `json:"accepted_per_second"`
	PeakMemory     int64         `json:"server_peak_memory_bytes"`
	FirstDelivery  time.Duration `json:"restart_to_first_delivery_ns"`
	RestartedPeak  int64         `json:"restarted_server_peak_memory_bytes"`
	DatabaseOnDisk int64         `json:"database_bytes,omitempty"`
}

// Run queues the attempts, kills the server, and starts it again.
func (l Backlog) Run(ctx context.Context) (*BacklogReport, error) {
	s, err := newSite(ctx, l.Database)
	if err != nil {
		return nil, err
	}
	defer s.remove()
	bad, err := startBadReceiver(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = bad.Close() }()
	b := &bench{size: 500, log: l.Log}
	if err := b.start(ctx, s); err != nil {
		return nil, err
	}
	defer b.end()
	report := &BacklogReport{Machine: thisMachine(s.url), Attempts: l.Attempts, Dead: l.Dead}
	if report.Accepted, err = l.queue(ctx, b, bad.url); err != nil {
		return nil, err
	}
	report.PeakMemory = b.server.usage().peakMemory
	report.DatabaseOnDisk = s.bytes()
	if err := b.server.kill(); err != nil {
		return nil, err
	}
	if report.FirstDelivery, err = l.restart(ctx, b, bad); err != nil {
		return nil, err
	}
	select {
	case <-time.After(settle): // lanes fill up with what they may hold
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	report.RestartedPeak = b.server.usage().peakMemory
	return report, nil
}

// settle is how long a restarted server is watched.
const settle = 5 * time.Second

// restart starts the server again, and gives the time until something is delivered.
func (l Backlog) restart(ctx context.Context, b *bench, bad *badReceiver) (time.Duration, error) {
	arrived := bad.next()
	began := time.Now()
	if err := b.server.start(ctx); err != nil {
		return 0, err
	}
	select {
	case at := <-arrived:
		return at.Sub(began), nil
	case <-time.After(time.Minute):
		return 0, errors.New("no delivery within a minute of the restart")
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// queue publishes everything, and gives the events accepted a second.
func (l Backlog) queue(ctx context.Context, b *bench, url string) (perSecond float64, err error) {
	agents := make([]string, l.Dead)
	for i := range agents {
		if agents[i], err = b.registerAt(ctx, url+"/never"); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	var done atomic.Int64
	err = inParallel(ctx, 4, l.Attempts/batchSize, func(ctx context.Context, i int) error {
		if n := done.Add(batchSize); n%100_000 == 0 {
			_, _ = fmt.Fprintf(l.Log, "\rqueued: %d of %d", n, l.Attempts)
		}
		return b.postBatch(ctx, b.server, batch(always(agents[i%l.Dead]), i*batchSize, batchSize, b.size), batchSize)
	})
	_, _ = fmt.Fprintln(l.Log)
	return float64(l.Attempts) / time.Since(began).Seconds(), err
}

// Text writes the report for people.
func (r *BacklogReport) Text(w io.Writer) error {
	_, _ = fmt.Fprintf(w, "%s attempts for %d receivers that never answer, then the server is killed and started again; %s:\n\n",
		count(r.Attempts), r.Dead, r.Machine)
	return table(w, [][]string{
		{"", "queueing", "started again"},
		{"events/s accepted", number(r.Accepted), ""},
		{"peak memory", size(r.PeakMemory), size(r.RestartedPeak)},
		{"until the first delivery", "", inMilliseconds(r.FirstDelivery)},
		{"database on disk", size(r.DatabaseOnDisk), ""},
	})
}
