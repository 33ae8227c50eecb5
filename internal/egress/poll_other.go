//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package egress

import (
	"errors"
	"syscall"
)

// poll fails: sockets cannot be polled on this system, so no connection is ever known to be clean, and none is reused.
type poll struct{}

func (poll) read(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }
