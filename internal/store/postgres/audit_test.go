package postgres

import (
	"strings"
	"testing"

	"carteiro"
	"carteiro/internal/store"
	"carteiro/internal/store/postgres/postgrestest"
	"carteiro/internal/store/storetest"
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
