package app

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A client that keeps a connection busy by sending a byte now and then, or by not reading what it is answered, is cut off,
// whether the front has it or net/http, at the bounds that the server really has.
func TestWhoIsSlowIsCutOff(t *testing.T) {
	const publishing, other = "POST /api/v1/agents/1/events HTTP/1.1\r\n", "GET /api/v1/agents HTTP/1.1\r\n"
	forEver := strings.Repeat("X-Drip: drop\r\n", 1000)
	for name, test := range map[string]struct {
		sends  string
		drips  string // a byte a second, for as long as it is taken
		reads  bool   // what it is answered
		within time.Duration
	}{
		"a head to the front":             {publishing + "Host: here\r\n", forEver, true, readHeaderTimeout},
		"a head to net/http":              {other + "Host: here\r\n", forEver, true, readHeaderTimeout},
		"a first line":                    {"P", strings.Repeat("O", 5000), true, readHeaderTimeout},
		"a large head":                    {publishing + "X-Large: " + strings.Repeat("x", 5000), forEver, true, 2 * readHeaderTimeout},
		"a body to the front":             {publishing + "Host: here\r\nContent-Length: 5000\r\n\r\n", strings.Repeat(" ", 5000), true, readTimeout},
		"a body to net/http":              {publishing + "Host: here\r\nContent-Length: 100000\r\n\r\n", strings.Repeat(" ", 5000), true, readTimeout},
		"a body in chunks":                {publishing + "Host: here\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n", strings.Repeat(" ", 5000), true, readTimeout},
		"nothing, after a request":        {publishing + "Host: here\r\nContent-Length: 2\r\n\r\n{}", "", true, idleTimeout},
		"nothing, from the very begin on": {"", "", true, readHeaderTimeout},
		"reading the front's answer":      {publishing + "Host: here\r\nContent-Length: 2\r\n\r\n{}", "", false, writeTimeout},
		"reading the answer of net/http":  {other + "Host: here\r\n\r\n", "", false, writeTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := connect(t)
				begun, ended := time.Now(), make(chan time.Time, 1)
				if test.reads {
					go func() {
						_, _ = io.Copy(io.Discard, c)
						ended <- time.Now()
					}()
				}
				if _, err := io.WriteString(c, test.sends); err != nil {
					t.Fatal(err)
				}
				for _, drop := range []byte(test.drips) {
					time.Sleep(time.Second)
					if _, err := c.Write([]byte{drop}); err != nil {
						break
					}
				}
				if !test.reads {
					time.Sleep(test.within + time.Second)
					_, _ = io.Copy(io.Discard, c) // a connection that is still there would be read on and on
					ended <- time.Now()
				}
				if took := (<-ended).Sub(begun); took > test.within+2*time.Second {
					t.Errorf("cut off after %s", took)
				}
			})
		})
	}
}

// connect gives a client's end of a connection to a server with the bounds that ours has, whose answers are long.
func connect(t *testing.T) net.Conn {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	})
	logger := slog.New(slog.DiscardHandler)
	pipe := make(pipes)
	server, front := newServer(handler, logger), newFront(pipe, handler, logger)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(front)
	}()
	ours, theirs := net.Pipe()
	pipe <- theirs
	t.Cleanup(func() {
		_ = ours.Close()
		if err := front.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		_ = server.Close()
		<-served
	})
	return ours
}

// pipes is a listener of connections in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error {
	close(p)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }
