package sqlite

import (
	"context"
	"errors"

	"zombiezen.com/go/sqlite"

	"github.com/carteiro/carteiro/internal/seal"
)

// readers is how many reads may go on at once, beside the writer.
const readers = 4

// pool is the connections that only read.
type pool struct {
	free chan *conn
}

func openPool(path string, keys *seal.Keyring) (*pool, error) {
	p := &pool{free: make(chan *conn, readers)}
	for range readers {
		c, err := openConn(path, sqlite.OpenReadWrite, "query_only = 1", "cache_size = -8192", "temp_store = MEMORY")
		if err != nil {
			return nil, errors.Join(err, p.close(len(p.free)))
		}
		c.keys = keys
		p.free <- c
	}
	return p, nil
}

// close waits for n connections to come back, and closes them.
func (p *pool) close(n int) error {
	var faults []error
	for range n {
		faults = append(faults, (<-p.free).close())
	}
	return errors.Join(faults...)
}

// pause does something while nobody reads.
func (p *pool) pause(do func()) {
	paused := make([]*conn, readers)
	for i := range paused {
		paused[i] = <-p.free
	}
	do()
	for _, c := range paused {
		p.free <- c
	}
}

// read runs do, which is one query, on a connection that only reads. ctx bounds the wait for one.
func (s *Store) read(ctx context.Context, do func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c := <-s.readers.free:
		defer func() {
			c.finish()
			s.readers.free <- c
		}()
		return translate(do(c))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readSnapshot is read for several queries that must see the same state of the database.
func (s *Store) readSnapshot(ctx context.Context, do func(*conn) error) error {
	return s.read(ctx, func(c *conn) error {
		if err := c.query(beginRead).run(); err != nil {
			return err
		}
		defer func() {
			c.finish()
			_ = c.query(rollback).run() // nothing was changed
		}()
		return do(c)
	})
}
