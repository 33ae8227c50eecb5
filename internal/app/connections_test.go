package app

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
)

// echo responds with the request as the server understood it.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Line", "a\r\nInjected: b")
	_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.Host, body)
}

func post(headers, body string) string {
	return fmt.Sprintf("POST /events HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n%s\r\n%s", len(body), headers, body)
}

// Whatever bytes arrive, the client gets a response without waiting for a timeout, and one request is never read as two.
func TestEveryRequestIsAnsweredAtOnce(t *testing.T) {
	const bad = "400 Bad Request"
	for name, test := range map[string]struct {
		sends string
		want  []string // the body of a success, otherwise the status
	}{
		"one request":            {post("", "{}"), []string{"POST here {}"}},
		"two pipelined requests": {post("", "first") + post("", "second"), []string{"POST here first", "POST here second"}},
		"line breaks in between": {post("", "first") + "\r\n" + post("", "second"), []string{"POST here first", "POST here second"}},
		"bare line feeds": {
			"POST /events HTTP/1.1\nHost: here\nContent-Length: 2\n\n{}" + post("", "second"),
			[]string{"POST here {}", "POST here second"},
		},
		"chunks": {
			"POST /events HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + post("", "second"),
			[]string{"POST here {}", "POST here second"},
		},
		"chunks and a length": {
			"POST /events HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + post("", "second"),
			[]string{"POST here ", "POST here second"},
		},
		"two lengths":              {"POST /events HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", []string{bad}},
		"a negative length":        {"POST /events HTTP/1.1\r\nHost: here\r\nContent-Length: -2\r\n\r\n{}", []string{bad}},
		"HTTP/1.0":                 {"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", []string{"POST  {}"}},
		"no host":                  {"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", []string{bad}},
		"two hosts":                {post("Host: there\r\n", "{}"), []string{bad}},
		"an invalid host":          {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", []string{bad}},
		"an invalid header name":   {post("a b: c\r\n", ""), []string{bad}},
		"an invalid header value":  {post("X-Asked: \x01\r\n", ""), []string{bad}},
		"a header without a colon": {post("X-Asked\r\n", ""), []string{bad}},
		"HTTP/2 without TLS":       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []string{"PRI  "}},
		"garbage":                  {"\x16\x03\x01\x02\x00\r\n\r\n", []string{bad}},
		"a head that is too large": {post("X-Large: "+strings.Repeat("x", 2*maxHeaderBytes)+"\r\n", ""), []string{"431 Request Header Fields Too Large"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := connectTo(t, http.HandlerFunc(echo))
				go func() { _, _ = io.WriteString(c, test.sends) }()
				begun, r := time.Now(), bufio.NewReader(c)
				for _, want := range test.want {
					if got := readResponse(t, r); got != want {
						t.Errorf("got %q, want %q", got, want)
					}
				}
				if took := time.Since(begun); took > 0 {
					t.Errorf("answered after %s", took)
				}
				if last := test.want[len(test.want)-1]; last[0] == '4' || last[0] == '5' {
					if rest, _ := io.ReadAll(r); strings.Contains(string(rest), "HTTP/") {
						t.Errorf("another response after an invalid request: %q", rest)
					}
				}
			})
		})
	}
}

// readResponse returns the body of a successful response, or the status of another.
func readResponse(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK { // its body ends with the connection
		return fmt.Sprint(response.StatusCode, " ", http.StatusText(response.StatusCode))
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	if response.Header.Get("Injected") != "" {
		t.Error("a line break in a header value starts a header")
	}
	return string(body)
}

// A client that speaks HTTPS to the HTTP port is told so at once.
func TestHTTPSOnTheHTTPPortFailsAtOnce(t *testing.T) {
	for name, c := range map[string]*tls.Config{
		"TLS 1.3": {ServerName: "here"},
		"TLS 1.2": {ServerName: "here", MaxVersion: tls.VersionTLS12},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				err := tls.Client(connectTo(t, http.HandlerFunc(echo)), c).HandshakeContext(t.Context())
				var response tls.RecordHeaderError
				if !errors.As(err, &response) || string(response.RecordHeader[:]) != "HTTP/" {
					t.Errorf("the client does not see an HTTP response: %v", err)
				}
				if took := time.Since(begun); took > 0 {
					t.Errorf("after %s", took)
				}
			})
		})
	}
}

// A connection over the limit gets a 503 without sending anything; open connections go on, and each closed one makes room.
func TestAConnectionOverTheLimitGets503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := make(pipes)
		logger := slog.New(slog.DiscardHandler)
		limit := &limitListener{Listener: pipe, max: 2, ids: new(carteiro.IDSource), logger: logger}
		server := newServer(http.HandlerFunc(echo), logger)
		go func() { _ = server.Serve(limit) }()
		defer func() { _ = server.Close() }()
		dial := func() (net.Conn, *bufio.Reader) {
			ours, theirs := net.Pipe()
			t.Cleanup(func() { _ = ours.Close() })
			pipe <- theirs
			return ours, bufio.NewReader(ours)
		}
		ask := func(c net.Conn, r *bufio.Reader) {
			t.Helper()
			if _, err := io.WriteString(c, post("", "{}")); err != nil {
				t.Error(err)
			}
			if got := readResponse(t, r); got != "POST here {}" {
				t.Errorf("an open connection got %q", got)
			}
		}
		first, fromFirst := dial()
		second, fromSecond := dial()
		ask(first, fromFirst)
		_, third := dial()
		response, err := http.ReadResponse(third, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" || !response.Close ||
			response.Header.Get("X-Request-Id") == "" || err != nil || string(body) != tooManyConnections {
			t.Errorf("over the limit: %s %v %s, %v", response.Status, response.Header, body, err)
		}
		ask(first, fromFirst)
		ask(second, fromSecond)
		for _, c := range []net.Conn{first, second} {
			_ = c.Close()
			synctest.Wait()
			ask(dial())
		}
	})
}

// Under a flood, refused clients hold few goroutines and only briefly, whether or not they read.
func TestRefusedConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := make(pipes)
		limit := &limitListener{Listener: pipe, max: 16, ids: new(carteiro.IDSource), logger: slog.New(slog.DiscardHandler)}
		go func() {
			for {
				if _, err := limit.Accept(); err != nil {
					return
				}
			}
		}()
		defer func() { _ = pipe.Close() }()
		for range 100 { // none of them reads
			_, theirs := net.Pipe()
			pipe <- theirs
		}
		synctest.Wait()
		counts := func() (open, refused int) {
			limit.mu.Lock()
			defer limit.mu.Unlock()
			return limit.open, limit.refused
		}
		if open, refused := counts(); open != 16 || refused != 3 {
			t.Errorf("%d open, %d being refused", open, refused)
		}
		<-time.After(refuseTimeout)
		synctest.Wait()
		if open, refused := counts(); open != 16 || refused != 0 {
			t.Errorf("after the timeout %d open, %d being refused", open, refused)
		}
	})
}
