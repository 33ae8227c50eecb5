package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	// streamEvery is how often a stream looks for what other nodes have changed; what this one has it hears at once.
	streamEvery = time.Second
	// streamPause is left between two looks, however much happens: several changes are then told as one.
	streamPause = 200 * time.Millisecond
	// heartbeat is how often an idle stream gives a sign of life.
	heartbeat = 15 * time.Second
	// streamPatience is how long a reader may take to take what it is sent.
	streamPatience = 10 * time.Second
	// reconnectAfter is what browsers are told to wait, in milliseconds.
	reconnectAfter = 2000
)

// outlet is where a stream of server-sent events goes out.
type outlet struct {
	*request
	conn *http.ResponseController
}

func newOutlet(r *request) outlet { return outlet{r, http.NewResponseController(r.w)} }

// lastEventAt is when the stream that this one goes on from has looked last; zero when there was none.
func (r *request) lastEventAt() time.Time {
	micros, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	if err != nil || micros <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).Add(-streamOverlap)
}

// begin sends the head of the answer.
func (o *outlet) begin() {
	_ = o.conn.SetReadDeadline(time.Time{}) // where it cannot be set there is none, as in tests
	header := o.w.Header()
	header["Content-Type"] = []string{"text/event-stream"}
	header["Cache-Control"] = headerNoStore
	header["X-Content-Type-Options"] = headerNoSniff
	header["X-Accel-Buffering"] = []string{"no"} // what some proxies need to hear
	o.status = http.StatusOK
	o.w.WriteHeader(o.status)
}

// open sends the first events.
func (o *outlet) open(at time.Time, events []byte) error {
	open := fmt.Appendf(nil, "retry: %d\n", reconnectAfter)
	return o.write(append(appendEvent(open, eventOpen, at, struct{}{}), events...))
}

// follow has told what changes until the reader has gone, is too slow or not let in any more, or the server stops. What
// fails is tried again when the reader comes back.
func (o *outlet) follow(changed <-chan struct{}, tell func() (told bool, err error)) {
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	heard := time.Now()
	for {
		select {
		case <-changed:
		case <-tick.C:
		case <-o.Context().Done():
			return
		case <-o.s.Tail.Closed():
			return
		}
		if !o.stillLetIn(time.Now()) {
			return
		}
		told, err := tell()
		if err != nil {
			return
		}
		if !told && time.Since(heard) >= heartbeat {
			if told = true; o.write([]byte(": alive\n\n")) != nil {
				return
			}
		}
		if told {
			heard = time.Now()
		}
		if !o.pause() {
			return
		}
	}
}

// stillLetIn says whether the token or session has not ended meanwhile. It is asked before each look, so that who is let in
// no more is told nothing more; the directory remembers the answer for about a second.
func (o *outlet) stillLetIn(now time.Time) bool {
	again := *o.request
	again.begun = now
	_, err := again.identify()
	return err == nil
}

// pause lets changes come together.
func (o *outlet) pause() bool {
	timer := time.NewTimer(streamPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-o.Context().Done():
		return false
	}
}

func (o *outlet) write(events []byte) error {
	_ = o.conn.SetWriteDeadline(time.Now().Add(streamPatience)) // likewise
	if _, err := o.w.Write(events); err != nil {
		return err
	}
	return o.conn.Flush()
}

// appendEvent adds an event. at is what the next stream goes on from.
func appendEvent(events []byte, name string, at time.Time, data any) []byte {
	text, _ := json.Marshal(data) // what is shown elsewhere: it cannot fail
	return fmt.Appendf(events, "event: %s\nid: %d\ndata: %s\n\n", name, at.UnixMicro(), text)
}
