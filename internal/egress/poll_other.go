//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package egress

import (
	"errors"
	"syscall"
)

// readNow fails: sockets cannot be polled on this system, so no connection is ever known to be clean, and none is reused.
func readNow(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }
