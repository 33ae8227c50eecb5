package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// Events and attempts have a partition a day (UTC), by the time that their ids carry, so that what is too old goes by
// dropping a table, and a look at one id is a look into one partition. Days are made ahead by Purge, and on demand by whoever
// is about to write. What finds no day all the same, because it could not be made, goes into the rest.

const day = 24 * time.Hour

// Bounds of what is made.
const (
	// daysAhead is how many days are made before they begin.
	daysAhead = 2
	// daysAround is how far from now a day may lie that is made on demand.
	daysAround = 400 * day
	// dayRetry is how long a day that could not be made goes into the rest before it is tried again.
	dayRetry = time.Minute
	// dayLocks bounds the wait for the tables' locks: whoever comes later waits behind it.
	dayLocks = time.Second
)

// partitioned are the tables that have days.
var partitioned = []string{"events", "attempts"}

// days are the days that this node has found made. Others may have dropped one since: what comes late goes into the rest.
type days struct {
	mu    sync.Mutex
	made  map[int64]bool
	tried map[int64]time.Time // by the clock of the calls
}

// dayOf is the day since 1970 that an id was made in.
func dayOf(id carteiro.ID) int64 { return layout.HourOf(id) / 24 }

// startOfDay is the least id of a day since 1970.
func startOfDay(d int64) carteiro.ID { return layout.StartOfHour(24 * d) }

// dayAt is the day of a time.
func dayAt(t time.Time) int64 { return dayOf(carteiro.MinID(t)) }

// makeDay makes the partitions for the day of an id, unless they are there.
func (s *Store) makeDay(id carteiro.ID, now time.Time) {
	d := dayOf(id)
	s.days.mu.Lock()
	known := s.days.made[d] || now.Sub(s.days.tried[d]).Abs() < dayRetry
	s.days.mu.Unlock()
	if known || id.Time().Sub(now).Abs() > daysAround {
		return
	}
	var err error
	for _, table := range partitioned {
		// A transaction each: none holds the lock of one table while it waits for that of the other.
		if err == nil {
			err = s.inTx(context.Background(), func(t *tx) error { return t.makePartition(table, d) })
		}
	}
	s.days.mu.Lock()
	defer s.days.mu.Unlock()
	if s.days.made == nil {
		s.days.made, s.days.tried = make(map[int64]bool), make(map[int64]time.Time)
	}
	if err == nil {
		s.days.made[d] = true
		delete(s.days.tried, d)
	} else {
		s.days.tried[d] = now
	}
}

// forget lets a day be made anew.
func (d *days) forget(gone int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.made, gone)
}

// partition is the name of a table's partition for a day.
func partition(table string, d int64) string {
	return table + time.Unix(d*int64(day/time.Second), 0).UTC().Format("_20060102")
}

const (
	// isPartition asks for the partition by the parent, so that a table half way there does not pass for one.
	isPartition = `SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1) AND inhparent = to_regclass($2))`
	lockDaysOf  = `SELECT pg_advisory_xact_lock($1::integer, $2::integer)`
)

// makePartition makes a table's partition for a day. It makes a table and then attaches it, which unlike making it in
// place lets others go on with the parent; but for the rest, which is looked at for what belongs into the new one.
func (t *tx) makePartition(table string, d int64) error {
	name, from, to := partition(table, d), startOfDay(d), startOfDay(d+1)
	var made bool
	if err := t.row(isPartition, name, table)(&made); err != nil || made {
		return err
	}
	if _, err := t.run(lockDaysOf, lockSpace, lockDays); err != nil {
		return err
	}
	if err := t.row(isPartition, name, table)(&made); err != nil || made {
		return err
	}
	return t.steps(
		fmt.Sprintf(`SET LOCAL lock_timeout = %d`, dayLocks.Milliseconds()),
		fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING ALL)`, name, table),
		fmt.Sprintf(`LOCK TABLE %s_rest IN ACCESS EXCLUSIVE MODE`, table),
		fmt.Sprintf(`WITH moved AS (DELETE FROM %s_rest WHERE id >= '%s' AND id < '%s' RETURNING *) INSERT INTO %s SELECT * FROM moved`,
			table, from, to, name),
		fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`, table, name, from, to),
	)
}

// steps runs statements that are not worth preparing.
func (t *tx) steps(statements ...string) error {
	for _, sql := range statements {
		if _, err := t.run(sql); err != nil {
			return fmt.Errorf("%s: %w", strings.Fields(sql)[0], err)
		}
	}
	return nil
}
