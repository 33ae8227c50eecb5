package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// reader reads a stream.
type reader struct {
	t     *testing.T
	lines *bufio.Scanner
	id    string // of the last event
	data  string // of the last event
	close context.CancelFunc
}

// event is one of a stream; of an entry its id and status.
type event struct{ name, id, status string }

// logStream opens the stream of a webhook's log and reads that it is open.
func (w *world) stream(o *owner, query string, headers ...string) *reader {
	w.t.Helper()
	return w.streamOf(o.hook+"/logs/stream"+query, headers...)
}

// streamOf opens a stream and reads that it is open.
func (w *world) streamOf(path string, headers ...string) *reader {
	w.t.Helper()
	req, _ := w.request(w.home, "GET", path, nil, headers...)
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	resp, err := http.DefaultClient.Do(req.WithContext(ctx))
	must(w.t, err)
	w.t.Cleanup(func() {
		stop()
		_ = resp.Body.Close()
	})
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("answered %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	r := &reader{t: w.t, lines: bufio.NewScanner(resp.Body), close: stop}
	if open, more := r.next(); open.name != "open" || !more {
		w.t.Fatalf("it begins with %v", open)
	}
	return r
}

// next reads an event; more is false at the end of the stream.
func (r *reader) next() (e event, more bool) {
	r.t.Helper()
	for r.lines.Scan() {
		name, value, _ := strings.Cut(r.lines.Text(), ": ")
		switch name {
		case "event":
			e.name = value
		case "id":
			r.id = value
		case "data":
			r.data = value
			var entry struct{ ID, Status string }
			must(r.t, json.Unmarshal([]byte(value), &entry))
			e.id, e.status = entry.ID, entry.Status
		case "":
			if e.name != "" {
				return e, true
			}
		}
	}
	return e, false
}

// wants reads events of entries until one of this entry has this status. None may have another than one on the way there.
func (r *reader) wants(id, status string, onTheWay ...string) {
	r.t.Helper()
	for {
		e, more := r.next()
		if !more {
			r.t.Fatalf("the stream has ended before %s was %s", id, status)
		}
		if e == (event{"log", id, status}) {
			return
		}
		if e.id != id || !strings.Contains(fmt.Sprint(onTheWay), e.status) {
			r.t.Fatalf("told %v, want %s %s", e, id, status)
		}
	}
}

func (w *world) newest(o *owner) string {
	w.t.Helper()
	return w.call("GET", o.hook+"/logs?per_page=1", nil).text("data.0.id")
}

func TestAStreamTellsWhatIsNewAndWhatHasChanged(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			w.failedLog(o)
			w.publish(o)
			old := w.newest(o)
			r := w.stream(o, "")
			w.publish(o)
			second := w.newest(o)
			r.wants(second, "pending")
			due := time.Now().Add(time.Hour)
			w.finish(o, failedWith(500), due) // both, each followed by a retry
			told := map[event]bool{}
			for len(told) < 4 {
				e, _ := r.next()
				told[e] = true
			}
			if !told[event{"log", old, "retrying"}] || !told[event{"log", second, "retrying"}] {
				t.Errorf("told %v", told)
			}
			w.call("POST", w.failedLog(o)+"/retry", nil).has(200)
			r.wants(w.call("GET", o.hook+"/logs?per_page=2", nil).text("data.1.id"), "failed", "pending")
			r.wants(w.newest(o), "pending")
		})
	}
}

func TestAStreamHearsOfWhatOtherNodesDo(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.publish(o)
	id := w.newest(o)
	r := w.stream(o, "")
	w.lanes.store = w.elsewhere
	w.finish(o, answeredWith(200), time.Time{})
	r.wants(id, "success")
}

func TestAStreamGoesOnWhereTheLastOneEnded(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	w.failedLog(o)
	r := w.stream(o, "")
	w.publish(o)
	first := w.newest(o)
	r.wants(first, "pending")
	r.close()
	w.finish(o, answeredWith(200), time.Time{})
	w.publish(o)
	second := w.newest(o)
	again := w.stream(o, "", "Last-Event-ID", r.id)
	for _, want := range []event{{"log", first, "success"}, {"log", second, "pending"}} {
		for e, _ := again.next(); e != want; e, _ = again.next() {
			if e.name != "log" || e.id == second {
				t.Fatalf("told %v, want %v", e, want)
			}
		}
	}
}

func TestAStreamIsFiltered(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	r := w.stream(o, "?status=failed&http_status=5xx")
	for _, status := range []int{404, 500, 200, 503} {
		w.publish(o)
		outcome := failedWith(status)
		if status == 200 {
			outcome = answeredWith(status)
		}
		w.finish(o, outcome, time.Time{})
		if status >= 500 {
			r.wants(w.newest(o), "failed")
		}
	}
	wantList(t, "faults", w.call("GET", o.hook+"/logs/stream?status=x&event_id=1&http_status=1", nil).errors(), []string{
		"event_id: The event id must be a valid UUID.", "http_status: The selected http status is invalid.", "status: The selected status is invalid.",
	})
}

func TestAStreamIsNoneWithoutABody(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	if r := w.call("HEAD", o.hook+"/logs/stream", nil).has(200); r.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("it is %s", r.header.Get("Content-Type"))
	}
}

// stuck is a reader that takes the beginning of a stream and then nothing.
type stuck struct {
	httptest.ResponseRecorder
	deadlines chan time.Time // of each write
}

func (s *stuck) SetWriteDeadline(until time.Time) error {
	s.deadlines <- until
	return nil
}

func (s *stuck) Write(p []byte) (int, error) {
	if s.Body.Len() > 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return s.Body.Write(p)
}

func TestAReaderWhoDoesNotReadIsCutOff(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	req, _ := w.request(w.home, "GET", o.hook+"/logs/stream", nil)
	reader := &stuck{ResponseRecorder: *httptest.NewRecorder(), deadlines: make(chan time.Time, 10)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.handler.ServeHTTP(reader, req)
	}()
	for range 2 {
		if wait := time.Until(<-reader.deadlines); wait <= 0 || wait > 10*time.Second {
			t.Errorf("the reader has %s", wait)
		}
		w.publish(o)
	}
	<-ended
}

func TestMoreThanAStreamCanTellIsToldAsSuch(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	r := w.stream(o, "")
	var batch []map[string]any
	for range 150 {
		batch = append(batch, map[string]any{"agent_id": o.id, "event": o.event, "payload": map[string]any{}})
	}
	w.call("POST", "/events/batch", batch).has(202)
	if e, _ := r.next(); e.name != "reset" {
		t.Errorf("told %v", e)
	}
}

func TestStreamsAreBoundedAndEndWithTheServer(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	var all []*reader
	for range 32 {
		all = append(all, w.stream(o, ""))
	}
	if r := w.call("GET", o.hook+"/logs/stream", nil).has(429, `"code":"STREAM_LIMIT_EXCEEDED"`); r.header.Get("Retry-After") == "" {
		t.Error("it does not say when to come back")
	}
	foreign := w.newOwner(w.other, "agents")
	w.home, w.other = w.other, w.home
	w.stream(foreign, "").close()
	w.home, w.other = w.other, w.home
	all[0].close()
	for {
		req, _ := w.request(w.home, "GET", o.hook+"/logs/stream", nil)
		ctx, stop := context.WithCancel(t.Context())
		resp, err := http.DefaultClient.Do(req.WithContext(ctx))
		must(t, err)
		stop()
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			break // its place is free again
		}
	}
	w.hub.Close()
	for _, r := range all[1:] {
		if e, more := r.next(); more {
			t.Errorf("told %v", e)
		}
	}
}

// Whoever is let in no more hears nothing more, of what had begun before either.
func TestAStreamEndsWithItsToken(t *testing.T) {
	for _, path := range []string{"/logs/stream", "/deliveries/stream"} {
		t.Run(path, func(t *testing.T) {
			w, admin := newAdminWorld(t)
			o := w.newOwner(w.home, "agents")
			tokens := "/admin/v1/environments/" + w.home.id.String() + "/tokens"
			made := w.callAs(admin, "POST", tokens, map[string]any{"name": "x", "scopes": []string{"all"}}).has(201)
			r := w.streamOf(o.hook+path, "Authorization", "Bearer "+made.text("data.token"))
			w.publish(o)
			if e, more := r.next(); !more {
				t.Fatalf("told %v", e)
			}
			w.callAs(admin, "DELETE", tokens+"/"+made.text("data.id"), nil).has(200)
			w.publish(o)
			if e, more := r.next(); more {
				t.Errorf("told %v", e)
			}
		})
	}
}
