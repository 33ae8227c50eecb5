package demo

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// receiver is where the demo's webhook points: it believes whatever comes, takes 20 to 200 ms, and fails now and then.
type receiver struct {
	url    string
	server *http.Server
	out    *lines
	// exhausted gives the log entry of the first delivery that was refused as often as the server tries by itself.
	exhausted chan string

	mu     sync.Mutex
	random *rand.Rand
	events int // first attempts seen
	doomed string
}

// maxBody is how much of a delivery is read, in bytes.
const maxBody = 1 << 20

func startReceiver(seed uint64, out *lines) (*receiver, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: start a receiver: %w", err)
	}
	r := newReceiver(seed, out)
	r.url = "http://" + listener.Addr().String() + "/hooks"
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: timeout}
	go func() { _ = r.server.Serve(listener) }() // until stop
	return r, nil
}

func newReceiver(seed uint64, out *lines) *receiver {
	return &receiver{
		out:       out,
		exhausted: make(chan string, 1),
		random:    rand.New(rand.NewPCG(seed, 2)), //nolint:gosec // chance, not secrecy
	}
}

func (r *receiver) stop() { _ = r.server.Close() }

// answer is what the receiver does with a delivery. It hangs until the sender gives up when status is 0.
type answer struct {
	wait   time.Duration
	status int
}

const (
	// failingEvent is the event, counted from 1, that is refused as often as the server tries by itself: early enough
	// that there is soon something to retry.
	failingEvent = 4
	// Of a hundred deliveries so many fail: of first attempts, and of second ones. Later ones, which somebody asked for
	// by hand, do not.
	failFirst  = 20
	failSecond = 25
)

// faults are the ways to fail. To hang is the rarest: the server gives a failing receiver one delivery at a time, and
// everything waits behind the one that hangs.
var faults = [...]int{
	http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusInternalServerError,
	http.StatusServiceUnavailable, http.StatusInternalServerError, 0,
}

// decide answers a delivery.
func (r *receiver) decide(eventID string, attempt int) answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if attempt == 1 {
		if r.events++; r.events == failingEvent {
			r.doomed = eventID
		}
	}
	wait := time.Duration(20+r.random.IntN(180)) * time.Millisecond
	chance := map[int]int{1: failFirst, 2: failSecond}[attempt]
	switch {
	case chance > 0 && eventID == r.doomed:
		return answer{wait, http.StatusInternalServerError}
	case r.random.IntN(100) < chance:
		return answer{wait, faults[r.random.IntN(len(faults))]}
	default:
		return answer{wait, http.StatusOK}
	}
}

// ServeHTTP takes a delivery.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, req.Body, maxBody))
	attempt, _ := strconv.Atoi(req.Header.Get("X-Webhook-Attempt"))
	a := r.decide(req.Header.Get("webhook-id"), attempt)
	hangs := a.status == 0
	if hangs {
		a.wait = 2 * timeout
	}
	timer := time.NewTimer(a.wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-req.Context().Done(): // the sender has given up
	}
	said := "no answer: the sender gave up"
	if !hangs {
		w.WriteHeader(a.status)
		said = fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
	}
	r.out.printf(fmt.Sprintf("%s  %-34s attempt %d  %s",
		time.Now().Format(time.TimeOnly), req.Header.Get("X-Webhook-Event"), attempt, said))
	if a.status != http.StatusOK && attempt > maxRetries {
		select {
		case r.exhausted <- req.Header.Get("X-Webhook-Log-Id"):
		default: // one is enough
		}
	}
}
