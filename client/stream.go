package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// Waits between two tries to open a stream anew. An open stream gives a sign of life every 15 s.
const (
	minWait = 500 * time.Millisecond
	maxWait = 15 * time.Second
	silence = 45 * time.Second
)

// stream is one of the server's streams of server-sent events, opened again and again.
type stream struct {
	client *Client
	path   string
	query  url.Values
	event  string // what the events are called that are told
	tell   func(data []byte) error
	open   func()                              // hears of each time that it is open; may be nil, as those below
	missed func()                              // hears that more has happened than was told
	cut    func(err error, wait time.Duration) // hears why it was cut, and when it is tried again

	lastID string // of the last event that was told
}

// follow goes on until ctx ends, and fails with its error; when the first stream cannot be opened; or when a later one is
// refused for good.
func (s *stream) follow(ctx context.Context) error {
	wait := minWait
	for {
		opened, err := s.read(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.lastID == "" || final(err) {
			return err
		}
		if opened {
			wait = minWait
		}
		pause := wait/2 + rand.N(wait/2) //nolint:gosec // so that not all listeners come back at once
		if refused, ok := errors.AsType[*Error](err); ok {
			pause = max(pause, refused.RetryAfter)
		}
		if s.cut != nil {
			s.cut(err, pause)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait = min(2*wait, maxWait)
	}
}

// final says whether a refusal will stay: what is wrong is the caller's.
func final(err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && refused.StatusCode < 500 && refused.StatusCode != http.StatusTooManyRequests && refused.StatusCode != http.StatusRequestTimeout
}

// read opens one stream and reads it to its end.
func (s *stream) read(ctx context.Context) (opened bool, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.client.base+withQuery(s.path, s.query), http.NoBody)
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
func (s *stream) next(lines *bufio.Reader, watch *time.Timer) (e serverEvent, err error) {
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
func (s *stream) take(e serverEvent) error {
	switch e.name {
	case "open":
		if s.lastID == "" {
			s.lastID = e.id
		}
		if s.open != nil {
			s.open()
		}
	case "reset":
		if s.missed != nil {
			s.missed()
		}
	case s.event:
		if err := s.tell(e.data); err != nil {
			return err
		}
		s.lastID = e.id
	}
	return nil
}
