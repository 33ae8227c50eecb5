//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package egress

import (
	"errors"
	"io"
	"syscall"
)

// poll reads from a socket without waiting. Its state lives as long as the socket, so that a read allocates nothing.
type poll struct {
	try func(fd uintptr) bool
	p   []byte
	n   int
	err error
}

// read reads what has arrived, and fails with errNothingToRead if nothing has. Go's sockets are non-blocking.
func (r *poll) read(raw syscall.RawConn, p []byte) (int, error) {
	if r.try == nil {
		r.try = func(fd uintptr) bool {
			r.n, r.err = syscall.Read(int(fd), r.p)
			return true
		}
	}
	r.p = p
	err := raw.Read(r.try)
	r.p = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(r.err, syscall.EAGAIN):
		return 0, errNothingToRead
	case r.err != nil:
		return 0, r.err
	case r.n == 0:
		return 0, io.EOF
	default:
		return r.n, nil
	}
}
