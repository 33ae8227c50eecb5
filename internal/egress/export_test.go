package egress

import "net"

// Resolving gives a guard that looks names up by r.
func (g *Guard) Resolving(r *net.Resolver) *Guard {
	resolving := *g
	resolving.resolver = r
	return &resolving
}
