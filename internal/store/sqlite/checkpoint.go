package sqlite

import (
	"sync"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
)

// Commits go into the write-ahead log until a checkpoint copies them into the database file. The checkpointer does most of
// that on its own connection, beside the commits, so that nobody waits for it. The log can only begin anew when everything
// is copied, and a busy writer always adds to it: so the writer itself copies the rest, which is little, between two
// commits.
//
// The size of the log's file tells when. It never shrinks below logSizes.kept, so a file of that size or less says nothing, and
// every byte beyond it is log. The number of statements does not tell: a commit writes whole pages, so the same statements
// make five times as much log in small commits as in large ones.
type logSizes struct {
	// kept is the size in bytes at which the log is copied, and to which SQLite shortens the file when the log begins anew.
	kept int64
	// most is the size in bytes past which readers wait while the log is copied. The log cannot begin anew while somebody
	// reads a state of the database that needs it, and among busy readers there may always be one.
	most int64
	// step is by how many bytes the log grows between two tries to begin it anew. Tries fail while another process, such as
	// a backup, reads.
	step int64
}

// logLimits are the sizes of every log; tests have smaller ones.
var logLimits = logSizes{kept: 48 << 20, most: 64 << 20, step: 8 << 20}

// checkpointer copies the log into the database while others commit.
type checkpointer struct {
	conn    *conn
	pause   func(do func()) // runs do while nobody reads
	copying sync.Mutex      // held while conn copies
	limits  logSizes
	wake    chan struct{} // has room for one
	copied  atomic.Bool   // the log was copied, for the writer to finish
	stopped sync.WaitGroup

	// Sizes of the log at which the next try begins, and at which readers wait; the writer's goroutine's own.
	tryAt, pauseAt int64
}

func startCheckpointer(path string, readers *pool) (*checkpointer, error) {
	c, err := openConn(path, sqlite.OpenReadWrite, "wal_autocheckpoint = 0", "synchronous = FULL")
	if err != nil {
		return nil, err
	}
	k := &checkpointer{conn: c, pause: readers.pause, limits: logLimits, wake: make(chan struct{}, 1)}
	k.tryAt, k.pauseAt = k.limits.kept, k.limits.most
	k.stopped.Go(func() {
		for range k.wake {
			k.copying.Lock()
			k.conn.checkpoint()
			k.copied.Store(true)
			k.copying.Unlock()
		}
	})
	return k, nil
}

// checkpoint copies what it can without waiting for anybody. The next one, and commits, meet a fault again if it lasts.
func (c *conn) checkpoint() { _ = c.exec("PRAGMA wal_checkpoint(PASSIVE)") }

// committed is told the size of the log after each commit; nobody waits for the writer meanwhile.
func (k *checkpointer) committed(writer *conn, logSize int64) {
	if logSize <= k.limits.kept {
		k.tryAt, k.pauseAt = k.limits.kept, k.limits.most
		return
	}
	switch {
	case logSize > k.pauseAt:
		// A slow copy must not let the log grow without bound: commits wait for it. SQLite can wait for readers itself, but among
		// busy ones it may never find the moment.
		k.copying.Lock()
		k.pause(writer.checkpoint)
		k.copied.Store(false)
		k.copying.Unlock()
		k.pauseAt = logSize + k.limits.step
	case k.copied.Swap(false):
		writer.checkpoint()
	}
	if logSize > k.tryAt {
		select {
		case k.wake <- struct{}{}:
			k.tryAt = logSize + k.limits.step
		default: // one is under way
		}
	}
}

func (k *checkpointer) close() error {
	close(k.wake)
	k.stopped.Wait()
	return k.conn.close()
}
