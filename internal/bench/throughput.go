package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Throughput is what the main benchmark is told.
type Throughput struct {
	Database string // empty: a temporary SQLite file
	Rounds   int
	Events   int // deliveries a round
	Size     int // bytes of payload
	Seconds  int // of the measurement at 200 events a second
	Log      io.Writer
}

// connections is how many requests the benchmark's client has under way at once.
const connections = 64

// batchSize is how many events go into one batch.
const batchSize = 100

// calmRate is the events a second at which the latency of an unhurried server is measured.
const calmRate = 200

// A mode is one way of getting bodies to the receiver.
type mode struct {
	name    string
	fanOut  int // deliveries an event
	publish func(ctx context.Context, b *bench, r *round, first, n int) error
}

var modes = []mode{
	{"batches of 100", 1, func(ctx context.Context, b *bench, r *round, first, n int) error {
		return inParallel(ctx, 8, n/batchSize, func(ctx context.Context, i int) error {
			return b.publishBatch(ctx, r, b.agents[0], first+i*batchSize, batchSize)
		})
	}},
	{"single publishing", 1, func(ctx context.Context, b *bench, r *round, first, n int) error {
		return inParallel(ctx, connections, n, func(ctx context.Context, i int) error {
			return b.publishOne(ctx, r, b.agents[0], first+i)
		})
	}},
	{"fan-out 1 to 10", 10, func(ctx context.Context, b *bench, r *round, first, n int) error {
		return inParallel(ctx, connections, n, func(ctx context.Context, i int) error {
			return b.publishOne(ctx, r, b.agents[1], first+i)
		})
	}},
}

// bench is a run of the main benchmark: a server, a receiver and a client.
type bench struct {
	Throughput
	server   *server
	receiver *receiver
	load     *load
	agents   []string // the first has one webhook, the second ten
	next     int      // number of the next event
}

// Run measures, in one run and in alternation, the raw limit and what comes through Carteiro. It fails when anything
// did not arrive exactly once.
func (t Throughput) Run(ctx context.Context) (*Report, error) {
	b := &bench{Throughput: t}
	end, err := b.setUp(ctx)
	defer end()
	if err != nil {
		return nil, err
	}
	report := &Report{Events: t.Events, Rounds: t.Rounds, PayloadBytes: t.Size, Connections: connections}
	for i := range t.Rounds {
		raw, err := b.raw(ctx)
		if err != nil {
			return nil, err
		}
		report.Raw.add(raw)
		_, _ = fmt.Fprintf(t.Log, "round %d of %d: raw limit %.0f/s\n", i+1, t.Rounds, raw.perSecond())
		for _, m := range modes {
			measured, err := b.through(ctx, m)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			report.mode(m.name).add(measured, raw)
			_, _ = fmt.Fprintf(t.Log, "round %d of %d: %s %.0f/s, %.2f of raw\n", i+1, t.Rounds, m.name, measured.perSecond(),
				measured.perSecond()/raw.perSecond())
		}
	}
	if report.Calm, err = b.calm(ctx); err != nil {
		return nil, err
	}
	report.PeakMemory = b.server.usage().peakMemory
	return report, nil
}

// setUp starts everything, and gives what ends it again.
func (b *bench) setUp(ctx context.Context) (end func(), err error) {
	var ends []func() error
	end = func() {
		for i := len(ends) - 1; i >= 0; i-- {
			_ = ends[i]()
		}
	}
	if b.Database == "" {
		folder, err := os.MkdirTemp("", "carteiro-bench-")
		if err != nil {
			return end, err
		}
		ends = append(ends, func() error { return os.RemoveAll(folder) })
		b.Database = "sqlite:" + folder + "/carteiro.db"
	}
	if b.receiver, err = startReceiver(ctx); err != nil {
		return end, err
	}
	ends = append(ends, b.receiver.close)
	if b.server, err = startServer(ctx, b.Database); err != nil {
		return end, err
	}
	ends = append(ends, b.server.stop)
	token, err := b.server.createEnvironment(ctx)
	if err != nil {
		return end, err
	}
	b.load = newLoad(token, connections)
	for _, webhooks := range []int{1, 10} {
		agent, err := b.register(ctx, webhooks)
		if err != nil {
			return end, err
		}
		b.agents = append(b.agents, agent)
	}
	return end, b.warmUp(ctx)
}

// register makes an agent with webhooks to the receiver, each to a path of its own.
func (b *bench) register(ctx context.Context, webhooks int) (agent string, err error) {
	urls := make([]string, webhooks)
	for i := range urls {
		urls[i] = fmt.Sprintf("%s/%d", b.receiver.url, i)
	}
	return b.registerAt(ctx, urls...)
}

// registerAt makes an agent with a webhook to each of the addresses.
func (b *bench) registerAt(ctx context.Context, urls ...string) (agent string, err error) {
	var created struct{ Data struct{ ID string } }
	if err := b.load.post(ctx, b.server.url+"/api/v1/agents", b.load.header(), []byte(`{"name":"bench"}`), &created); err != nil {
		return "", err
	}
	for _, url := range urls {
		body := fmt.Appendf(nil, `{"name":"bench","webhook_url":%q,"events":["event_phone_call_ended"],`+
			`"webhook_secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`, url)
		if err := b.load.post(ctx, b.server.url+"/api/v1/agents/"+created.Data.ID+"/webhooks", b.load.header(), body, nil); err != nil {
			return "", err
		}
	}
	return created.Data.ID, nil
}

// warmUp fills caches and connection pools, and captures a delivery for the raw limit.
func (b *bench) warmUp(ctx context.Context) error {
	for _, m := range modes {
		warm := *b
		warm.Events = max(b.Events/10, m.fanOut*batchSize)
		if _, err := warm.through(ctx, m); err != nil {
			return fmt.Errorf("warming up, %s: %w", m.name, err)
		}
		b.next = warm.next
	}
	_, err := b.raw(ctx)
	return err
}

func (b *bench) publishOne(ctx context.Context, r *round, agent string, n int) error {
	r.sent(n)
	return b.load.post(ctx, b.server.url+"/api/v1/agents/"+agent+"/events", b.load.header(), single(n, b.Size), nil)
}

func (b *bench) publishBatch(ctx context.Context, r *round, agent string, first, count int) error {
	for n := first; n < first+count; n++ {
		r.sent(n)
	}
	var answer struct{ Data struct{ Accepted int } }
	body := batch(agent, first, count, b.Size)
	if err := b.load.post(ctx, b.server.url+"/api/v1/events/batch", b.load.header(), body, &answer); err != nil {
		return err
	}
	if answer.Data.Accepted != count {
		return fmt.Errorf("%d of a batch of %d were accepted", answer.Data.Accepted, count)
	}
	return nil
}

// measurement is one round of one mode.
type measurement struct {
	deliveries int
	took       time.Duration
	publishing time.Duration // until the last event was accepted
	cpu        time.Duration // of the server
	latencies  []time.Duration
}

func (m measurement) perSecond() float64 { return float64(m.deliveries) / m.took.Seconds() }

// through measures a mode: from the first request until the last delivery has arrived.
func (b *bench) through(ctx context.Context, m mode) (measurement, error) {
	n := b.Events / m.fanOut / batchSize * batchSize
	first := b.next
	b.next += n
	r := b.receiver.expect(first, n, m.fanOut)
	before := b.server.usage()
	if err := m.publish(ctx, b, r, first, n); err != nil {
		return measurement{}, err
	}
	published := time.Since(r.began)
	if err := await(ctx, r); err != nil {
		return measurement{}, err
	}
	return measurement{
		deliveries: n * m.fanOut,
		took:       time.Duration(r.lastAt.Load()),
		publishing: published,
		cpu:        b.server.usage().cpu - before.cpu,
		latencies:  r.latencies(),
	}, r.check()
}

// patience is how long the receiver may see nothing new before the rest counts as lost.
const patience = 30 * time.Second

// await waits for a round to complete.
func await(ctx context.Context, r *round) error {
	for arrived := int64(-1); r.arrived.Load() > arrived; {
		arrived = r.arrived.Load()
		select {
		case <-r.complete:
			return nil
		case <-time.After(patience):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return r.check()
}

// raw measures the limit: the captured delivery, with its numbers, posted straight to the receiver.
func (b *bench) raw(ctx context.Context) (measurement, error) {
	first := b.next
	b.next += b.Events
	r := b.receiver.expect(first, b.Events, 1)
	err := inParallel(ctx, connections, b.Events, func(ctx context.Context, i int) error { return b.postRaw(ctx, r, first+i) })
	if err != nil {
		return measurement{}, err
	}
	return measurement{deliveries: b.Events, took: time.Since(r.began), latencies: r.latencies()}, r.check()
}

func (b *bench) postRaw(ctx context.Context, r *round, n int) error {
	header, body := b.receiver.request.numbered(n)
	r.sent(n)
	return b.load.post(ctx, b.receiver.url+"/0", header, body, nil)
}

// calm measures latency at an unhurried rate, raw and through Carteiro in turn.
func (b *bench) calm(ctx context.Context) (Calm, error) {
	var c Calm
	n := calmRate * b.Seconds
	for _, way := range []struct {
		found *Latency
		send  func(ctx context.Context, r *round, n int) error
	}{
		{&c.Raw, b.postRaw},
		{&c.Carteiro, func(ctx context.Context, r *round, n int) error { return b.publishOne(ctx, r, b.agents[0], n) }},
	} {
		first := b.next
		b.next += n
		r := b.receiver.expect(first, n, 1)
		if err := atRate(ctx, calmRate, n, func(ctx context.Context, i int) error { return way.send(ctx, r, first+i) }); err != nil {
			return c, err
		}
		if err := await(ctx, r); err != nil {
			return c, err
		}
		*way.found = latency(r.latencies())
	}
	c.P50Factor = c.Carteiro.P50.Seconds() / c.Raw.P50.Seconds()
	c.P99Factor = c.Carteiro.P99.Seconds() / c.Raw.P99.Seconds()
	return c, nil
}

// numbered gives the captured delivery with another number in it.
func (c *captured) numbered(n int) (http.Header, []byte) {
	body := append([]byte(nil), c.body...)
	for at := 0; at+len(mark)+10 <= len(body); at++ {
		if string(body[at:at+len(mark)]) == mark {
			copy(body[at+len(mark):], fmt.Sprintf("%010d", n))
			break
		}
	}
	header := c.header.Clone()
	header.Del("Content-Length")
	header.Del("Accept-Encoding")
	return header, body
}
