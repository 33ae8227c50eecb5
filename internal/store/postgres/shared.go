package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// shared implements [sqlstore.DB].
type shared struct{ s *Store }

func (d shared) Read(ctx context.Context, do func(sqlstore.Tx) error) error {
	return d.s.read(ctx, func(t *tx) error { return do(t) })
}

func (d shared) Snapshot(ctx context.Context, do func(sqlstore.Tx) error) error {
	return d.s.inSnapshot(ctx, func(t *tx) error { return do(t) })
}

func (d shared) Write(ctx context.Context, _ int, do func(sqlstore.Tx) error) error {
	return d.s.inTx(ctx, func(t *tx) error { return do(t) })
}

func (d shared) ReadsWidely(ctx context.Context) bool { return d.s.readWidely(ctx) }

// Exec implements [sqlstore.Tx].
func (t *tx) Exec(q *sqlstore.Query, args ...any) (int, error) {
	return t.run(q.Postgres, bind(args)...)
}

// Each implements [sqlstore.Tx].
func (t *tx) Each(read func(sqlstore.Scan) error, q *sqlstore.Query, args ...any) error {
	return t.each(func(scan func(...any) error) error {
		return read(func(into ...any) error { return scan(targets(into)...) })
	}, q.Postgres, bind(args)...)
}

// CheckKey implements [sqlstore.Tx].
func (t *tx) CheckKey(key *store.Key, now time.Time) error {
	if key == nil {
		return nil
	}
	keys := newKeyring()
	keys.want(key)
	if err := t.batch(keys.queueLookUp); err != nil {
		return err
	}
	if before := keys.before(key, now); before != nil {
		return &store.KeyUsedError{Replay: *before}
	}
	return nil
}

// PutKey implements [sqlstore.Tx].
func (t *tx) PutKey(key *store.Key) error {
	if key == nil {
		return nil
	}
	keys := newKeyring()
	keys.want(key)
	keys.claim(key, key.ExpiresAt)
	return t.batch(keys.queueStore)
}

// AddNotice implements [sqlstore.Tx].
func (t *tx) AddNotice(n *carteiro.Notification) error { return t.notice(n) }

const (
	eraseAttempts = `DELETE FROM attempts a USING (SELECT id FROM attempts WHERE webhook_id = $1 ORDER BY id LIMIT $2) AS old
		WHERE a.webhook_id = $1 AND a.id = old.id RETURNING a.id, a.event_id, a.event_type, a.http_status, a.status`
	// eraseTests deletes test events, which no index finds by their environment. The attempts of an event are deleted in the
	// order of their ids, the first one before all others.
	eraseTests = `DELETE FROM events e WHERE id = ANY ($2) AND test
		AND NOT EXISTS (SELECT FROM attempts a WHERE a.webhook_id = $1 AND a.event_id = e.id AND (number > 1 OR trigger = 4))`
)

// EraseAttempts implements [sqlstore.Tx]. The purge deletes counts that become empty.
func (t *tx) EraseAttempts(webhook carteiro.ID, limit int) (n int, err error) {
	count := newTally(t.shard)
	var events ids
	err = t.each(func(scan func(...any) error) error {
		var attempt, event carteiro.ID
		var eventType string
		var httpStatus int
		var status int64
		if err := scan(toID(&attempt), toID(&event), &eventType, &httpStatus, &status); err != nil {
			return err
		}
		count.Finished(webhook, attempt, eventType, httpStatus, status, -1)
		events = append(events, event)
		n++
		return nil
	}, eraseAttempts, id(webhook), limit)
	if err != nil || n == 0 {
		return n, err
	}
	if _, err := t.run(eraseTests, id(webhook), events); err != nil {
		return n, err
	}
	return n, t.batch(count.queue)
}

// Notify implements [sqlstore.Tx].
func (t *tx) Notify(change sqlstore.Change) error { return t.tell(t.node, change) }

// Keys implements [sqlstore.Tx].
func (t *tx) Keys() *seal.Keyring { return t.keys }

// Conflict implements [sqlstore.Tx].
func (*tx) Conflict(err error) error { return conflict(err) }

// queue adds shared statements to a batch.
func queue(b *pgx.Batch) func(q *sqlstore.Query, args ...any) error {
	return func(q *sqlstore.Query, args ...any) error {
		b.Queue(q.Postgres, bind(args)...)
		return nil
	}
}

// bind converts the arguments of a shared statement in place.
func bind(args []any) []any {
	for i, arg := range args {
		switch v := arg.(type) {
		case carteiro.ID:
			args[i] = id(v)
		case sqlstore.NotNull:
			args[i] = [16]byte(v)
		case time.Time:
			args[i] = moment(v)
		case sqlstore.Text:
			args[i] = []byte(v)
		case []carteiro.ID:
			args[i] = ids(v)
		case []int64:
			args[i] = ints(v)
		}
	}
	return args
}

// targets converts what a shared query scans into, in place.
func targets(into []any) []any {
	for i, to := range into {
		switch v := to.(type) {
		case *carteiro.ID:
			into[i] = toID(v)
		case *time.Time:
			into[i] = toTime(v)
		case *sqlstore.Text:
			into[i] = octet{(*string)(v)}
		}
	}
	return into
}
