package listen

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
)

// local is the developer's program, which counts the connections made to it.
type local struct {
	*httptest.Server
	made atomic.Int64
}

func newLocal(t *testing.T, handler http.HandlerFunc) *local {
	t.Helper()
	l := new(local)
	l.Server = httptest.NewUnstartedServer(handler)
	l.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			l.made.Add(1)
		}
	}
	l.Start()
	t.Cleanup(l.Close)
	return l
}

// newTestForwarder forwards to a URL, for as long as the test takes.
func newTestForwarder(t *testing.T, target string) *forwarder {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	f := newForwarder(&Config{Forward: u, Timeout: time.Hour})
	t.Cleanup(f.close)
	return f
}

func delivery() *client.Delivery {
	return &client.Delivery{
		LogID: "l", EventID: "e", Event: "event_action", Attempt: 1, Trigger: "automatic", Method: http.MethodPut,
		Headers: map[string]string{"Webhook-Id": "e", "X-Theirs": "1"}, Body: []byte(`{"a":1}`),
	}
}

func TestTheLocalProgramGetsTheDeliveryAsAReceiverWould(t *testing.T) {
	var got *http.Request
	var body []byte
	l := newLocal(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	f := newTestForwarder(t, l.URL+"/hook?x=y")
	f.config.Header = http.Header{"X-Theirs": {"2"}, "X-Mine": {"3", "4"}}
	r := f.forward(t.Context(), delivery())
	if r.status != http.StatusNoContent || r.fault != "" || !r.ok() || r.took <= 0 {
		t.Errorf("the result is %+v", r)
	}
	if got.Method != http.MethodPut || got.RequestURI != "/hook?x=y" || string(body) != `{"a":1}` {
		t.Errorf("got %s %s with %s", got.Method, got.RequestURI, body)
	}
	if got.Header.Get("Webhook-Id") != "e" || strings.Join(got.Header["X-Theirs"], " ") != "2" || strings.Join(got.Header["X-Mine"], " ") != "3 4" {
		t.Errorf("got the headers %v", got.Header)
	}
}

// A receiver's redirect is a failed attempt, so the local program's is, too: its body and signature go nowhere else.
func TestARedirectIsAnAnswerAndNotFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	other := newLocal(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		l := newLocal(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		if r := newTestForwarder(t, l.URL).forward(t.Context(), delivery()); r.status != status || r.ok() {
			t.Errorf("the result of a %d is %+v", status, r)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestAnswersLeaveTheirConnectionToTheNextRequest(t *testing.T) {
	l := newLocal(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 100*maxExcerpt))
	})
	f := newTestForwarder(t, l.URL)
	for range 5 {
		if r := f.forward(t.Context(), delivery()); r.status != http.StatusOK {
			t.Fatalf("the result is %+v", r)
		}
	}
	if n := l.made.Load(); n != 1 {
		t.Errorf("5 requests took %d connections, want 1", n)
	}
}

func TestAnAnswerThatNeverEndsIsClosed(t *testing.T) {
	closed := make(chan struct{})
	l := newLocal(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(closed)
		for chunk := make([]byte, 64<<10); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if r := newTestForwarder(t, l.URL).forward(t.Context(), delivery()); r.status != http.StatusOK {
		t.Errorf("the result is %+v", r)
	}
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		l.CloseClientConnections()
		t.Error("the connection stays open")
	}
}

func TestEachResultSaysWhatHappened(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		status  int
		fault   string
		ok      bool
	}{
		"200":                  {answer(200, "fine"), 200, "", true},
		"299":                  {answer(299, ""), 299, "", true},
		"300":                  {answer(300, ""), 300, "Multiple Choices", false},
		"500 without a reason": {answer(500, "\x1b\n"), 500, "Internal Server Error", false},
		"500 with a reason":    {answer(500, "no\n\tway \x1b[31m"), 500, "no way [31m", false},
		"a long reason":        {answer(500, strings.Repeat("x", maxExcerpt)+"y"), 500, strings.Repeat("x", maxExcerpt), false},
		"an answer cut short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "x")
		}, 0, "unexpected EOF", false},
		"no answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "EOF", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTestForwarder(t, newLocal(t, test.handler).URL).forward(t.Context(), delivery())
			if r.status != test.status || r.fault != test.fault || r.ok() != test.ok || r.stopped {
				t.Errorf("the result is %+v, want %d %q", r, test.status, test.fault)
			}
		})
	}
}

func TestAProgramThatDoesNotAnswerIsNamedSo(t *testing.T) {
	gone := newLocal(t, func(http.ResponseWriter, *http.Request) {})
	gone.Close()
	if r := newTestForwarder(t, gone.URL).forward(t.Context(), delivery()); r.status != 0 || !strings.Contains(r.fault, "is the program running?") {
		t.Errorf("nothing listens: %+v", r)
	}
	hangs := newLocal(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
		<-r.Context().Done()
	})
	u, _ := url.Parse(hangs.URL)
	f := newForwarder(&Config{Forward: u, Timeout: time.Millisecond})
	if r := f.forward(t.Context(), delivery()); r.status != 0 || r.fault != "no answer in time" || r.stopped {
		t.Errorf("it hangs: %+v", r)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if r := newTestForwarder(t, hangs.URL).forward(ctx, delivery()); !r.stopped || r.status != 0 {
		t.Errorf("it is stopped: %+v", r)
	}
	for err, want := range map[error]string{
		&url.Error{Op: "Put", URL: "http://x", Err: &net.DNSError{Name: "x", Err: "no such host"}}: "no such host: x",
		&url.Error{Op: "Put", URL: "http://x", Err: errors.New("odd\x1b")}:                         "odd",
		errors.New("plain"): "plain",
	} {
		if got := describeError(err); got != want {
			t.Errorf("%v in words is %q, want %q", err, got, want)
		}
	}
}

func TestWhatCannotBeBuiltIsNotSent(t *testing.T) {
	l := newLocal(t, func(http.ResponseWriter, *http.Request) {})
	f := newTestForwarder(t, l.URL)
	if r := f.forward(t.Context(), &client.Delivery{Error: "the template fails"}); r.fault != "the template fails" || r.status != 0 {
		t.Errorf("the result is %+v", r)
	}
	d := delivery()
	d.Method = "not a method"
	if r := f.forward(t.Context(), d); r.fault == "" || r.status != 0 {
		t.Errorf("the result is %+v", r)
	}
	if n := l.made.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}
