package app

import "github.com/carteiro/carteiro/internal/dispatch"

// Half of the descriptors that this process may have are for clients, most of the other half for attempts in flight. The
// rest is for the database, the files and connections to receivers that are kept open.

// maxConnections is how many connections clients may have open; 0 where there is no bound.
func maxConnections() int {
	n := descriptors()
	if n == 0 {
		return 0
	}
	return max(1, n/2)
}

// maxInFlight is how many attempts may be in flight at once.
func maxInFlight() int {
	n := descriptors()
	if n == 0 {
		return dispatch.DefaultMaxInFlight
	}
	return max(1, min(dispatch.DefaultMaxInFlight, n/8*3))
}
