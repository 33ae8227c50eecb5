// Package postgres keeps the port's guarantees in a PostgreSQL database that any number of nodes share. Accepting and
// recording are committed in groups, each group a few statements over arrays; everything else is a transaction of its own.
// docs/decisions/0011-postgres-layout.md says how the data lies in the database, and why.
package postgres

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"carteiro/internal/seal"
	"carteiro/internal/store"
)

// Options say how a database is opened. Zero values take the defaults.
type Options struct {
	// Shared opens the database beside servers that may be running on it, for a command: it leaves an older layout alone.
	Shared bool
	// Moving opens the database for a copy of everything, as its source or target: no server may run on it, and that a copy
	// into it is under way is no obstacle. Otherwise it is one.
	Moving bool
	// Existing fails where there is no database of Carteiro's, rather than make one.
	Existing bool
	// Connections is how many connections this node may have open at once; at least 4, 16 by default.
	Connections int
	// Timeout is how long the database may take for one call; 10 seconds by default.
	Timeout time.Duration
	// Committed, if not nil, is told of each group that was committed: how many calls shared it, and how long it took. The
	// writer waits for it.
	Committed func(operations int, took time.Duration)
	// Keys encrypt the webhooks' secrets. With nil they are stored as they are.
	Keys *seal.Keyring
}

// Defaults of [Options].
const (
	DefaultConnections = 16
	DefaultTimeout     = 10 * time.Second
	MinConnections     = 4
)

// Store is an open database. It implements [store.Store].
type Store struct {
	pool *pgxpool.Pool
	// commits are the writers' own connections: neither waits for the other, nor for whoever reads.
	commits *pgxpool.Pool
	timeout time.Duration
	keys    *seal.Keyring
	accepts *writer[acceptOp]
	records *writer[recordOp]
	shards  shards
	days    days
	hints   *teller
	// ahead is how far the database's clock is ahead of this node's, in nanoseconds; see keepTime.
	ahead atomic.Int64
	// wide says that every node reads encrypted headers of all names; see readWidely.
	wide atomic.Bool
}

var _ store.Shared = (*Store)(nil)

// What connections are for, beside everything else.
const (
	writers   = 2 // commit in groups
	listeners = 1 // hears of what other nodes do
)

// Open connects to the database that a URL names (postgres://user:password@host:port/database), and makes its tables or
// brings them to the present layout. It fails with an [Error].
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	if opts.Connections == 0 {
		opts.Connections = DefaultConnections
	}
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	s := &Store{timeout: opts.Timeout, keys: opts.Keys, shards: newShards()}
	if err := s.open(ctx, url, opts); err != nil {
		s.closePools()
		return nil, openError(url, err)
	}
	s.hints = startTeller(rand.Text(), func(h hint) error {
		return s.read(context.Background(), func(t *tx) error { return t.notify(h) })
	})
	s.accepts = startWriter(s.commitAccepts, opts.Committed)
	s.records = startWriter(s.commitRecords, opts.Committed)
	return s, nil
}

func (s *Store) open(ctx context.Context, url string, opts Options) (err error) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	if s.commits, err = newPool(ctx, url, opts.Timeout, writers); err != nil {
		return err
	}
	if s.pool, err = newPool(ctx, url, opts.Timeout, max(opts.Connections, MinConnections)-writers-listeners); err != nil {
		return err
	}
	if err := s.migrate(ctx, opts); err != nil {
		return err
	}
	if err := s.checkUse(ctx, opts); err != nil {
		return err
	}
	return s.Ping(ctx)
}

// Close implements [store.Store]. Nothing else is called any more.
func (s *Store) Close() error {
	s.accepts.close()
	s.records.close()
	s.hints.close()
	s.closePools()
	return nil
}

func (s *Store) closePools() {
	for _, pool := range []*pgxpool.Pool{s.pool, s.commits} {
		if pool != nil {
			pool.Close()
		}
	}
}

// Ping implements [store.Store]: it writes, since that is what a full disk or a standby prevents.
func (s *Store) Ping(ctx context.Context) error {
	return s.inTx(ctx, func(t *tx) error {
		var now time.Time
		asked := clock()
		err := t.row(`UPDATE ping SET n = n + 1 RETURNING clock_timestamp()`)(&now)
		if err == nil {
			s.keepTime(asked, now)
		}
		return err
	})
}
