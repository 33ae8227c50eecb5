//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreFileSize makes a file that may not grow any further (ulimit -f, a service's LimitFSIZE) the fault of a write, as a full
// disk is, rather than the end of the process.
func ignoreFileSize() { signal.Ignore(syscall.SIGXFSZ) }
