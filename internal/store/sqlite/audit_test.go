package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"carteiro"
	"carteiro/internal/store"
	"carteiro/internal/store/storetest"
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
