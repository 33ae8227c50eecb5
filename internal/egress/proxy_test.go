package egress_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro/internal/egress"
)

// fakeProxy is an HTTP proxy that leads every tunnel to one receiver, wherever it was asked to lead it.
type fakeProxy struct {
	url    *url.URL
	answer func(target string) string // the head of what is answered; a 200 opens the tunnel

	mu    sync.Mutex
	asked []string
	heads []http.Header
}

func newProxy(t *testing.T, receiverPort string) *fakeProxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p := &fakeProxy{
		url:    &url.URL{Scheme: "http", Host: listener.Addr().String()},
		answer: func(string) string { return "HTTP/1.1 200 Connection established\r\n\r\n" },
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(c, net.JoinHostPort("127.0.0.1", receiverPort))
		}
	}()
	return p
}

func (p *fakeProxy) serve(c net.Conn, receiver string) {
	defer func() { _ = c.Close() }()
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	p.mu.Lock()
	p.asked, p.heads = append(p.asked, request.Method+" "+request.RequestURI), append(p.heads, request.Header)
	answer := p.answer(request.RequestURI)
	p.mu.Unlock()
	if _, err := io.WriteString(c, answer); err != nil || !strings.HasPrefix(answer, "HTTP/1.1 200") {
		return
	}
	r, err := new(net.Dialer).DialContext(context.Background(), "tcp", receiver)
	if err != nil {
		return
	}
	defer func() { _ = r.Close() }()
	go func() { _, _ = io.Copy(r, c) }()
	_, _ = io.Copy(c, r)
}

// was gives what the proxy was asked for since the last time.
func (p *fakeProxy) was() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// getThrough makes a request as a delivery would.
func getThrough(t *testing.T, guard *egress.Guard, rawURL string) error {
	t.Helper()
	transport := &http.Transport{
		DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return guard.Dial(ctx, address) },
		DisableKeepAlives: true,
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, rawURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// resolving looks every name up as what answer says at each lookup.
func resolving(t *testing.T, answer func() []netip.Addr) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		return resolverAnswering(t, answer()).Dial(ctx, network, address)
	}}
}

var (
	public   = netip.MustParseAddr("93.184.215.14")
	loopback = netip.MustParseAddr("127.0.0.1")
	metadata = netip.MustParseAddr("169.254.169.254")
)

// A name that changes its mind between the time it is saved and the time it is dialled reaches nothing inside: neither
// by itself nor by a proxy, which is handed the very address that was judged.
func TestANameThatChangesItsMindReachesNothingInside(t *testing.T) {
	r := newReceiver(t)
	p := newProxy(t, r.port)
	var addrs []netip.Addr
	direct := egress.New(false).Resolving(resolving(t, func() []netip.Addr { return addrs }))
	through := direct.Through(p.url)
	target := "http://rebind.example:" + r.port

	addrs = []netip.Addr{public}
	if err := direct.CheckURL(target); err != nil {
		t.Fatal(err)
	}
	if err := getThrough(t, through, target); err != nil {
		t.Fatalf("by the proxy, while it is public: %v", err)
	}
	if got, want := p.was(), []string{"CONNECT " + public.String() + ":" + r.port}; !slices.Equal(got, want) {
		t.Errorf("the proxy was asked for %v, want %v", got, want)
	}
	before := r.connections.Load()
	for _, turned := range [][]netip.Addr{{loopback}, {metadata, loopback}} {
		addrs = turned
		for way, guard := range map[string]*egress.Guard{"directly": direct, "by the proxy": through} {
			var blocked *egress.BlockedError
			if err := getThrough(t, guard, target); !errors.As(err, &blocked) {
				t.Errorf("%s to %v: %v", way, turned, err)
			}
		}
	}
	addrs = []netip.Addr{metadata, public}
	if err := getThrough(t, through, target); err != nil {
		t.Errorf("one of its addresses is public: %v", err)
	}
	if got, want := p.was(), []string{"CONNECT " + public.String() + ":" + r.port}; !slices.Equal(got, want) {
		t.Errorf("the proxy was asked for %v, want %v", got, want)
	}
	if n := r.connections.Load() - before; n != 1 {
		t.Errorf("%d connections were made, want that of the public address", n)
	}
}

func TestAddressesAreJudgedBeforeTheProxyIsAsked(t *testing.T) {
	r := newReceiver(t)
	p := newProxy(t, r.port)
	guard := egress.New(false).Through(p.url)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "0.0.0.0"} {
		if err := getThrough(t, guard, "http://"+host+":"+r.port); !errors.Is(err, egress.ErrBlocked) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if asked := p.was(); len(asked) > 0 {
		t.Errorf("the proxy was asked for %v", asked)
	}
	if err := getThrough(t, egress.New(true).Through(p.url), "http://127.0.0.1:"+r.port); err != nil {
		t.Errorf("where private addresses are allowed: %v", err)
	}
}

// An IPv4 address in IPv6 is judged and dialed as the IPv4 address that it is, by the proxy as without one.
func TestAMappedAddressIsTheIPv4AddressInIt(t *testing.T) {
	r := newReceiver(t)
	p := newProxy(t, r.port)
	mapped := netip.AddrFrom16(public.As16())
	want := []string{"CONNECT " + public.String() + ":" + r.port}
	for name, test := range map[string]struct {
		guard *egress.Guard
		host  string
	}{
		"of a name":                      {egress.New(false).Resolving(resolving(t, func() []netip.Addr { return []netip.Addr{mapped} })), "mapped.example"},
		"in the URL":                     {egress.New(false), "[" + mapped.String() + "]"},
		"where private ones are allowed": {egress.New(true), "[" + mapped.String() + "]"},
	} {
		if err := getThrough(t, test.guard.Through(p.url), "http://"+test.host+":"+r.port); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := p.was(); !slices.Equal(got, want) {
			t.Errorf("%s: the proxy was asked for %v, want %v", name, got, want)
		}
	}
	inside := egress.New(false).Resolving(resolving(t, func() []netip.Addr { return []netip.Addr{netip.AddrFrom16(loopback.As16())} }))
	if err := getThrough(t, inside.Through(p.url), "http://mapped.example:"+r.port); !errors.Is(err, egress.ErrBlocked) || len(p.was()) > 0 {
		t.Errorf("a mapped loopback address: %v", err)
	}
}

// A host may have many addresses: the proxy is asked for a few of them only.
func TestTheProxyIsAskedForAFewAddressesOnly(t *testing.T) {
	p := newProxy(t, "1")
	p.answer = func(string) string { return "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n" }
	var many []netip.Addr
	for addr := public; len(many) < 10; addr = addr.Next() {
		many = append(many, addr)
	}
	guard := egress.New(false).Resolving(resolving(t, func() []netip.Addr { return many }))
	var failed *egress.ProxyError
	if err := getThrough(t, guard.Through(p.url), "http://many.example"); !errors.As(err, &failed) || failed.Status != 502 {
		t.Errorf("got %v", err)
	}
	if asked := p.was(); len(asked) != 4 {
		t.Errorf("the proxy was asked for %v, want 4 of them", asked)
	}
}

// Where the proxy cannot reach one address of a host, the next is tried; a refusal for another reason is final.
func TestTheNextAddressIsTriedWhereTheProxyReachesNone(t *testing.T) {
	r := newReceiver(t)
	other := netip.MustParseAddr("93.184.215.15")
	guard := egress.New(false).Resolving(resolving(t, func() []netip.Addr { return []netip.Addr{public, other} }))
	for status, tries := range map[string]int{"502 Bad Gateway": 2, "403 Forbidden": 1} {
		p := newProxy(t, r.port)
		first := ""
		p.answer = func(target string) string {
			if first == "" {
				first = target
			}
			if target == first {
				return "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n\r\n"
			}
			return "HTTP/1.1 200 OK\r\n\r\n"
		}
		err := getThrough(t, guard.Through(p.url), "http://two.example:"+r.port)
		if asked := p.was(); len(asked) != tries || (err == nil) != (tries == 2) {
			t.Errorf("%s: asked for %v, %v", status, asked, err)
		}
	}
}

func TestTheProxysCredentialsGoToItAloneAndAreNeverPrinted(t *testing.T) {
	r := newReceiver(t)
	p := newProxy(t, r.port)
	u := *p.url
	u.User = url.UserPassword("me", "tellnoone")
	guard := egress.New(true).Through(&u)
	p.answer = func(string) string { return "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n" }
	err := getThrough(t, guard, "http://127.0.0.1:"+r.port)
	var refused *egress.ProxyError
	if !errors.As(err, &refused) || refused.Status != http.StatusProxyAuthRequired {
		t.Errorf("got %v", err)
	}
	if got := p.heads[0].Get("Proxy-Authorization"); got != "Basic bWU6dGVsbG5vb25l" {
		t.Errorf("the proxy was given %q", got)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", guard, guard, guard), fmt.Sprint(err)} {
		if strings.Contains(text, "tellnoone") || strings.Contains(text, "bWU6dGVsbG5vb25l") {
			t.Errorf("printed: %s", text)
		}
	}
}

func TestWhatTheProxyDoesWrongEndsTheAttempt(t *testing.T) {
	r := newReceiver(t)
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, answer := range map[string]string{
		"no HTTP":                 "SSH-2.0-OpenSSH_9.2\r\n",
		"an answer without end":   "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Long: "+strings.Repeat("x", 100)+"\r\n", 1000),
		"more than an answer":     "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"nothing, and hanging up": "",
		"not there":               "-",
	} {
		p := newProxy(t, r.port)
		p.answer = func(string) string { return answer }
		if answer == "-" {
			p.url.Host = closed.Addr().String()
		}
		err := getThrough(t, egress.New(true).Through(p.url), "http://127.0.0.1:"+r.port)
		var fault *egress.ProxyError
		if !errors.As(err, &fault) || fault.Status != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A proxy that does not answer is waited for until the attempt's time is over.
func TestAProxyThatHangsIsGivenUpInTime(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	guard := egress.New(true).Through(&url.URL{Scheme: "http", Host: listener.Addr().String()})
	if _, err := guard.Dial(ctx, "127.0.0.1:80"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// The error says why TLS with the proxy failed, for its operator to see.
func TestAnUntrustedCertificateOfTheProxyIsNamed(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = egress.New(true).Through(u).Dial(t.Context(), "127.0.0.1:80")
	var fault *egress.ProxyError
	var untrusted *tls.CertificateVerificationError
	if !errors.As(err, &fault) || !errors.As(err, &untrusted) || !fault.Unavailable() {
		t.Errorf("got %v", err)
	}
}

// An answer of 5xx is about the target; any other refusal but 403 is the proxy's own fault.
func TestARefusalOfTheProxyIsItsOwnFaultOrTheTargets(t *testing.T) {
	for status, unavailable := range map[int]bool{0: true, 403: false, 407: true, 499: true, 500: false, 502: false, 504: false} {
		if fault := (&egress.ProxyError{Status: status}); fault.Unavailable() != unavailable || fault.Blocks() != (status == 403) {
			t.Errorf("%d: unavailable %v, blocks %v", status, fault.Unavailable(), fault.Blocks())
		}
	}
}
