package postgres

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// partitions gives the names of a table's partitions.
func (l *load) partitions(table string) map[string]bool {
	l.Helper()
	names := make(map[string]bool)
	l.ok(l.store.inTx(l.Context(), func(t *tx) error {
		return t.each(func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			names[name] = true
			return err
		}, `SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass($1)`, table)
	}))
	return names
}

func (l *load) purge(before time.Time) (steps int) {
	l.Helper()
	for more := true; more; steps++ {
		var err error
		more, err = l.store.Purge(l.Context(), store.Purge{Now: l.now, Before: before, Limit: 500})
		l.ok(err)
	}
	return steps
}

func (l *load) rows(sql string) (n int) {
	l.Helper()
	l.ok(l.store.inTx(l.Context(), func(t *tx) error { return t.row(sql)(&n) }))
	return n
}

func TestDaysAreMadeAheadAndDroppedAsAWhole(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	l := newLoad(t, s, 2)
	l.history(3000, 6*day)
	end := l.now // 9 September, noon
	steps := l.purge(end.Add(-3 * day))
	for _, table := range partitioned {
		got := l.partitions(table)
		for name, want := range map[string]bool{
			table + "_20250903": false, table + "_20250905": false, table + "_20250906": true, table + "_20250909": true,
			table + "_20250910": true, table + "_20250911": true, table + "_20250912": false, table + "_rest": true,
		} {
			if got[name] != want {
				t.Errorf("%s is there: %v, want %v", name, got[name], want)
			}
		}
	}
	if steps != 4 { // one a day, and one that finds no more
		t.Errorf("%d steps", steps)
	}
	// Every twentieth of the three days that are gone has failed and has its retry open: its event is still needed.
	if kept, open := l.rows(`SELECT count(*) FROM events_rest`), l.rows(`SELECT count(*) FROM open WHERE event_id < '`+startOfDay(dayAt(end)-3).String()+`'`); kept != open || kept == 0 {
		t.Errorf("%d events kept, %d attempts open", kept, open)
	}
	wantConsistent(t, s)
	l.now = end.Add(10 * day)
	l.purge(l.now)
	if left := l.rows(`SELECT count(*) FROM attempts`); left != 0 {
		t.Errorf("%d attempts left", left)
	}
	if spent := l.rows(`SELECT count(*) FROM (SELECT FROM totals GROUP BY webhook_id, event_type HAVING sum(open) = 0) spent`); spent != 0 {
		t.Errorf("%d totals of nothing left", spent)
	}
	wantConsistent(t, s)
}

// What comes for a day that is not there, and cannot be made at present, is taken all the same; it moves when the day is
// made, and goes when it is old.
func TestWhatHasNoDayIsTakenAllTheSame(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	l := newLoad(t, s, 1)
	s.days.tried = map[int64]time.Time{dayAt(l.now): l.now} // as after a failure
	l.deliver(100, func(i int) bool { return i%10 == 0 })
	if n := l.rows(`SELECT count(*) FROM attempts_rest`); n != 100 {
		t.Errorf("%d attempts in the rest", n)
	}
	page, err := s.ListLogs(t.Context(), store.ListLogs{WebhookID: l.webhooks[0], Limit: 10})
	if err != nil || page.Total != 110 || len(page.Attempts) != 10 {
		t.Errorf("%d of %d, %v", len(page.Attempts), page.Total, err)
	}
	l.now = l.now.Add(2 * dayRetry)
	l.deliver(100, func(int) bool { return false })
	if n := l.rows(`SELECT count(*) FROM attempts_rest`); n != 0 {
		t.Errorf("%d attempts in the rest once the day is made", n)
	}
	wantConsistent(t, s)

	// A day that another node has dropped, of which this one still believes that it is there.
	late := l.now
	l.now = l.now.Add(day)
	l.purge(l.now)
	l.now = late
	s.days.made[dayAt(l.now)] = true
	l.deliver(20, func(int) bool { return false })
	if n := l.rows(`SELECT count(*) FROM attempts_rest`); n != 20 {
		t.Errorf("%d attempts came late", n)
	}
	l.now = l.now.Add(day)
	l.purge(l.now)
	if n := l.rows(`SELECT count(*) FROM attempts`); n != 0 {
		t.Errorf("%d attempts left", n)
	}
	wantConsistent(t, s)
	// An id from far away makes no tables.
	s.makeDay(carteiro.MinID(l.now.Add(10_000*day)), l.now)
	if l.partitions("events")["events_20530119"] {
		t.Error("a day of another age was made")
	}
}

// While a day is made, rows of it are on their way into the rest: PostgreSQL refuses them there once it is made, and they go
// where they belong. A server that believes that the day is there, since another dropped it, makes none itself.
func TestWhatIsOnItsWayIntoTheRestWhileItsDayIsMadeIsTaken(t *testing.T) {
	url := postgrestest.Database(t, "")
	s, maker := openURL(t, url), openURL(t, url)
	l := newLoad(t, s, 1)
	today := dayAt(l.now)
	s.days.made = map[int64]bool{today: true}
	meanwhile := func(do func()) {
		var doing sync.WaitGroup
		l.ok(maker.inTx(t.Context(), func(t *tx) error {
			for _, table := range partitioned {
				if err := t.makePartition(table, today); err != nil {
					return err
				}
			}
			doing.Go(do)
			for waiting := 0; waiting == 0; {
				err := t.row(`SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)(&waiting)
				if err != nil {
					return err
				}
			}
			return nil
		}))
		doing.Wait()
	}
	meanwhile(func() {
		_, err := s.Accept(t.Context(), store.Accept{Now: l.now, Items: []store.AcceptItem{newItem(&l.ids, l.webhooks[0])}})
		if err != nil {
			t.Errorf("an event that was accepted meanwhile: %v", err)
		}
	})
	postgrestest.Run(t, url, `DROP TABLE carteiro.`+partition("attempts", today)) // the day of events is there, so that only recording waits
	meanwhile(func() { l.deliver(20, func(int) bool { return true }) })
	for _, table := range partitioned {
		if n := l.rows(`SELECT count(*) FROM ` + table + `_rest`); n != 0 {
			t.Errorf("%d rows of %s are in the rest", n, table)
		}
	}
	wantConsistent(t, s)
}

// Days are made and dropped while nodes are at work on them. Nothing fails for it, and all is counted.
func TestDaysComeAndGoUnderWork(t *testing.T) {
	url := postgrestest.Database(t, "")
	done := make(chan struct{})
	var workers, purgers sync.WaitGroup
	nodes := []*Store{openURL(t, url), openURL(t, url)}
	for i, s := range nodes {
		for range 2 {
			l := newLoad(t, s, 3)
			l.now = l.now.Add(time.Duration(i) * time.Hour)
			workers.Go(func() {
				for range 25 {
					l.deliver(20, func(n int) bool { return n%5 == 0 })
					l.now = l.now.Add(7 * time.Hour)
				}
			})
		}
		purgers.Go(func() {
			for at := start; ; {
				more, err := s.Purge(t.Context(), store.Purge{Now: at, Before: at.Add(-3 * day), Limit: 100})
				// Others may be in the way for longer than a purge is willing to wait: it comes again.
				if err != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Error(err)
					return
				}
				select {
				case <-done:
					// A purge that gave up has taken counts away and left the rows.
					if err == nil && !more {
						return
					}
				default:
					at = at.Add(5 * time.Hour)
				}
			}
		})
	}
	workers.Wait()
	close(done)
	purgers.Wait()
	wantCounts(t, nodes[0])
}
