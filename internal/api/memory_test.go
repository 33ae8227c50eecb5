package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/budget"
)

const mib = 1 << 20

// slowBody announces a body and sends none of it until the test ends.
func (w *world) slowBody(who *tenant, size int64) {
	w.t.Helper()
	body, feed := io.Pipe()
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", w.url+"/api/v1/events/batch", body)
	must(w.t, err)
	req.ContentLength = size
	req.Header.Set("Authorization", "Bearer "+who.token)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	w.t.Cleanup(func() {
		_ = feed.CloseWithError(io.ErrUnexpectedEOF)
		<-done
	})
}

// uses waits until requests hold so many bytes.
func (w *world) uses(b *budget.Budget, want int64) {
	w.t.Helper()
	deadline := time.After(time.Minute)
	for b.Used() != want {
		select {
		case <-deadline:
			w.t.Fatalf("%d bytes are used, want %d", b.Used(), want)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestSlowBodiesOfOneEnvironmentLeaveMemoryForOthers(t *testing.T) {
	memory := budget.New(128 * mib)
	w := newWorld(t, func(c *api.Config) { c.Memory = memory })
	third := w.tenant()
	batch := func(who *tenant, size int) *reply {
		return w.callAs(who, "POST", "/events/batch", "["+strings.Repeat(" ", size)+"]")
	}
	w.slowBody(w.home, 40*mib)
	w.uses(memory, 40*mib)
	r := batch(w.home, 30*mib).is(429, limited)
	if r.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	batch(w.home, 1000).has(422) // small bodies always fit
	batch(w.other, 30*mib).has(422)
	w.slowBody(w.other, 60*mib)
	w.uses(memory, 100*mib)
	r = batch(third, 30*mib).has(503, `"code":"SERVER_BUSY"`)
	if r.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	batch(third, 10*mib).has(422)
	w.uses(memory, 100*mib)
}

// large fills the log of a webhook with entries of half a MiB.
func (w *world) large(o *owner, entries int) {
	w.t.Helper()
	for range entries {
		w.publish(o)
	}
	w.finish(o, carteiro.Outcome{
		HTTPStatus: 500, Error: "HTTP 500 Internal Server Error", RequestBody: json.RawMessage(`{"text":"` + strings.Repeat("x", mib/4) + `"}`),
		ResponseBody: bytes.Repeat([]byte("ção "), mib/16),
	}, time.Time{})
}

func TestALargePageIsWholeAndTakesLittleMemoryWhileNobodyReadsIt(t *testing.T) {
	memory := budget.New(128 * mib)
	w := newWorld(t, func(c *api.Config) { c.Memory = memory })
	o := w.newOwner(w.home, "agents")
	w.large(o, 40)
	page := w.call("GET", o.hook+"/logs?per_page=100", nil).has(200, `"total":40`, `"pagination":{"current_page":1,"per_page":100`)
	var shown struct {
		Data []struct {
			ID      string          `json:"id"`
			Payload json.RawMessage `json:"request_payload"`
			Body    string          `json:"response_body"`
		} `json:"data"`
	}
	must(t, json.Unmarshal([]byte(page.body), &shown))
	seen := make(map[string]bool)
	for _, e := range shown.Data {
		if seen[e.ID] = true; len(e.Payload) < mib/4 || len(e.Body) < mib/4 {
			t.Errorf("entry %s has %d and %d bytes", e.ID, len(e.Payload), len(e.Body))
		}
	}
	if len(seen) != 40 {
		t.Errorf("%d entries", len(seen))
	}
	w.uses(memory, 0)

	// A client that does not read: what cannot be written is not read from the store either.
	target, err := url.Parse(w.url)
	must(t, err)
	unread := w.unread(target.Host, o.hook+"/logs?per_page=100")
	const few = 8 * mib
	deadline := time.After(time.Minute)
	for memory.Used() == 0 {
		select {
		case <-deadline:
			t.Fatal("the page is not charged")
		case <-time.After(time.Millisecond):
		}
	}
	for range 100 {
		if used := memory.Used(); used > few {
			t.Fatalf("an unread page holds %d bytes", used)
		}
		<-time.After(time.Millisecond)
	}
	must(t, unread.Close())
	w.uses(memory, 0)
}

// unread asks for a path over a connection that nothing is read from.
func (w *world) unread(host, path string) io.Closer {
	w.t.Helper()
	c, err := new(net.Dialer).DialContext(w.t.Context(), "tcp", host)
	must(w.t, err)
	_, err = io.WriteString(c, "GET /api/v1"+path+" HTTP/1.1\r\nHost: "+host+"\r\nAuthorization: Bearer "+w.home.token+"\r\n\r\n")
	must(w.t, err)
	return c
}
