package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carteiro/carteiro/internal/store"
)

// SQLSTATEs that are acted on: https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	stateUniqueViolation      = "23505"
	stateCheckViolation       = "23514"
	stateReadOnly             = "25006"
	stateTooManyConnections   = "53300"
	stateSerializationFailure = "40001"
	stateDeadlock             = "40P01"
	stateLockNotAvailable     = "55P03"
	stateQueryCanceled        = "57014"
)

// stateOf gives the SQLSTATE of an error of the server, "" of any other.
func stateOf(err error) string {
	var fault *pgconn.PgError
	if errors.As(err, &fault) {
		return fault.Code
	}
	return ""
}

func isReadOnly(err error) bool { return stateOf(err) == stateReadOnly }

// isTooMany says whether a connection was refused because the server, the database or the role has as many as it may.
func isTooMany(err error) bool { return stateOf(err) == stateTooManyConnections }

// isCollision says whether a transaction has only got into another's way.
func isCollision(err error) bool {
	switch stateOf(err) {
	case stateSerializationFailure, stateDeadlock:
		return true
	case stateCheckViolation:
		return dayCameBetween(err)
	default:
		return false
	}
}

// dayCameBetween says whether a row was on its way into the rest while its day was made. Whoever makes a day locks the rest,
// and PostgreSQL has decided by then where the row belongs; it looks again once it has the lock, and refuses. The day is
// there when the transaction comes again. No constraint of ours is on the rest, so that nothing else is meant.
func dayCameBetween(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && strings.HasSuffix(fault.TableName, "_rest") && fault.ConstraintName == ""
}

// isAnswer says whether an error is a word of the port rather than a fault.
func isAnswer(err error) bool {
	var used *store.KeyUsedError
	return errors.As(err, &used) || errors.Is(err, store.ErrKeyReused) || errors.Is(err, store.ErrNotFound) ||
		errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrTooMany) || errors.Is(err, store.ErrLeaseLost) || errors.Is(err, store.ErrUnavailable)
}

// unavailable wraps a fault that may pass.
func unavailable(err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// translate gives the port's error for one of the database's.
func translate(err error) error {
	switch state := stateOf(err); {
	case err == nil, isAnswer(err):
		return err
	case errors.Is(err, pgx.ErrNoRows):
		return store.ErrNotFound
	case passing(state), pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded):
		return unavailable(err)
	default:
		return err
	}
}

// passing says whether a SQLSTATE is of a fault that may pass: connections, resources, an operator at work, the system.
func passing(state string) bool {
	switch state {
	case "":
		return false
	case stateReadOnly, stateSerializationFailure, stateDeadlock, stateLockNotAvailable, stateQueryCanceled:
		return true
	}
	switch state[:2] {
	case "08", "28", "53", "57", "58":
		return true
	default:
		return false
	}
}

// conflict gives store.ErrConflict for the violation of a key.
func conflict(err error) error {
	if stateOf(err) == stateUniqueViolation {
		return store.ErrConflict
	}
	return err
}

// Code says in one word why a database cannot be opened.
type Code string

// Why a database cannot be opened.
const (
	CodeURL         Code = "url"         // the URL cannot be understood
	CodeUnreachable Code = "unreachable" // no server that can be written to answers there
	CodeConnections Code = "connections" // the server has no connection to spare
	CodeForbidden   Code = "forbidden"   // the user may not do what must be done
	CodeForeign     Code = "foreign"     // the schema is another program's
	CodeNewer       Code = "newer"       // a newer Carteiro has changed it
	CodeOlder       Code = "older"       // it must be upgraded, by a server
	CodeLocked      Code = "locked"      // servers run on it
	CodeMoving      Code = "moving"      // another database's contents are on their way into it
	CodeBroken      Code = "broken"      // anything else
)

// Error says why a database cannot be opened, and what its operator can do.
type Error struct {
	Code    Code
	URL     string // without its password
	Message string // what is the matter
	Hint    string // what to do
	Err     error  // the cause, if any
}

// Error implements error.
func (e *Error) Error() string {
	text := "database " + e.URL + ": " + e.Message
	if e.Err != nil {
		// pgx tells of each host in a line of its own.
		text += " (" + strings.Join(strings.Fields(e.Err.Error()), " ") + ")"
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// openError turns a fault of opening into an [Error].
func openError(url string, err error) error {
	e := &Error{URL: Redacted(url), Err: err, Code: CodeBroken, Message: "it cannot be opened"}
	var known *Error
	var parsing *pgconn.ParseConfigError
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) {
		e.Err = connecting
	}
	switch {
	case errors.As(err, &known):
		known.URL = e.URL
		return known
	case errors.As(err, &parsing):
		e.Code, e.Message, e.Hint = CodeURL, "the URL cannot be understood", "write postgres://user:password@host:5432/database"
		e.Err = nil // it repeats the URL
	case stateOf(err) == "42501":
		e.Code, e.Message = CodeForbidden, "the user may not make what is needed there"
		e.Hint = "give it a database of its own, or the right to create in that one"
	case isTooMany(err):
		e.Code, e.Message = CodeConnections, "the server has no connection to spare"
		e.Hint = "raise max_connections or the connection limit of the role or database, or lower --database-connections of the nodes"
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		e.Code, e.Message = CodeUnreachable, "no server that can be written to answers there"
		e.Hint = "is it running, and may this user connect to this database?"
	}
	return e
}

// Redacted gives a URL without the password that it may hold, fit for logs.
func Redacted(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	rest, query, asked := strings.Cut(rest, "?")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if user, _, secret := strings.Cut(rest[:at], ":"); secret {
			rest = user + ":***" + rest[at:]
		}
	}
	if !asked {
		return scheme + "://" + rest
	}
	params := strings.Split(query, "&")
	for i, param := range params {
		if name, _, _ := strings.Cut(param, "="); strings.Contains(strings.ToLower(name), "pass") {
			params[i] = name + "=***"
		}
	}
	return scheme + "://" + rest + "?" + strings.Join(params, "&")
}
