package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Neighbour measures what a healthy webhook suffers from bad ones on the same server.
type Neighbour struct {
	Dead    int // receivers that never answer
	Backlog int // events queued for each bad receiver
	Events  int // for the healthy webhook
	Rounds  int
	Log     io.Writer
}

// slowAnswer is how long the slow receiver takes.
const slowAnswer = 10 * time.Second

// NeighbourReport is what was found.
type NeighbourReport struct {
	Dead       int    `json:"dead_receivers"`
	Backlog    int    `json:"backlog_each"`
	Events     int    `json:"events"`
	Alone      Figure `json:"alone_seconds"`
	Beside     Figure `json:"beside_seconds"`
	TimeFactor Figure `json:"time_over_alone"`
	P99Factor  Figure `json:"p99_over_alone"`
	PeakMemory int64  `json:"server_peak_memory_bytes"`
}

// Run measures the healthy webhook alone, then beside the others, each on a fresh database, in alternation.
func (n Neighbour) Run(ctx context.Context) (*NeighbourReport, error) {
	report := &NeighbourReport{Dead: n.Dead, Backlog: n.Backlog, Events: n.Events}
	for i := range n.Rounds {
		alone, _, err := n.measure(ctx, false)
		if err != nil {
			return nil, fmt.Errorf("alone: %w", err)
		}
		beside, memory, err := n.measure(ctx, true)
		if err != nil {
			return nil, fmt.Errorf("beside bad neighbours: %w", err)
		}
		report.Alone.add(alone.took.Seconds())
		report.Beside.add(beside.took.Seconds())
		report.TimeFactor.add(beside.took.Seconds() / alone.took.Seconds())
		report.P99Factor.add(latency(beside.latencies).P99.Seconds() / latency(alone.latencies).P99.Seconds())
		report.PeakMemory = max(report.PeakMemory, memory)
		_, _ = fmt.Fprintf(n.Log, "round %d of %d: alone %.2f s, beside bad neighbours %.2f s\n", i+1, n.Rounds, alone.took.Seconds(), beside.took.Seconds())
	}
	return report, nil
}

func (n Neighbour) measure(ctx context.Context, beside bool) (m measurement, memory int64, err error) {
	b := &bench{Throughput: Throughput{Events: n.Events, Size: 500, Log: n.Log}}
	end, err := b.setUp(ctx)
	defer end()
	if err != nil {
		return m, 0, err
	}
	if beside {
		bad, err := startBadReceiver(ctx)
		if err != nil {
			return m, 0, err
		}
		defer func() { _ = bad.Close() }()
		if err := n.fillBacklogs(ctx, b, bad.url); err != nil {
			return m, 0, fmt.Errorf("filling backlogs: %w", err)
		}
	}
	m, err = b.through(ctx, modes[1])
	return m, b.server.usage().peakMemory, err
}

// fillBacklogs queues events for receivers that never answer and for one that does so late.
func (n Neighbour) fillBacklogs(ctx context.Context, b *bench, url string) error {
	for i := range n.Dead + 1 {
		path := "/never"
		if i == n.Dead {
			path = "/late"
		}
		agent, err := b.registerAt(ctx, url+path)
		if err != nil {
			return err
		}
		err = inParallel(ctx, 4, n.Backlog/batchSize, func(ctx context.Context, _ int) error {
			return b.load.post(ctx, b.server.url+"/api/v1/events/batch", b.load.header(), batch(agent, 0, batchSize, b.Size), nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// badReceiver never answers at /never, and late at any other path.
type badReceiver struct {
	*http.Server
	url    string
	waiter atomic.Pointer[chan time.Time]
}

// next tells when the next request has come.
func (b *badReceiver) next() <-chan time.Time {
	waiter := make(chan time.Time, 1)
	b.waiter.Store(&waiter)
	return waiter
}

// ServeHTTP takes a delivery.
func (b *badReceiver) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	if waiter := b.waiter.Swap(nil); waiter != nil {
		*waiter <- time.Now()
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if r.URL.Path == "/never" {
		<-r.Context().Done()
		return
	}
	select {
	case <-time.After(slowAnswer):
	case <-r.Context().Done():
	}
}

func startBadReceiver(ctx context.Context) (*badReceiver, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &badReceiver{url: "http://" + listener.Addr().String()}
	b.Server = &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
	go func() { _ = b.Serve(listener) }()
	return b, nil
}

// Text writes the report for people.
func (r *NeighbourReport) Text(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d events to a healthy webhook, alone and beside %d receivers that never answer and one that takes %v, "+
		"each with a backlog of %d; median (least to most)\n\nalone:  %s\nbeside: %s\ntime over alone: %s\np99 over alone:  %s\npeak memory of the server: %d MB\n",
		r.Events, r.Dead, slowAnswer, r.Backlog, r.Alone.write(" s"), r.Beside.write(" s"), r.TimeFactor.write("×"), r.P99Factor.write("×"), r.PeakMemory>>20)
	return err
}
