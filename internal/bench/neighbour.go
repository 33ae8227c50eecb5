package bench

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Neighbour measures what a healthy webhook and a new one suffer from bad ones on the same server.
type Neighbour struct {
	Dead        int // receivers that never answer
	Backlog     int // events queued for each of them
	Slow        int // receivers that succeed after slowAnswer
	SlowBacklog int // events queued for each of them
	Hanging     int // receivers that answer quickly, and then stop answering
	Events      int // for the healthy webhook
	Rounds      int
	Log         io.Writer
}

// The bad receivers' times, and how many events make a hanging one well known before, and are queued for it after.
const (
	lateAnswer   = 10 * time.Second
	slowAnswer   = 2 * time.Second
	hangingWarm  = 3 * batchSize
	hangingAfter = 2 * batchSize
)

// NeighbourReport is what was found.
type NeighbourReport struct {
	Machine    Machine        `json:"machine"`
	Events     int            `json:"events"`
	Rounds     int            `json:"rounds"`
	Rows       []NeighbourRow `json:"rows"`
	PeakMemory int64          `json:"server_peak_memory_bytes"`
}

// NeighbourRow is what was found beside one kind of bad neighbors.
type NeighbourRow struct {
	Neighbour   string `json:"beside"`
	Alone       Figure `json:"alone_seconds"`
	Time        Figure `json:"beside_seconds"`
	TimeFactor  Figure `json:"time_over_alone"`
	AloneP99    Figure `json:"alone_p99_ms"`
	P99         Figure `json:"beside_p99_ms"`
	P99Factor   Figure `json:"p99_over_alone"`
	AloneFirst  Figure `json:"alone_first_event_of_a_new_webhook_ms"`
	BesideFirst Figure `json:"beside_first_event_of_a_new_webhook_ms"`
}

// neighbours is one measurement of the healthy webhook, and the first event of a new one.
type neighbours struct {
	measurement
	first  time.Duration
	memory int64
}

func (r *NeighbourRow) add(alone, beside neighbours) {
	r.Alone.add(alone.took.Seconds())
	r.Time.add(beside.took.Seconds())
	r.TimeFactor.add(beside.took.Seconds() / alone.took.Seconds())
	before, after := latency(alone.latencies).P99, latency(beside.latencies).P99
	r.AloneP99.add(milliseconds(before))
	r.P99.add(milliseconds(after))
	r.P99Factor.add(after.Seconds() / before.Seconds())
	r.AloneFirst.add(milliseconds(alone.first))
	r.BesideFirst.add(milliseconds(beside.first))
}

// kindOfNeighbour is bad neighbors, and how they come about.
type kindOfNeighbour struct {
	name  string
	begin func(ctx context.Context, b *bench, bad *badReceiver) error
}

func (n Neighbour) kinds() []kindOfNeighbour {
	return []kindOfNeighbour{
		{fmt.Sprintf("%d that never answer and one that takes %v, each with a backlog of %s", n.Dead, lateAnswer, count(n.Backlog)), n.dead},
		{fmt.Sprintf("%d that succeed after %v, each with a backlog of %s", n.Slow, slowAnswer, count(n.SlowBacklog)), n.slow},
		{fmt.Sprintf("%d that were quick and stop answering, each with %d events then", n.Hanging, hangingAfter), n.hanging},
	}
}

// Run measures the healthy webhook alone, then beside each kind of the others, each on a fresh database, in alternation.
func (n Neighbour) Run(ctx context.Context) (*NeighbourReport, error) {
	report := &NeighbourReport{Machine: thisMachine("sqlite"), Events: n.Events, Rounds: n.Rounds}
	kinds := n.kinds()
	for _, k := range kinds {
		report.Rows = append(report.Rows, NeighbourRow{Neighbour: k.name})
	}
	for i := range n.Rounds {
		for j, k := range kinds {
			alone, err := n.measure(ctx, nil)
			if err != nil {
				return nil, fmt.Errorf("alone: %w", err)
			}
			beside, err := n.measure(ctx, k.begin)
			if err != nil {
				return nil, fmt.Errorf("next to %s: %w", k.name, err)
			}
			report.Rows[j].add(alone, beside)
			report.PeakMemory = max(report.PeakMemory, beside.memory)
			_, _ = fmt.Fprintf(n.Log, "round %d of %d: alone %.2f s, next to %s %.2f s\n", i+1, n.Rounds, alone.took.Seconds(), k.name, beside.took.Seconds())
		}
	}
	return report, nil
}

func (n Neighbour) measure(ctx context.Context, begin func(context.Context, *bench, *badReceiver) error) (m neighbours, err error) {
	s, err := newSite(ctx, "")
	if err != nil {
		return m, err
	}
	defer s.remove()
	b := &bench{events: n.Events, size: 500, log: n.Log}
	if err := b.start(ctx, s); err != nil {
		return m, err
	}
	defer b.end()
	agent, err := b.register(ctx, 1)
	if err != nil {
		return m, err
	}
	modes := twoModes(always(agent))
	if err := b.warmUp(ctx, modes); err != nil {
		return m, err
	}
	if begin != nil {
		bad, err := startBadReceiver(ctx)
		if err != nil {
			return m, err
		}
		defer func() { _ = bad.Close() }()
		if err := begin(ctx, b, bad); err != nil {
			return m, fmt.Errorf("filling backlogs: %w", err)
		}
	}
	if m.first, err = firstEvent(ctx, b); err != nil {
		return m, fmt.Errorf("first event of a new webhook: %w", err)
	}
	m.measurement, err = b.through(ctx, modes[1])
	m.memory = b.server.usage().peakMemory
	return m, err
}

// firstEvent measures the first event of a webhook, from being published to its arrival.
func firstEvent(ctx context.Context, b *bench) (time.Duration, error) {
	agent, err := b.register(ctx, 1)
	if err != nil {
		return 0, err
	}
	r, first := b.expect(1, 1)
	if err := b.publishOne(ctx, r, agent, first); err != nil {
		return 0, err
	}
	if err := await(ctx, r); err != nil {
		return 0, err
	}
	b.made++
	return r.latencies()[0], r.check()
}

// dead queues events for receivers that never answer and for one that does so late.
func (n Neighbour) dead(ctx context.Context, b *bench, bad *badReceiver) error {
	for i := range n.Dead + 1 {
		path := "/never"
		if i == n.Dead {
			path = "/late"
		}
		if err := queue(ctx, b, bad.url+path, 1, n.Backlog); err != nil {
			return err
		}
	}
	return nil
}

// slow queues events for receivers that succeed slowly.
func (n Neighbour) slow(ctx context.Context, b *bench, bad *badReceiver) error {
	return queue(ctx, b, bad.url+"/slow", n.Slow, n.SlowBacklog)
}

// hanging has receivers answer quickly until their webhooks have all that a webhook can have in flight, and then no more.
func (n Neighbour) hanging(ctx context.Context, b *bench, bad *badReceiver) error {
	agents := make([]string, n.Hanging)
	for i := range agents {
		var err error
		if agents[i], err = b.registerAt(ctx, bad.url+"/hanging"); err != nil {
			return err
		}
	}
	turn := func(n int) string { return agents[n%len(agents)] }
	publish := func(each int) error {
		return inParallel(ctx, 4, len(agents)*each/batchSize, func(ctx context.Context, i int) error {
			return b.postBatch(ctx, b.server, batch(turn, i*batchSize, batchSize, b.size), batchSize)
		})
	}
	if err := publish(hangingWarm); err != nil {
		return err
	}
	if err := bad.answered(ctx, int64(len(agents)*hangingWarm)); err != nil {
		return err
	}
	bad.hang.Store(true)
	return publish(hangingAfter)
}

// queue publishes events for so many new webhooks at an address.
func queue(ctx context.Context, b *bench, url string, webhooks, each int) error {
	for range webhooks {
		agent, err := b.registerAt(ctx, url)
		if err != nil {
			return err
		}
		body := batch(always(agent), 0, batchSize, b.size)
		err = inParallel(ctx, 4, each/batchSize, func(ctx context.Context, _ int) error { return b.postBatch(ctx, b.server, body, batchSize) })
		if err != nil {
			return err
		}
	}
	return nil
}

// Text writes the report for people.
func (r *NeighbourReport) Text(w io.Writer) error {
	_, _ = fmt.Fprintf(w, "%s events to a healthy webhook, alone and next to bad ones, and the first event of a new webhook; %d rounds; %s; median (least to most):\n\n",
		count(r.Events), r.Rounds, r.Machine)
	rows := [][]string{{"next to", "", "alone", "next to them", "over alone"}}
	for i := range r.Rows {
		row := &r.Rows[i]
		rows = append(rows,
			[]string{row.Neighbour, "time", row.Alone.write(" s"), row.Time.write(" s"), row.TimeFactor.write("×")},
			[]string{"", "p99 of publish to arrival", row.AloneP99.write(" ms"), row.P99.write(" ms"), row.P99Factor.write("×")},
			[]string{"", "first event of a new webhook", row.AloneFirst.write(" ms"), row.BesideFirst.write(" ms"), ""})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nPeak memory of the server: %s.\n", size(r.PeakMemory))
	return err
}
