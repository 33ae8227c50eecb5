package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// Delivery is a request as a webhook's receiver gets it, signed at the moment it was streamed.
type Delivery struct {
	LogID     string            `json:"log_id"`
	EventID   string            `json:"event_id"`
	Event     string            `json:"event"`   // its type
	Attempt   int               `json:"attempt"` // from 1
	Trigger   string            `json:"trigger"` // automatic, manual, test or bulk
	CreatedAt time.Time         `json:"created_at"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"` // without those that carry a credential
	Body      []byte            `json:"body"`
	Error     string            `json:"error"` // why no request can be built; then there are neither headers nor body
}

// Listener is told what a stream of deliveries brings. Its members are called one at a time; each but Delivery may be
// nil.
type Listener struct {
	// Delivery takes a delivery; each comes once, in the order in which the server tells them.
	Delivery func(Delivery)
	// Open hears that the stream is open, at first and again after each cut.
	Open func()
	// Cut hears why the stream was cut, and when it is tried again.
	Cut func(err error, wait time.Duration)
	// Missed hears that more has happened than the stream could tell, so that some deliveries are left out.
	Missed func()
}

// Waits between two tries to open a stream anew. An open stream gives a sign of life every 15 s.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = 15 * time.Second
	silence     = 45 * time.Second
)

// rememberedDeliveries is how many deliveries a listener can tell apart from new ones: what a stream tells anew after a cut are
// some ten seconds.
const rememberedDeliveries = 20_000

// Listen streams the deliveries of a webhook until ctx ends. A stream that is cut is opened again, with growing waits,
// and goes on where it was cut: nothing is left out, and nothing comes twice. It fails when the first stream cannot be
// opened, or a later one is refused for good, as when the webhook is gone; and with ctx's error.
func (c *Client) Listen(ctx context.Context, o Owner, webhookID string, l Listener) error {
	s := &listening{client: c, path: o.path("webhooks", webhookID, "deliveries", "stream"), Listener: l, told: make(map[string]bool)}
	wait := firstWait
	for {
		opened, err := s.stream(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.lastID == "" || final(err) {
			return err
		}
		if opened {
			wait = firstWait
		}
		pause := wait/2 + rand.N(wait/2) //nolint:gosec // so that not all listeners come back at once
		if refused, ok := errors.AsType[*Error](err); ok {
			pause = max(pause, refused.RetryAfter)
		}
		if l.Cut != nil {
			l.Cut(err, pause)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait = min(2*wait, longestWait)
	}
}

// final says whether a refusal will stay: what is wrong is the caller's.
func final(err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && refused.StatusCode < 500 && refused.StatusCode != http.StatusTooManyRequests && refused.StatusCode != http.StatusRequestTimeout
}

// listening is a call of [Client.Listen].
type listening struct {
	Listener
	client *Client
	path   string
	lastID string // of the last event

	told  map[string]bool
	order []string // of what was told, the oldest first
}

// stream opens one stream and reads it to its end.
func (s *listening) stream(ctx context.Context) (opened bool, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.client.base+s.path, http.NoBody)
	if err != nil {
		return false, err
	}
	s.client.setHeaders(req, request{})
	req.Header.Set("Accept", "text/event-stream")
	if s.lastID != "" {
		req.Header.Set("Last-Event-ID", s.lastID)
	}
	// A stream has no end: what bounds it is that it must not fall silent.
	untimed := *s.client.http
	untimed.Timeout = 0
	watch := time.AfterFunc(silence, func() { stop(errors.New("the stream has fallen silent")) })
	defer watch.Stop()
	resp, err := untimed.Do(req)
	if err != nil {
		return false, because(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what is not there is not said
		return false, newError(resp, text)
	}
	lines := bufio.NewReader(resp.Body)
	for {
		e, err := s.next(lines, watch)
		if err != nil {
			return true, because(ctx, err)
		}
		if err := s.take(e); err != nil {
			return true, err
		}
	}
}

// because prefers the reason for which a call was given up to what it failed with.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the server has ended the stream")
	}
	return err
}

// serverEvent is one server-sent event.
type serverEvent struct {
	name, id string
	data     []byte
}

// next reads an event. Each line, those of comments too, is a sign of life.
func (s *listening) next(lines *bufio.Reader, watch *time.Timer) (e serverEvent, err error) {
	for {
		line, err := readLine(lines, s.client.maxAnswer)
		if err != nil {
			return e, err
		}
		watch.Reset(silence)
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			e.name = string(value)
		case "id":
			e.id = string(value)
		case "data":
			e.data = value
		case "":
			if len(line) == 0 && e.name != "" {
				return e, nil
			}
		}
	}
}

// readLine reads one line of at most this many bytes, without its end.
func readLine(r *bufio.Reader, most int64) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case int64(len(line)) > most:
			return nil, ErrAnswerTooLarge
		case err == nil:
			return bytes.TrimRight(line, "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// take tells what an event says.
func (s *listening) take(e serverEvent) error {
	switch e.name {
	case "open":
		if s.lastID == "" {
			s.lastID = e.id
		}
		if s.Open != nil {
			s.Open()
		}
	case "reset":
		if s.Missed != nil {
			s.Missed()
		}
	case "delivery":
		var d Delivery
		if err := json.Unmarshal(e.data, &d); err != nil {
			return fmt.Errorf("decode a delivery: %w", err)
		}
		if !s.told[d.LogID] {
			s.remember(d.LogID)
			s.Delivery(d)
		}
		s.lastID = e.id
	}
	return nil
}

// remember keeps that a delivery was told, and forgets the oldest when there are too many.
func (s *listening) remember(id string) {
	s.told[id] = true
	s.order = append(s.order, id)
	if len(s.order) > rememberedDeliveries {
		delete(s.told, s.order[0])
		s.order = s.order[1:]
	}
}
