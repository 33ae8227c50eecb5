package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	// streamDepth is how many of the newest entries are watched, and how many that are open beside them.
	streamDepth = 100
	// streamOverlap is how far a stream that goes on looks behind where the last one ended: an attempt ends a little before it is
	// recorded.
	streamOverlap = 10 * time.Second
)

// Names of events.
const (
	eventOpen  = "open"  // the stream begins
	eventLog   = "log"   // an entry is new or has changed
	eventReset = "reset" // more has happened than was told
)

// logStream is one reader of a webhook's log. It watches the newest entries that match, and those that are open: each look is
// compared with the one before, and what differs is told. So whatever was missed in between, what is told last is
// how things are.
type logStream struct {
	sseWriter
	filter store.ListLogs
	known  map[carteiro.ID]carteiro.Status
	at     time.Time // of the last look
}

func (s *server) streamLogs(r *request, k *ownerRoutes) error {
	at, err := r.webhookWithLogs(k)
	if err != nil {
		return err
	}
	q := r.query()
	st := logStream{sseWriter: newSSEWriter(r), filter: q.logFilter(at.webhook.ID), known: make(map[carteiro.ID]carteiro.Status)}
	if err := q.faults.err(); err != nil {
		return err
	}
	st.filter.Limit, st.filter.Brief = streamDepth, true
	if r.Method == http.MethodHead {
		st.begin()
		return nil
	}
	changed, leave, ok := s.Tail.Listen(r.environment, at.webhook.ID)
	if !ok {
		return errTooManyStreams
	}
	defer leave()
	first, err := st.poll(r.lastEventAt())
	if err != nil {
		return err
	}
	st.begin()
	if err := st.open(st.at, nil); err != nil {
		return nil //nolint:nilerr // the reader has gone
	}
	if err := st.send(first); err == nil {
		st.follow(changed, st.notify)
	}
	return nil
}

// notify sends what a look finds.
func (st *logStream) notify() (told bool, err error) {
	found, err := st.poll(time.Time{})
	if err != nil || !found.reset && len(found.Attempts) == 0 {
		return false, err
	}
	return true, st.send(found)
}

// changes are the entries that a look has found to be new or changed, without their bodies.
type changes struct {
	store.LogPage
	reset bool // more has happened than a look finds
}

// send writes events for changes. It reads bodies in chunks, as a page does.
func (st *logStream) send(found changes) error {
	defer st.account.Close()
	var events []byte
	if found.reset {
		events = st.append(events, eventReset, json.RawMessage("{}"))
	}
	err := st.readLogs(&found.LogPage, cutLogs(&found.LogPage), func(a *carteiro.Attempt) error {
		if events = st.append(events, eventLog, st.showLog(a)); len(events) < chunkBytes {
			return nil
		}
		err := st.write(events)
		events = events[:0]
		return err
	})
	if err != nil || len(events) == 0 {
		return err
	}
	return st.write(events)
}

// poll finds what has changed since the last look or, at the first one, since then; zero: nothing.
func (st *logStream) poll(since time.Time) (found changes, err error) {
	first := st.at.IsZero()
	st.at = time.Now()
	page, err := st.s.Store.ListLogs(st.Context(), st.filter)
	if err != nil {
		return found, err
	}
	if first {
		if err := st.watchOpen(since); err != nil {
			return found, err
		}
	}
	seen := make(map[carteiro.ID]bool, len(page.Attempts))
	var news store.LogPage
	for i, a := range slices.Backward(page.Attempts) {
		seen[a.ID] = true
		if st.isNew(a, first, since) {
			news.Attempts, news.Sizes = append(news.Attempts, a), append(news.Sizes, page.Sizes[i])
		}
		st.known[a.ID] = a.Status
	}
	found.reset = len(news.Attempts) == streamDepth
	older, err := st.pollOlder(seen)
	if err != nil {
		return found, err
	}
	found.Attempts, found.Sizes = slices.Concat(older.Attempts, news.Attempts), slices.Concat(older.Sizes, news.Sizes)
	return found, nil
}

// bodyBytes returns the size of an entry's bodies, as [store.LogPage] has it.
func bodyBytes(a *carteiro.Attempt) int {
	if a.Outcome == nil {
		return 0
	}
	return len(a.Outcome.RequestBody) + len(a.Outcome.ResponseBody)
}

func (st *logStream) isNew(a *carteiro.Attempt, first bool, since time.Time) bool {
	if !first {
		return st.known[a.ID] != a.Status
	}
	return !since.IsZero() && (a.CreatedAt().After(since) || a.Outcome != nil && a.Outcome.FinishedAt.After(since))
}

// watchOpen has the entries watched that are open now, however old they are.
func (st *logStream) watchOpen(since time.Time) error {
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

// pollOlder looks at the entries that are watched and that the list of the newest does not hold, and gives those that have
// changed. What cannot change any more is forgotten.
func (st *logStream) pollOlder(seen map[carteiro.ID]bool) (news store.LogPage, err error) {
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
			return news, err
		case err != nil || i >= 2*streamDepth: // purged, or one too many
			delete(st.known, id)
		case a.Status != st.known[id]:
			st.known[id] = a.Status
			news.Attempts = append(news.Attempts, &carteiro.Attempt{ID: id, WebhookID: a.WebhookID})
			news.Sizes = append(news.Sizes, bodyBytes(a))
		}
	}
	slices.Reverse(news.Attempts)
	slices.Reverse(news.Sizes)
	return news, nil
}

// append adds an event.
func (st *logStream) append(events []byte, name string, data any) []byte {
	return appendEvent(events, name, st.at, data)
}
