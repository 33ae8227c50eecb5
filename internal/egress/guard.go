// Package egress says which addresses may be dialled. Whoever can register a webhook chooses where this server sends
// its requests; without a guard that reaches the server's own network, its neighbours and its cloud's metadata service.
//
// The guard looks twice. [Guard.CheckURL] looks when a URL is saved, for the sake of whoever typed it: it reads the
// text and asks no DNS. [Guard.Control] looks at the very address that is about to be dialled, after DNS, and is the
// one that protects: a name may resolve to anything, and to something else the next second.
//
// Control sees every address only if the dialer does the dialling. [Guard.Dial] is the way that is used: with a proxy it
// looks names up itself, judges the addresses and hands the proxy one of them.
package egress

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"code.dny.dev/ssrf"
)

// ErrBlocked is what every refusal of an address matches with errors.Is. Its text is the cause a delivery log shows.
var ErrBlocked = errors.New("blocked address")

// BlockedError is a refusal of one address or host. It matches [ErrBlocked].
type BlockedError struct {
	// Addr is the address refused; not valid if a host was refused by its name, or an address could not be read.
	Addr netip.Addr
	// Host is what was refused, as it was given: an address, a name, or the network and address of a dial.
	Host string
}

// Error gives the text of [ErrBlocked] and what was refused.
func (e *BlockedError) Error() string { return ErrBlocked.Error() + " " + e.Host }

// Unwrap gives [ErrBlocked].
func (e *BlockedError) Unwrap() error { return ErrBlocked }

// platformServices lie in public address space, yet are answered by the cloud's own host from inside a machine.
// The well-known metadata addresses need no mention: they are link-local, unique local or shared address space.
var platformServices = []netip.Prefix{
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's virtual host: DNS, health, machine configuration
}

// Guard decides which addresses may be dialled. It is immutable and safe for concurrent use.
type Guard struct {
	allowPrivate bool
	public       *ssrf.Guardian
	resolver     *net.Resolver
	proxy        *proxy         // nil: none
	roots        *x509.CertPool // nil: the system's
}

// New makes a guard. With allowPrivate every address may be dialled: for development, and for servers whose receivers
// live in the same private network. Otherwise only public unicast addresses may (see [Guard.Allow]).
func New(allowPrivate bool) *Guard {
	return &Guard{
		allowPrivate: allowPrivate,
		resolver:     net.DefaultResolver,
		public:       ssrf.New(ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(platformServices...)),
	}
}

// Allow returns nil if addr may be dialled, and a [*BlockedError] if not.
//
// Blocked are, of IPv4, what IANA's special-purpose registry lists (private, loopback, link-local, shared,
// documentation, benchmarking, "this network", reserved), multicast and broadcast; of IPv6 everything outside global
// unicast 2000::/3 (so loopback, unspecified, link-local, site-local, unique local, multicast, IPv4-mapped and
// -compatible, NAT64), and inside it what the registry lists (Teredo, 6to4, documentation). Forms of IPv6 that hold an
// IPv4 address are blocked whole, whatever the IPv4 address. An address with a zone is local by its meaning, and
// blocked. The zero Addr is blocked even by a guard that allows private addresses.
func (g *Guard) Allow(addr netip.Addr) error {
	if !addr.IsValid() {
		return &BlockedError{Host: addr.String()}
	}
	if g.allowPrivate || g.public.SafeAddr(addr) == nil {
		return nil
	}
	return &BlockedError{Addr: addr, Host: addr.String()}
}

// Control is for the ControlContext field of a [net.Dialer], which calls it for each address it tries, after DNS and
// before connecting. It returns a [*BlockedError] for an address that [Guard.Allow] blocks, and for whatever is not TCP
// to a literal address and port; the dial then fails with an error that matches [ErrBlocked].
func (g *Guard) Control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return &BlockedError{Host: network + " " + address}
	}
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return &BlockedError{Host: network + " " + address}
	}
	return g.Allow(target.Addr())
}
