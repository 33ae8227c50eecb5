package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/carteiro/carteiro/internal/store/layout"
)

// identity is what a database file says of itself.
type identity struct{ application, version int64 }

// Where it says so: https://www.sqlite.org/fileformat.html#the_database_header
const (
	headerSize    = 100
	headerMagic   = "SQLite format 3\x00"
	versionAt     = 60
	applicationAt = 68
)

// inspect finds out whether a file is Carteiro's and can be written to, before SQLite opens it: SQLite would open one
// that can only be read, too, make files beside it, and take up the log of whatever program it belongs to. It looks at
// nothing but the header, which is right also where a crash has cut off a commit or a checkpoint.
//
// Closing the file lets go of the locks that SQLite has on it in this process. A server in this process must not suffer
// for that: what it has opened is not inspected again.
func inspect(path string, shared bool) error {
	if _, err := os.Stat(path + lockSuffix); shared && err == nil {
		return nil
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unreachable(path, err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	header := make([]byte, headerSize)
	n, err := io.ReadFull(file, header)
	if errors.Is(err, io.EOF) {
		return nil // empty: SQLite creates the database
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return unreachable(path, err)
	}
	if journal, err := os.Stat(path + "-journal"); err == nil && journal.Size() > 0 {
		return nil // the making of it was cut off: SQLite will undo that
	}
	if n < headerSize || !strings.HasPrefix(string(header), headerMagic) {
		return notADatabase(path, nil)
	}
	steps, err := layout.Migrations(migrationFiles)
	if err != nil {
		return err
	}
	id := identity{
		application: int64(binary.BigEndian.Uint32(header[applicationAt:])),
		version:     int64(binary.BigEndian.Uint32(header[versionAt:])),
	}
	return id.check(path, len(steps), shared)
}

func (c *conn) identity() (id identity, err error) {
	if id.application, err = c.execInt("PRAGMA application_id"); err != nil {
		return id, err
	}
	id.version, err = c.execInt("PRAGMA user_version")
	return id, err
}

// isEmpty says whether there is nothing in the database yet.
func (c *conn) isEmpty() (bool, error) {
	objects, err := c.execInt("SELECT count(*) FROM sqlite_schema")
	return objects == 0, err
}

// check says what keeps a database with this identity from being used; nil when it is Carteiro's.
func (id identity) check(path string, latest int, shared bool) error {
	switch {
	case id.application != applicationID:
		return &Error{
			Code: CodeForeign, Path: path, Message: "the file is a database of another program",
			Hint: "name another file, or move this one away",
		}
	case id.version > int64(latest):
		return &Error{
			Code: CodeNewer, Path: path,
			Message: fmt.Sprintf("a newer Carteiro has changed it to layout %d, and this one knows layout %d", id.version, latest),
			Hint:    "run the newer version, or restore a backup from before the upgrade",
		}
	case shared && id.version < int64(latest):
		return &Error{
			Code: CodeOlder, Path: path,
			Message: fmt.Sprintf("it has layout %d, and this Carteiro works with layout %d", id.version, latest),
			Hint:    "start the server of this version once: it upgrades the database",
		}
	}
	return nil
}
