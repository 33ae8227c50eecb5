package sqlstore

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// Columns of the audit log, and the parameters for [AuditValues].
const (
	AuditColumns = `id, environment_id, actor, token_id, actor_name, action, subject, subject_id, subject_name, webhook_id,
	owner_kind, owner_id, request_id, remote_address, changes`
	AuditParameters = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15`
)

// AuditQueries read the entries of one environment, or of all: $1 is the environment, $2 and $3 are a span of ids.
type AuditQueries struct{ Scan, Count, Find, CountMatching, FindMatching *Query }

// newAuditQueries makes the queries. span selects the entries of a span. matching is what PostgreSQL adds filters to.
func newAuditQueries(span, matching string) AuditQueries {
	const (
		newest = ` ORDER BY id DESC LIMIT `
		filter = ` ($4::text = '' OR actor = $4) AND ($5::text = '' OR action = $5)
			AND ($6::text = '' OR subject = $6) AND ($7::uuid IS NULL OR subject_id = $7)`
	)
	filtered := func(begin, end string) *Query {
		return NewQueries(begin+matching+filter+end, toSQLite(begin+span+` AND`+filter+end))
	}
	return AuditQueries{
		Scan:          NewQuery(`SELECT id` + span + newest + `2 OFFSET $4`),
		Count:         NewQuery(`SELECT count(*)` + span),
		Find:          NewQuery(`SELECT id` + span + newest + `$4 OFFSET $5`),
		CountMatching: filtered(`SELECT count(*)`, ``),
		FindMatching:  filtered(`SELECT id`, newest+`$8 OFFSET $9`),
	}
}

const (
	auditSpan    = ` WHERE environment_id = $1 AND id >= $2 AND id < $3`
	auditSpanAll = ` FROM audit WHERE $1::uuid IS NULL AND id >= $2 AND id < $3`
)

// AuditOf reads the entries of one environment, AuditOfAll those of all.
//
// In PostgreSQL, only the index that starts with the environment has every column that the subquery reads. Without the
// subquery, the planner may read the entries of all environments in the span and skip most of them.
var (
	AuditOf = newAuditQueries(` FROM audit INDEXED BY audit_of`+auditSpan,
		` FROM (SELECT id FROM audit`+auditSpan+` ORDER BY id DESC OFFSET 0) AS scanned JOIN audit USING (id) WHERE`)
	AuditOfAll = newAuditQueries(auditSpanAll, auditSpanAll+` AND`)

	insertAudit = NewQuery(`INSERT INTO audit (` + AuditColumns + `) VALUES (` + AuditParameters + `)`)
	getAudit    = NewQuery(`SELECT ` + AuditColumns + ` FROM audit WHERE id = ANY ($1::uuid[]) AND ($2::uuid IS NULL OR environment_id = $2)
		ORDER BY id DESC`)
	purgeAudit = NewQuery(`DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT $2)`)
)

// AuditValues returns the values of AuditColumns, as arguments of a [Tx].
func AuditValues(e *carteiro.AuditEntry) []any {
	return []any{
		e.ID, e.EnvironmentID, string(e.Actor.Kind), e.Actor.TokenID, Text(e.Actor.Name), string(e.Action),
		string(e.Subject.Kind), e.Subject.ID, Text(e.Subject.Name), e.Subject.WebhookID,
		int64(e.Subject.OwnerKind), e.Subject.OwnerID, e.RequestID, e.RemoteAddress, store.EncodeChanges(e.Changes),
	}
}

// AddAudit adds an entry to the audit log. It does nothing if e is nil.
func AddAudit(t Tx, e *carteiro.AuditEntry) error {
	if e == nil {
		return nil
	}
	_, err := t.Exec(insertAudit, AuditValues(e)...)
	return err
}

// readAudit reads AuditColumns.
func readAudit(scan Scan) (e carteiro.AuditEntry, err error) {
	var changes []byte
	err = scan(&e.ID, &e.EnvironmentID, &e.Actor.Kind, &e.Actor.TokenID, (*Text)(&e.Actor.Name), &e.Action,
		&e.Subject.Kind, &e.Subject.ID, (*Text)(&e.Subject.Name), &e.Subject.WebhookID,
		&e.Subject.OwnerKind, &e.Subject.OwnerID, &e.RequestID, &e.RemoteAddress, &changes)
	if err != nil {
		return e, err
	}
	e.Changes, err = store.DecodeChanges(changes)
	return e, err
}

// auditSearch implements [layout.AuditQueries].
type auditSearch struct {
	Tx
	queries *AuditQueries
	p       *store.ListAudit
}

func (s *auditSearch) span(in layout.Span) []any {
	return []any{s.p.EnvironmentID, NotNull(in.From), NotNull(in.To)}
}

// filtered returns the query to run, and its arguments.
func (s *auditSearch) filtered(in layout.Span, all, matching *Query) (*Query, []any) {
	if !s.p.Filtered() {
		return all, s.span(in)
	}
	return matching, append(s.span(in), string(s.p.Actor), string(s.p.Action), string(s.p.Subject), s.p.SubjectID)
}

// ScanAudit implements [layout.AuditQueries].
func (s *auditSearch) ScanAudit(in layout.Span, skip int) ([]carteiro.ID, error) {
	return list(s, readID, s.queries.Scan, append(s.span(in), skip)...)
}

// CountAudit implements [layout.AuditQueries].
func (s *auditSearch) CountAudit(in layout.Span) (n int, err error) {
	q, args := s.filtered(in, s.queries.Count, s.queries.CountMatching)
	err = row(s, q, args...)(&n)
	return n, err
}

// FindAudit implements [layout.AuditQueries].
func (s *auditSearch) FindAudit(in layout.Span, limit, offset int) ([]carteiro.ID, error) {
	q, args := s.filtered(in, s.queries.Find, s.queries.FindMatching)
	return list(s, readID, q, append(args, limit, offset)...)
}

// ListAudit implements [store.Audit].
func (s *Store) ListAudit(ctx context.Context, p store.ListAudit) (page store.AuditPage, err error) {
	queries := &AuditOf
	if p.EnvironmentID.IsZero() {
		queries = &AuditOfAll
	}
	err = s.db.Snapshot(ctx, func(t Tx) error {
		page, err = layout.AuditPage(&p, &auditSearch{t, queries, &p})
		return err
	})
	return page, err
}

// GetAudit implements [store.Audit].
func (s *Store) GetAudit(ctx context.Context, p store.GetAudit) (entries []carteiro.AuditEntry, err error) {
	err = s.db.Snapshot(ctx, func(t Tx) error {
		entries, err = list(t, readAudit, getAudit, p.IDs, p.EnvironmentID)
		return err
	})
	return entries, err
}

// Purge deletes audit entries and ended bulk retries, and returns the larger of both numbers.
func Purge(t Tx, p *store.Purge) (deleted int, err error) {
	entries, err := t.Exec(purgeAudit, NotNull(carteiro.MinID(p.AuditBefore)), p.Limit) // none if AuditBefore is zero
	if err != nil {
		return 0, err
	}
	jobs, err := t.Exec(PurgeBulk, p.Before, p.Limit)
	return max(entries, jobs), err
}
