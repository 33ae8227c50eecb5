package sqlite

import (
	"sync"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
)

// What is committed stands in the write-ahead log until a checkpoint copies it into the database. Most of that is done on
// a connection of its own, beside the commits, so that nobody waits for it. But only when everything is copied can the
// log begin anew, and beside a busy writer there is always something new: so the writer itself copies what has come
// meanwhile, which is little, in a moment between two commits.
const (
	// checkpointAfter is how many statements may have written between two checkpoints: some 64 MiB of log.
	checkpointAfter = 32000
	// maxLogPages is how long the log may grow when there is always someone who still reads of it. Past it those who want
	// to read wait until the log is copied.
	maxLogPages = 16000
)

// checkpointer copies the log into the database while others commit.
type checkpointer struct {
	conn    *conn
	readers *pool
	written int // statements that have written since the last checkpoint; the writer's goroutine's own
	wake    chan struct{}
	// copied is how many pages were in the log when it had just been copied, for the writer to finish; 0: not yet.
	copied  atomic.Int64
	stopped sync.WaitGroup
}

func startCheckpointer(path string, readers *pool) (*checkpointer, error) {
	c, err := openConn(path, sqlite.OpenReadWrite, "wal_autocheckpoint = 0", "synchronous = FULL")
	if err != nil {
		return nil, err
	}
	k := &checkpointer{conn: c, readers: readers, wake: make(chan struct{}, 1)}
	k.stopped.Go(func() {
		for range k.wake {
			k.copied.Store(max(1, k.conn.checkpoint("PASSIVE")))
		}
	})
	return k, nil
}

// checkpoint copies what it can, and gives the number of pages in the log. A fault is met again by the next one, and by
// commits when it lasts: they tell.
func (c *conn) checkpoint(mode string) (pages int64) {
	s, _, err := c.db.PrepareTransient("PRAGMA wal_checkpoint(" + mode + ")")
	if err != nil {
		return 0
	}
	if row, err := s.Step(); err == nil && row {
		pages = s.ColumnInt64(1)
	}
	_ = s.Finalize() // see above
	return pages
}

// wrote tells how many statements a commit of the writer's has run; nobody waits for the writer meanwhile.
func (k *checkpointer) wrote(writer *conn, statements int) {
	k.written += statements
	if pages := k.copied.Swap(0); pages > maxLogPages {
		// SQLite can wait for readers itself, but among busy ones it may never find the moment.
		k.readers.pause(func() { writer.checkpoint("PASSIVE") })
	} else if pages > 0 {
		writer.checkpoint("PASSIVE")
	}
	if k.written < checkpointAfter {
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
