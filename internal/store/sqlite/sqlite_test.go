package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/storetest"
)

// Every story ends with a look at the tables: what is counted must be what is there.
func TestSQLitePassesTheSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s := reopen(t, filepath.Join(t.TempDir(), "carteiro.db"), Options{Keys: storetest.Keys(t, "a")})
		t.Cleanup(func() {
			wantConsistent(t, s)
			wantNone(t, s, recordedFaults)
		})
		return s
	})
}

func TestEveryQueryCompiles(t *testing.T) {
	s := openTemp(t)
	for _, q := range queries {
		if err := s.read(t.Context(), func(c *conn) error { return c.query(q).err }); err != nil {
			t.Errorf("%s\n%v", q.sql, err)
		}
	}
}

func openTemp(t testing.TB) *Store {
	t.Helper()
	return reopen(t, filepath.Join(t.TempDir(), "carteiro.db"), Options{})
}

func reopen(t testing.TB, path string, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// faults are queries that give a row for each thing that does not fit together.
var faults = map[string]string{
	"counts are the finished attempts": `
		WITH counted AS (
			SELECT webhook_id, event_type, http_status, hour(id) AS hour, sum(status = 1) AS success, sum(status = 2) AS failed,
				sum(status = 2 AND EXISTS (SELECT 1 FROM open o WHERE o.webhook_id = a.webhook_id AND o.previous_id = a.id
					AND o.number > o.chain_start)) AS retrying
			FROM attempts a GROUP BY 1, 2, 3, 4),
		kept AS (SELECT webhook_id, event_type, http_status, hour, success, failed, retrying FROM counts)
		SELECT 1 FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted))`,
	"totals are the sums of counts": `
		SELECT 1 FROM totals t WHERE (success, failed, retrying) <>
			(SELECT total(success), total(failed), total(retrying) FROM counts c WHERE c.webhook_id = t.webhook_id AND c.event_type = t.event_type)`,
	"no count is without its total": `
		SELECT 1 FROM counts WHERE (webhook_id, event_type) NOT IN (SELECT webhook_id, event_type FROM totals)`,
	"no open attempt is without its total": `
		SELECT 1 FROM open WHERE (webhook_id, event_type) NOT IN (SELECT webhook_id, event_type FROM totals)`,
	"open totals are the open attempts": `
		SELECT 1 FROM totals t WHERE open <> (SELECT count(*) FROM open o WHERE o.webhook_id = t.webhook_id AND o.event_type = t.event_type)`,
	"queues are the open attempts": `
		SELECT 1 FROM queues q WHERE open <> (SELECT count(*) FROM open o WHERE o.environment_id = q.environment_id)
		UNION ALL SELECT 1 FROM open WHERE environment_id NOT IN (SELECT environment_id FROM queues)`,
	"events know how many attempts they have": `
		SELECT 1 FROM events e WHERE attempts <> (SELECT count(*) FROM open WHERE event = e.number) + (SELECT count(*) FROM attempts WHERE event = e.number)`,
	"attempts are filed under the status of their exchange": `
		SELECT 1 FROM attempts a JOIN exchanges x ON x.id = a.exchange WHERE a.http_status <> x.http_status`,
	"open attempts are filed under their environment": `
		SELECT 1 FROM open o JOIN events e ON e.number = o.event WHERE o.environment_id <> e.environment_id`,
	"the hours of activity are the sums of their minutes": `
		WITH summed AS (SELECT environment_id, slot / 60 AS slot, sum(success) AS success, sum(failed) AS failed FROM activity WHERE grain = 1 GROUP BY 1, 2)
		SELECT 1 FROM summed s LEFT JOIN activity a ON a.grain = 2 AND a.environment_id = s.environment_id AND a.slot = s.slot
			WHERE (s.success, s.failed) <> (a.success, a.failed) AND s.slot > (SELECT min(slot) FROM activity WHERE grain = 1) / 60 OR a.slot IS NULL`,
	"names are filed in lower case": `SELECT 1 FROM webhooks WHERE folded <> fold(json_extract(CAST(settings AS TEXT), '$.name'))`,
	"attempts have their event":     `SELECT 1 FROM attempts WHERE event NOT IN (SELECT number FROM events) UNION ALL SELECT 1 FROM open WHERE event NOT IN (SELECT number FROM events)`,
	"attempts have their exchange":  `SELECT 1 FROM attempts WHERE exchange NOT IN (SELECT id FROM exchanges)`,
	"exchanges have their attempt":  `SELECT 1 FROM exchanges WHERE id NOT IN (SELECT exchange FROM attempts)`,
}

// recordedFaults are faults of a database that was not upgraded from a layout without activity.
var recordedFaults = map[string]string{
	"no less activity is counted than there are finished attempts": `
		SELECT 1 WHERE (SELECT total(success + failed) FROM activity WHERE grain = 2) < (SELECT count(*) FROM attempts)`,
}

func wantConsistent(t testing.TB, s *Store) {
	t.Helper()
	wantNone(t, s, faults)
}

func wantNone(t testing.TB, s *Store, faults map[string]string) {
	t.Helper()
	err := s.read(context.Background(), func(c *conn) error {
		if err := c.defineFunctions(); err != nil {
			return err
		}
		for what, sql := range faults {
			fault, err := c.execInt(sql)
			if err != nil {
				return err
			}
			if fault != 0 {
				t.Errorf("it does not hold that %s", what)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEverythingCanBeMovedIntoAnotherFile(t *testing.T) {
	open := func(t *testing.T) store.Movable {
		s := openTemp(t)
		t.Cleanup(func() { wantConsistent(t, s) })
		return s
	}
	storetest.Move(t, open, open)
}
