package bench

import (
	"context"
	"fmt"
	"io"
	"time"
)

// connections is how many requests the benchmark's client has under way at once.
const connections = 64

// batchSize is how many events go into one batch.
const batchSize = 100

// batchConnections is how many batches are under way at once.
const batchConnections = 8

// bench is a server, a receiver and a client, with what they are to do in a round.
type bench struct {
	events int // deliveries a round
	size   int // bytes of payload
	log    io.Writer

	server   *server
	others   []*server // further nodes on the same database
	receiver *receiver
	load     *load
	next     int // number of the next event
	last     *round
	made     int // deliveries in all
}

// start starts everything on a database; settings are flags of the server's. end is to be called afterwards.
func (b *bench) start(ctx context.Context, s *site, settings ...string) (err error) {
	b.load = newLoad(s.token, connections)
	if b.receiver == nil { // it may be there already, when webhooks to it were stored
		if b.receiver, err = startReceiver(ctx); err != nil {
			return err
		}
	}
	if b.server, err = startServer(ctx, s.url, settings...); err != nil {
		_ = b.receiver.close()
	}
	return err
}

// startOthers starts further nodes, so that there are so many.
func (b *bench) startOthers(ctx context.Context, s *site, nodes int) error {
	for len(b.others) < nodes-1 {
		other, err := startServer(ctx, s.url)
		if err != nil {
			return fmt.Errorf("node %d: %w", len(b.others)+2, err)
		}
		b.others = append(b.others, other)
	}
	return nil
}

// node gives the server that the nth request goes to.
func (b *bench) node(n int) *server {
	if n %= len(b.others) + 1; n > 0 {
		return b.others[n-1]
	}
	return b.server
}

// usage is that of all nodes; the peaks of their memory are added.
func (b *bench) usage() (sum usage) {
	for n := range len(b.others) + 1 {
		u := b.node(n).usage()
		sum.cpu += u.cpu
		sum.peakMemory += u.peakMemory
	}
	return sum
}

// end stops what runs. It may be called twice.
func (b *bench) end() {
	for _, other := range b.others {
		_ = other.stop()
	}
	_ = b.server.stop()
	_ = b.receiver.close()
}

// finish stops the server, which then has sent all that it will ever send, and sees whether anything came twice after
// its round. It gives the bytes that a delivery takes on disk.
func (b *bench) finish(bytes func() int64, before int64) (disk float64, err error) {
	for n := range len(b.others) + 1 {
		if err := b.node(n).stop(); err != nil {
			return 0, fmt.Errorf("stopping the server: %w", err)
		}
	}
	if after := bytes(); after > 0 && b.made > 0 {
		disk = float64(after-before) / float64(b.made)
	}
	return disk, b.last.check()
}

// A mode is one way of getting bodies to the receiver.
type mode struct {
	name    string
	fanOut  int // deliveries an event
	agent   func(n int) string
	publish func(ctx context.Context, b *bench, m mode, r *round, first, n int) error
}

// threeModes registers an agent with one webhook and one with ten, and gives the modes of the main benchmark.
func (b *bench) threeModes(ctx context.Context) ([]mode, error) {
	one, err := b.register(ctx, 1)
	if err != nil {
		return nil, err
	}
	ten, err := b.register(ctx, 10)
	if err != nil {
		return nil, err
	}
	return append(twoModes(always(one)), mode{"fan-out 1 to 10", 10, always(ten), singly}), nil
}

// twoModes are the modes in which every event has one recipient.
func twoModes(agent func(n int) string) []mode {
	return []mode{{"batches of 100", 1, agent, inBatches}, {"single publishing", 1, agent, singly}}
}

func always(agent string) func(int) string { return func(int) string { return agent } }

func inBatches(ctx context.Context, b *bench, m mode, r *round, first, n int) error {
	return inParallel(ctx, batchConnections, n/batchSize, func(ctx context.Context, i int) error {
		return b.publishBatch(ctx, r, m.agent, first+i*batchSize, batchSize)
	})
}

func singly(ctx context.Context, b *bench, m mode, r *round, first, n int) error {
	return inParallel(ctx, connections, n, func(ctx context.Context, i int) error {
		return b.publishOne(ctx, r, m.agent(first+i), first+i)
	})
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
		body := fmt.Appendf(nil, `{"name":"bench","webhook_url":%q,"events":[%q],"webhook_secret":%q}`, url, publishedType, secret)
		if err := b.load.post(ctx, b.server.url+"/api/v1/agents/"+created.Data.ID+"/webhooks", b.load.header(), body, nil); err != nil {
			return "", err
		}
	}
	return created.Data.ID, nil
}

// warmUp fills caches and connection pools, and captures a delivery for the raw limit.
func (b *bench) warmUp(ctx context.Context, modes []mode) error {
	all := b.events
	defer func() { b.events = all }()
	for _, m := range modes {
		b.events = max(all/10, m.fanOut*batchSize)
		if _, err := b.through(ctx, m); err != nil {
			return fmt.Errorf("warming up, %s: %w", m.name, err)
		}
	}
	_, err := b.raw(ctx)
	return err
}

func (b *bench) publishOne(ctx context.Context, r *round, agent string, n int) error {
	r.sent(n)
	return b.load.post(ctx, b.node(n).url+"/api/v1/agents/"+agent+"/events", b.load.header(), single(n, b.size), nil)
}

func (b *bench) publishBatch(ctx context.Context, r *round, agent func(int) string, first, count int) error {
	body := batch(agent, first, count, b.size)
	for n := first; n < first+count; n++ {
		r.sent(n)
	}
	return b.postBatch(ctx, b.node(first/batchSize), body, count)
}

func (b *bench) postBatch(ctx context.Context, to *server, body []byte, count int) error {
	var answer struct{ Data struct{ Accepted int } }
	if err := b.load.post(ctx, to.url+"/api/v1/events/batch", b.load.header(), body, &answer); err != nil {
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

// expect begins a round of n events.
func (b *bench) expect(n, paths int) (r *round, first int) {
	first = b.next
	b.next += n
	b.last = b.receiver.expect(first, n, paths)
	return b.last, first
}

// through measures a mode: from the first request until the last delivery has arrived.
func (b *bench) through(ctx context.Context, m mode) (measurement, error) {
	n := max(1, b.events/m.fanOut/batchSize) * batchSize
	r, first := b.expect(n, m.fanOut)
	before := b.usage()
	if err := m.publish(ctx, b, m, r, first, n); err != nil {
		return measurement{}, err
	}
	published := time.Since(r.began)
	if err := await(ctx, r); err != nil {
		return measurement{}, err
	}
	b.made += n * m.fanOut
	return measurement{
		deliveries: n * m.fanOut,
		took:       time.Duration(r.lastAt.Load()),
		publishing: published,
		cpu:        b.usage().cpu - before.cpu,
		latencies:  r.latencies(),
	}, r.check()
}

// awaitTimeout is how long the receiver may see nothing new before the rest counts as lost.
const awaitTimeout = 30 * time.Second

// await waits for a round to complete.
func await(ctx context.Context, r *round) error {
	for arrived := int64(-1); r.arrived.Load() > arrived; {
		arrived = r.arrived.Load()
		select {
		case <-r.complete:
			return nil
		case <-time.After(awaitTimeout):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return r.check()
}

// raw measures the limit: the captured delivery, with its numbers, posted straight to the receiver.
func (b *bench) raw(ctx context.Context) (measurement, error) {
	r, first := b.expect(b.events, 1)
	err := inParallel(ctx, connections, b.events, func(ctx context.Context, i int) error { return b.postRaw(ctx, r, first+i) })
	if err != nil {
		return measurement{}, err
	}
	return measurement{deliveries: b.events, took: time.Since(r.began), latencies: r.latencies()}, r.check()
}

func (b *bench) postRaw(ctx context.Context, r *round, n int) error {
	header, body := b.receiver.request.numbered(n)
	r.sent(n)
	return b.load.post(ctx, b.receiver.url+"/0", header, body, nil)
}

// atRate measures n events that are sent one by one, so many a second.
func (b *bench) atRate(ctx context.Context, rate, n int, send func(ctx context.Context, r *round, n int) error) (measurement, error) {
	r, first := b.expect(n, 1)
	before := b.usage()
	if err := atRate(ctx, rate, n, func(ctx context.Context, i int) error { return send(ctx, r, first+i) }); err != nil {
		return measurement{}, err
	}
	if err := await(ctx, r); err != nil {
		return measurement{}, err
	}
	return measurement{
		deliveries: n, took: time.Since(r.began), cpu: b.usage().cpu - before.cpu, latencies: r.latencies(),
	}, r.check()
}
