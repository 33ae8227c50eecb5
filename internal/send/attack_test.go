package send_test

import (
	"bufio"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/test/interop/rawserver"
)

// quiet is for servers whose complaints are what the test is about.
var quiet = log.New(io.Discard, "", 0)

// What a receiver may try: that it is not believed, not followed, and not taken more of than there is room for.

func TestARedirectIsNotFollowed(t *testing.T) {
	var inside atomic.Int32
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1) }))
	t.Cleanup(secret.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		url, _ := receiver(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, secret.URL, status) })
		w := webhook(url)
		o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if o.Success || o.HTTPStatus != status || o.Reason != carteiro.ReasonHTTPStatus {
			t.Errorf("%d: %+v", status, o)
		}
	}
	if n := inside.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// A gigabyte of zeros is a megabyte when it is compressed. It is not asked for, and only its beginning is inflated.
func TestABombIsInflatedAsFarAsItIsShown(t *testing.T) {
	url, got := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z, _ := gzip.NewWriterLevel(w, gzip.BestCompression)
		_, _ = io.Copy(z, strings.NewReader(strings.Repeat("0", 8<<20)))
		_ = z.Close()
	})
	w := webhook(url)
	o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
	if !o.Success || !o.ResponseTruncated || string(o.ResponseBody) != strings.Repeat("0", 16<<10) {
		t.Errorf("%d bytes are shown, truncated %v, success %v: %.20s", len(o.ResponseBody), o.ResponseTruncated, o.Success, o.ResponseBody)
	}
	if asked := got().Header["Accept-Encoding"]; asked != nil {
		t.Errorf("asked for %v", asked)
	}
}

// endless is a receiver that writes pieces for as long as somebody reads.
func endless(t *testing.T, head, piece string) (url string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
				}
				for _, err := io.WriteString(c, head); err == nil; _, err = io.WriteString(c, piece) {
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

func TestAnAnswersHeadIsBounded(t *testing.T) {
	for name, receiver := range map[string]string{
		"a header without end":    endless(t, "HTTP/1.1 200 OK\r\nX-Long: ", "xxxxxxxxxxxxxxxx"),
		"headers without end":     endless(t, "HTTP/1.1 200 OK\r\n", "X-One: more\r\n"),
		"a status without end":    endless(t, "HTTP/1.1 200 ", "OK OK OK OK OK "),
		"information without end": endless(t, "", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
	} {
		w := webhook(receiver)
		w.Timeout = 30 * time.Second // were it not bounded, this is what would end it
		begun := time.Now()
		o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if o.Success || o.Reason != carteiro.ReasonConnection || time.Since(begun) > 20*time.Second {
			t.Errorf("%s: %s after %s", name, o.Error, time.Since(begun))
		}
	}
	many := raw(t, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X-Many: "+strings.Repeat("x", 1000)+"\r\nY: y\r\n", 40)+"Content-Length: 0\r\n\r\n")
	w := webhook(many)
	o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
	if kept := len(fmt.Sprint(o.ResponseHeaders)); !o.Success || kept > 16<<10 || o.ResponseHeaders["Y"] == nil {
		t.Errorf("success %v, %d bytes of headers kept", o.Success, kept)
	}
}

func TestAChunkedAnswerIsBounded(t *testing.T) {
	for name, receiver := range map[string]string{
		"chunks of a byte":            endless(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
		"an extension without end":    endless(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "xxxxxxxx"),
		"a trailer without end":       endless(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-One: more\r\n"),
		"an answer that has no end":   endless(t, "HTTP/1.1 200 OK\r\n\r\n", "xxxxxxxx"),
		"an answer of 8 exabytes":     endless(t, "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", "xxxxxxxx"),
		"a chunk of a size too large": raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
	} {
		w := webhook(receiver)
		w.Timeout = 30 * time.Second
		begun := time.Now()
		o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if len(o.ResponseBody) > 16<<10 || time.Since(begun) > 20*time.Second {
			t.Errorf("%s: %d bytes after %s: %s", name, len(o.ResponseBody), time.Since(begun), o.Error)
		}
	}
}

func TestTLSIsVerifiedAndNotTooOld(t *testing.T) {
	roots := x509.NewCertPool()
	serve := func(change func(*tls.Config)) *httptest.Server {
		server := httptest.NewUnstartedServer(http.HandlerFunc(ok))
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS10}
		change(server.TLS)
		server.Config.ErrorLog = quiet
		server.StartTLS()
		t.Cleanup(server.Close)
		roots.AddCert(server.Certificate())
		return server
	}
	now := serve(func(*tls.Config) {})
	old := serve(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 })
	lowest := serve(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
	trusting := send.New(egress.New(true).Trusting(roots), "1.2.3")
	t.Cleanup(trusting.Close)
	for name, test := range map[string]struct {
		sender *send.Sender
		url    string
		ok     bool
	}{
		"an authority of the operator's":        {trusting, now.URL, true},
		"TLS 1.2":                               {trusting, lowest.URL, true},
		"TLS 1.1":                               {trusting, old.URL, false},
		"a certificate of nobody's":             {open(t), now.URL, false},
		"a certificate for another host's name": {trusting, strings.Replace(now.URL, "127.0.0.1", "localhost", 1), false},
	} {
		w := webhook(test.url)
		o := test.sender.Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if o.Success != test.ok || !test.ok && o.Reason != carteiro.ReasonTLS {
			t.Errorf("%s: success %v, %s %s", name, o.Success, o.Error, o.Detail)
		}
	}
}

// proxied is a proxy that opens every tunnel it is asked for, or answers with another status.
func proxied(t *testing.T, secured bool, status int) (u *url.URL, roots *x509.CertPool, tunnels *atomic.Int32) {
	t.Helper()
	tunnels = new(atomic.Int32)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		tunnels.Add(1)
		target, err := new(net.Dialer).DialContext(r.Context(), "tcp", r.RequestURI)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(target, c)
			_ = target.Close()
		}()
		_, _ = io.Copy(c, target)
		_ = c.Close()
	}))
	server.Config.ErrorLog = quiet
	roots = x509.NewCertPool()
	if secured {
		server.StartTLS()
		roots.AddCert(server.Certificate())
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u, roots, tunnels
}

// Deliveries go through the proxy, to http and https receivers, and the tunnels are kept for the next ones.
func TestDeliveriesGoThroughTheProxy(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(ok))
	t.Cleanup(plain.Close)
	secured := httptest.NewTLSServer(http.HandlerFunc(ok))
	t.Cleanup(secured.Close)
	for _, inTLS := range []bool{false, true} {
		u, roots, tunnels := proxied(t, inTLS, http.StatusOK)
		roots.AddCert(secured.Certificate())
		s := send.New(egress.New(true).Trusting(roots).Through(u), "1.2.3")
		t.Cleanup(s.Close)
		for _, receiver := range []string{plain.URL, secured.URL} {
			w := webhook(receiver)
			for range 3 {
				if o := s.Send(t.Context(), send.Compile(w), delivery(w, `{"a":1}`)); !o.Success {
					t.Errorf("by a proxy in TLS %v to %s: %s %s", inTLS, receiver, o.Error, o.Detail)
				}
			}
		}
		if n := tunnels.Load(); n != 2 {
			t.Errorf("%d tunnels for two receivers", n)
		}
	}
}

// A proxy that is unavailable costs the receiver no attempt. What a proxy says about the target does, and is told as that.
func TestAFaultOfTheProxyIsToldFromOneOfTheReceiver(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(ok))
	t.Cleanup(plain.Close)
	answering := func(answer string) *url.URL {
		p, err := rawserver.StartProxy(nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		p.Answer(answer)
		return p.URL
	}
	status := func(line string) *url.URL { return answering("HTTP/1.1 " + line + "\r\nContent-Length: 0\r\n\r\n") }
	untrusted, _, _ := proxied(t, true, http.StatusOK)
	for name, test := range map[string]struct {
		proxy  *url.URL
		reason carteiro.Reason
		error  string
		detail string
		unsent bool
	}{
		"a policy":            {status("403 Forbidden"), carteiro.ReasonBlocked, "Blocked address", "the egress proxy answered 403 Forbidden", false},
		"an internal error":   {status("500 Unable to connect"), carteiro.ReasonConnection, "Host unreachable", "the egress proxy answered 500 Internal Server Error", false},
		"a bad gateway":       {status("502 Bad Gateway"), carteiro.ReasonConnection, "Host unreachable", "the egress proxy answered 502 Bad Gateway", false},
		"unavailable":         {status("503 Service Unavailable"), carteiro.ReasonConnection, "Host unreachable", "the egress proxy answered 503 Service Unavailable", false},
		"a gateway timeout":   {status("504 Gateway Timeout"), carteiro.ReasonConnection, "Host unreachable", "the egress proxy answered 504 Gateway Timeout", false},
		"other credentials":   {status("407 Proxy Authentication Required"), carteiro.ReasonConnection, "Proxy failure", "the egress proxy answered 407 Proxy Authentication Required", true},
		"no CONNECT":          {status("405 Method Not Allowed"), carteiro.ReasonConnection, "Proxy failure", "the egress proxy answered 405 Method Not Allowed", true},
		"it hangs up":         {answering("HTTP/1.1 "), carteiro.ReasonConnection, "Proxy failure", "", true},
		"it speaks nonsense":  {answering("SSH-2.0\r\n"), carteiro.ReasonConnection, "Proxy failure", "", true},
		"it is not trusted":   {untrusted, carteiro.ReasonConnection, "Proxy failure", "", true},
		"it is not there":     {&url.URL{Scheme: "http", Host: "127.0.0.1:1"}, carteiro.ReasonConnection, "Proxy failure", "", true},
		"nobody knows it":     {&url.URL{Scheme: "http", Host: "nowhere.invalid:3128"}, carteiro.ReasonConnection, "Proxy failure", "", true},
		"it speaks otherwise": {&url.URL{Scheme: "https", Host: status("403 Forbidden").Host}, carteiro.ReasonConnection, "Proxy failure", "", true},
	} {
		s := send.New(egress.New(true).Through(test.proxy), "1.2.3")
		t.Cleanup(s.Close)
		w := webhook(plain.URL)
		w.Timeout = 10 * time.Second
		o := s.Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if o.Success || o.Reason != test.reason || o.Error != test.error || o.Detail != test.detail || errors.Is(o.NotSent, carteiro.ErrProxy) != test.unsent {
			t.Errorf("%s: %s, %s, %q, unsent: %v", name, o.Reason, o.Error, o.Detail, o.NotSent)
		}
		if o.Tunneled.IsZero() != test.unsent {
			t.Errorf("%s: the proxy worked at %v", name, o.Tunneled)
		}
	}
	refusing := status("403 Forbidden")
	guarded := send.New(egress.New(false).Through(refusing), "1.2.3")
	t.Cleanup(guarded.Close)
	w := webhook(plain.URL)
	if o := guarded.Send(t.Context(), send.Compile(w), delivery(w, `{}`)); o.Reason != carteiro.ReasonBlocked {
		t.Errorf("a private address by the proxy: %s", o.Error)
	}
}
