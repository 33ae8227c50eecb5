// Package sqlstore implements the store methods whose SQL both databases share. An adapter embeds [Store] and provides
// transactions; methods on the hot path (accept, claim, record, release, retry) stay in the adapters, with SQL of their own.
// docs/decisions/0077-shared-store-methods.md says why.
package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
)

// DB runs transactions on one database. Its errors are those of package store. It may run do several times, so do must set
// everything that it returns on each run.
type DB interface {
	// Read runs do, which makes one query.
	Read(ctx context.Context, do func(Tx) error) error
	// Snapshot runs do, which only reads, on one consistent state of the database.
	Snapshot(ctx context.Context, do func(Tx) error) error
	// Write runs do in a transaction that may be shared with other calls. weight is about how many rows do touches.
	// Writing nothing before returning an error keeps the shared transaction intact.
	Write(ctx context.Context, weight int, do func(Tx) error) error
	// ReadsWidely reports whether every node can read encrypted headers of all names.
	ReadsWidely(ctx context.Context) bool
}

// Tx is a transaction. Arguments are bound to $1, $2, … in order:
//
//   - carteiro.ID and time.Time bind NULL when zero; see [NotNull]
//   - [Text] binds text that may contain any byte
//   - []carteiro.ID and []int64 bind lists, for = ANY ($1::uuid[]) and = ANY ($1::bigint[])
//   - integers, booleans, strings and []byte bind themselves; nil binds NULL
type Tx interface {
	// Exec runs a statement and returns the number of changed rows.
	Exec(q *Query, args ...any) (int, error)
	// Each calls read for each row. read must not run the same query.
	Each(read func(Scan) error, q *Query, args ...any) error
	// CheckKey fails with a *store.KeyUsedError if an idempotency key was used before, and keeps other transactions from
	// using it meanwhile. A nil key passes.
	CheckKey(key *store.Key, now time.Time) error
	// PutKey stores a key that CheckKey has passed. A nil key is ignored.
	PutKey(key *store.Key) error
	// AddNotice adds a notification for the operators of the webhook's environment, if they subscribed to it. The webhook must
	// be locked, and must not have been disabled yet. A nil notice is ignored.
	AddNotice(n *carteiro.Notification) error
	// EraseAttempts deletes finished attempts of a webhook, at most limit, with what was counted of them and with the events
	// that nothing else refers to. It returns how many it deleted.
	EraseAttempts(webhook carteiro.ID, limit int) (int, error)
	// Activity returns what was recorded in an environment since a time, by minutes or hours.
	Activity(environment carteiro.ID, grain int64, from time.Time) ([]store.Activity, error)
	// Notify tells other nodes of a change when the transaction commits.
	Notify(change Change) error
	// Keys decrypt what rows contain encrypted.
	Keys() *seal.Keyring
	// Conflict returns store.ErrConflict for a violated key, and any other error as it is.
	Conflict(err error) error
}

// Scan reads the columns of a row into pointers. NULL reads as the zero id, the zero time and nil bytes.
type Scan func(into ...any) error

// Text is text that may contain any byte: bytea in PostgreSQL. Convert a *string to *Text to scan it.
type Text string

// NotNull is an id that is bound as it is, even when it is zero.
type NotNull carteiro.ID

// Change is a change of the registry.
type Change struct {
	Owner    store.OwnerRef
	Webhooks []carteiro.ID
}

// Store implements the shared methods of [store.Store].
type Store struct {
	db   DB
	keys *seal.Keyring
	// exports are all sections, including those whose tables differ.
	exports [store.Sections]Export
}

// New returns the shared methods on a database. keys encrypt secrets; nil stores them as they are. own exports the sections
// whose tables differ between the databases.
func New(db DB, keys *seal.Keyring, own map[store.Section]Export) *Store {
	s := &Store{db: db, keys: keys, exports: exports}
	for section, x := range own {
		s.exports[section] = x
	}
	return s
}

// row scans the only row of a query. It fails with store.ErrNotFound when there is none.
func row(t Tx, q *Query, args ...any) Scan {
	return func(into ...any) error {
		found := false
		err := t.Each(func(scan Scan) error {
			found = true
			return scan(into...)
		}, q, args...)
		if err == nil && !found {
			err = store.ErrNotFound
		}
		return err
	}
}

// exists reports whether a query has a row, and scans the first.
func exists(t Tx, q *Query, args ...any) func(into ...any) (bool, error) {
	scan := row(t, q, args...)
	return func(into ...any) (bool, error) {
		err := scan(into...)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
}

// list reads the rows of a query.
func list[T any](t Tx, read func(Scan) (T, error), q *Query, args ...any) (all []T, err error) {
	err = t.Each(func(scan Scan) error {
		one, err := read(scan)
		all = append(all, one)
		return err
	}, q, args...)
	return all, err
}

func readID(scan Scan) (id carteiro.ID, err error) {
	err = scan(&id)
	return id, err
}
