//go:build unix

package app

import (
	"math"
	"syscall"
)

// maxConnections is how many connections clients may have open: half of the descriptors that this process may have. The other
// half is for deliveries, the database and the files; 0 where there is no bound.
func maxConnections() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > math.MaxInt32 {
		return 0
	}
	return max(1, int(limit.Cur/2))
}
