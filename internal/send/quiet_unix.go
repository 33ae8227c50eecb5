//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package send

import (
	"errors"
	"syscall"
)

// nothingToRead says whether a socket is open and holds nothing unread. Go's sockets never block.
func nothingToRead(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
	return errors.Is(err, syscall.EAGAIN)
}
