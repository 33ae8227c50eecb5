package postgres

import (
	"context"
	"maps"
	"slices"
	"testing"

	"carteiro/internal/store"
	"carteiro/internal/store/postgres/postgrestest"
	"carteiro/internal/store/storetest"
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
	s, err := Open(t.Context(), url, Options{Connections: 8})
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

// faults are queries that give a row for each thing that does not fit together.
var faults = map[string]string{
	"counts are the finished attempts": `
		WITH counted AS (
			SELECT webhook_id, event_type, ` + hourOfID + ` AS hour, count(*) FILTER (WHERE status = 1) AS success, count(*) FILTER (WHERE status = 2) AS failed,
				count(*) FILTER (WHERE status = 2 AND EXISTS (SELECT 1 FROM open o WHERE o.webhook_id = a.webhook_id AND o.previous_id = a.id
					AND o.number > o.chain_start)) AS retrying
			FROM attempts a GROUP BY 1, 2, 3),
		kept AS (SELECT webhook_id, event_type, hour, success, failed, retrying FROM counts WHERE success + failed > 0)
		(SELECT * FROM counted EXCEPT SELECT * FROM kept) UNION ALL (SELECT * FROM kept EXCEPT SELECT * FROM counted)`,
	"totals are the sums of counts": `
		SELECT 1 FROM totals t WHERE (success, failed, retrying) <>
			(SELECT coalesce(sum(success), 0), coalesce(sum(failed), 0), coalesce(sum(retrying), 0) FROM counts c WHERE c.webhook_id = t.webhook_id AND c.event_type = t.event_type)`,
	"no count is without its total": `
		SELECT 1 FROM counts WHERE (webhook_id, event_type) NOT IN (SELECT webhook_id, event_type FROM totals)`,
	"no open attempt is without its total": `
		SELECT 1 FROM open WHERE (webhook_id, event_type) NOT IN (SELECT webhook_id, event_type FROM totals)`,
	"open totals are the open attempts": `
		SELECT 1 FROM totals t WHERE open <> (SELECT count(*) FROM open o WHERE o.webhook_id = t.webhook_id AND o.event_type = t.event_type)`,
	"attempts have their event": `SELECT 1 FROM attempts WHERE event_id NOT IN (SELECT id FROM events) UNION ALL SELECT 1 FROM open WHERE event_id NOT IN (SELECT id FROM events)`,
	"who holds is there":        `SELECT 1 FROM open WHERE lease IS NOT NULL AND lease NOT IN (SELECT id FROM sessions)`,
	"what has a day lies in it": `SELECT 1 FROM attempts_rest UNION ALL SELECT 1 FROM events_rest e WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE a.event_id = e.id) AND NOT EXISTS (SELECT 1 FROM open o WHERE o.event_id = e.id)`,
}

// hourOfID is hourOf in SQL.
const hourOfID = `('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / 3600000`

func wantConsistent(t testing.TB, s *Store) {
	t.Helper()
	wantNoFaults(t, s, slices.Collect(maps.Keys(faults))...)
}

// wantCounts is wantConsistent but for what lies in the rest.
func wantCounts(t testing.TB, s *Store) {
	t.Helper()
	wantNoFaults(t, s, "counts are the finished attempts", "totals are the sums of counts", "no count is without its total",
		"no open attempt is without its total", "open totals are the open attempts", "attempts have their event", "who holds is there")
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
