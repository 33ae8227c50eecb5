package postgres

import (
	"context"
	"time"

	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const (
	insertSession = `INSERT INTO sessions (node, until, reads) VALUES ($1, ` + until + `, 1) RETURNING id`
	renewSession  = `UPDATE sessions SET until = ` + until + ` WHERE id = $1 RETURNING clock_timestamp()`
	// until is the end of a lease, $2, which lasts $3 microseconds. A node whose clock has just been set ahead asks for a later one
	// than it means to.
	until = `LEAST($2::timestamptz, clock_timestamp() + $3::bigint * interval '1 microsecond')`
	// keepSessions keeps sessions from being ended until the transaction is over, and gives those that are there.
	keepSessions = `SELECT id FROM sessions WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE`

	endSession = `DELETE FROM sessions WHERE id = $1`
	// One that a transaction of its node's keeps is looked at again the next time: that transaction ends soon, see
	// idleInTransaction. Nor is one ended that runs by the database's own clock: that of the node which asks may have been set
	// ahead a moment ago.
	endStale = `WITH stale AS (SELECT id FROM sessions WHERE until < $1 AND until < clock_timestamp() FOR UPDATE SKIP LOCKED)
		DELETE FROM sessions s USING stale WHERE s.id = stale.id RETURNING s.id`
	// This must see what the sessions did up to their end, so that it is a statement of its own.
	freeHeld = `UPDATE open SET lease = NULL WHERE lease = ANY ($1)`
)

// clock is when something is asked of the database, to learn what its own clock says. It decides nothing else.
func clock() time.Time { return time.Now() } //nolint:forbidigo // see above

// clockTolerance is how far apart two clocks may be to pass for the same: a lease has room for that.
const clockTolerance = 250 * time.Millisecond

// keepTime compares this node's clock with the database's, which answered now when it was asked. Nodes' clocks differ,
// and a lease is a promise between two of them: it is kept in the database's time. An answer that was long under way
// says nothing.
func (s *Store) keepTime(asked, now time.Time) {
	took := clock().Sub(asked)
	ahead := now.Sub(asked) - took/2
	if took < clockTolerance && (ahead-time.Duration(s.ahead.Load())).Abs() > clockTolerance {
		s.ahead.Store(int64(ahead))
	}
}

// databaseTime is what the database's clock says when this node's says t.
func (s *Store) databaseTime(t time.Time) time.Time {
	return layout.Micros(t.Add(time.Duration(s.ahead.Load())))
}

// Join implements [store.Queue].
func (s *Store) Join(ctx context.Context, p store.Join) (session store.Session, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		session = store.Session{Node: p.Node}
		return t.row(insertSession, p.Node, s.databaseTime(p.Until), p.Until.Sub(p.Now).Microseconds())(&session.ID)
	})
	return session, err
}

// Renew implements [store.Queue].
func (s *Store) Renew(ctx context.Context, p store.Renew) error {
	return s.inTx(ctx, func(t *tx) error {
		var now time.Time
		asked := clock()
		live, err := t.found(renewSession, p.Session.ID, s.databaseTime(p.Until), p.Until.Sub(p.Now).Microseconds())(&now)
		if err != nil {
			return err
		}
		if !live {
			return store.ErrLeaseLost
		}
		s.keepTime(asked, now)
		return nil
	})
}

// mustLive fails with store.ErrLeaseLost when the session has ended, and otherwise keeps it until the transaction ends.
func (t *tx) mustLive(session store.Session) error {
	live, err := t.found(keepSessions, []int64{session.ID})(new(int64))
	if err == nil && !live {
		return store.ErrLeaseLost
	}
	return err
}

// EndSessions implements [store.Queue].
func (s *Store) EndSessions(ctx context.Context, p store.EndSessions) (freed int, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		freed = 0
		var ended []int64
		err := t.each(func(scan func(...any) error) error {
			var session int64
			err := scan(&session)
			ended = append(ended, session)
			return err
		}, endStale, s.databaseTime(p.Now))
		if err != nil {
			return err
		}
		if p.Session.ID != 0 {
			own, err := t.run(endSession, p.Session.ID)
			if err != nil {
				return err
			}
			if own > 0 {
				ended = append(ended, p.Session.ID)
			}
		}
		if len(ended) > 0 {
			freed, err = t.run(freeHeld, ended)
		}
		return err
	})
	return freed, err
}
