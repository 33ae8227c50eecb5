// Package postgres keeps the port's guarantees in a PostgreSQL database that any number of nodes share. Accepting and
// recording are committed in groups, each group a few statements over arrays; everything else is a transaction of its own.
// docs/decisions/0011-postgres-layout.md says how the data lies in the database, and why.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
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
	// Connections is the maximum number of connections that this node opens; at least 4, 16 by default. With fewer to be had
	// it works on those that it gets; a server needs 3.
	Connections int
	// Timeout is how long the database may take for one call; 10 seconds by default.
	Timeout time.Duration
	// Committed, if not nil, is told of each group that was committed: how many calls shared it, and how long it took. The
	// writer waits for it.
	Committed func(operations int, took time.Duration)
	// Keys encrypt the webhooks' secrets. With nil they are stored as they are.
	Keys *seal.Keyring
	// Warn, if not nil, is told what the operator of a server should know: a message, and keys and values as slog takes them.
	Warn func(message string, args ...any)
}

// Defaults of [Options].
const (
	DefaultConnections = 16
	DefaultTimeout     = 10 * time.Second
	MinConnections     = 4
)

// Store is an open database. It implements [store.Store].
type Store struct {
	*sqlstore.Store
	node  string // name of this node, among those that listen
	pool  *pgxpool.Pool
	slots *slots // of the pool
	// commits are the writers' own connections, which a server opens first and keeps: neither writer waits for the other, nor
	// for readers. Nil for commands, whose writers use the pool.
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
	s := &Store{node: rand.Text(), timeout: opts.Timeout, keys: opts.Keys, shards: newShards()}
	s.Store = sqlstore.New(shared{s}, opts.Keys, exports)
	if err := s.open(ctx, url, opts); err != nil {
		s.closePools()
		return nil, openError(url, err)
	}
	s.hints = startTeller(s.node, func(h hint) error {
		return s.read(context.Background(), func(t *tx) error { return t.notify(h) })
	})
	s.accepts = startWriter(s.commitAccepts, s.touch, opts.Committed)
	s.records = startWriter(s.commitRecords, s.touch, opts.Committed)
	return s, nil
}

func (s *Store) open(ctx context.Context, url string, opts Options) (err error) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	size := max(opts.Connections, MinConnections)
	if !opts.Shared && !opts.Moving {
		if s.commits, err = newPool(ctx, url, opts.Timeout, writers, writers); err != nil {
			return err
		}
		if err := s.reserve(ctx, s.commits, writers, opts.Warn); err != nil {
			return err
		}
		size -= writers + listeners
	}
	if s.pool, err = newPool(ctx, url, opts.Timeout, 1, size); err != nil {
		return err
	}
	s.slots = newSlots(size)
	if err := s.reserve(ctx, s.pool, 1, opts.Warn); err != nil {
		return err
	}
	if err := s.migrate(ctx, opts); err != nil {
		return err
	}
	if err := s.checkUse(ctx, opts); err != nil {
		return err
	}
	if s.commits != nil && opts.Warn != nil {
		if err := s.warnOfFewConnections(ctx, max(opts.Connections, MinConnections), opts.Warn); err != nil {
			return err
		}
	}
	return s.reach(ctx)
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

// Ping implements [store.Store]: it writes, since that is what a full disk or a standby prevents, and it does so as the two
// writers do, behind what waits for them.
func (s *Store) Ping(ctx context.Context) error {
	// All of them also after a failure: each finds out by itself that its connections lead to a standby.
	return errors.Join(s.reach(ctx), s.accepts.ping(ctx), s.records.ping(ctx))
}

const touchPing = `UPDATE ping SET n = n + 1 RETURNING clock_timestamp()`

// reach writes on a connection of the pool, and learns what the database's clock says.
func (s *Store) reach(ctx context.Context) error {
	return s.inTx(ctx, func(t *tx) error {
		var now time.Time
		asked := clock()
		err := t.row(touchPing)(&now)
		if err == nil {
			s.keepTime(asked, now)
		}
		return err
	})
}

// touch writes on a connection of the writers. It is a transaction of its own: in one of a group's it would wait for those
// of other nodes while it holds what they wait for.
func (s *Store) touch() error {
	return s.inGroup(s.shards.others, func(g *group) error {
		b := new(pgx.Batch)
		b.Queue(touchPing)
		return g.commit(b)
	})
}
