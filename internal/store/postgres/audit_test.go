package postgres

import (
	"fmt"
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
	entries, _, err := upgraded.ListAudit(t.Context(), store.ListAudit{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[1].Subject.OwnerKind != 0 || !entries[1].Subject.OwnerID.IsZero() || entries[1].RequestID != "request" ||
		entries[0].Subject.OwnerKind != carteiro.OwnerCampaign || entries[0].Subject.OwnerID != (carteiro.ID{9}) {
		t.Errorf("entries are %+v", entries)
	}
}
