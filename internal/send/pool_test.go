package send

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
)

// idleConn is a connection without a network, last used by a webhook some time ago.
func idleConn(t *testing.T, p *pool, to origin, webhook carteiro.ID, ago, keepFor time.Duration) *conn {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { _ = server.Close() })
	c := &conn{Conn: &egress.Conn{Conn: client}}
	p.put(to, webhook, c, keepFor)
	c.idleSince = c.idleSince.Add(-ago)
	return c
}

// A connection serves another webhook only once it has been silent for a while: what a receiver sends late belongs to nobody then.
func TestAnotherWebhookGetsAConnectionThatHasSettled(t *testing.T) {
	p := newPool(egress.New(true))
	defer p.close()
	to, mine, other := origin{address: "192.0.2.1:443"}, carteiro.ID{1}, carteiro.ID{2}
	settled := idleConn(t, p, to, other, 2*settling, maxIdleTime)
	fresh := idleConn(t, p, to, other, -time.Hour, maxIdleTime) // far from settled, however slow this machine is
	if c := p.take(to, mine); c != settled {
		t.Errorf("another webhook gets %p, want %p", c, settled)
	}
	if c := p.take(to, mine); c != nil {
		t.Error("another webhook gets a connection that has not settled")
	}
	if c := p.take(to, other); c != fresh {
		t.Errorf("the webhook that used it gets %p, want %p", c, fresh)
	}
	if p.count != 0 {
		t.Errorf("%d are counted as idle", p.count)
	}
}

func TestAConnectionIsNotUsedPastItsKeepAlive(t *testing.T) {
	p := newPool(egress.New(true))
	defer p.close()
	to, webhook := origin{address: "192.0.2.1:443"}, carteiro.ID{1}
	idleConn(t, p, to, webhook, 0, time.Nanosecond)
	kept := idleConn(t, p, to, webhook, 0, time.Hour)
	if left := time.Until(kept.useBefore); left > maxIdleTime {
		t.Errorf("kept for %s", left)
	}
	idleConn(t, p, to, webhook, 0, time.Nanosecond)
	if c := p.take(to, webhook); c != kept {
		t.Errorf("got %p, want %p", c, kept)
	}
	if c := p.take(to, webhook); c != nil || p.count != 0 {
		t.Errorf("got %p, %d are counted as idle", c, p.count)
	}
}

// After an origin has sent more than its responses, its connections are not kept, in that environment alone, for a while.
func TestAnUnrulyOriginKeepsNoConnection(t *testing.T) {
	p := newPool(egress.New(true))
	defer p.close()
	webhook := carteiro.ID{1}
	unruly, other := origin{address: "192.0.2.1:443"}, origin{address: "192.0.2.1:443", environment: carteiro.ID{7}}
	idleConn(t, p, unruly, webhook, 0, maxIdleTime)
	p.markMisbehaving(unruly)
	idleConn(t, p, unruly, webhook, 0, maxIdleTime)
	kept := idleConn(t, p, other, webhook, 0, maxIdleTime)
	if c := p.take(unruly, webhook); c != nil {
		t.Error("a connection to it was kept")
	}
	if c := p.take(other, webhook); c != kept {
		t.Error("another environment lost its connection")
	}
	if p.unruly.has(unruly, time.Now().Add(misbehavingFor)) {
		t.Error("it is not trusted again")
	}
	for n := range 3 * maxMisbehaving {
		p.unruly.add(origin{address: string(rune(n))}, time.Now())
	}
	if len(p.unruly) > maxMisbehaving {
		t.Errorf("%d origins are remembered", len(p.unruly))
	}
}

// A connection that fails below TLS is closed, not leaked: its descriptor is free again.
func TestAFailedHandshakeClosesItsConnection(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ended := make(chan struct{})
	go func() {
		c, err := listener.Accept()
		if err == nil {
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			for b := make([]byte, 1024); err == nil; _, err = c.Read(b) {
			}
		}
		close(ended)
	}()
	p := newPool(egress.New(true))
	defer p.close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := p.dial(ctx, origin{address: listener.Addr().String(), secured: "localhost"}, time.Now().Add(time.Minute)); err == nil {
		t.Fatal("connected")
	}
	select {
	case <-ended:
	case <-ctx.Done():
		t.Error("the connection is still open")
	}
}
