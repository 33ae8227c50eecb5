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

// A client that sends a byte now and then, sends nothing or does not read its response is disconnected at the server's timeouts.
func TestSlowClientsAreDisconnected(t *testing.T) {
	const head = "POST /api/v1/agents/1/events HTTP/1.1\r\nHost: here\r\n"
	endless := strings.Repeat("X-Drip: drop\r\n", 1000)
	for name, test := range map[string]struct {
		sends  string
		drips  string // one byte a second until the server disconnects
		reads  bool   // whether the client reads the response
		within time.Duration
	}{
		"a request line":           {"P", strings.Repeat("O", 5000), true, readHeaderTimeout},
		"a head":                   {head, endless, true, readHeaderTimeout},
		"a large head":             {head + "X-Large: " + strings.Repeat("x", 5000), endless, true, readHeaderTimeout},
		"a body":                   {head + "Content-Length: 5000\r\n\r\n", strings.Repeat(" ", 5000), true, readTimeout},
		"a large body":             {head + "Content-Length: 100000\r\n\r\n", strings.Repeat(" ", 5000), true, readTimeout},
		"a body in chunks":         {head + "Transfer-Encoding: chunked\r\n\r\n2000\r\n", strings.Repeat(" ", 5000), true, readTimeout},
		"nothing after a request":  {head + "Content-Length: 2\r\n\r\n{}", "", true, idleTimeout},
		"nothing after connecting": {"", "", true, readHeaderTimeout},
		"not reading the response": {head + "Content-Length: 2\r\n\r\n{}", "", false, writeTimeout},
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
					_, _ = io.Copy(io.Discard, c) // ends only if the server has closed the connection
					ended <- time.Now()
				}
				if took := (<-ended).Sub(begun); took > test.within+2*time.Second {
					t.Errorf("disconnected after %s", took)
				}
			})
		})
	}
}

// connect returns the client's end of a connection to a server with our timeouts and long responses.
func connect(t *testing.T) net.Conn {
	t.Helper()
	return connectTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	}))
}

// connectTo returns the client's end of a connection to a server with our limits.
func connectTo(t *testing.T, handler http.Handler) net.Conn {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	pipe := make(pipes)
	server := newServer(handler, logger)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(limitConnections(pipe, 0, logger))
	}()
	ours, theirs := net.Pipe()
	pipe <- theirs
	t.Cleanup(func() {
		_ = ours.Close()
		_ = server.Close()
		<-served
	})
	return ours
}

// pipes is a listener for in-memory connections.
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
