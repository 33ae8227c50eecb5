package postgres

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
	"github.com/carteiro/carteiro/internal/store/storetest"
)

// Every story ends with a look at the tables: what is counted must be what is there.
func TestPostgresPassesTheSuite(t *testing.T) {
	template := emptyTemplate(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		s := openURL(t, postgrestest.Database(t, template))
		t.Cleanup(func() { wantConsistent(t, s) })
		return s
	})
}

// Where very many attempts are open, pages are put together by the database.
func TestListsOfVeryManyOpenAttemptsPassTheSuite(t *testing.T) {
	defer func(n int) { manyOpen = n }(manyOpen)
	manyOpen = 2
	template := emptyTemplate(t)
	storetest.Run(t, func(t *testing.T) store.Store { return openURL(t, postgrestest.Database(t, template)) }, "logs")
}

// emptyTemplate makes a database with nothing in it but the layout, and gives its URL.
func emptyTemplate(t *testing.T) string {
	t.Helper()
	url := postgrestest.Database(t, "")
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return url
}

func openURL(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, Options{Connections: 8, Keys: storetest.Keys(t, "a")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// restFault is that of what has a day and lies in the rest.
const restFault = "what has a day lies in it"

// faults are queries that give a row for each thing that does not fit together.
var faults = map[string]string{
	"counts are the finished attempts": `
		WITH counted AS (
			SELECT webhook_id, event_type, ` + hourOfID + ` AS hour, http_status,
				count(*) FILTER (WHERE status = 1) AS success, count(*) FILTER (WHERE status = 2) AS failed,
				count(*) FILTER (WHERE status = 2 AND EXISTS (SELECT 1 FROM open o WHERE o.webhook_id = a.webhook_id AND o.previous_id = a.id
					AND o.number > o.chain_start)) AS retrying
			FROM attempts a GROUP BY 1, 2, 3, 4),
		kept AS (SELECT webhook_id, event_type, hour, http_status, sum(success), sum(failed), sum(retrying) FROM counts
			GROUP BY 1, 2, 3, 4 HAVING sum(success) <> 0 OR sum(failed) <> 0 OR sum(retrying) <> 0)
		(SELECT * FROM counted EXCEPT SELECT * FROM kept) UNION ALL (SELECT * FROM kept EXCEPT SELECT * FROM counted)`,
	"totals are the sums of counts": `
		WITH summed AS (SELECT webhook_id, event_type, sum(success) AS success, sum(failed) AS failed, sum(retrying) AS retrying FROM counts GROUP BY 1, 2),
		kept AS (SELECT webhook_id, event_type, sum(success) AS success, sum(failed) AS failed, sum(retrying) AS retrying FROM totals GROUP BY 1, 2)
		SELECT 1 FROM summed s FULL JOIN kept k ON s.webhook_id = k.webhook_id AND s.event_type = k.event_type
		WHERE (coalesce(s.success, 0), coalesce(s.failed, 0), coalesce(s.retrying, 0)) <> (coalesce(k.success, 0), coalesce(k.failed, 0), coalesce(k.retrying, 0))`,
	"open totals are the open attempts": `
		WITH kept AS (SELECT webhook_id, event_type, sum(open) AS open FROM totals GROUP BY 1, 2),
		counted AS (SELECT webhook_id, event_type, count(*) AS open FROM open GROUP BY 1, 2)
		SELECT 1 FROM kept k FULL JOIN counted c ON k.webhook_id = c.webhook_id AND k.event_type = c.event_type
		WHERE coalesce(k.open, 0) <> coalesce(c.open, 0)`,
	"queues are the open attempts": `
		WITH kept AS (SELECT environment_id, sum(open) AS open FROM queues GROUP BY 1),
		counted AS (SELECT environment_id, count(*) AS open FROM open GROUP BY 1)
		SELECT 1 FROM kept k FULL JOIN counted c ON k.environment_id = c.environment_id WHERE coalesce(k.open, 0) <> coalesce(c.open, 0)`,
	"open attempts are in their event's environment": `
		SELECT 1 FROM open o JOIN events e ON e.id = o.event_id WHERE o.environment_id <> e.environment_id`,
	"minutes and hours of activity agree": `
		WITH minutes AS (SELECT environment_id, slot / 60 AS slot, sum(success) AS success, sum(failed) AS failed FROM activity WHERE grain = 1 GROUP BY 1, 2),
		hours AS (SELECT environment_id, slot, sum(success) AS success, sum(failed) AS failed FROM activity WHERE grain = 2 GROUP BY 1, 2)
		SELECT 1 FROM minutes m LEFT JOIN hours h ON m.environment_id = h.environment_id AND m.slot = h.slot
		WHERE m.success > coalesce(h.success, 0) OR m.failed > coalesce(h.failed, 0)`,
	"attempts have their event": `SELECT 1 FROM attempts WHERE event_id NOT IN (SELECT id FROM events) UNION ALL SELECT 1 FROM open WHERE event_id NOT IN (SELECT id FROM events)`,
	"who holds is there":        `SELECT 1 FROM open WHERE lease IS NOT NULL AND lease NOT IN (SELECT id FROM sessions)`,
	restFault:                   `SELECT 1 FROM attempts_rest UNION ALL SELECT 1 FROM events_rest e WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE a.event_id = e.id) AND NOT EXISTS (SELECT 1 FROM open o WHERE o.event_id = e.id)`,
}

// hourOfID is layout.HourOf in SQL.
const hourOfID = `('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / 3600000`

func wantConsistent(t testing.TB, s *Store) {
	t.Helper()
	wantNoFaults(t, s, slices.Collect(maps.Keys(faults))...)
}

// wantCounts is wantConsistent but for what lies in the rest.
func wantCounts(t testing.TB, s *Store) {
	t.Helper()
	wantNoFaults(t, s, slices.DeleteFunc(slices.Collect(maps.Keys(faults)), func(what string) bool { return what == restFault })...)
}

func wantNoFaults(t testing.TB, s *Store, whats ...string) {
	t.Helper()
	err := s.inTx(context.Background(), func(tx *tx) error {
		for _, what := range whats {
			sql := faults[what]
			n := 0
			if err := tx.row(`SELECT count(*) FROM (` + sql + `) faults`)(&n); err != nil {
				return err
			}
			if n != 0 {
				t.Errorf("it does not hold that %s (%d)", what, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
