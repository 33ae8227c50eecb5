//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package egress

import (
	"errors"
	"io"
	"syscall"
)

// readNow reads what has arrived, and fails with errNothingToRead if nothing has. Go's sockets are non-blocking.
func readNow(raw syscall.RawConn, p []byte) (n int, err error) {
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, failed = syscall.Read(int(fd), p)
		return true
	})
	switch {
	case err != nil:
		return 0, err
	case errors.Is(failed, syscall.EAGAIN):
		return 0, errNothingToRead
	case failed != nil:
		return 0, failed
	case n == 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}
