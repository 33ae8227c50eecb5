package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	// maxDeliveryStreams is how many streams of deliveries a token may have open at once.
	maxDeliveryStreams = 8
	// maxBacklog is how many log entries a look goes through; when there are more, the stream says so and goes on with what comes
	// next.
	maxBacklog = 5000
	// lookBackInterval is how often a look goes through all of streamOverlap: an entry is committed a little after it was given its
	// id. The others end where all is known.
	lookBackInterval = 5 * time.Second
	// deliveriesPageSize is about how many bytes of deliveries are put together for one write.
	deliveriesPageSize = 256 << 10
)

// eventDelivery is an event of a stream: a delivery, signed.
const eventDelivery = "delivery"

// deliveryJSON is a delivery as the webhook's receiver gets it, signed at the moment it is shown. Headers that carry a
// credential are left out.
type deliveryJSON struct {
	LogID     carteiro.ID       `json:"log_id"`
	EventID   carteiro.ID       `json:"event_id"`
	Event     string            `json:"event"`
	Attempt   int               `json:"attempt"`
	Trigger   carteiro.Trigger  `json:"trigger"`
	CreatedAt timestamp         `json:"created_at"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"`
	// Body is base64 in JSON: a signature is over bytes.
	Body []byte `json:"body"`
	// Error is why no request can be built, in words; then there are neither headers nor body.
	Error string `json:"error,omitempty"`
}

// deliveryStream is one reader of a webhook's deliveries: each event's first attempt, and each that somebody asked for, when it
// enters the log. Automatic retries are not told: they are for the receiver that has failed.
type deliveryStream struct {
	sseWriter
	kind *ownerRoutes
	at   time.Time // as far as which the next look looks back
	back time.Time // when a look last went all the way
	told map[carteiro.ID]bool
}

func (s *server) streamDeliveries(r *request, k *ownerRoutes) error {
	at, err := r.webhook(k)
	if err != nil {
		return err
	}
	st := deliveryStream{sseWriter: newSSEWriter(r), kind: k, told: make(map[carteiro.ID]bool)}
	if r.Method == http.MethodHead {
		st.begin()
		return nil
	}
	if !s.deliveryStreams.acquire(r.token.ID) {
		return errTokenStreams
	}
	defer s.deliveryStreams.release(r.token.ID)
	changed, leave, ok := s.Tail.Listen(r.environment, at.webhook.ID)
	if !ok {
		return errTooManyStreams
	}
	defer leave()
	// The first look finds what is there already; a reader that comes back is told of it.
	now := time.Now()
	if st.at = r.lastEventAt(); st.at.IsZero() {
		st.at = now.Add(-streamOverlap)
		if _, _, err := st.changes(at.webhook.ID, now); err != nil {
			return err
		}
	}
	st.begin()
	if err := st.open(now, nil); err != nil {
		return nil //nolint:nilerr // the reader has gone
	}
	if _, err := st.notify(); err == nil {
		st.follow(changed, st.notify)
	}
	return nil
}

// notify sends what is new. It fails when the webhook is gone.
func (st *deliveryStream) notify() (told bool, err error) {
	at, err := st.webhook(st.kind)
	if err != nil {
		return false, err
	}
	fresh, all, err := st.changes(at.webhook.ID, time.Now())
	if err != nil {
		return false, err
	}
	var events []byte
	if !all {
		events = appendEvent(events, eventReset, time.Now(), struct{}{})
	}
	defer st.account.Close()
	for _, id := range fresh {
		st.account.Close()
		if err := st.account.Wait(st.Context(), int64(len(events))+2*st.s.entryBytes()); err != nil {
			return told, err
		}
		shown, err := st.sign(at, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue // purged or deleted meanwhile
		case err != nil:
			return told, err
		}
		events = appendEvent(events, eventDelivery, id.Time(), shown)
		if len(events) >= deliveriesPageSize {
			if err := st.write(events); err != nil {
				return true, err
			}
			events, told = events[:0], true
		}
	}
	if len(events) == 0 {
		return told, nil
	}
	return true, st.write(events)
}

// changes gives the deliveries that have entered the log and were not told, the oldest first, and takes them for told. When
// a look would have to go through too many, all is false and none are given.
func (st *deliveryStream) changes(webhook carteiro.ID, now time.Time) (fresh []carteiro.ID, all bool, err error) {
	wholly := now.Sub(st.back) >= lookBackInterval
	p := store.ListLogs{WebhookID: webhook, From: st.at, Limit: streamDepth, Brief: true}
	seen := 0
	for more := true; more; {
		page, err := st.s.Store.ListLogs(st.Context(), p)
		if err != nil {
			return nil, false, err
		}
		known := true
		for _, a := range page.Attempts {
			if p.Before = a.ID; st.told[a.ID] {
				continue
			}
			st.told[a.ID], known = true, false
			if !a.IsRetry() {
				fresh = append(fresh, a.ID)
			}
		}
		if seen += len(page.Attempts); seen > maxBacklog {
			st.at, st.back = now, now
			return nil, false, nil
		}
		more = page.More && (wholly || !known)
	}
	if wholly {
		st.at, st.back = now.Add(-streamOverlap), now
		st.forget()
	}
	slices.Reverse(fresh)
	return fresh, true, nil
}

// forget forgets what no look comes to any more.
func (st *deliveryStream) forget() {
	for id := range st.told {
		if id.Time().Before(st.at) {
			delete(st.told, id)
		}
	}
}

// sign builds what the receiver gets for a log entry, as the webhook is now.
func (st *deliveryStream) sign(at webhookPlace, id carteiro.ID) (deliveryJSON, error) {
	preview, err := st.s.Publisher.PreviewRetry(st.Context(), store.LogRef{OwnerRef: at.ref, WebhookID: at.webhook.ID, LogID: id})
	if err != nil {
		return deliveryJSON{}, err
	}
	a, d := preview.Log, preview.Delivery
	d.Attempt = *a // the entry itself, and not its retry
	o := st.s.Previewer.Preview(at.webhook, d, time.Now())
	shown := deliveryJSON{
		LogID: a.ID, EventID: a.EventID, Event: a.EventType, Attempt: a.Number, Trigger: a.Trigger,
		CreatedAt: timestamp(a.CreatedAt()), Method: o.RequestMethod, Headers: map[string]string{}, Body: o.RequestBody,
	}
	if o.Reason != "" {
		shown.Error = o.Error + ": " + o.Detail
		return shown, nil
	}
	for name, value := range showHeader(o.RequestHeaders) {
		if !strings.Contains(value, carteiro.Masked) {
			shown.Headers[name] = value
		}
	}
	return shown, nil
}

// streamLimiter are rooms for a number of each.
type streamLimiter struct {
	most int

	mu    sync.Mutex
	taken map[carteiro.ID]int
}

func newStreamLimiter(most int) *streamLimiter {
	return &streamLimiter{most: most, taken: make(map[carteiro.ID]int)}
}

// acquire takes one, unless all of who are taken.
func (p *streamLimiter) acquire(who carteiro.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[who] >= p.most {
		return false
	}
	p.taken[who]++
	return true
}

func (p *streamLimiter) release(who carteiro.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[who]--; p.taken[who] == 0 {
		delete(p.taken, who)
	}
}
