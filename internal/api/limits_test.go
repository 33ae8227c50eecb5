package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Each bound is told by the answer to what goes past it, in the shape of every other failure; and what is just within is
// served. Over real connections, since some bounds are those of net/http's server.
func TestBoundsOfARequestsHeadAreTold(t *testing.T) {
	w := newWorld(t)
	address := strings.TrimPrefix(w.url, "http://")
	head := func(target string, more string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer " + w.home.token + "\r\n" + more + "Connection: close\r\n\r\n"
	}
	const path = "/api/v1/agents?search="
	long := func(n int) string { return strings.Repeat("x", n) }
	for name, test := range map[string]struct {
		request string
		status  int
		message string
	}{
		"a URL as long as may be": {head(path+long(200)+"&x="+long(8<<10-len(path)-203), ""), 200, ""},
		"a URL that is longer":    {head(path+long(8<<10-len(path)+1), ""), 414, "The URL must not be longer than 8192 bytes."},
		"a long path":             {head("/api/v1/"+long(9000), ""), 414, "The URL must not be longer than 8192 bytes."},
		"large headers":           {head("/api/v1/agents", "X-A: "+long(31<<10)+"\r\n"), 200, ""},
		"headers that are larger": {head("/api/v1/agents", "X-A: "+long(33<<10)+"\r\n"), 431, "The request's headers must not be greater than 32768 bytes."},
		"many small headers":      {head("/api/v1/agents", strings.Repeat("X-A: 12345\r\n", 5000)), 431, "The request's headers must not be greater than 32768 bytes."},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
			must(t, err)
			defer func() { _ = c.Close() }()
			_, err = io.WriteString(c, test.request)
			must(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			must(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			must(t, err)
			if resp.StatusCode != test.status {
				t.Fatalf("answered %d %s", resp.StatusCode, body)
			}
			if test.status == 200 {
				return
			}
			if want := fmt.Sprintf(`{"success":false,"message":%q}`, test.message); string(body) != want {
				t.Errorf("answered %s", body)
			}
			if resp.Header.Get("X-Request-Id") == "" || resp.Header.Get("X-RateLimit-Remaining") == "" {
				t.Errorf("headers %v", resp.Header)
			}
		})
	}
}

func TestBoundsOfAWebhooksSettingsAreTold(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	many := func(n int, item string) json.RawMessage {
		return json.RawMessage("[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]")
	}
	template := func(inside string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{%q:%s}`, o.event, inside))
	}
	deep := func(n int) string { return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) }
	const field = "payload_templates.event_phone_call_ended: The payload_templates.event_phone_call_ended "
	for name, test := range map[string]struct {
		settings map[string]any
		want     string // empty: it is taken
	}{
		"events":               {map[string]any{"events": many(1000, fmt.Sprintf("%q", o.event))}, ""},
		"too many events":      {map[string]any{"events": many(1001, fmt.Sprintf("%q", o.event))}, "events: The events field must contain at most 1000 items."},
		"headers":              {map[string]any{"custom_headers": many(50, `{"key":"X-A","value":"1"}`)}, ""},
		"too many headers":     {map[string]any{"custom_headers": many(51, `{"key":"X-A","value":"1"}`)}, "custom_headers: The custom headers field must contain at most 50 items."},
		"a template":           {map[string]any{"payload_templates": template(`{"a":"` + strings.Repeat("x", 64<<10-8) + `"}`)}, ""},
		"a template too large": {map[string]any{"payload_templates": template(`{"a":"` + strings.Repeat("x", 64<<10-7) + `"}`)}, field + "must not be greater than 65536 bytes."},
		"a deep template":      {map[string]any{"payload_templates": template(deep(64))}, ""},
		"a path too long": {map[string]any{"payload_templates": template(`{"a":"{{a` + strings.Repeat(".a", 64) + `}}"}`)},
			field + "must be a valid template: placeholder's path has more than 64 segments: \"{{a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.…\"."},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.in(t).call("PUT", o.hook, test.settings)
			if test.want == "" {
				r.has(200)
				return
			}
			wantList(t, name, r.errors(), []string{test.want})
		})
	}
	w.call("PUT", o.hook, map[string]any{"payload_templates": template(deep(65))}).is(400, tooDeep)
	w.call("PUT", o.hook, `{"name":"`+strings.Repeat("x", 1<<20)+`"}`).is(413,
		`{"success":false,"message":"The request body must not be greater than 1048576 bytes."}`)
}
