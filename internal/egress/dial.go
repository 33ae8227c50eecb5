package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
)

// Through gives a guard that dials by way of a proxy, which must be http://HOST:PORT or https://HOST:PORT, with a user and
// password in front of the host if it asks for them. Every target is looked up and judged here all the same, and the proxy
// is asked for an address, not for a name: what a name leads to is decided once, by the one who checks it. The proxy's own
// address is the operator's choice and may be private.
func (g *Guard) Through(u *url.URL) *Guard {
	through := *g
	through.proxy = newProxy(u)
	return &through
}

// Proxied reports whether the guard dials through a proxy.
func (g *Guard) Proxied() bool { return g.proxy != nil }

// Trusting gives a guard that takes certificates of these authorities, of receivers and of the proxy. Nil are the system's.
func (g *Guard) Trusting(roots *x509.CertPool) *Guard {
	trusting := *g
	trusting.roots = roots
	return &trusting
}

// TLS is how connections are secured to a server whose certificate must be for name: version 1.2 at least, HTTP/1.1 in it.
func (g *Guard) TLS(name string) *tls.Config {
	return &tls.Config{ServerName: name, RootCAs: g.roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}

// Dial connects to a host and port over TCP, itself or through the proxy. It fails with what matches [ErrBlocked] when the
// host leads nowhere but to addresses that [Guard.Allow] blocks, and with a [*ProxyError].
func (g *Guard) Dial(ctx context.Context, address string) (*Conn, error) {
	if g.proxy == nil {
		return connect(ctx, &net.Dialer{ControlContext: g.Control, Resolver: g.resolver}, address)
	}
	targets, err := g.targets(ctx, address)
	if err != nil {
		return nil, err
	}
	var c *Conn
	for _, target := range targets {
		if c, err = g.proxy.connect(ctx, target, g.TLS); err == nil || !unreached(err) {
			break
		}
	}
	return c, err
}

// connect makes a TCP connection.
func connect(ctx context.Context, dialer *net.Dialer, address string) (*Conn, error) {
	dialed, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c, err := newConn(dialed)
	if err != nil {
		_ = dialed.Close()
	}
	return c, err
}

// maxTargets is how many addresses of a host the proxy is asked for before the host counts as out of reach.
const maxTargets = 4

// targets looks a host up and gives its addresses, those that are blocked left out. It fails when none is left.
func (g *Guard) targets(ctx context.Context, address string) (targets []netip.AddrPort, err error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := g.resolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return nil, err
	}
	addrs, err := g.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var blocked error
	for _, addr := range addrs {
		addr = addr.Unmap() // as the dialer does: an IPv4 address in IPv6 is dialled as what it is
		if err := g.Allow(addr); err != nil {
			blocked = err
		} else if len(targets) < maxTargets {
			targets = append(targets, netip.AddrPortFrom(addr, uint16(port))) //nolint:gosec // LookupPort gives 0 to 65535
		}
	}
	if len(targets) == 0 {
		return nil, blocked
	}
	return targets, nil
}
