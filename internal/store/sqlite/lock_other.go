//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sqlite

// serverLock is nothing where there are no BSD locks: it is up to the operator there to run one server a database.
type serverLock struct{}

func lockServer(string) (lock *serverLock, held bool, err error) { return &serverLock{}, true, nil }

func (*serverLock) release() error { return nil }
