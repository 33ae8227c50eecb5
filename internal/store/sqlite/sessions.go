package sqlite

import (
	"context"

	"github.com/carteiro/carteiro/internal/store"
)

var (
	insertSession  = newQuery(`INSERT INTO sessions (node, until) VALUES (?, ?)`)
	renewSession   = newQuery(`UPDATE sessions SET until = ? WHERE id = ?`)
	hasSession     = newQuery(`SELECT 1 FROM sessions WHERE id = ?`)
	endSession     = newQuery(`DELETE FROM sessions WHERE id = ?`)
	endStale       = newQuery(`DELETE FROM sessions WHERE until < ?`)
	endAllSessions = newQuery(`DELETE FROM sessions`)

	freeOrphans = newQuery(`UPDATE open INDEXED BY open_held SET lease = NULL
		WHERE lease IS NOT NULL AND lease NOT IN (SELECT id FROM sessions)`)
)

// Join implements [store.Queue].
func (s *Store) Join(ctx context.Context, p store.Join) (session store.Session, err error) {
	err = s.writer.write(ctx, 1, func(t *tx) error {
		err := t.write(insertSession).text(p.Node).time(p.Until).run()
		session = store.Session{ID: t.db.LastInsertRowID(), Node: p.Node}
		return err
	})
	return session, err
}

// Renew implements [store.Queue].
func (s *Store) Renew(ctx context.Context, p store.Renew) error {
	return s.writer.write(ctx, 1, func(t *tx) error {
		if err := t.mustLive(p.Session); err != nil {
			return err
		}
		return t.write(renewSession).time(p.Until).int(p.Session.ID).run()
	})
}

// mustLive fails with store.ErrLeaseLost when the session has ended.
func (t *tx) mustLive(session store.Session) error {
	live, err := t.query(hasSession).int(session.ID).exists()
	if err == nil && !live {
		return store.ErrLeaseLost
	}
	return err
}

// EndSessions implements [store.Queue].
func (s *Store) EndSessions(ctx context.Context, p store.EndSessions) (freed int, err error) {
	err = s.writer.write(ctx, 1, func(t *tx) error {
		freed = 0
		ended, err := t.changed(t.write(endStale).time(p.Now))
		if err != nil {
			return err
		}
		if p.Session.ID != 0 {
			own, err := t.changed(t.write(endSession).int(p.Session.ID))
			if err != nil {
				return err
			}
			ended += own
		}
		if ended > 0 {
			freed, err = t.changed(t.write(freeOrphans))
		}
		return err
	})
	return freed, err
}

// endAll ends the sessions of processes that are gone: whoever holds the server lock is alone.
func (s *Store) endAll(ctx context.Context) error {
	return s.writer.write(ctx, 1, func(t *tx) error {
		ended, err := t.changed(t.write(endAllSessions))
		if err == nil && ended > 0 {
			err = t.write(freeOrphans).run()
		}
		return err
	})
}
