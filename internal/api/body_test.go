package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// bodied are the calls that take an object.
func bodied(w *world) map[string]string {
	o := w.newOwner(w.home, "agents")
	c := w.newOwner(w.home, "campaigns")
	return map[string]string{
		"/agents": "POST", o.path: "PUT", "/campaigns": "POST", c.path: "PUT", o.hooks: "POST", c.hooks: "POST",
		o.hook: "PUT", c.hook: "PUT", o.events: "POST", c.events: "POST",
	}
}

func TestBodiesThatAreNotJSON(t *testing.T) {
	w := newWorld(t)
	calls := bodied(w)
	for name, body := range map[string]string{
		"nothing":                     "",
		"white space":                 " \n",
		"half an object":              `{"name":"x"`,
		"two values":                  `{"name":"x"}{}`,
		"something behind":            `{"name":"x"}]`,
		"single quotes":               `{'name':'x'}`,
		"a trailing comma":            `{"name":"x",}`,
		"a comment":                   `{"name":"x"/**/}`,
		"a bare word":                 `{"name":NaN}`,
		"a leading zero":              `{"timeout":030}`,
		"a raw control character":     "{\"name\":\"a\nb\"}",
		"broken UTF-8":                "{\"name\":\"caf\xe9\"}",
		"a surrogate in UTF-8":        "{\"name\":\"\xed\xa0\x80\"}",
		"a byte order mark":           "\xef\xbb\xbf{\"name\":\"x\"}",
		"UTF-16":                      "\xff\xfe{\x00}\x00",
		"a form":                      "name=x",
		"one name twice":              `{"name":"x","name":"y","event":"x","event":"y"}`,
		"one name twice, spelt apart": `{"name":"x","n\u0061me":"x","event":"x","ev\u0065nt":"x"}`,
		"objects too deep":            `{"payload":` + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 101),
		"arrays very deep":            `{"x":` + strings.Repeat("[", 400_000),
		"arrays too deep":             `{"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			w, want := w.in(t), invalidJSON
			if strings.Contains(name, " deep") {
				want = tooDeep
			}
			for path, method := range calls {
				if len(body) > 300_000 && strings.HasSuffix(path, "/events") {
					continue // too large before it is too deep
				}
				if method == "PUT" && body == "" && strings.Contains(path, "/webhooks/") {
					continue // nothing is required there
				}
				w.call(method, path, body).is(400, want)
			}
		})
	}
}

func TestANameThatStandsTwiceInsideIsRefusedToo(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	for _, body := range []string{
		`{"custom_headers":[{"key":"X-A","key":"X-B","value":"1"}]}`,
		`{"payload_templates":{"event_action":{},"event_action":{}}}`,
	} {
		w.call("PUT", o.hook, body).is(400, invalidJSON)
	}
	// Unknown names are nobody's business here, nor is what a payload or a template says.
	w.call("PUT", o.hook, `{"x":1,"x":2,"payload_templates":{"event_action":{"a":1,"a":2}}}`).has(200)
	w.call("POST", o.events, `{"x":1,"x":2,"event":"`+o.event+`","payload":{"a":1,"a":2}}`).has(202)
}

func TestBodiesThatAreTooLarge(t *testing.T) {
	w := newWorld(t)
	for path, method := range bodied(w) {
		limit := 1 << 20
		if strings.HasSuffix(path, "/events") {
			limit = 256<<10 + 64<<10
		}
		want := fmt.Sprintf(`{"success":false,"message":"The request body must not be greater than %d bytes."}`, limit)
		pad := func(n int) string { return `{"x":"` + strings.Repeat("a", n-8) + `"}` }
		w.call(method, path, pad(limit+1)).is(413, want)
		if got := w.call(method, path, pad(limit)).status; got == 413 {
			t.Errorf("%s %s takes no body of its limit", method, path)
		}
		// Without a length, so that it is counted as it comes.
		req, _ := w.request(w.home, method, path, nil)
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, limit+1))), -1
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != 413 || string(body) != want {
			t.Errorf("%s %s in chunks: %d %s", method, path, resp.StatusCode, body)
		}
	}
}
