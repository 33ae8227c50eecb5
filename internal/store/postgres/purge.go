package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"carteiro"
	"carteiro/internal/store"
	"carteiro/internal/store/layout"
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
	}{{purgeKeys, p.Now}, {purgeSessions, p.Now}, {purgeBulk, p.Before}} {
		n, err := t.run(purge.sql, layout.Micros(purge.before), p.Limit)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	n, err := t.run(purgeAudit, [16]byte(carteiro.MinID(p.AuditBefore)), p.Limit) // nothing, if that is zero
	return max(most, n), err
}

// purgeDay drops the oldest day before another, and says whether there may be more.
func (s *Store) purgeDay(ctx context.Context, before int64) (more bool, err error) {
	var dropped int64
	err = s.transact(ctx, purgeWithin, pgx.TxOptions{}, func(t *tx) error {
		dropped, more = 0, false
		if _, err := t.run(lockDaysOf, lockSpace, lockDays); err != nil {
			return err
		}
		oldest, found, err := t.oldestDay()
		if err != nil {
			return err
		}
		if !found || oldest >= before {
			return t.purgeRest(before)
		}
		dropped, more = oldest, true
		return t.dropDay(oldest)
	})
	if err == nil && more {
		s.days.forget(dropped)
	}
	return more, err
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

// dropDay drops a day's partitions, taking what was counted of it out of the counts in the same transaction. Events
// that are still needed, by what is open or was made on a later day, go into the rest.
func (t *tx) dropDay(d int64) error {
	from, to := startOfDay(d), startOfDay(d+1)
	statements := []string{
		fmt.Sprintf(`SET LOCAL lock_timeout = %d`, dayLocks.Milliseconds()),
		`SET LOCAL statement_timeout = 0`,
		`SET LOCAL enable_hashjoin = on`,
		// First of all: whoever counts has written before.
		`LOCK TABLE events, attempts IN ACCESS EXCLUSIVE MODE`,
		uncount(24*d, 24*(d+1)),
		fmt.Sprintf(`DELETE FROM attempts_rest WHERE id >= '%s' AND id < '%s'`, from, to),
	}
	for _, table := range partitioned {
		var made bool
		if err := t.row(isPartition, partition(table, d), table)(&made); err != nil {
			return err
		}
		if !made {
			continue
		}
		name := partition(table, d)
		statements = append(statements, fmt.Sprintf(`ALTER TABLE %s DETACH PARTITION %s`, table, name))
		if table == "events" {
			statements = append(statements, fmt.Sprintf(`INSERT INTO events SELECT * FROM %s e WHERE id IN (
				SELECT event_id FROM open WHERE event_id >= '%s' AND event_id < '%[3]s'
				UNION ALL SELECT event_id FROM attempts WHERE event_id >= '%[2]s' AND event_id < '%[3]s' AND (number > 1 OR trigger = 4) AND id >= '%[3]s')`,
				name, from, to))
		}
		statements = append(statements, `DROP TABLE `+name)
	}
	return t.steps(statements...)
}

// uncount takes hours out of the counts.
func uncount(from, to int64) string {
	return fmt.Sprintf(`WITH gone AS (DELETE FROM counts WHERE hour >= %d AND hour < %d RETURNING *),
		sums AS (SELECT webhook_id, event_type, shard, sum(success) AS success, sum(failed) AS failed, sum(retrying) AS retrying
			FROM gone GROUP BY webhook_id, event_type, shard ORDER BY webhook_id, event_type, shard)
		UPDATE totals t SET success = t.success - s.success, failed = t.failed - s.failed, retrying = t.retrying - s.retrying
		FROM sums s WHERE t.webhook_id = s.webhook_id AND t.event_type = s.event_type AND t.shard = s.shard`, from, to)
}

// purgeRest deletes what is older than a day from the rest: events that nothing needs any more, and what has come late for
// days that are gone. These are few.
func (t *tx) purgeRest(before int64) error {
	end := startOfDay(before)
	return t.steps(
		`SET LOCAL enable_hashjoin = on`,
		fmt.Sprintf(`SET LOCAL lock_timeout = %d`, dayLocks.Milliseconds()),
		`LOCK TABLE events_rest, attempts_rest IN SHARE ROW EXCLUSIVE MODE`,
		fmt.Sprintf(`DELETE FROM attempts_rest WHERE id < '%s'`, end),
		uncount(0, 24*before),
		fmt.Sprintf(`DELETE FROM events_rest e WHERE id < '%s' AND NOT EXISTS (SELECT FROM open o WHERE o.event_id = e.id)
			AND NOT EXISTS (SELECT FROM attempts a WHERE a.event_id = e.id AND (number > 1 OR trigger = 4))`, end),
		dropTotals,
	)
}
