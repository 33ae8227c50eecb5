//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqlite

import (
	"errors"
	"os"
	"syscall"
)

// lockServer takes the lock that one server at a time has on a database. It is a BSD lock on a file beside the
// database. Not on the database itself: there it would collide with SQLite's own locks on systems where the two kinds
// know of each other, and whoever closes a file lets go of all of SQLite's locks on it in this process. Not a lock of
// SQLite's kind either: that one would end when anything in this process closed the file.
//
// held is false when another has it. A file that was left behind locks nothing.
func lockServer(path string) (lock *serverLock, held bool, err error) {
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, false, err
		}
		lock, held, err = lockFile(path, file)
		if err != nil || !held || lock != nil {
			return lock, held, err
		}
	}
}

// lockFile gives held without a lock when the file was removed by its last holder in between.
func lockFile(path string, file *os.File) (lock *serverLock, held bool, err error) {
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		_ = file.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, false, nil
		}
		return nil, false, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	mine, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, false, err
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(mine, there) {
		_ = file.Close()
		return nil, true, nil
	}
	return &serverLock{file: file}, true, nil
}

// serverLock is the lock that is held. It ends with the process, however that ends.
type serverLock struct{ file *os.File }

// release removes the file and releases the lock, in this order: whoever opened the file before sees that it is gone. A
// file of another server, which has taken the place of this one, stays.
func (l *serverLock) release() error {
	var err error
	if mine, failed := l.file.Stat(); failed != nil {
		err = failed
	} else if there, failed := os.Stat(l.file.Name()); failed == nil && os.SameFile(mine, there) {
		err = os.Remove(l.file.Name())
	}
	return errors.Join(err, l.file.Close())
}
