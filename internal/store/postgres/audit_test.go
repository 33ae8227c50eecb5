package postgres

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
	"github.com/carteiro/carteiro/internal/store/storetest"
)

func TestPostgresKeepsTheAuditLog(t *testing.T) {
	storetest.Audit(t, func(t *testing.T) store.Store { return openURL(t, postgrestest.Database(t, "")) })
}

func TestTheAuditLogIsAppendOnly(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	e := carteiro.Environment{ID: carteiro.ID{1}, Name: "one", CreatedAt: start}
	err := s.CreateEnvironment(t.Context(), store.CreateEnvironment{
		Environment: e, Token: carteiro.Token{ID: carteiro.ID{2}, EnvironmentID: e.ID, CreatedAt: start},
		Audit: &carteiro.AuditEntry{ID: carteiro.MinID(start), EnvironmentID: e.ID},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.pool.Exec(t.Context(), `UPDATE audit SET action = 'x'`)
	if err == nil || !strings.Contains(err.Error(), "append-only") {
		t.Errorf("an entry was changed: %v", err)
	}
}

func TestAPageOfTheAuditLogReadsNoMoreThanItScans(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	for _, sql := range []string{
		`INSERT INTO audit (` + sqlstore.AuditColumns + `) SELECT lpad(to_hex(n), 32, '0')::uuid, lpad((n % 10)::text, 32, '0')::uuid, 'token', NULL, 'ci',
			'webhook.updated', 'webhook', NULL, 'CRM', NULL, 0, NULL, 'request', '::1', NULL FROM generate_series(1, 30000) AS n`,
		`VACUUM ANALYZE audit`,
	} {
		if _, err := s.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	span := []any{[16]byte{15: 1}, [16]byte{14: 0x50}, [16]byte(layout.EndOfTime)}
	for name, in := range map[string]struct {
		environment any
		queries     sqlstore.AuditQueries
		scan        string
	}{
		"one environment":  {span[0], sqlstore.AuditOf, `using audit_of on audit\s.*\n\s*Index Cond: \(\(environment_id = .* AND \(id >= .* AND \(id < `},
		"all environments": {nil, sqlstore.AuditOfAll, `using audit_pkey on audit\s.*\n\s*Index Cond: \(\(id >= .* AND \(id < `},
	} {
		args := []any{in.environment, span[1], span[2]}
		matching := slices.Concat(args, []any{"token", "webhook.updated", "", nil})
		for what, plan := range map[string]string{
			"scan":           explain(t, s, in.queries.Scan.Postgres, append(args[:3:3], 999)),
			"count":          explain(t, s, in.queries.Count.Postgres, args),
			"find":           explain(t, s, in.queries.Find.Postgres, append(args[:3:3], 26, 0)),
			"count matching": explain(t, s, in.queries.CountMatching.Postgres, matching),
			"find matching":  explain(t, s, in.queries.FindMatching.Postgres, append(matching[:7:7], 26, 0)),
		} {
			if strings.Contains(plan, "Seq Scan") || !regexp.MustCompile(in.scan).MatchString(plan) {
				t.Errorf("%s in %s reads more than the span:\n%s", what, name, plan)
			}
			if only := strings.Contains(plan, "Index Only Scan"); !only && (in.environment != nil || !strings.Contains(what, "matching")) {
				t.Errorf("%s in %s reads entries that it does not ask for:\n%s", what, name, plan)
			}
			if in.environment != nil && strings.Contains(plan, "audit_pkey") && !strings.Contains(plan, "Index Cond: (id = ") {
				t.Errorf("%s in %s reads other environments' entries:\n%s", what, name, plan)
			}
		}
	}
}

// What was written before the audit log said whose a webhook is reads as that, and not as nobody's.
func TestEntriesOfAnEarlierLayoutHaveNoOwner(t *testing.T) {
	const withoutOwners = 8
	url := postgrestest.Database(t, "")
	write := func(s *Store, id byte) {
		t.Helper()
		err := s.CreateEnvironment(t.Context(), store.CreateEnvironment{
			Environment: carteiro.Environment{ID: carteiro.ID{id}, Name: "one", CreatedAt: start},
			Token:       carteiro.Token{ID: carteiro.ID{id + 1}, EnvironmentID: carteiro.ID{id}, Hash: carteiro.TokenHash{id}, CreatedAt: start},
			Audit: &carteiro.AuditEntry{
				ID: carteiro.ID{id}, EnvironmentID: carteiro.ID{id}, RequestID: "request", RemoteAddress: "::1",
				Subject: carteiro.SubjectOf(&carteiro.Webhook{OwnerKind: carteiro.OwnerCampaign, OwnerID: carteiro.ID{9}}, carteiro.SubjectLog, carteiro.ID{8}),
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s := openURL(t, url)
	write(s, 1)
	for _, sql := range []string{
		`ALTER TABLE audit DROP COLUMN owner_kind, DROP COLUMN owner_id`, withoutNotices, withoutSuccessors, withoutDeletions, fmt.Sprintf(`UPDATE layout SET version = %d`, withoutOwners),
	} {
		if _, err := s.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	upgraded := openURL(t, url)
	write(upgraded, 3)
	entries, err := upgraded.GetAudit(t.Context(), store.GetAudit{IDs: []carteiro.ID{{1}, {3}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[1].Subject.OwnerKind != 0 || !entries[1].Subject.OwnerID.IsZero() || entries[1].RequestID != "request" ||
		entries[0].Subject.OwnerKind != carteiro.OwnerCampaign || entries[0].Subject.OwnerID != (carteiro.ID{9}) {
		t.Errorf("entries are %+v", entries)
	}
}
