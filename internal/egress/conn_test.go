package egress_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/test/interop/rawserver"
)

// peer is the other end of a connection of some layers.
type peer struct {
	guard   *egress.Guard
	secured *tls.Config // of the receiver; nil: plain
	tcp     net.Conn    // the receiver's
	top     net.Conn    // tcp, or TLS over it
}

// dial connects through the layers that there are.
func (p *peer) dial(t *testing.T, version uint16) *egress.Conn {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	accepted := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		p.tcp, p.top = c, c
		if err == nil && p.secured != nil {
			config := p.secured.Clone()
			config.MaxVersion = version
			secured := tls.Server(c, config)
			p.top, err = secured, secured.HandshakeContext(t.Context())
		}
		accepted <- err
	}()
	c, err := p.guard.Dial(t.Context(), listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if p.secured != nil {
		if err := c.Secure(t.Context(), p.guard.TLS("127.0.0.1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.tcp.Close() })
	return c
}

// layers returns a peer for each way in which connections are made.
func layers(t *testing.T) map[string]func() *peer {
	t.Helper()
	secured, roots, err := rawserver.Secured()
	if err != nil {
		t.Fatal(err)
	}
	direct := egress.New(true).Trusting(roots)
	proxy := func(config *tls.Config) *url.URL {
		p, err := rawserver.StartProxy(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		return p.URL
	}
	byProxy, byProxyInTLS := direct.Through(proxy(nil)), direct.Through(proxy(secured))
	return map[string]func() *peer{
		"plain":                   func() *peer { return &peer{guard: direct} },
		"TLS":                     func() *peer { return &peer{guard: direct, secured: secured} },
		"plain by a proxy":        func() *peer { return &peer{guard: byProxy} },
		"TLS by a proxy":          func() *peer { return &peer{guard: byProxy, secured: secured} },
		"plain by a proxy in TLS": func() *peer { return &peer{guard: byProxyInTLS} },
		"TLS by a proxy in TLS":   func() *peer { return &peer{guard: byProxyInTLS, secured: secured} },
	}
}

// read reads what the peer says, so that it has arrived.
func read(t *testing.T, c *egress.Conn, want string) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v", got, err)
	}
}

// untilUnclean polls until what is on its way has arrived.
func untilUnclean(t *testing.T, c *egress.Conn) error {
	t.Helper()
	for t.Context().Err() == nil {
		if err := c.Clean(); err != nil {
			return err
		}
		runtime.Gosched()
	}
	return nil
}

// An idle connection is clean with all that belongs to TLS itself, and usable; and never with a byte of anything else, on
// whatever layer it is.
func TestAnIdleConnectionIsCleanOnlyWithNothingUnread(t *testing.T) {
	for name, make := range layers(t) {
		for version, tlsVersion := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
			t.Run(name+"/"+version, func(t *testing.T) {
				p := make()
				c := p.dial(t, tlsVersion)
				for range 3 { // and it is usable after each check
					_, _ = io.WriteString(p.top, "said")
					read(t, c, "said")
					if err := c.Clean(); err != nil {
						t.Fatalf("with nothing unread: %v", err)
					}
					if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
						t.Fatal(err)
					}
					if _, err := io.WriteString(c, "heard"); err != nil {
						t.Fatal(err)
					}
					heard := [5]byte{}
					if _, err := io.ReadFull(p.top, heard[:]); err != nil {
						t.Fatal(err)
					}
				}
				_, _ = io.WriteString(p.top, "x")
				if err := untilUnclean(t, c); !errors.Is(err, egress.ErrUnsolicited) {
					t.Errorf("with a byte unread: %v", err)
				}
			})
		}
	}
}

// A connection that the peer has closed or reset, or sent a part of a TLS record on, is not clean.
func TestAClosedOrBrokenConnectionIsNotClean(t *testing.T) {
	for name, make := range layers(t) {
		for what, do := range map[string]func(*peer){
			"closed":             func(p *peer) { _ = p.top.Close() },
			"closed below TLS":   func(p *peer) { _ = p.tcp.Close() },
			"reset":              func(p *peer) { _ = errors.Join(p.tcp.(*net.TCPConn).SetLinger(0), p.tcp.Close()) },
			"a part of a head":   func(p *peer) { _, _ = p.tcp.Write([]byte{23, 3}) },
			"a part of a record": func(p *peer) { _, _ = p.tcp.Write([]byte{23, 3, 3, 1, 0, 9}) },
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				p := make()
				c := p.dial(t, tls.VersionTLS13)
				_, _ = io.WriteString(p.top, "said")
				read(t, c, "said")
				do(p)
				if err := untilUnclean(t, c); err == nil {
					t.Error("it is clean")
				}
			})
		}
	}
}

// Session tickets that arrive after the response are not the receiver speaking out of turn.
func TestALateSessionTicketIsLegitimate(t *testing.T) {
	secured, roots, err := rawserver.Secured()
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{guard: egress.New(true).Trusting(roots), secured: secured}
	c := p.dial(t, tls.VersionTLS13) // crypto/tls sends its ticket right after the handshake; nobody has read it
	for range 100 {
		if err := c.Clean(); err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
}
