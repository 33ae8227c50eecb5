package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/budget"
)

// repeat is a reader of before, of unit so many times, and of after.
func repeat(before, unit string, n int, after string) io.Reader {
	return io.MultiReader(strings.NewReader(before), &repeated{unit: unit, left: n}, strings.NewReader(after))
}

type repeated struct {
	unit   string
	left   int
	offset int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if r.left == 0 {
			return n, io.EOF
		}
		copied := copy(p[n:], r.unit[r.offset:])
		if n, r.offset = n+copied, r.offset+copied; r.offset == len(r.unit) {
			r.left, r.offset = r.left-1, 0
		}
	}
	return n, nil
}

// post sends a body in chunks, whose length nobody announces.
func (w *world) post(path, contentType string, body io.Reader) (status int, header http.Header, answer string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", w.url+"/api/v1"+path, body)
	must(w.t, err)
	req.Header.Set("Authorization", "Bearer "+w.home.token)
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return resp.StatusCode, resp.Header, string(text)
}

// The memory of a batch is that of the events in it: not of items that are too many or too large. The budget is charged for nothing
// more, and would refuse it.
func TestABatchHoldsNoMoreThanItsEvents(t *testing.T) {
	memory := budget.New(4 * mib)
	w := newWorld(t, func(c *api.Config) { c.Memory = memory })
	o := w.newOwner(w.home, "agents")
	event := func(size int) string {
		return fmt.Sprintf(`{"agent_id":%q,"event":"event_action","payload":{"d":%q}}`, o.id, strings.Repeat("x", size))
	}
	w.slowBody(w.home, mib)
	w.uses(memory, mib)
	for name, c := range map[string]struct {
		contentType string
		body        io.Reader
		status      int
		says        string
	}{
		"many items":        {"application/json", repeat("[{}", ",{}", 3*mib, "]"), 422, "must contain at most 1000 items"},
		"many lines":        {"application/x-ndjson", repeat("", "{}\n", 3*mib, ""), 422, "must contain at most 1000 items"},
		"a giant item":      {"application/json", repeat("["+event(1)+`,"`, "0123456789", mib, `",`+event(1)+"]"), 202, `"accepted":2,"rejected":1`},
		"a giant line":      {"application/x-ndjson", repeat(event(1)+"\n", "0123456789", mib, "\n"+event(1)), 202, `"accepted":2,"rejected":1`},
		"broken at the end": {"application/json", repeat("["+event(1)+`,"`, "0123456789", mib, `",]`), 400, "not valid JSON"},
		"events that fit":   {"application/json", repeat("["+event(10), ","+event(800), 999, "]"), 202, `"accepted":1000,"rejected":0`},
	} {
		status, _, answer := w.post("/events/batch", c.contentType, c.body)
		if status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s: %d %.300s", name, status, answer)
		}
		w.uses(memory, mib)
	}
	status, header, _ := w.post("/events/batch", "application/json", repeat("["+event(10), ","+event(50_000), 999, "]"))
	if status != 429 || header.Get("Retry-After") == "" {
		t.Errorf("events that take more memory than there is: %d", status)
	}
	w.uses(memory, mib)
}
