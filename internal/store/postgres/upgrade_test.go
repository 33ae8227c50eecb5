package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// What layout 1 kept is there after the upgrade, and days made before it take what later ones add.
func TestADatabaseOfAnEarlierLayoutIsUpgraded(t *testing.T) {
	url := postgrestest.Database(t, "")
	s := openURL(t, url)
	l := newLoad(t, s, 1)
	accept := func(s *Store, trace string) {
		t.Helper()
		item := newItem(&l.ids, l.webhooks[0])
		item.Event.TraceParent = trace
		_, err := s.Accept(t.Context(), store.Accept{Now: item.Event.AcceptedAt(), Items: []store.AcceptItem{item}})
		l.ok(err)
	}
	accept(s, "")
	unwanted := newItem(&l.ids, l.webhooks[0])
	unwanted.Attempts = nil
	_, err := s.Accept(t.Context(), store.Accept{Now: unwanted.Event.AcceptedAt(), Items: []store.AcceptItem{unwanted}})
	l.ok(err)
	environment := carteiro.Environment{ID: carteiro.ID{8}, Name: "production", CreatedAt: start}
	l.ok(s.CreateEnvironment(t.Context(), store.CreateEnvironment{
		Environment: environment, Token: carteiro.Token{ID: carteiro.ID{6}, EnvironmentID: environment.ID, CreatedAt: start},
	}))
	for _, sql := range []string{
		`DROP INDEX attempts_later, events_of, events_undelivered`,
		`CREATE INDEX attempts_later ON attempts (event_id, webhook_id) WHERE number > 1`,
		`ALTER TABLE events DROP COLUMN undelivered`,
		`ALTER TABLE events DROP COLUMN trace_parent`,
		`DROP TABLE moving`,
		`ALTER TABLE webhooks DROP COLUMN sealed_by`,
		`ALTER TABLE tokens DROP COLUMN name, DROP COLUMN scopes, DROP COLUMN last_used_at, DROP COLUMN parent_id`,
		withoutSuccessors,
		`DROP TABLE audit`,
		`DROP FUNCTION audit_is_append_only`,
		withoutCircuits,
		withoutNotices,
		withoutDeletions,
		`UPDATE layout SET version = 1`,
	} {
		_, err := s.pool.Exec(t.Context(), sql)
		l.ok(err)
	}
	upgraded := openURL(t, url)
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	accept(upgraded, trace)
	claimed, err := upgraded.Claim(t.Context(), store.Claim{
		Session: join(t, upgraded), WebhookID: l.webhooks[0], Now: start.Add(time.Minute), Limit: 10, MaxBytes: 1 << 20,
	})
	l.ok(err)
	var traces []string
	for _, d := range claimed.Deliveries {
		traces = append(traces, d.Event.TraceParent)
	}
	if len(traces) != 2 || traces[0] != "" || traces[1] != trace {
		t.Errorf("claimed with the traces %q", traces)
	}
	listed, err := upgraded.ListEvents(t.Context(), store.ListEvents{Undelivered: new(true), Limit: 10})
	l.ok(err)
	if len(listed.Events) != 1 || listed.Events[0].ID != unwanted.Event.ID || listed.Events[0].Undelivered != carteiro.UndeliveredUnknown {
		t.Errorf("undelivered are %+v", listed.Events)
	}
	own := store.OwnerRef{EnvironmentID: environment.ID, Kind: carteiro.OwnerEnvironment, ID: environment.ID}
	if owner, err := upgraded.GetOwner(t.Context(), own); err != nil || owner != environment.Owner() {
		t.Errorf("the environment owns as %+v, %v", owner, err)
	}
}

// withoutNotices undoes what the layout with notices adds, and those after it.
const withoutNotices = `DELETE FROM owners WHERE kind = 3; DROP TABLE notices; ` + withoutReads

// withoutReads undoes what the layout with the rules of encrypted headers adds.
const withoutReads = `ALTER TABLE sessions DROP COLUMN reads`

// withoutSuccessors undoes what the layout with tokens' successors adds.
const withoutSuccessors = `ALTER TABLE tokens DROP COLUMN replaced_by`

// withoutDeletions undoes what the layout with cleaned webhooks adds, and the next one.
const withoutDeletions = `DROP INDEX webhooks_to_clean; ALTER TABLE webhooks DROP COLUMN cleaned; ALTER TABLE bulk_retries DROP COLUMN paused_by;
	ALTER TABLE environments DROP COLUMN deleted_at`

// withoutCircuits undoes what the layout with circuits adds.
const withoutCircuits = `ALTER TABLE webhooks DROP COLUMN opened_at, DROP COLUMN probe_at, DROP COLUMN probes, DROP COLUMN probe,
	DROP COLUMN closed_at, DROP COLUMN ramped, DROP COLUMN disabled_by, DROP COLUMN disabled_at`

func TestNoticesOfAnEarlierLayoutAreNumberedInTheirOrder(t *testing.T) {
	url := postgrestest.Database(t, "")
	l := newLoad(t, openURL(t, url), 1)
	for _, sql := range []string{
		`ALTER TABLE notices DROP COLUMN seq`, withoutSuccessors, withoutReads, withoutDeletions,
		`UPDATE layout SET version = 10`,
		`INSERT INTO notices (at, id, environment_id, type, webhook_id) SELECT to_timestamp(moment), id, id, type, id
			FROM (VALUES (3, 1, 'c'), (1, 2, 'b'), (1, 1, 'a')) v (moment, n, type),
			LATERAL (SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid AS id) i`,
	} {
		_, err := l.store.pool.Exec(t.Context(), sql)
		l.ok(err)
	}
	upgraded := openURL(t, url)
	// As a node of the previous release writes one.
	_, err := upgraded.pool.Exec(t.Context(), `INSERT INTO notices (at, environment_id, type, webhook_id)
		SELECT to_timestamp(0), environment_id, 'd', webhook_id FROM notices LIMIT 1`)
	l.ok(err)
	notices, err := upgraded.ListNotices(t.Context(), store.ListNotices{Limit: 10})
	l.ok(err)
	var got string
	for _, n := range notices {
		got += fmt.Sprint(n.Seq, n.Type, " ")
	}
	if got != "1a 2b 3c 4d " {
		t.Errorf("listed %s", got)
	}
}
