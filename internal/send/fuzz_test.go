package send

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
)

// FuzzRequestHead: whatever stands in a webhook's settings, what is sent is one request that says what the settings say,
// or nothing is sent. No header can end the head, or begin another request.
func FuzzRequestHead(f *testing.F) {
	f.Add("https://example.com/hook?a=b", "X-Tenant", "t-1042", "bearer", "secret")
	f.Add("http://example.com/%0d%0aX: y", "X-A\r\nX-B", "1", "basic", "user:pass\r\nX: y")
	f.Add("http://[::1]:80/a b", "X-A", "1\r\n\r\nPOST /", "api_key", "\x00")
	f.Add("https://münchen.example", "Host", "there", "custom", "é")
	f.Add("http://example.com?", "Content-Length", "0", "none", "")
	f.Add("http://example.com/[é]?ção=\"<>\\^`{}|[]%zz%", "Content_Length", "0", "none", "")
	s := New(egress.New(true), "test")
	f.Fuzz(func(t *testing.T, url, key, value, scheme, credential string) {
		w := &carteiro.Webhook{
			URL: url, HTTPMethod: http.MethodPost, Timeout: time.Second, CustomHeaders: []carteiro.Header{{Key: key, Value: value}},
			AuthorizationScheme: carteiro.AuthorizationScheme(scheme), AuthorizationValue: credential,
		}
		target := Compile(w)
		if target.fault != nil || egress.New(true).CheckURL(url) != nil { // these are refused when a webhook is saved
			return
		}
		const body = `{"a":1}`
		d := &carteiro.Delivery{Event: &carteiro.Event{Type: "event_action"}, Attempt: carteiro.Attempt{EventType: "event_action", Number: 1}}
		r := s.request(target, d, []byte(body), time.Unix(1_756_941_600, 0))
		defer r.release()
		sent := bufio.NewReader(io.MultiReader(bytes.NewReader(*r.wire), bytes.NewReader(r.body)))
		got, err := http.ReadRequest(sent)
		if err != nil {
			t.Fatalf("%q: %v", *r.wire, err)
		}
		text, err := io.ReadAll(got.Body)
		if err != nil || string(text) != body || sent.Buffered() > 0 || got.Method != http.MethodPost || len(got.TransferEncoding) > 0 {
			t.Errorf("%q is read as %s with %q and %d bytes more, %v", *r.wire, got.Method, text, sent.Buffered(), err)
		}
		if line, _, _ := bytes.Cut(*r.wire, []byte("\r\n")); strings.ContainsFunc(string(line), func(c rune) bool { return c > '~' || strings.ContainsRune("\"<>\\^`{|}[]#", c) }) {
			t.Errorf("%q is not allowed by RFC 3986", line)
		}
		if want := strings.Trim(value, " \t"); !carteiro.ReservedHeader(key) && !strings.EqualFold(key, "Authorization") && got.Header[http.CanonicalHeaderKey(key)] != nil &&
			!contains(got.Header[http.CanonicalHeaderKey(key)], want) && scheme == "none" {
			t.Errorf("%q is read as %v", value, got.Header)
		}
	})
}

func contains(values []string, want string) bool {
	for _, value := range values {
		if value == want {
			return true
		}
	}
	return false
}

// FuzzAnswer: whatever a receiver answers, no more of it is taken than there is room for, and it is told as a success only
// where it says so.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 Oh\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", "HTTP/1.0 200\r\n\r\n", "SSH-2.0\r\n", "",
		"HTTP/1.1 503 Busy\r\nRetry-After: 99999999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		c := &conn{Conn: &egress.Conn{Conn: &recorded{Reader: bytes.NewReader(answer)}}}
		var o carteiro.Outcome
		wire := []byte("POST / HTTP/1.1\r\n\r\n")
		_, err := c.exchange(context.Background(), time.Now().Add(time.Hour), request{wire: &wire}, func(r *http.Response, body io.Reader) (bool, error) {
			return take(&o, r, body, time.Unix(1_756_941_600, 0))
		})
		if errors.Is(err, egress.ErrUnsolicited) {
			err = nil
		}
		if err != nil {
			fail(&o, err)
		}
		if o.Success && (err != nil || o.HTTPStatus < 200 || o.HTTPStatus > 299) || !o.Success && o.Error == "" && err != nil {
			t.Errorf("%q: %+v, %v", answer, o, err)
		}
		if kept := len(fmt.Sprint(o.ResponseHeaders)); len(o.ResponseBody) > maxResponseBody || kept > 4*maxShownHeaders || o.RetryAfter < 0 {
			t.Errorf("kept %d bytes of body and %d of headers, Retry-After %s", len(o.ResponseBody), kept, o.RetryAfter)
		}
	})
}

// recorded is a connection on which everything was said already.
type recorded struct {
	io.Reader
	net.Conn
}

func (r *recorded) Read(p []byte) (int, error)    { return r.Reader.Read(p) }
func (*recorded) Write(p []byte) (int, error)     { return len(p), nil }
func (*recorded) SetDeadline(time.Time) error     { return nil }
func (*recorded) SetReadDeadline(time.Time) error { return nil }
func (*recorded) Close() error                    { return nil }
