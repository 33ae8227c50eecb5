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
	Machine    Machine `json:"machine"`
	Dead       int     `json:"dead_receivers"`
	Backlog    int     `json:"backlog_each"`
	Events     int     `json:"events"`
	Rounds     int     `json:"rounds"`
	Alone      Figure  `json:"alone_seconds"`
	Beside     Figure  `json:"beside_seconds"`
	TimeFactor Figure  `json:"time_over_alone"`
	AloneP99   Figure  `json:"alone_p99_ms"`
	BesideP99  Figure  `json:"beside_p99_ms"`
	P99Factor  Figure  `json:"p99_over_alone"`
	PeakMemory int64   `json:"server_peak_memory_bytes"`
}

func (r *NeighbourReport) add(alone, beside measurement) {
	r.Alone.add(alone.took.Seconds())
	r.Beside.add(beside.took.Seconds())
	r.TimeFactor.add(beside.took.Seconds() / alone.took.Seconds())
	before, after := latency(alone.latencies).P99, latency(beside.latencies).P99
	r.AloneP99.add(milliseconds(before))
	r.BesideP99.add(milliseconds(after))
	r.P99Factor.add(after.Seconds() / before.Seconds())
}

// Run measures the healthy webhook alone, then beside the others, each on a fresh database, in alternation.
func (n Neighbour) Run(ctx context.Context) (*NeighbourReport, error) {
	report := &NeighbourReport{Machine: thisMachine("sqlite"), Dead: n.Dead, Backlog: n.Backlog, Events: n.Events, Rounds: n.Rounds}
	for i := range n.Rounds {
		alone, _, err := n.measure(ctx, false)
		if err != nil {
			return nil, fmt.Errorf("alone: %w", err)
		}
		beside, memory, err := n.measure(ctx, true)
		if err != nil {
			return nil, fmt.Errorf("beside bad neighbours: %w", err)
		}
		report.add(alone, beside)
		report.PeakMemory = max(report.PeakMemory, memory)
		_, _ = fmt.Fprintf(n.Log, "round %d of %d: alone %.2f s, beside bad neighbours %.2f s\n", i+1, n.Rounds, alone.took.Seconds(), beside.took.Seconds())
	}
	return report, nil
}

func (n Neighbour) measure(ctx context.Context, beside bool) (m measurement, memory int64, err error) {
	s, err := newSite(ctx, "")
	if err != nil {
		return m, 0, err
	}
	defer s.remove()
	b := &bench{events: n.Events, size: 500, log: n.Log}
	if err := b.start(ctx, s); err != nil {
		return m, 0, err
	}
	defer b.end()
	agent, err := b.register(ctx, 1)
	if err != nil {
		return m, 0, err
	}
	modes := twoModes(always(agent))
	if err := b.warmUp(ctx, modes); err != nil {
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
		body := batch(always(agent), 0, batchSize, b.size)
		err = inParallel(ctx, 4, n.Backlog/batchSize, func(ctx context.Context, _ int) error { return b.postBatch(ctx, b.server, body, batchSize) })
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
	_, _ = fmt.Fprintf(w, "%s events to a healthy webhook, alone and beside %d receivers that never answer and one that takes %v, "+
		"each with a backlog of %s; %d rounds; %s; median (least to most):\n\n",
		count(r.Events), r.Dead, slowAnswer, count(r.Backlog), r.Rounds, r.Machine)
	err := table(w, [][]string{
		{"", "alone", "beside the others", "over alone"},
		{"time", r.Alone.write(" s"), r.Beside.write(" s"), r.TimeFactor.write("×")},
		{"p99 of publish to arrival", r.AloneP99.write(" ms"), r.BesideP99.write(" ms"), r.P99Factor.write("×")},
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\nPeak memory of the server: %s.\n", size(r.PeakMemory))
	return err
}
