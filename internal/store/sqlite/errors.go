package sqlite

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/carteiro/carteiro/internal/store"
)

// Code says in one word why a database cannot be opened.
type Code string

// Why a database cannot be opened.
const (
	CodeLocked      Code = "locked"       // another server holds it
	CodeForeign     Code = "foreign"      // the file is no Carteiro database
	CodeNewer       Code = "newer"        // a newer Carteiro has changed it
	CodeOlder       Code = "older"        // it must be upgraded, by the server
	CodeUnreachable Code = "unreachable"  // it cannot be opened or made
	CodeReadOnly    Code = "not_writable" // it can be read only
	CodeMoving      Code = "moving"       // another database's contents are on their way into it
	CodeBroken      Code = "broken"       // anything else
)

// Error says why a database cannot be opened, and what its operator can do. The file is as it was.
type Error struct {
	Code    Code
	Path    string
	Message string // what is the matter
	Hint    string // what to do
	Err     error  // the cause, if any
}

// Error implements error.
func (e *Error) Error() string {
	text := "database " + e.Path + ": " + e.Message
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// openError turns a fault of opening into an [Error].
func openError(path string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	e := &Error{Path: path, Err: err, Code: CodeBroken, Message: "it cannot be opened"}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultNotADB:
		return notADatabase(path, err)
	case sqlite.ResultCantOpen, sqlite.ResultPerm, sqlite.ResultAuth:
		e.Code, e.Hint = CodeUnreachable, "its directory must exist, and file and directory must be readable and writable for the user that carteiro runs as"
	case sqlite.ResultReadOnly:
		e.Code, e.Message = CodeReadOnly, "it cannot be written to"
		e.Hint = "file and directory must be writable for the user that carteiro runs as, on a file system that is not read-only"
	case sqlite.ResultFull:
		e.Code, e.Message, e.Hint = CodeReadOnly, "the disk is full", "make room and try again"
	case sqlite.ResultBusy, sqlite.ResultLocked:
		e.Code, e.Message, e.Hint = CodeLocked, "another program keeps it locked", "close it there"
	case sqlite.ResultCorrupt:
		e.Message, e.Hint = "the file is damaged", "restore a backup"
	}
	return e
}

func notADatabase(path string, err error) *Error {
	return &Error{
		Code: CodeForeign, Path: path, Message: "the file is not a database", Err: err,
		Hint: "name another file, or move this one away",
	}
}

// unavailable are the primary result codes of faults that may pass.
func unavailable(code sqlite.ResultCode) bool {
	switch code.ToPrimary() {
	case sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultReadOnly, sqlite.ResultCantOpen, sqlite.ResultBusy,
		sqlite.ResultLocked, sqlite.ResultNoMem, sqlite.ResultProtocol, sqlite.ResultPerm, sqlite.ResultInterrupt:
		return true
	default:
		return false
	}
}

// translate gives the port's error for one of the database's.
func translate(err error) error {
	switch code := sqlite.ErrCode(err); {
	case err == nil, errors.Is(err, store.ErrUnavailable):
		return err
	case unavailable(code):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	default:
		return err
	}
}

// conflict gives store.ErrConflict for the violation of a key.
func conflict(err error) error {
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint {
		return store.ErrConflict
	}
	return err
}
