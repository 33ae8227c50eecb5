package front_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro/internal/front"
)

// takes is what the front answers in these tests.
func takes(method, path string) bool { return method == http.MethodPost && path == "/events" }

// echo answers with what it was asked, as far as the front may change it.
func echo(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header()["X-RateLimit-Limit"] = []string{"7"}
	w.Header().Set("X-Line", "a\r\nInjected: b")
	w.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(w, "%s %s %s %d %v %q", r.Method, r.RequestURI, r.Host, r.ContentLength, r.Header["X-Asked"], text)
}

// serve serves a handler on a listener, behind a front or not, until the test ends.
func serve(t *testing.T, l net.Listener, handler http.HandlerFunc, behind bool) *front.Listener {
	t.Helper()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	var f *front.Listener
	if behind {
		f = front.New(l, front.Config{
			Handler: handler, Takes: takes, IdleTimeout: 2 * time.Minute, HeadTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
			Logger: slog.New(slog.DiscardHandler),
		})
		l = f
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		if f != nil {
			_ = f.Shutdown(t.Context())
		}
		_ = server.Close()
		<-served
	})
	return f
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func post(path, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n%s\r\n%s", path, len(body), headers, body)
}

const plain = "{}"

var long = strings.Repeat("x", 100<<10)

// wire is what comes over connections.
var wire = map[string]string{
	"plain":                         post("/events", "X-Asked: a\r\nX-Asked: b\r\n", plain),
	"without a body":                post("/events", "", ""),
	"two at once":                   post("/events", "", "first") + post("/events", "", "second"),
	"then another route":            post("/events", "", "first") + post("/else", "", "second") + post("/events", "", "third"),
	"another route first":           post("/else", "", "first") + post("/events", "", "second"),
	"another method":                "GET /events HTTP/1.1\r\nHost: here\r\n\r\n",
	"a query":                       post("/events?a=b", "", plain),
	"a large body":                  post("/events", "", long) + post("/events", "", plain),
	"a long head":                   post("/events", "X-Asked: "+long[:5000]+"\r\n", plain),
	"chunks":                        "POST /events HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	"chunks and a length":           "POST /events HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"no length":                     "POST /events HTTP/1.1\r\nHost: here\r\n\r\n",
	"two lengths":                   "POST /events HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
	"a negative length":             "POST /events HTTP/1.1\r\nHost: here\r\nContent-Length: -2\r\n\r\n{}",
	"the last":                      post("/events", "Connection: close\r\n", plain),
	"HTTP/1.0":                      "POST /events HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
	"no host":                       "POST /events HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
	"two hosts":                     post("/events", "Host: there\r\n", plain),
	"a host that is none":           "POST /events HTTP/1.1\r\nHost: a b\r\nContent-Length: 2\r\n\r\n{}",
	"a header's name that is none":  post("/events", "a b: c\r\n", plain),
	"a header's value that is none": post("/events", "X-Asked: \x01\r\n", plain),
	"a header without a colon":      post("/events", "X-Asked\r\n", plain),
	"a folded header":               post("/events", "X-Asked: a\r\n b\r\n", plain),
	"line breaks behind a body":     post("/events", "", plain) + "\r\n" + post("/events", "", "second"),
	"one that ends in line feeds, and another": "POST /events HTTP/1.1\nHost: here\nContent-Length: 0\n\n" + post("/events", "", "second"),
	"line feeds alone":                         "POST /events HTTP/1.1\nHost: here\nContent-Length: 2\n\n{}",
	"an absolute URL":                          post("http://here/events", "", plain),
	"HTTP/2":                                   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"rubbish":                                  "\x16\x03\x01\x02\x00\r\n\r\n",
	"a body that breaks off":                   "POST /events HTTP/1.1\r\nHost: here\r\nContent-Length: 20\r\n\r\n{}",
	"a head that breaks off":                   "POST /events HTTP/1.1\r\nHost: here\r\nConte",
	"asking before the body is sent":           post("/events", "Expect: 100-continue\r\n", plain),
	"asking to speak otherwise":                post("/events", "Connection: Upgrade\r\nUpgrade: h2c\r\n", plain),
}

// To a client it makes no difference whether the front or net/http answers: whatever bytes come, the answers are the same.
func TestWhoAnswersMakesNoDifference(t *testing.T) {
	for name, request := range wire {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := answers(t, request, false)
			if got := answers(t, request, true); got != want {
				t.Errorf("behind the front:\n%s\nwithout it:\n%s", got, want)
			}
		})
	}
}

// answers sends bytes, in two pieces, and gives the answers, but for what changes from one to the next.
func answers(t *testing.T, request string, behind bool) string {
	t.Helper()
	l := listen(t)
	serve(t, l, echo, behind)
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	go func() {
		_, _ = io.WriteString(c, request[:len(request)/2])
		_, _ = io.WriteString(c, request[len(request)/2:])
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	var all strings.Builder
	for r := bufio.NewReader(c); ; {
		response, err := http.ReadResponse(r, nil) //nolint:bodyclose // it ends with the connection
		if err != nil {
			return all.String()
		}
		body, err := io.ReadAll(response.Body)
		if date, bad := http.ParseTime(response.Header.Get("Date")); response.StatusCode == http.StatusAccepted && (bad != nil || time.Since(date) > time.Hour) {
			t.Errorf("dated %q", response.Header.Get("Date"))
		}
		response.Header.Del("Date")
		response.Header.Del("Content-Type") // net/http guesses one where the handler sets none, as ours always does
		_, _ = fmt.Fprintln(&all, response.Status, response.Header, response.ContentLength, response.Close, string(body), err)
	}
}

// Shutdown lets a request under way be answered, tells its client that the connection ends, and closes those that are idle.
func TestShutdownAnswersWhatItHasBegun(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	l := listen(t)
	f := serve(t, l, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Asked") != "" {
			entered <- struct{}{}
			<-release
		}
		echo(w, r)
	}, true)
	waiting, working := dial(t, l), dial(t, l)
	waiting.ask(t, "")
	if _, last := waiting.answer(t); last {
		t.Error("closed before the shutdown")
	}
	working.ask(t, "X-Asked: a\r\n")
	<-entered
	var all sync.WaitGroup
	all.Go(func() {
		if err := f.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if _, err := waiting.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection: %v", err)
	}
	release <- struct{}{}
	if status, last := working.answer(t); status != http.StatusAccepted || !last {
		t.Errorf("the one at work: %d, closing: %v", status, last)
	}
	all.Wait()
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String()); err == nil {
		t.Error("a new connection was taken")
	}
}

// A shutdown that runs out of time cuts off what is still under way.
func TestShutdownEndsInTime(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	l := listen(t)
	f := serve(t, l, func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	}, true)
	c := dial(t, l)
	c.ask(t, "")
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.Shutdown(ctx)
	}()
	if _, err := c.r.ReadByte(); err == nil {
		t.Error("answered after all")
	}
	close(release)
	<-ended
}

// A handler that panics takes its connection with it, and nothing else.
func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	l := listen(t)
	serve(t, l, func(w http.ResponseWriter, r *http.Request) {
		if asked := r.Header.Get("X-Asked"); asked == "abort" {
			panic(http.ErrAbortHandler)
		} else if asked != "" {
			panic(asked)
		}
		echo(w, r)
	}, true)
	healthy := dial(t, l)
	for _, cause := range []string{"abort", "boom"} {
		c := dial(t, l)
		c.ask(t, "X-Asked: "+cause+"\r\n")
		if _, err := c.r.ReadByte(); err == nil {
			t.Errorf("%s: something was answered", cause)
		}
		healthy.ask(t, "")
		if status, _ := healthy.answer(t); status != http.StatusAccepted {
			t.Error(status)
		}
	}
}

// Who is slow is cut off: between requests, in the middle of one, and in taking the answer.
func TestWhoIsSlowIsCutOff(t *testing.T) {
	request := post("/events", "", "{}")
	for name, test := range map[string]struct {
		sends string
		after time.Duration
		reads bool // what it is answered, until the end
	}{
		"before the first request": {"", 10 * time.Second, true},
		"in a head":                {request[:20], 10 * time.Second, true},
		"in a body":                {request[:len(request)-1], time.Minute, true},
		"in taking the answer":     {request, time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pipe := make(pipes)
				f := front.New(pipe, front.Config{
					Handler: http.HandlerFunc(echo), Takes: takes,
					IdleTimeout: 2 * time.Minute, HeadTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler),
				})
				go func() { // net/http, which gets heads that end early, and hangs up
					for {
						c, err := f.Accept()
						if err != nil {
							return
						}
						_ = c.Close()
					}
				}()
				ours, theirs := net.Pipe()
				pipe <- theirs
				begun := time.Now()
				if _, err := io.WriteString(ours, test.sends); err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.after - time.Second)
				synctest.Wait()
				if test.reads {
					_, _ = io.Copy(io.Discard, ours)
					if took := time.Since(begun); took != test.after {
						t.Errorf("cut off after %s", took)
					}
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if _, err := ours.Read(make([]byte, 1)); err == nil {
					t.Error("still there")
				}
				if err := f.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
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

// client is a connection to the front.
type client struct {
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, l net.Listener) client {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return client{c, bufio.NewReader(c)}
}

func (c client) ask(t *testing.T, headers string) {
	t.Helper()
	if _, err := io.WriteString(c, post("/events", headers, "{}")); err != nil {
		t.Fatal(err)
	}
}

// answer gives the status of the next answer, and whether it is the last.
func (c client) answer(t *testing.T) (status int, last bool) {
	t.Helper()
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Close
}
