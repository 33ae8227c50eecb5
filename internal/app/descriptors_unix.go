//go:build unix

package app

import (
	"math"
	"syscall"
)

// descriptors is how many files and connections this process may have open; 0 where there is no bound.
func descriptors() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > math.MaxInt32 {
		return 0
	}
	return int(limit.Cur)
}
