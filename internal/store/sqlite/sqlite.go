// Package sqlite keeps the port's guarantees in one SQLite file: one goroutine writes and commits for all who came while
// the last commit was synced, a few connections read beside it, and every statement is prepared once a connection.
// docs/decisions/0009-store-layout.md says how the data lies in the file, and why.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// Options say how a database is opened.
type Options struct {
	// Shared opens the database beside a server that may be running on it, for a command. Otherwise the database is
	// this process's alone, and what earlier processes held is free to be claimed.
	Shared bool
	// Moving opens the database for a copy of everything, as its source or target: that a copy into it is under way is no
	// obstacle. Otherwise it is one.
	Moving bool
	// Existing fails where there is no database, rather than make one.
	Existing bool
	// Committed, if not nil, is told of each transaction that was synced: how many operations shared it, and how long it
	// took. The writer waits for it.
	Committed func(operations int, took time.Duration)
	// Keys encrypt the webhooks' secrets. With nil they are stored as they are.
	Keys *seal.Keyring
	// Warn, if not nil, is told what the operator of a server should know: a message, and keys and values as slog takes them.
	Warn func(message string, args ...any)
}

// Store is an open database. It implements [store.Store].
type Store struct {
	*sqlstore.Store
	keys         *seal.Keyring
	writer       *writer
	readers      *pool
	checkpointer *checkpointer
	closers      []func() error // in the order of opening
}

var _ store.Store = (*Store)(nil)

// Open opens the database in a file, making it when there is none and bringing it to the present layout. It fails with
// an [Error], and then leaves everything as it was. ctx bounds the wait for what earlier processes held to be freed.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	s := &Store{keys: opts.Keys}
	s.Store = sqlstore.New(shared{s}, opts.Keys, exports)
	err := s.open(ctx, path, opts)
	if err == nil {
		return s, nil
	}
	err = openError(path, err)
	if undo := s.closeAll(); undo != nil {
		err = errors.Join(err, undo)
	}
	return nil, err
}

func (s *Store) open(ctx context.Context, path string, opts Options) error {
	if err := checkPlace(path, opts.Existing); err != nil {
		return err
	}
	if !opts.Shared {
		if err := s.lock(path); err != nil {
			return err
		}
	}
	if err := inspect(path, opts.Shared); err != nil {
		return err
	}
	c, err := s.openWriter(path, opts.Shared)
	if err != nil {
		return err
	}
	c.keys = s.keys
	if err := c.checkUse(path, opts); err != nil {
		return err
	}
	if s.readers, err = openPool(path, s.keys); err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { return s.readers.close(readers) })
	if s.checkpointer, err = startCheckpointer(path, s.readers); err != nil {
		return err
	}
	s.closers = append(s.closers, s.checkpointer.close)
	s.writer = startWriter(c, s.checkpointer.committed, opts.Committed)
	s.closers = append(s.closers, func() error { s.writer.close(); return nil })
	if !opts.Shared {
		if err := s.endAll(ctx); err != nil {
			return err
		}
	}
	return s.watch(ctx, path, opts)
}

// watch has the writer check the files of the database, which by now has been written to.
func (s *Store) watch(ctx context.Context, path string, opts Options) error {
	f, err := watchFiles(path, opts.Warn)
	if err != nil {
		return err
	}
	if open := readableByOthers(path); len(open) > 0 && opts.Warn != nil {
		opts.Warn("other users can read the database, which holds payloads and secrets; set its mode to 0600", "files", strings.Join(open, ", "))
	}
	return s.writer.write(ctx, 1, func(*tx) error { s.writer.files = f; return nil })
}

// checkPlace looks whether there can be a database at a path, or is one.
func checkPlace(path string, existing bool) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return &Error{Code: CodeUnreachable, Path: path, Message: "it is a directory", Hint: "name a file in it"}
	case existing && (errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0):
		return &Error{Code: CodeUnreachable, Path: path, Message: "there is no database", Hint: "is it the right file?"}
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return unreachable(path, err)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return unreachable(path, err)
	}
	return nil
}

func unreachable(path string, err error) error {
	e := &Error{Code: CodeUnreachable, Path: path, Message: "it cannot be opened", Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Hint = "make the directory " + filepath.Dir(path) + " first"
	case errors.Is(err, fs.ErrPermission):
		e.Code, e.Hint = CodeReadOnly, "file and directory must be writable for the user that carteiro runs as"
	default:
		e.Code, e.Hint = CodeReadOnly, "file and directory must be on a file system that can be written to"
	}
	return e
}

// lockSuffix makes the name of the file whose lock the server has.
const lockSuffix = "-lock"

// lock makes this process the database's only server.
func (s *Store) lock(path string) error {
	lock, held, err := lockServer(path + lockSuffix)
	if err != nil {
		return unreachable(path, err)
	}
	if !held {
		return &Error{
			Code: CodeLocked, Path: path, Message: "another server is running on it",
			Hint: "stop that one first, or give this one a database of its own",
		}
	}
	s.closers = append(s.closers, lock.release)
	return nil
}

// openWriter opens the connection that writes, and makes or upgrades the database with it.
func (s *Store) openWriter(path string, shared bool) (*conn, error) {
	_, err := os.Stat(path)
	made := errors.Is(err, fs.ErrNotExist)
	s.closers = append(s.closers, func() error {
		// What could not be made is not left behind, unless someone else has made it meanwhile.
		if info, err := os.Stat(path); made && err == nil && info.Size() == 0 {
			return os.Remove(path)
		}
		return nil
	})
	if err := createPrivate(path); err != nil {
		return nil, unreachable(path, err)
	}
	c, err := openConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate,
		"page_size = 8192", // of a new file
		"synchronous = FULL",
		"cache_size = -32768",
		"temp_store = MEMORY",
		"wal_autocheckpoint = 0", // see checkpointer
		fmt.Sprintf("journal_size_limit = %d", logLimits.kept),
	)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { return s.closeLast(c) })
	if err := c.migrate(path, shared); err != nil {
		return nil, err
	}
	// After the first migration, so that a file that is not empty always says what it is.
	err = c.exec("PRAGMA journal_mode = WAL")
	return c, err
}

// closeAll undoes what open has done, in reverse.
func (s *Store) closeAll() error {
	var faults []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		faults = append(faults, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(faults...)
}

// Close implements [store.Store]. Nothing else is called any more.
func (s *Store) Close() error { return s.closeAll() }

// abandoned are connections that were not closed.
var abandoned []*conn

// closeLast closes the last connection. SQLite then copies the log and deletes it by its name. Where another database has
// taken the place of this one, that name leads to the other's log: so the connection is left to end with the process.
func (s *Store) closeLast(c *conn) error {
	if s.writer != nil && s.writer.files.replaced() {
		abandoned = append(abandoned, c)
		_, err := s.writer.files.look()
		return err
	}
	return c.close()
}

var touchPing = newQuery(`UPDATE ping SET n = n + 1`)

// Ping implements [store.Store]: it writes, since that is what a full disk prevents.
func (s *Store) Ping(ctx context.Context) error {
	return s.writer.write(ctx, 1, func(t *tx) error { return t.write(touchPing).run() })
}
