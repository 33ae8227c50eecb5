package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxForwarded is how many addresses of X-Forwarded-For are examined, from the end.
const maxForwarded = 32

// clientAddress returns the address of the client that sent a request. It is the peer of the connection or, if that is a
// trusted proxy, the last address in X-Forwarded-For that is not a trusted proxy's: everything before it is the client's own
// claim. It is invalid if the peer has no IP address.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := plain(peer.Addr())
	if len(trusted) == 0 {
		return address
	}
	forwarded := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(forwarded) - 1; i >= max(0, len(forwarded)-maxForwarded) && isAmong(address, trusted); i-- {
		next, ok := parseForwarded(forwarded[i])
		if !ok {
			break
		}
		address = next
	}
	return address
}

func isAmong(address netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// parseForwarded reads an entry of X-Forwarded-For; some proxies append the port.
func parseForwarded(entry string) (netip.Addr, bool) {
	entry = strings.TrimSpace(entry)
	if withPort, err := netip.ParseAddrPort(entry); err == nil {
		return plain(withPort.Addr()), true
	}
	address, err := netip.ParseAddr(strings.Trim(entry, "[]"))
	return plain(address), err == nil
}

// plain returns an address as it is compared: without a zone, and IPv4 not mapped into IPv6.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// networkOf returns what a client's requests are counted under: an IPv4 address, or an IPv6 /64 network, all of which
// one client can use.
func networkOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		if network, err := a.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return a
}

func (r *request) address() netip.Addr { return clientAddress(r.Request, r.s.TrustedProxies) }

// isUnknownPeer is the caller that a request without a valid token is counted for.
func (r *request) isUnknownPeer() caller { return caller{address: networkOf(r.address())} }
