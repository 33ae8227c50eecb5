package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/carteiro/carteiro/internal/store"
)

// The files of a database. The log holds what was committed and is not in the database file yet; the index tells processes
// what is in the log.
const (
	logSuffix   = "-wal"
	indexSuffix = "-shm"
)

// createPrivate creates an empty database file that only its owner can read. SQLite gives the files that it creates beside
// a database the mode of the database. An existing file is left alone.
func createPrivate(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// readableByOthers gives the files of a database that other users can read or write, with their modes.
func readableByOthers(path string) (files []string) {
	for _, suffix := range []string{"", logSuffix, indexSuffix} {
		info, err := os.Stat(path + suffix)
		if err == nil && info.Mode().Perm()&0o077 != 0 && hasModes {
			files = append(files, fmt.Sprintf("%s (mode %04o)", path+suffix, info.Mode().Perm()))
		}
	}
	return files
}

// files are the files that an open database works on. A file that is deleted or replaced stays open: SQLite goes on
// writing to it, and all of that is lost when the process ends. So the writer looks after each commit whether the paths
// still lead to these files, before anybody is told that the commit is durable. It costs three calls of the system, a few
// microseconds beside a sync to disk.
//
// The zero value checks nothing.
type files struct {
	path, logPath, indexPath string
	// The files as they were when the database was opened; nil: not checked.
	database, log, index os.FileInfo
	lost                 error // of the last check
	report               func(message string, args ...any)
}

// watchFiles gives the files of a database that is open and has been written to. report, if not nil, is told when they are
// lost and when they are back.
func watchFiles(path string, report func(string, ...any)) (f files, err error) {
	// A working directory that is moved takes a relative path along, and the next start looks where it was.
	if path, err = filepath.Abs(path); err != nil {
		return files{}, err
	}
	f = files{path: path, logPath: path + logSuffix, indexPath: path + indexSuffix, report: report}
	for suffix, info := range map[string]*os.FileInfo{"": &f.database, logSuffix: &f.log, indexSuffix: &f.index} {
		if *info, err = os.Stat(path + suffix); err != nil {
			return files{}, err
		}
	}
	return f, nil
}

// check fails with [store.ErrUnavailable] when a file was deleted or replaced, and gives the size of the log in bytes.
func (f *files) check() (logSize int64, err error) {
	if f.database == nil {
		return 0, nil
	}
	logSize, err = f.look()
	switch {
	case f.report == nil:
	case err != nil && f.lost == nil:
		f.report("database file lost; events are rejected with 503", "error", err)
	case err == nil && f.lost != nil:
		f.report("database file is back; events are accepted")
	}
	f.lost = err
	return logSize, err
}

func (f *files) look() (logSize int64, err error) {
	if _, err := same(f.path, f.database); err != nil {
		return 0, fmt.Errorf("%w: the database file %w (to resume, move the same file back; otherwise see "+
			"\"The database file was deleted or replaced\" in docs/troubleshooting.md before you stop the server)", store.ErrUnavailable, err)
	}
	log, err := same(f.logPath, f.log)
	if err == nil {
		_, err = same(f.indexPath, f.index)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w (restart the server: when it stops it writes everything that it accepted into %s)",
			store.ErrUnavailable, err, filepath.Base(f.path))
	}
	return log.Size(), nil
}

// same gives the file at a path if it is the one that is wanted.
func same(path string, want os.FileInfo) (os.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s was deleted or moved", path)
	case err != nil:
		return nil, err
	case !os.SameFile(info, want):
		return nil, fmt.Errorf("%s was replaced by another file", path)
	default:
		return info, nil
	}
}

// replaced reports whether the path no longer leads to the database file.
func (f *files) replaced() bool {
	if f.database == nil {
		return false
	}
	_, err := same(f.path, f.database)
	return err != nil
}
