package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// Backlog measures what a long queue for receivers that never answer costs: memory, and time at the next start.
type Backlog struct {
	Attempts int // queued in all
	Dead     int // receivers they are for
	Log      io.Writer
}

// BacklogReport is what was found.
type BacklogReport struct {
	Attempts       int           `json:"attempts"`
	Dead           int           `json:"dead_receivers"`
	Accepted       float64       `json:"accepted_per_second"`
	PeakMemory     int64         `json:"server_peak_memory_bytes"`
	FirstDelivery  time.Duration `json:"restart_to_first_delivery_ns"`
	RestartedPeak  int64         `json:"restarted_server_peak_memory_bytes"`
	DatabaseOnDisk int64         `json:"database_bytes"`
}

// Run queues the attempts, kills the server, and starts it again.
func (l Backlog) Run(ctx context.Context) (*BacklogReport, error) {
	folder, err := os.MkdirTemp("", "carteiro-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	bad, err := startBadReceiver(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = bad.Close() }()
	b := &bench{Throughput: Throughput{Size: 500, Log: l.Log}}
	if b.server, err = startServer(ctx, "sqlite:"+folder+"/carteiro.db"); err != nil {
		return nil, err
	}
	defer func() { _ = b.server.kill() }()
	token, err := b.server.createEnvironment(ctx)
	if err != nil {
		return nil, err
	}
	b.load = newLoad(token, connections)
	report := &BacklogReport{Attempts: l.Attempts, Dead: l.Dead}
	if report.Accepted, err = l.queue(ctx, b, bad.url); err != nil {
		return nil, err
	}
	report.PeakMemory = b.server.usage().peakMemory
	report.DatabaseOnDisk = sizeOf(folder+"/carteiro.db") + sizeOf(folder+"/carteiro.db-wal")
	if err := b.server.kill(); err != nil {
		return nil, err
	}
	arrived := bad.next()
	began := time.Now()
	if err := b.server.start(ctx); err != nil {
		return nil, err
	}
	select {
	case at := <-arrived:
		report.FirstDelivery = at.Sub(began)
	case <-time.After(time.Minute):
		return nil, fmt.Errorf("no delivery within a minute of the restart")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	time.Sleep(settle) //nolint:forbidigo // lanes fill up with what they may hold
	report.RestartedPeak = b.server.usage().peakMemory
	return report, nil
}

// settle is how long a restarted server is watched.
const settle = 10 * time.Second

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
		return b.load.post(ctx, b.server.url+"/api/v1/events/batch", b.load.header(), batch(agents[i%l.Dead], i, batchSize, b.Size), nil)
	})
	_, _ = fmt.Fprintln(l.Log)
	return float64(l.Attempts) / time.Since(began).Seconds(), err
}

func sizeOf(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Text writes the report for people.
func (r *BacklogReport) Text(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d attempts queued for %d receivers that never answer: accepted %.0f/s, peak memory %d MB, database %d MB\n"+
		"killed and started again: first delivery after %v, peak memory %d MB\n",
		r.Attempts, r.Dead, r.Accepted, r.PeakMemory>>20, r.DatabaseOnDisk>>20, r.FirstDelivery.Round(time.Millisecond), r.RestartedPeak>>20)
	return err
}
