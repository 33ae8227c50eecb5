package postgres

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
)

const (
	// openWithin bounds the opening of a database, migration included.
	openWithin = 2 * time.Minute
	// connectWithin is how long one attempt to connect may take.
	connectWithin = 5 * time.Second
	// lockTimeout is how long a statement waits for others' locks; those of the verbs are held for milliseconds.
	lockTimeout = 5 * time.Second
	// idleInTransaction is how long a transaction may stand still. A node that is paused in the middle of one holds
	// locks, on its session for one, that others need in order to take over its work.
	idleInTransaction = 5 * time.Second
)

// newPool makes a pool of at most size connections to a server that can be written to, of which it keeps the first. It
// connects when it is first asked.
func newPool(ctx context.Context, url string, timeout time.Duration, keep, size int) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(size) //nolint:gosec // an option that is bounded where it is set
	config.MinConns = int32(keep) //nolint:gosec // as size
	config.MaxConnIdleTime = idleConnection
	config.HealthCheckPeriod = idleConnection / 3
	if keep == size { // what is given up may be gone to somebody else
		config.MaxConnIdleTime, config.MaxConnLifetime = forever, forever
	}
	config.PingTimeout = connectWithin
	config.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		registerColumns(c.TypeMap())
		return nil
	}
	configureConn(config.ConnConfig, timeout)
	return pgxpool.NewWithConfig(ctx, config)
}

func configureConn(c *pgx.ConnConfig, timeout time.Duration) {
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectWithin
	}
	// Of several hosts the one that can be written to, also after a failover.
	c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	// A peer that is gone without a word is found out in some ten seconds, from either side.
	c.DialFunc = (&net.Dialer{
		Timeout:         c.ConnectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
	}).DialContext
	set := func(name, value string) {
		if _, given := c.RuntimeParams[name]; !given { // the operator's URL has the last word
			c.RuntimeParams[name] = value
		}
	}
	set("application_name", "carteiro")
	set("tcp_keepalives_idle", "5")
	set("tcp_keepalives_interval", "2")
	set("tcp_keepalives_count", "3")
	set("statement_timeout", millis(timeout))
	set("lock_timeout", millis(lockTimeout))
	set("idle_in_transaction_session_timeout", millis(idleInTransaction))
	c.RuntimeParams["search_path"] = schema
	c.RuntimeParams["timezone"] = "UTC"
	c.RuntimeParams["default_transaction_isolation"] = "read committed"
	// The tables of a queue grow and shrink faster than statistics can follow. Every query has an index to go by, so
	// the planner is told to go by it, rather than read what it takes for a small table.
	for _, plan := range []string{"enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_memoize", "jit"} {
		c.RuntimeParams[plan] = "off"
	}
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// tx is a transaction under way; or a connection, on which each statement is one.
type tx struct {
	querier
	ctx  context.Context
	keys *seal.Keyring // decrypts what rows contain encrypted
	node string        // name of this node, for notifications
	// shard is where the transaction counts.
	shard shard
}

func (s *Store) tx(ctx context.Context, q querier) *tx {
	return &tx{querier: q, ctx: ctx, keys: s.keys, node: s.node, shard: s.shards.others}
}

// querier is what pgx's transactions and connections have in common.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// row runs a query for its only row; the function it gives reads that, and fails with pgx.ErrNoRows when there is none.
func (t *tx) row(sql string, args ...any) func(into ...any) error {
	return t.QueryRow(t.ctx, sql, args...).Scan
}

// found is row for a row that need not be there.
func (t *tx) found(sql string, args ...any) func(into ...any) (bool, error) {
	read := t.row(sql, args...)
	return func(into ...any) (bool, error) {
		err := read(into...)
		if errors.Is(err, pgx.ErrNoRows) {
			return false, nil
		}
		return err == nil, err
	}
}

// run runs a statement and says how many rows it has changed.
func (t *tx) run(sql string, args ...any) (int, error) {
	tag, err := t.querier.Exec(t.ctx, sql, args...)
	return int(tag.RowsAffected()), err
}

// each calls read for each row of a query, with what scans it.
func (t *tx) each(read func(scan func(into ...any) error) error, sql string, args ...any) error {
	rows, err := t.Query(t.ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := read(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// readIDs reads a column of ids.
func (t *tx) readIDs(sql string, args ...any) (found []carteiro.ID, err error) {
	err = t.each(func(scan func(...any) error) error {
		var id carteiro.ID
		err := scan(toID(&id))
		found = append(found, id)
		return err
	}, sql, args...)
	return found, err
}

// inTx runs do in a transaction, and again when the database says that it got into another's way. do may be run
// several times, and must set all that it gives back each time.
func (s *Store) inTx(ctx context.Context, do func(*tx) error) error {
	return s.transact(ctx, s.timeout, pgx.TxOptions{}, do)
}

// read runs do, which is one query. What has no row is not found.
func (s *Store) read(ctx context.Context, do func(*tx) error) error {
	return bounded(ctx, s.timeout, func(ctx context.Context) error {
		return again(ctx, func() error {
			return s.withConn(ctx, func(c *pgx.Conn) error { return do(s.tx(ctx, c)) })
		})
	})
}

// inSnapshot runs do, which only reads, so that all of it sees the same state of the database.
func (s *Store) inSnapshot(ctx context.Context, do func(*tx) error) error {
	return s.transact(ctx, s.timeout, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, do)
}

func (s *Store) transact(ctx context.Context, timeout time.Duration, opts pgx.TxOptions, do func(*tx) error) error {
	return bounded(ctx, timeout, func(ctx context.Context) error {
		return again(ctx, func() error {
			return s.withConn(ctx, func(c *pgx.Conn) error {
				return pgx.BeginTxFunc(ctx, c, opts, func(began pgx.Tx) error { return do(s.tx(ctx, began)) })
			})
		})
	})
}

// bounded runs do with at most so much time, and gives its error in the words of the port.
func bounded(ctx context.Context, timeout time.Duration, do func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	inner, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := do(inner)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return translate(err)
}

// withConn runs do with a connection of the pool.
func (s *Store) withConn(ctx context.Context, do func(*pgx.Conn) error) error {
	c, release, err := s.acquire(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer release()
	return use(ctx, s.pool, c, do)
}

// withWriter runs do with a connection of the writers; with one of the pool if the server has none to spare for them.
func (s *Store) withWriter(ctx context.Context, do func(*pgx.Conn) error) error {
	if s.commits == nil {
		return s.withConn(ctx, do)
	}
	c, err := s.commits.Acquire(ctx)
	if isTooMany(err) {
		return s.withConn(ctx, do)
	}
	if err != nil {
		return unavailable(err)
	}
	defer c.Release()
	return use(ctx, s.commits, c, do)
}

// use runs do with a connection of a pool. One that turned out to be of no use is not given back to it.
func use(ctx context.Context, pool *pgxpool.Pool, c *pgxpool.Conn, do func(*pgx.Conn) error) error {
	err := do(c.Conn())
	if isReadOnly(err) {
		// The server is a standby by now: the next connections look for the primary.
		pool.Reset()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Conn().Close(closing) // it is thrown away either way
	}
	if err != nil && c.Conn().IsClosed() && !isAnswer(err) {
		return unavailable(err)
	}
	return err
}

// maxTries is how often a transaction is tried that gets into others' way.
const maxTries = 5

// again runs do until it fails no more for having got into another transaction's way, or for a connection that was dead
// before anything was sent.
func again(ctx context.Context, do func() error) error {
	var err error
	for range maxTries {
		if err = do(); err == nil || !isCollision(err) && !pgconn.SafeToRetry(err) || ctx.Err() != nil {
			return err
		}
	}
	return unavailable(err)
}
