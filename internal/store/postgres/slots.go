package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// idleConnection is after how long a pool closes a connection that nothing uses. Other nodes may need it.
	idleConnection = 5 * time.Second
	// forever is longer than any process runs.
	forever = 100 * 365 * 24 * time.Hour
	// growEvery is how long a pool that could not get a connection works with those it has before it asks for another.
	growEvery = 10 * time.Second
	// spareEvery is how long a server that starts waits before it asks again for a connection that it cannot do without.
	spareEvery = time.Second
)

// slots bound how many connections of a pool are used at once. There are as many as the pool may have connections, and fewer
// while the server refuses to open more: then callers wait for a connection that the pool has, instead of failing for one
// that it cannot get.
type slots struct {
	free chan struct{}

	mu      sync.Mutex
	size    int       // slots that there are, free or in use
	refused time.Time // when the server last refused a connection, or the pool last grew after that
}

func newSlots(size int) *slots {
	s := &slots{free: make(chan struct{}, size), size: size}
	for range size {
		s.free <- struct{}{}
	}
	return s
}

// take waits for a slot.
func (s *slots) take(ctx context.Context) error {
	select {
	case <-s.free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release gives a slot back. Now and then it adds one that was dropped.
func (s *slots) release() {
	now := time.Now() //nolint:forbidigo // what the server refused is no matter of a caller's now
	s.mu.Lock()
	grow := s.size < cap(s.free) && now.Sub(s.refused) >= growEvery
	if grow {
		s.size++
		s.refused = now
	}
	s.mu.Unlock()
	s.free <- struct{}{}
	if grow {
		s.free <- struct{}{}
	}
}

// drop removes a slot that is taken, because the server refused its connection. The last one is released instead, and drop
// gives false.
func (s *slots) drop() bool {
	now := time.Now() //nolint:forbidigo // as above
	s.mu.Lock()
	dropped := s.size > 1
	if s.refused = now; dropped {
		s.size--
	}
	s.mu.Unlock()
	if !dropped {
		s.free <- struct{}{}
	}
	return dropped
}

// acquire gives a connection of the pool. If the server refuses to open another it waits for one that is in use.
func (s *Store) acquire(ctx context.Context) (c *pgxpool.Conn, release func(), err error) {
	for {
		if err := s.slots.take(ctx); err != nil {
			return nil, nil, err
		}
		c, err := s.pool.Acquire(ctx)
		switch {
		case err == nil:
			return c, func() { c.Release(); s.slots.release() }, nil
		case !isTooMany(err):
			s.slots.release()
			return nil, nil, err
		case !s.slots.drop():
			return nil, nil, err
		}
	}
}

// reserve opens n connections of a pool at once. It waits while the server has none to spare: other nodes close those that
// they do not use.
func (s *Store) reserve(ctx context.Context, pool *pgxpool.Pool, n int, warn func(string, ...any)) error {
	held := make([]*pgxpool.Conn, 0, n)
	defer func() {
		for _, c := range held {
			c.Release()
		}
	}()
	for warned := false; len(held) < n; {
		c, err := pool.Acquire(ctx)
		if err == nil {
			held = append(held, c)
			continue
		}
		if !isTooMany(err) || warn == nil {
			return unavailable(err)
		}
		if !warned {
			warn("waiting for a PostgreSQL connection", "error", err)
			warned = true
		}
		timer := time.NewTimer(spareEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return unavailable(err)
		}
	}
	return nil
}

// spareConnections is how many connections the server gives to users like ours, and how many nodes have joined. Limits
// of -1 are none; those of a role do not hold for superusers.
const spareConnections = `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
		- coalesce(current_setting('reserved_connections', true)::int, 0),
	CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END, CASE WHEN r.rolsuper THEN -1 ELSE d.datconnlimit END,
	(SELECT count(*) FROM sessions WHERE until > clock_timestamp())
	FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()`

// warnOfFewConnections warns if the server cannot give every node, this one included, as many connections as it may open.
func (s *Store) warnOfFewConnections(ctx context.Context, each int, warn func(string, ...any)) error {
	var server, role, database, others int
	err := s.read(ctx, func(t *tx) error { return t.row(spareConnections)(&server, &role, &database, &others) })
	if err != nil {
		return fmt.Errorf("read limits of connections: %w", err)
	}
	available := server
	for _, limit := range []int{role, database} {
		if limit >= 0 {
			available = min(available, limit)
		}
	}
	if nodes := others + 1; nodes*each > available {
		warn("PostgreSQL has too few connections for all nodes; raise max_connections or the connection limit of the role or database, "+
			"or lower --database-connections", "nodes", nodes, "per_node", each, "needed", nodes*each, "available", available)
	}
	return nil
}
