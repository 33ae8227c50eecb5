package send_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/test/interop/rawserver"
)

// way is how a sender reaches a receiver.
type way struct {
	name            string
	proxy, inTLS    bool // through a proxy; which is spoken to in TLS
	receiverOverTLS bool
}

var ways = []way{
	{name: "plain"}, {name: "TLS", receiverOverTLS: true},
	{name: "plain by a proxy", proxy: true}, {name: "TLS by a proxy", proxy: true, receiverOverTLS: true},
	{name: "plain by a proxy in TLS", proxy: true, inTLS: true}, {name: "TLS by a proxy in TLS", proxy: true, inTLS: true, receiverOverTLS: true},
}

// reach starts a server, and a sender that reaches it so.
func (w way) reach(t *testing.T, c rawserver.Case) (*send.Sender, *rawserver.Server) {
	t.Helper()
	secured, roots, err := rawserver.Secured()
	if err != nil {
		t.Fatal(err)
	}
	only := func(yes bool) *tls.Config {
		if yes {
			return secured
		}
		return nil
	}
	server, err := rawserver.Start(c, only(w.receiverOverTLS))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	guard := egress.New(true).Trusting(roots)
	if w.proxy {
		proxy, err := rawserver.StartProxy(only(w.inTLS))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(proxy.Close)
		guard = guard.Through(proxy.URL)
	}
	s := send.New(guard, "1.2.3")
	t.Cleanup(s.Close)
	return s, server
}

// Whatever a receiver sends, each delivery gets the response to its own request, arrives once, and its cause of failure is named.
func TestEveryResponseBelongsToItsRequest(t *testing.T) {
	for _, way := range ways {
		for _, c := range rawserver.Cases() {
			t.Run(way.name+"/"+c.Name, func(t *testing.T) {
				s, server := way.reach(t, c)
				w := webhook(server.URL + "/bad")
				w.Timeout = 20 * time.Second
				bad := send.Compile(w)
				sound := *w
				sound.URL = server.URL + "/sound"
				payload := `{}`
				if c.Early {
					payload = `{"data":"` + strings.Repeat("x", 16<<20) + `"}`
				}
				o := s.Send(t.Context(), bad, delivery(w, payload))
				if way.proxy && c.End == rawserver.Reset {
					c.Error = "Connection closed" // the proxy says so
				}
				if o.HTTPStatus != c.Status || o.Error != c.Error || o.Success != (c.Error == "") {
					t.Errorf("status %d, success %v, %q (%s); want %d, %q", o.HTTPStatus, o.Success, o.Error, o.Detail, c.Status, c.Error)
				}
				for range 3 {
					d := delivery(&sound, `{}`)
					o := s.Send(t.Context(), send.Compile(&sound), d)
					if !o.Success || o.HTTPStatus != http.StatusOK || string(o.ResponseBody) != d.ID.String() {
						t.Errorf("the next delivery: success %v, status %d, %q, %s %s", o.Success, o.HTTPStatus, o.ResponseBody, o.Error, o.Detail)
					}
				}
				requests := server.Requests()
				if len(requests) != 4 {
					t.Fatalf("%d requests arrived for 4 deliveries", len(requests))
				}
				if reused := requests[1].Connection == requests[0].Connection; reused == c.NoReuse {
					t.Errorf("the connection was reused: %v", reused)
				}
				if c.Unruly && requests[2].Connection == requests[1].Connection {
					t.Error("the next connection was reused")
				}
			})
		}
	}
}

// A body that is longer than is read costs its connection, and no other: the receiver has broken no rule.
func TestABodyThatIsCutOffCostsItsConnectionOnly(t *testing.T) {
	for _, way := range ways {
		s, server := way.reach(t, rawserver.Case{Parts: []string{rawserver.Response("200 OK", strings.Repeat("x", 24<<10))}})
		w := webhook(server.URL + "/bad")
		if o := s.Send(t.Context(), send.Compile(w), delivery(w, `{}`)); !o.Success || !o.ResponseTruncated {
			t.Errorf("%s: success %v, truncated %v", way.name, o.Success, o.ResponseTruncated)
		}
		w.URL = server.URL + "/sound"
		for range 2 {
			if o := s.Send(t.Context(), send.Compile(w), delivery(w, `{}`)); !o.Success {
				t.Errorf("%s: %s %s", way.name, o.Error, o.Detail)
			}
		}
		for i, want := range []int{1, 2, 2} {
			if r := server.Requests()[i]; r.Connection != want {
				t.Errorf("%s: request %d came over connection %d, want %d", way.name, i+1, r.Connection, want)
			}
		}
	}
}

// Environments share no connection, whatever it was used for.
func TestEnvironmentsShareNoConnection(t *testing.T) {
	s, server := ways[1].reach(t, rawserver.Case{})
	for _, environment := range []carteiro.ID{ids.New(noon), ids.New(noon)} {
		w := webhook(server.URL + "/sound")
		w.EnvironmentID = environment
		for range 2 {
			if o := s.Send(t.Context(), send.Compile(w), delivery(w, `{}`)); !o.Success {
				t.Fatal(o.Error, o.Detail)
			}
		}
	}
	for i, r := range server.Requests() {
		if want := 1 + i/2; r.Connection != want {
			t.Errorf("request %d came over connection %d, want %d", i+1, r.Connection, want)
		}
	}
}

// A request that meets a connection which the receiver has just given up is sent once more, over a new one, within the attempt.
func TestAStaleConnectionCostsNoAttempt(t *testing.T) {
	const late = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	for name, c := range map[string]rawserver.Case{
		"closed":        {Stale: true, End: rawserver.Close},
		"reset":         {Stale: true, End: rawserver.Reset},
		"408 and close": {Stale: true, End: rawserver.Close, Parts: []string{late}},
	} {
		for _, way := range ways {
			t.Run(way.name+"/"+name, func(t *testing.T) {
				s, server := way.reach(t, c)
				w := webhook(server.URL + "/sound")
				for range 3 {
					for _, payload := range []string{`{}`, `{"data":"` + strings.Repeat("x", 256<<10) + `"}`} {
						d := delivery(w, payload)
						o := s.Send(t.Context(), send.Compile(w), d)
						if !o.Success || string(o.ResponseBody) != d.ID.String() {
							t.Errorf("%d %s %s", o.HTTPStatus, o.Error, o.Detail)
						}
						if o.Tunneled.IsZero() == way.proxy { // each goes out over a new connection in the end
							t.Errorf("the proxy was last seen to work at %v", o.Tunneled)
						}
					}
				}
			})
		}
	}
}

// Nothing is sent a third time, nor a second time after a byte of a response, nor after a failure of a new connection.
func TestOnlyAStaleConnectionIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		rawserver.Case
		requests int
	}{
		"closed":                  {rawserver.Case{Stale: true, End: rawserver.Close}, 3},
		"closed in the head":      {rawserver.Case{Stale: true, End: rawserver.Close, Parts: []string{"H"}}, 2},
		"closed in the body":      {rawserver.Case{Stale: true, End: rawserver.Close, Parts: []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}}, 2},
		"408 that is kept":        {rawserver.Case{Stale: true, Parts: []string{rawserver.Response("408 Request Timeout", "")}}, 2},
		"408 on a new connection": {rawserver.Case{End: rawserver.Close, Parts: []string{"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"}}, 1},
	} {
		s, server := ways[1].reach(t, c.Case)
		w := webhook(server.URL + "/sound")
		if c.Stale {
			if o := s.Send(t.Context(), send.Compile(w), delivery(w, `{}`)); !o.Success {
				t.Fatal(o.Error, o.Detail)
			}
		}
		w.URL = server.URL + "/bad"
		if o := s.Send(t.Context(), send.Compile(w), delivery(w, `{}`)); o.Success {
			t.Errorf("%s: success", name)
		}
		if got := len(server.Requests()); got != c.requests {
			t.Errorf("%s: %d requests arrived, want %d", name, got, c.requests)
		}
	}
}

// With TLS 1.3 a receiver rejects the client after the client's part of the handshake. That is told as a failure of TLS even
// when the connection is gone before the request is written.
func TestARequiredClientCertificateIsATLSFailure(t *testing.T) {
	secured, roots, err := rawserver.Secured()
	if err != nil {
		t.Fatal(err)
	}
	secured.ClientAuth, secured.MinVersion = tls.RequireAnyClientCert, tls.VersionTLS13
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	rejected := make(chan error)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			err = tls.Server(c, secured).HandshakeContext(t.Context())
			_ = errors.Join(c.(*net.TCPConn).SetLinger(0), c.Close())
			rejected <- err
		}
	}()
	s := send.New(egress.New(true).Trusting(roots), "1.2.3")
	t.Cleanup(s.Close)
	w := webhook("https://" + listener.Addr().String())
	d := delivery(w, `{}`)
	d.MayBegin = func() bool { return <-rejected != nil }
	if o := s.Send(t.Context(), send.Compile(w), d); o.Reason != carteiro.ReasonTLS {
		t.Errorf("%s, %s (%s)", o.Reason, o.Error, o.Detail)
	}
}

// A receiver that stops in the middle of a response is waited for until the timeout, which is then what is reported.
func TestAResponseThatStopsIsATimeout(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, response := range map[string]string{
		"before it":                "",
		"in the status line":       "HTTP/1.1 20",
		"in the headers":           "HTTP/1.1 200 OK\r\nContent-",
		"after an interim one":     "HTTP/1.1 100 Continue\r\n\r\n",
		"in the body":              "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
		"in a body without length": "HTTP/1.1 200 OK\r\n\r\nhalf",
		"before a chunk":           chunked,
		"in a chunk's size":        chunked + "4",
		"in a chunk":               chunked + "9\r\nhalf",
		"at the end of a chunk":    chunked + "4\r\nhalf",
		"between chunks":           chunked + "4\r\nhalf\r\n",
		"before the trailer":       chunked + "4\r\nhalf\r\n0\r\n",
		"in the trailer":           chunked + "4\r\nhalf\r\n0\r\nX-Sum: 1\r\n",
	} {
		for _, way := range ways[:2] {
			s, server := way.reach(t, rawserver.Case{Parts: []string{response}})
			w := webhook(server.URL + "/bad")
			w.Timeout = 50 * time.Millisecond
			o := s.Send(t.Context(), send.Compile(w), delivery(w, `{}`))
			if o.Success || o.Reason != carteiro.ReasonTimeout || o.Error != "Connection timeout" {
				t.Errorf("%s, %s: %s, %s (%s)", way.name, name, o.Reason, o.Error, o.Detail)
			}
		}
	}
}
