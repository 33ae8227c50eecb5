package sqlite

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
	"github.com/carteiro/carteiro/internal/store/storetest"
)

func TestSQLiteKeepsTheAuditLog(t *testing.T) {
	storetest.Audit(t, func(t *testing.T) store.Store { return reopen(t, filepath.Join(t.TempDir(), "carteiro.db"), Options{}) })
}

func TestTheAuditLogIsAppendOnly(t *testing.T) {
	s := reopen(t, filepath.Join(t.TempDir(), "carteiro.db"), Options{})
	e := carteiro.Environment{ID: carteiro.ID{1}, Name: "one", CreatedAt: start}
	must(t, s.CreateEnvironment(t.Context(), store.CreateEnvironment{
		Environment: e, Token: carteiro.Token{ID: carteiro.ID{2}, EnvironmentID: e.ID, CreatedAt: start},
		Audit: &carteiro.AuditEntry{ID: carteiro.MinID(start), EnvironmentID: e.ID},
	}))
	err := s.writer.write(t.Context(), 1, func(tx *tx) error { return tx.exec(`UPDATE audit SET action = 'x'`) })
	if err == nil || !strings.Contains(err.Error(), "append-only") {
		t.Errorf("an entry was changed: %v", err)
	}
}

// What was written before the audit log said whose a webhook is reads as that, and not as nobody's.
func TestEntriesOfAnEarlierLayoutHaveNoOwner(t *testing.T) {
	const withoutOwners = 9
	path := filepath.Join(t.TempDir(), "carteiro.db")
	write := func(s *Store, id byte) {
		t.Helper()
		must(t, s.CreateEnvironment(t.Context(), store.CreateEnvironment{
			Environment: carteiro.Environment{ID: carteiro.ID{id}, Name: "one", CreatedAt: start},
			Token:       carteiro.Token{ID: carteiro.ID{id + 1}, EnvironmentID: carteiro.ID{id}, Hash: carteiro.TokenHash{id}, CreatedAt: start},
			Audit: &carteiro.AuditEntry{
				ID: carteiro.ID{id}, EnvironmentID: carteiro.ID{id}, RequestID: "request", RemoteAddress: "::1",
				Subject: carteiro.SubjectOf(&carteiro.Webhook{OwnerKind: carteiro.OwnerCampaign, OwnerID: carteiro.ID{9}}, carteiro.SubjectLog, carteiro.ID{8}),
			},
		}))
	}
	s := reopen(t, path, Options{})
	write(s, 1)
	must(t, s.writer.write(t.Context(), 1, func(tx *tx) error {
		return tx.script(fmt.Sprintf(`ALTER TABLE audit DROP COLUMN owner_kind; ALTER TABLE audit DROP COLUMN owner_id;
			DELETE FROM owners WHERE kind = 3; DROP TABLE notices; ALTER TABLE tokens DROP COLUMN replaced_by;
			DROP INDEX webhooks_to_clean; ALTER TABLE webhooks DROP COLUMN cleaned; ALTER TABLE bulk_retries DROP COLUMN paused_by;
			ALTER TABLE environments DROP COLUMN deleted_at; PRAGMA user_version = %d`, withoutOwners))
	}))
	closeStore(t, s)
	upgraded := reopen(t, path, Options{})
	write(upgraded, 3)
	entries, err := upgraded.GetAudit(t.Context(), store.GetAudit{IDs: []carteiro.ID{{1}, {3}}})
	must(t, err)
	if len(entries) != 2 || entries[1].Subject.OwnerKind != 0 || !entries[1].Subject.OwnerID.IsZero() || entries[1].RequestID != "request" ||
		entries[0].Subject.OwnerKind != carteiro.OwnerCampaign || entries[0].Subject.OwnerID != (carteiro.ID{9}) {
		t.Errorf("entries are %+v", entries)
	}
}

func TestAPageOfTheAuditLogReadsNoMoreThanItScans(t *testing.T) {
	s := openTemp(t)
	for name, in := range map[string]struct {
		queries sqlstore.AuditQueries
		plan    string
	}{
		"one environment":  {sqlstore.AuditOf, "SEARCH audit USING %sINDEX audit_of (environment_id=? AND id>? AND id<?)"},
		"all environments": {sqlstore.AuditOfAll, "SEARCH audit USING PRIMARY KEY (id>? AND id<?)"},
	} {
		for what, q := range map[string]*sqlstore.Query{
			"scan": in.queries.Scan, "count": in.queries.Count, "find": in.queries.Find,
			"count matching": in.queries.CountMatching, "find matching": in.queries.FindMatching,
		} {
			want := in.plan
			if strings.Contains(want, "%s") {
				covering := "COVERING "
				if strings.Contains(what, "matching") {
					covering = ""
				}
				want = fmt.Sprintf(want, covering)
			}
			if plan := planOf(t, s, q.SQLite); len(plan) != 1 || plan[0] != want {
				t.Errorf("%s in %s is planned as %q, want %q", what, name, plan, want)
			}
		}
	}
}

// planOf returns the steps of a query's plan.
func planOf(t *testing.T, s *Store, sql string) (steps []string) {
	must(t, s.read(t.Context(), func(c *conn) error {
		explain, _, err := c.db.PrepareTransient("EXPLAIN QUERY PLAN " + sql)
		if err != nil {
			return err
		}
		for {
			row, err := explain.Step()
			if err != nil || !row {
				return cmp.Or(err, explain.Finalize())
			}
			steps = append(steps, explain.ColumnText(3))
		}
	}))
	return steps
}
