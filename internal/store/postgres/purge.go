package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

const (
	// A key that a call is renewing is left alone. Those that were renewed since the statement began are not locked: the
	// database checks the condition again on the new row.
	purgeKeys = `DELETE FROM idempotency i
		USING (SELECT environment_id, key FROM idempotency WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS expired
		WHERE i.environment_id = expired.environment_id AND i.key = expired.key`
	purgeSessions = `DELETE FROM tokens WHERE id IN
		(SELECT id FROM tokens WHERE session AND expires_at <= $1 ORDER BY expires_at LIMIT $2)`
	// dropTotals deletes rows that count nothing any more: all of a count that are there, and come to nothing together. Those
	// that come meanwhile stay, and what is left is right either way.
	dropTotals = `WITH spent AS (
			SELECT webhook_id, event_type FROM totals GROUP BY webhook_id, event_type
			HAVING sum(open) = 0 AND sum(success) = 0 AND sum(failed) = 0 AND sum(retrying) = 0),
		locked AS MATERIALIZED (
			SELECT t.* FROM totals t JOIN spent s ON t.webhook_id = s.webhook_id AND t.event_type = s.event_type
			ORDER BY t.webhook_id, t.event_type, t.shard FOR UPDATE OF t),
		still AS (
			SELECT webhook_id, event_type FROM locked GROUP BY webhook_id, event_type
			HAVING sum(open) = 0 AND sum(success) = 0 AND sum(failed) = 0 AND sum(retrying) = 0)
		DELETE FROM totals t USING locked l JOIN still s ON l.webhook_id = s.webhook_id AND l.event_type = s.event_type
		WHERE t.webhook_id = l.webhook_id AND t.event_type = l.event_type AND t.shard = l.shard`
)

// purgeWithin is how long the dropping of a day may take, at most.
const purgeWithin = 5 * time.Minute

// Purge implements [store.Queue]. It drops whole days, one a call, and makes those to come.
func (s *Store) Purge(ctx context.Context, p store.Purge) (more bool, err error) {
	for ahead := range time.Duration(daysAhead + 1) {
		s.makeDay(carteiro.MinID(p.Now.Add(ahead*day)), p.Now)
	}
	var most int
	err = s.inTx(ctx, func(t *tx) error {
		most, err = t.purgeOthers(&p)
		return err
	})
	if err != nil {
		return false, err
	}
	// Today and the days ahead stay, whatever is asked for: they would only be made again.
	more, err = s.purgeDay(ctx, min(dayAt(p.Before), dayAt(p.Now)))
	return more || most >= p.Limit, err
}

// purgeOthers deletes what has no day. It says how many there were of the most numerous.
func (t *tx) purgeOthers(p *store.Purge) (most int, err error) {
	if most, err = t.purgeActivity(p.Now, p.Limit); err != nil {
		return 0, err
	}
	for _, purge := range []struct {
		sql    string
		before time.Time
	}{{purgeKeys, p.Now}, {purgeSessions, p.Now}} {
		n, err := t.run(purge.sql, layout.Micros(purge.before), p.Limit)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	n, err := sqlstore.Purge(t, p)
	return max(most, n), err
}

// purgeDay drops the oldest day before another, and says whether there may be more.
//
// Its attempts go first, then its events, each in a transaction of its own: no transaction holds the lock of one of the
// two tables while it waits for that of the other, so the order in which others lock them does not matter. Stopped in
// between, the next purge goes on with the events.
func (s *Store) purgeDay(ctx context.Context, before int64) (more bool, err error) {
	d, found, err := s.oldestDayBefore(ctx, before)
	if err != nil {
		return false, err
	}
	if !found {
		return false, s.purgeRest(ctx, before)
	}
	if err := s.uncount(ctx, 24*d, 24*(d+1)); err != nil {
		return false, err
	}
	for _, drop := range []func(*tx, int64) error{(*tx).dropAttempts, (*tx).dropEvents} {
		err := s.transact(ctx, purgeWithin, pgx.TxOptions{}, func(t *tx) error {
			if _, err := t.run(lockDaysOf, lockSpace, lockDays); err != nil {
				return err
			}
			return drop(t, d)
		})
		if err != nil {
			return false, err
		}
	}
	s.days.forget(d)
	return true, nil
}

// oldestDayBefore gives the oldest day that has a partition, if it is before another.
func (s *Store) oldestDayBefore(ctx context.Context, before int64) (d int64, found bool, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		d, found, err = t.oldestDay()
		return err
	})
	return d, found && d < before, err
}

// oldestDay gives the oldest day that has a partition.
func (t *tx) oldestDay() (d int64, found bool, err error) {
	for _, table := range partitioned {
		var name *string
		err := t.row(`SELECT min(c.relname) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
			WHERE inhparent = to_regclass($1) AND c.relname <> $1 || '_rest'`, table)(&name)
		if err != nil {
			return 0, false, err
		}
		if name == nil {
			continue
		}
		at, err := time.Parse("_20060102", (*name)[len(table):])
		if err != nil {
			return 0, false, fmt.Errorf("partition %s: %w", *name, err)
		}
		if other := dayAt(at); !found || other < d {
			d, found = other, true
		}
	}
	return d, found, nil
}

// dropAttempts drops a day's partition of attempts. Most of its counts are gone by now; those that were added since go with
// it, so that counts and rows agree again when the transaction is committed.
func (t *tx) dropAttempts(d int64) error {
	from, to := startOfDay(d), startOfDay(d+1)
	err := t.steps(
		fmt.Sprintf(`SET LOCAL lock_timeout = %d`, dayLocks.Milliseconds()),
		`SET LOCAL statement_timeout = 0`,
		// First of all: whoever counts has written before.
		`LOCK TABLE attempts IN ACCESS EXCLUSIVE MODE`,
		fmt.Sprintf(`DELETE FROM attempts_rest WHERE id >= '%s' AND id < '%s'`, from, to),
	)
	for more := true; more && err == nil; {
		more, err = t.uncountSome(24*d, 24*(d+1))
	}
	if err != nil {
		return err
	}
	made, err := t.detach("attempts", d)
	if err != nil || !made {
		return err
	}
	return t.steps(`DROP TABLE ` + partition("attempts", d))
}

// dropEvents drops a day's partition of events. Those that are still needed, by what is open or was made on a later day, go
// into the rest.
func (t *tx) dropEvents(d int64) error {
	err := t.steps(
		fmt.Sprintf(`SET LOCAL lock_timeout = %d`, dayLocks.Milliseconds()),
		`SET LOCAL statement_timeout = 0`,
		`SET LOCAL enable_hashjoin = on`,
		`LOCK TABLE events IN ACCESS EXCLUSIVE MODE`,
	)
	if err != nil {
		return err
	}
	made, err := t.detach("events", d)
	if err != nil || !made {
		return err
	}
	name, from, to := partition("events", d), startOfDay(d), startOfDay(d+1)
	return t.steps(
		fmt.Sprintf(`INSERT INTO events SELECT * FROM %s e WHERE id IN (
			SELECT event_id FROM open WHERE event_id >= '%s' AND event_id < '%[3]s'
			UNION ALL SELECT event_id FROM attempts WHERE event_id >= '%[2]s' AND event_id < '%[3]s' AND (number > 1 OR trigger = 4) AND id >= '%[3]s')`,
			name, from, to),
		`DROP TABLE `+name,
	)
}

// detach takes a day's partition off its table, if there is one.
func (t *tx) detach(table string, d int64) (made bool, err error) {
	name := partition(table, d)
	if err := t.row(isPartition, name, table)(&made); err != nil || !made {
		return false, err
	}
	return true, t.steps(fmt.Sprintf(`ALTER TABLE %s DETACH PARTITION %s`, table, name))
}

const (
	// countsAtOnce is how many rows of totals are changed in one transaction: so few that nobody who counts waits for long.
	countsAtOnce = 200
	// lockSpent locks the totals of some counts, in the order in which those who count lock them.
	lockSpent = `SELECT webhook_id, event_type, shard FROM totals WHERE (webhook_id, event_type, shard) IN
		(SELECT DISTINCT webhook_id, event_type, shard FROM counts WHERE hour >= $1 AND hour < $2 LIMIT $3)
		ORDER BY webhook_id, event_type, shard FOR UPDATE`
	deleteSpent = `WITH gone AS (
			DELETE FROM counts c USING unnest($3::uuid[], $4::text[], $5::bigint[]) AS u (webhook_id, event_type, shard)
			WHERE c.webhook_id = u.webhook_id AND c.event_type = u.event_type AND c.shard = u.shard AND hour >= $1 AND hour < $2
			RETURNING c.*),
		sums AS (SELECT webhook_id, event_type, shard, sum(success) AS success, sum(failed) AS failed, sum(retrying) AS retrying
			FROM gone GROUP BY webhook_id, event_type, shard)
		UPDATE totals t SET success = t.success - s.success, failed = t.failed - s.failed, retrying = t.retrying - s.retrying
		FROM sums s WHERE t.webhook_id = s.webhook_id AND t.event_type = s.event_type AND t.shard = s.shard`
)

// uncount takes hours out of the counts, some at a time. While it does so, and until the rows are gone, lists of what is
// about to be deleted count less than they show.
func (s *Store) uncount(ctx context.Context, from, to int64) error {
	for more := true; more; {
		err := s.transact(ctx, purgeWithin, pgx.TxOptions{}, func(t *tx) (err error) {
			more, err = t.uncountSome(from, to)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// uncountSome takes some of the counts of hours away, and says whether there may be more. It locks totals before counts, as
// those who count do.
func (t *tx) uncountSome(from, to int64) (more bool, err error) {
	var webhooks ids
	var types texts
	var shards ints
	if _, err := t.run(`SET LOCAL enable_hashjoin = on`); err != nil {
		return false, err
	}
	err = t.each(func(scan func(...any) error) error {
		var webhook carteiro.ID
		var eventType string
		var shard int64
		err := scan(toID(&webhook), &eventType, &shard)
		webhooks, types, shards = append(webhooks, webhook), append(types, eventType), append(shards, shard)
		return err
	}, lockSpent, from, to, countsAtOnce)
	if err != nil || len(webhooks) == 0 {
		return false, err
	}
	_, err = t.run(deleteSpent, from, to, webhooks, types, shards)
	return true, err
}

// purgeRest deletes what is older than a day from the rest: events that nothing needs any more, and what has come late for
// days that are gone. These are few.
func (s *Store) purgeRest(ctx context.Context, before int64) error {
	if err := s.uncount(ctx, 0, 24*before); err != nil {
		return err
	}
	end := startOfDay(before)
	err := s.transact(ctx, purgeWithin, pgx.TxOptions{}, func(t *tx) error {
		err := t.steps(
			fmt.Sprintf(`SET LOCAL lock_timeout = %d`, dayLocks.Milliseconds()),
			`LOCK TABLE attempts_rest IN SHARE ROW EXCLUSIVE MODE`,
			fmt.Sprintf(`DELETE FROM attempts_rest WHERE id < '%s'`, end),
		)
		for more := true; more && err == nil; {
			more, err = t.uncountSome(0, 24*before)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = s.transact(ctx, purgeWithin, pgx.TxOptions{}, func(t *tx) error {
		return t.steps(
			`SET LOCAL enable_hashjoin = on`,
			fmt.Sprintf(`SET LOCAL lock_timeout = %d`, dayLocks.Milliseconds()),
			`LOCK TABLE events_rest IN SHARE ROW EXCLUSIVE MODE`,
			fmt.Sprintf(`DELETE FROM events_rest e WHERE id < '%s' AND NOT EXISTS (SELECT FROM open o WHERE o.event_id = e.id)
				AND NOT EXISTS (SELECT FROM attempts a WHERE a.event_id = e.id AND (number > 1 OR trigger = 4))`, end),
		)
	})
	if err != nil {
		return err
	}
	return s.transact(ctx, purgeWithin, pgx.TxOptions{}, func(t *tx) error { return t.steps(`SET LOCAL enable_hashjoin = on`, dropTotals) })
}
