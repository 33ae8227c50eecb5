package sqlite

import (
	"sync"

	"zombiezen.com/go/sqlite"
)

// What is committed stands in the write-ahead log until a checkpoint copies it into the database. That is done on a
// connection of its own, beside the commits, so that nobody waits for it. It leaves the log's size to the writer: only
// when everything is copied can the log begin anew, so past maxWALPages the writer copies the little that is left in the
// moment after a commit, by SQLite's own means.
const (
	// checkpointAfter is how many statements may have written between two checkpoints. A statement changes about one
	// page, and a page is 8 KiB.
	checkpointAfter = 2000
	maxWALPages     = 8000
)

// checkpointer copies the log into the database while others commit.
type checkpointer struct {
	conn    *conn
	written int // by the writer, since the last checkpoint; the writer's goroutine's own
	wake    chan struct{}
	stopped sync.WaitGroup
}

func startCheckpointer(path string) (*checkpointer, error) {
	c, err := openConn(path, sqlite.OpenReadWrite, "wal_autocheckpoint = 0", "synchronous = FULL")
	if err != nil {
		return nil, err
	}
	k := &checkpointer{conn: c, wake: make(chan struct{}, 1)}
	k.stopped.Go(func() {
		for range k.wake {
			// A fault is met again by the next one, and by commits when it lasts: they tell.
			_ = k.conn.exec("PRAGMA wal_checkpoint(PASSIVE)")
		}
	})
	return k, nil
}

// wrote tells how many statements a commit has run.
func (k *checkpointer) wrote(statements int) {
	if k.written += statements; k.written < checkpointAfter {
		return
	}
	select {
	case k.wake <- struct{}{}:
		k.written = 0
	default: // one is under way
	}
}

func (k *checkpointer) close() error {
	close(k.wake)
	k.stopped.Wait()
	return k.conn.close()
}
