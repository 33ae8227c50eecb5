package app

import "github.com/carteiro/carteiro/internal/dispatch"

// Half of the descriptors that this process may have are for clients, most of the other half for attempts in flight. The
// rest is for the database, the files and connections to receivers that are kept open.

// connectionBytes is about how much memory a connection of a client takes that sends nothing: its goroutine and buffers of
// net/http.
const connectionBytes = 32 << 10

// maxConnections is how many connections clients may have open: half of the descriptors, and no more than take half of the memory budget (in
// MiB) again. It is 0 where neither is bounded.
func maxConnections(memoryBudget int) int { return connectionLimit(descriptors(), memoryBudget) }

func connectionLimit(descriptors, memoryBudget int) int {
	limit := descriptors / 2
	if room := memoryBudget << 20 / 2 / connectionBytes; room > 0 && (descriptors == 0 || room < limit) {
		limit = room
	}
	if descriptors == 0 {
		return limit
	}
	return max(1, limit)
}

// maxInFlight is how many attempts may be in flight at once.
func maxInFlight() int {
	n := descriptors()
	if n == 0 {
		return dispatch.DefaultMaxInFlight
	}
	return max(1, min(dispatch.DefaultMaxInFlight, n/8*3))
}
