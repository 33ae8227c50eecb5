package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
)

// backupPages is how many pages are copied before it is looked whether the copy was called off: 8 MiB.
const backupPages = 1024

// ErrExists says that a copy would overwrite a file.
var ErrExists = errors.New("there is a file already, and nothing is overwritten")

// Backup copies the database in the file from into the file to, which must not exist, while servers and commands go on
// writing to it: the copy is what was committed when it began. It is checked and synced before it gets its name, so
// that a file of that name is a whole backup. It fails with [ErrExists] or an [Error], and then leaves no file.
//
// The pages are copied as they are. VACUUM INTO would give a smaller file and may number rows anew.
func Backup(ctx context.Context, from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s: %w", to, ErrExists)
	}
	if _, err := os.Stat(from); err != nil {
		return &Error{Code: CodeUnreachable, Path: from, Message: "it cannot be read", Hint: "name the database that there is", Err: err}
	}
	if err := inspect(from, true); err != nil && !olderOrReadOnly(err) {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(to), ".carteiro-backup-")
	if err != nil {
		return unreachable(to, err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // of the copy, which has its other name by then
	draft := filepath.Join(dir, "backup.db")
	if err := copyDatabase(ctx, from, draft); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	if err := os.Chmod(draft, 0o600); err != nil { // it holds secrets
		return err
	}
	if err := syncFile(draft); err != nil {
		return err
	}
	// A rename would overwrite what was made meanwhile.
	if err := os.Link(draft, to); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", to, ErrExists)
	} else if err != nil {
		return err
	}
	return syncFile(filepath.Dir(to))
}

// olderOrReadOnly is what keeps a server from a file and not a copy from it.
func olderOrReadOnly(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Code == CodeOlder || e.Code == CodeReadOnly)
}

// Restore makes the database in the file to from the backup in the file from. There must be no database there, and no
// server that is about to make one. It fails as [Backup] does.
func Restore(ctx context.Context, from, to string) error {
	s := new(Store)
	if err := s.lock(to); err != nil {
		return err
	}
	return errors.Join(restore(ctx, from, to), s.closeAll())
}

func restore(ctx context.Context, from, to string) error {
	// What is left of another database's log would be taken for this one's.
	for _, suffix := range []string{"-wal", "-journal"} {
		if _, err := os.Lstat(to + suffix); err == nil {
			return fmt.Errorf("%s: %w", to+suffix, ErrExists)
		}
	}
	return Backup(ctx, from, to)
}

// copyDatabase copies page by page, within one reading transaction, and checks the copy.
func copyDatabase(ctx context.Context, from, to string) (err error) {
	source, err := openConn(from, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	target, err := openConn(to, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	// Without a transaction that lasts, each commit of a server would begin the copy anew.
	if err := source.exec("BEGIN"); err != nil {
		return err
	}
	if _, err := source.isEmpty(); err != nil {
		return err
	}
	if err := copyPages(ctx, target, source); err != nil {
		return err
	}
	if err := source.exec("COMMIT"); err != nil {
		return err
	}
	// One file, that can be read where nothing can be written.
	if err := target.exec("PRAGMA journal_mode = DELETE"); err != nil {
		return err
	}
	target.db.SetInterrupt(ctx.Done())
	return target.checkIntegrity()
}

func copyPages(ctx context.Context, target, source *conn) error {
	backup, err := sqlite.NewBackup(target.db, "main", source.db, "main")
	if err != nil {
		return err
	}
	for more := true; more && err == nil; {
		if err = ctx.Err(); err == nil {
			more, err = backup.Step(backupPages)
		}
	}
	return errors.Join(err, backup.Close())
}

// checkIntegrity has SQLite look at every page.
func (c *conn) checkIntegrity() error {
	s, _, err := c.db.PrepareTransient("PRAGMA integrity_check(1)")
	if err != nil {
		return err
	}
	defer func() { _ = s.Finalize() }() // the error is that of the step
	if _, err := s.Step(); err != nil {
		return err
	}
	if found := s.ColumnText(0); found != "ok" {
		return fmt.Errorf("the database is damaged: %s", found)
	}
	return nil
}

// syncFile has a file or a directory written to the disk.
func syncFile(path string) error {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
