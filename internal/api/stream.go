package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"carteiro"
	"carteiro/internal/store"
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
	// streamDepth is how many of the newest entries are watched, and how many that are open beside them.
	streamDepth = 100
	// streamOverlap is how far a stream that goes on looks behind where the last one ended: an attempt ends a little before it is
	// recorded.
	streamOverlap = 10 * time.Second
	// reconnectAfter is what browsers are told to wait, in milliseconds.
	reconnectAfter = 2000
)

// Names of events.
const (
	eventOpen  = "open"  // the stream begins
	eventLog   = "log"   // an entry is new or has changed
	eventReset = "reset" // more has happened than was told
)

// stream is one reader of a webhook's log. It watches the newest entries that match, and those that are open: each look is
// compared with the one before, and what differs is told. So whatever was missed in between, what is told last is
// how things are.
type stream struct {
	*request
	conn   *http.ResponseController
	filter store.ListLogs
	known  map[carteiro.ID]carteiro.Status
	at     time.Time // of the last look
}

func (s *server) streamLogs(r *request, k *kind) error {
	at, err := r.webhookWithLogs(k)
	if err != nil {
		return err
	}
	q := r.query()
	st := stream{
		request: r, conn: http.NewResponseController(r.w), filter: q.logFilter(at.webhook.ID), known: make(map[carteiro.ID]carteiro.Status),
	}
	if err := q.faults.err(); err != nil {
		return err
	}
	st.filter.Limit = streamDepth
	if r.Method == http.MethodHead {
		st.begin()
		return nil
	}
	changed, leave, ok := s.Tail.Listen(r.environment, at.webhook.ID)
	if !ok {
		return errTooManyStreams
	}
	defer leave()
	first, err := st.look(r.lastEventAt())
	if err != nil {
		return err
	}
	st.begin()
	if err := st.send(first); err == nil {
		st.follow(changed)
	}
	return nil
}

// lastEventAt is when the stream that this one goes on from has looked last; zero when there was none.
func (r *request) lastEventAt() time.Time {
	micros, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	if err != nil || micros <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).Add(-streamOverlap)
}

// begin sends the head of the answer and the first event.
func (st *stream) begin() {
	_ = st.conn.SetReadDeadline(time.Time{}) // where it cannot be set there is none, as in tests
	header := st.w.Header()
	header["Content-Type"] = []string{"text/event-stream"}
	header["Cache-Control"] = headerNoStore
	header["X-Content-Type-Options"] = headerNoSniff
	header["X-Accel-Buffering"] = []string{"no"} // what some proxies need to hear
	st.status = http.StatusOK
	st.w.WriteHeader(st.status)
}

// follow tells what changes until the reader has gone, is too slow or not let in any more, or the server stops.
func (st *stream) follow(changed <-chan struct{}) {
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	heard, asked := st.at, st.at
	for {
		select {
		case <-changed:
		case <-tick.C:
		case <-st.Context().Done():
			return
		case <-st.s.Tail.Closed():
			return
		}
		events, err := st.look(time.Time{})
		if err != nil {
			return // it is tried again when the reader comes back
		}
		if time.Since(asked) >= heartbeat {
			if asked = time.Now(); !st.stillLetIn(asked) {
				return
			}
		}
		if len(events) == 0 && time.Since(heard) >= heartbeat {
			events = append(events, []byte(": alive\n\n")...)
		}
		if len(events) > 0 {
			heard = time.Now()
			if st.write(events) != nil {
				return
			}
		}
		if !st.pause() {
			return
		}
	}
}

// stillLetIn says whether the token or session has not ended meanwhile.
func (st *stream) stillLetIn(now time.Time) bool {
	again := *st.request
	again.begun = now
	_, err := again.identify()
	return err == nil
}

// pause lets changes come together.
func (st *stream) pause() bool {
	timer := time.NewTimer(streamPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-st.Context().Done():
		return false
	}
}

// send sends the first events.
func (st *stream) send(events []byte) error {
	open := fmt.Appendf(nil, "retry: %d\nevent: %s\nid: %d\ndata: {}\n\n", reconnectAfter, eventOpen, st.at.UnixMicro())
	return st.write(append(open, events...))
}

func (st *stream) write(events []byte) error {
	_ = st.conn.SetWriteDeadline(time.Now().Add(streamPatience)) // likewise
	if _, err := st.w.Write(events); err != nil {
		return err
	}
	return st.conn.Flush()
}

// look gives the events for what has changed since the last look or, at the first one, since then; zero: nothing.
func (st *stream) look(since time.Time) (events []byte, err error) {
	first := st.at.IsZero()
	st.at = time.Now()
	page, err := st.s.Store.ListLogs(st.Context(), st.filter)
	if err != nil {
		return nil, err
	}
	if first {
		if err := st.watchOpen(since); err != nil {
			return nil, err
		}
	}
	seen := make(map[carteiro.ID]bool, len(page.Attempts))
	var news []*carteiro.Attempt
	for _, a := range slices.Backward(page.Attempts) {
		seen[a.ID] = true
		if st.isNews(a, first, since) {
			news = append(news, a)
		}
		st.known[a.ID] = a.Status
	}
	if len(news) == streamDepth {
		events = st.append(events, eventReset, json.RawMessage("{}"))
	}
	older, err := st.lookAtOlder(seen)
	if err != nil {
		return nil, err
	}
	for _, a := range append(older, news...) {
		events = st.append(events, eventLog, showLog(a))
	}
	return events, nil
}

func (st *stream) isNews(a *carteiro.Attempt, first bool, since time.Time) bool {
	if !first {
		return st.known[a.ID] != a.Status
	}
	return !since.IsZero() && (a.CreatedAt().After(since) || a.Outcome != nil && a.Outcome.FinishedAt.After(since))
}

// watchOpen has the entries watched that are open now, however old they are.
func (st *stream) watchOpen(since time.Time) error {
	if st.filter.HTTP != nil || st.filter.Status != "" && st.filter.Status != carteiro.StatusPending {
		return nil
	}
	open := st.filter
	open.Status = carteiro.StatusPending
	page, err := st.s.Store.ListLogs(st.Context(), open)
	for _, a := range page.Attempts {
		if since.IsZero() || !a.CreatedAt().After(since) {
			st.known[a.ID] = a.Status
		}
	}
	return err
}

// lookAtOlder looks at the entries that are watched and that the list of the newest does not hold, and gives those that have
// changed. What cannot change any more is forgotten.
func (st *stream) lookAtOlder(seen map[carteiro.ID]bool) (news []*carteiro.Attempt, err error) {
	var older []carteiro.ID
	for id, status := range st.known {
		switch {
		case seen[id]:
		case status == carteiro.StatusPending || status == carteiro.StatusRetrying:
			older = append(older, id)
		default:
			delete(st.known, id)
		}
	}
	slices.SortFunc(older, func(a, b carteiro.ID) int { return slices.Compare(b[:], a[:]) })
	for i, id := range older {
		a, err := st.s.Store.GetLog(st.Context(), store.AttemptRef{WebhookID: st.filter.WebhookID, ID: id})
		switch {
		case err != nil && missing(err, errLogNotFound) != errLogNotFound: //nolint:errorlint // the very one
			return nil, err
		case err != nil || i >= 2*streamDepth: // purged, or one too many
			delete(st.known, id)
		case a.Status != st.known[id]:
			st.known[id] = a.Status
			news = append(news, a)
		}
	}
	slices.Reverse(news)
	return news, nil
}

// append adds an event.
func (st *stream) append(events []byte, name string, data any) []byte {
	text, _ := json.Marshal(data) // what lists show: it cannot fail
	return fmt.Appendf(events, "event: %s\nid: %d\ndata: %s\n\n", name, st.at.UnixMicro(), text)
}
