package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	// streamPollInterval is how often a stream looks for what other nodes have changed; what this one has it hears at once.
	streamPollInterval = time.Second
	// streamMinPause is left between two looks, however much happens: several changes are then told as one.
	streamMinPause = 200 * time.Millisecond
	// heartbeatInterval is how often an idle stream gives a sign of life.
	heartbeatInterval = 15 * time.Second
	// streamWriteTimeout is how long a reader may take to take what it is sent.
	streamWriteTimeout = 10 * time.Second
	// reconnectDelay is what browsers are told to wait, in milliseconds.
	reconnectDelay = 2000
)

// sseWriter is where a stream of server-sent events goes out.
type sseWriter struct {
	*request
	conn *http.ResponseController
}

func newSSEWriter(r *request) sseWriter { return sseWriter{r, http.NewResponseController(r.w)} }

// lastEventAt is when the stream that this one goes on from has looked last; zero when there was none.
func (r *request) lastEventAt() time.Time {
	micros, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	if err != nil || micros <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).Add(-streamOverlap)
}

// begin sends the head of the answer.
func (o *sseWriter) begin() {
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
func (o *sseWriter) open(at time.Time, events []byte) error {
	open := fmt.Appendf(nil, "retry: %d\n", reconnectDelay)
	return o.write(append(appendEvent(open, eventOpen, at, struct{}{}), events...))
}

// follow has told what changes until the reader has gone, is too slow or not let in any more, or the server stops. What
// fails is tried again when the reader comes back.
func (o *sseWriter) follow(changed <-chan struct{}, tell func() (told bool, err error)) {
	tick := time.NewTicker(streamPollInterval)
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
		if !o.stillAuthorized(time.Now()) {
			return
		}
		told, err := tell()
		if err != nil {
			return
		}
		if !told && time.Since(heard) >= heartbeatInterval {
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

// stillAuthorized says whether the token or session has not ended meanwhile. It is asked before each look, so that who is let in
// no more is told nothing more; the directory remembers the answer for about a second.
func (o *sseWriter) stillAuthorized(now time.Time) bool {
	again := *o.request
	again.begun = now
	_, err := again.identify()
	return err == nil
}

// pause lets changes come together.
func (o *sseWriter) pause() bool {
	timer := time.NewTimer(streamMinPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-o.Context().Done():
		return false
	}
}

func (o *sseWriter) write(events []byte) error {
	_ = o.conn.SetWriteDeadline(time.Now().Add(streamWriteTimeout)) // likewise
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
