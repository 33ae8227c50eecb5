package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// mark stands in every body before its number.
const mark = `"seq":"`

// markDigits is how long that number is.
const markDigits = 10

// receiver is the other end of the deliveries. Every body carries a number, and the receiver counts how often it saw
// each at each of its paths and when it saw it first. It does the same for requests that come straight from the
// benchmark's client as for those that come through Carteiro.
type receiver struct {
	http *http.Server
	url  string

	// Of the round under way.
	round   atomic.Pointer[round]
	sample  sync.Once
	request *captured
}

// round is what is expected, and what came of it.
type round struct {
	paths    int
	first    int64           // the lowest number
	sentAt   []atomic.Int64  // by number: nanoseconds since began
	took     []atomic.Int64  // by number: from being sent to the first arrival, in nanoseconds
	seen     []atomic.Uint32 // by number and path
	strays   atomic.Int64    // of another round, or without a number
	began    time.Time
	lastAt   atomic.Int64
	expected int64
	arrived  atomic.Int64
	complete chan struct{}
}

// captured is a delivery as it was received, to be posted again straight to the receiver.
type captured struct {
	header http.Header
	body   []byte
}

// numbered gives the captured delivery with another number in it.
func (c *captured) numbered(n int) (http.Header, []byte) {
	body := bytes.Clone(c.body)
	if at := bytes.Index(body, []byte(mark)); at >= 0 {
		appendNumber(body[:at+len(mark)], n)
	}
	header := c.header.Clone()
	header.Del("Content-Length")
	header.Del("Accept-Encoding")
	return header, body
}

func startReceiver(ctx context.Context) (*receiver, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + listener.Addr().String()}
	r.http = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.http.Serve(listener) }()
	return r, nil
}

func (r *receiver) close() error { return r.http.Close() }

// expect begins a round of n numbers from first on, each to arrive once at each of the paths /0, /1, ….
func (r *receiver) expect(first, n, paths int) *round {
	now := &round{
		paths: paths, first: int64(first), began: time.Now(), expected: int64(n * paths), complete: make(chan struct{}),
		sentAt: make([]atomic.Int64, n), took: make([]atomic.Int64, n), seen: make([]atomic.Uint32, n*paths),
	}
	r.round.Store(now)
	return now
}

// ServeHTTP takes a delivery.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.sample.Do(func() { r.request = &captured{header: req.Header.Clone(), body: bytes.Clone(body)} })
	path, _ := strconv.Atoi(req.URL.Path[1:])
	r.round.Load().arrive(body, path)
}

func (r *round) arrive(body []byte, path int) {
	now := int64(time.Since(r.began))
	at := bytes.Index(body, []byte(mark))
	if at < 0 {
		r.strays.Add(1)
		return
	}
	n, err := strconv.ParseInt(string(body[at+len(mark):at+len(mark)+markDigits]), 10, 64)
	n -= r.first
	if err != nil || n < 0 || n >= int64(len(r.sentAt)) || path >= r.paths {
		r.strays.Add(1)
		return
	}
	if r.seen[n*int64(r.paths)+int64(path)].Add(1) > 1 {
		return
	}
	r.took[n].CompareAndSwap(0, now-r.sentAt[n].Load())
	if r.arrived.Add(1) == r.expected {
		r.lastAt.Store(now)
		close(r.complete)
	}
}

// sent notes when a number was sent.
func (r *round) sent(n int) { r.sentAt[int64(n)-r.first].Store(int64(time.Since(r.began))) }

// check fails unless everything arrived exactly once.
func (r *round) check() error {
	var missing, twice int
	for i := range r.seen {
		switch n := r.seen[i].Load(); {
		case n == 0:
			missing++
		case n > 1:
			twice++
		}
	}
	if missing+twice > 0 || r.strays.Load() > 0 {
		return fmt.Errorf("of %d deliveries %d never arrived, %d arrived more than once, and %d came that were not expected",
			r.expected, missing, twice, r.strays.Load())
	}
	return nil
}

// latencies gives the times from being sent to the first arrival, sorted by number.
func (r *round) latencies() []time.Duration {
	all := make([]time.Duration, len(r.took))
	for i := range r.took {
		all[i] = time.Duration(r.took[i].Load())
	}
	return all
}
