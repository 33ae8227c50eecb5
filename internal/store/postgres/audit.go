package postgres

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const auditColumns = `id, environment_id, actor, token_id, actor_name, action, subject, subject_id, subject_name, webhook_id,
	owner_kind, owner_id, request_id, remote_address, changes`

// auditParameters stand for auditValues, one for each of auditColumns.
const auditParameters = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15`

// filterAudit is what entries are filtered by, in addition to their environment ($1) and ids ($2, $3).
const filterAudit = ` ($4::text = '' OR actor = $4) AND ($5::text = '' OR action = $5)
	AND ($6::text = '' OR subject = $6) AND ($7::uuid IS NULL OR subject_id = $7)`

// auditQueries read the entries of one environment, or of all.
type auditQueries struct{ scan, count, find, countMatching, findMatching string }

// newAuditQueries makes the queries: from gives the entries of a span, and matching those of them to which filters are added.
func newAuditQueries(from, matching string) auditQueries {
	const newest = ` ORDER BY id DESC LIMIT `
	return auditQueries{
		scan:          `SELECT id` + from + newest + `2 OFFSET $4`,
		count:         `SELECT count(*)` + from,
		find:          `SELECT id` + from + newest + `$4 OFFSET $5`,
		countMatching: `SELECT count(*)` + matching + filterAudit,
		findMatching:  `SELECT id` + matching + filterAudit + newest + `$8 OFFSET $9`,
	}
}

const (
	auditSpan    = ` FROM audit WHERE environment_id = $1 AND id >= $2 AND id < $3`
	auditSpanAll = ` FROM audit WHERE $1::uuid IS NULL AND id >= $2 AND id < $3`
)

var (
	// Only the index that starts with the environment has all that the subquery reads. Without the subquery, the planner may
	// read all environments' entries of the span by their ids, which have the order of the table, and skip most of them.
	auditOf    = newAuditQueries(auditSpan, ` FROM (SELECT id`+auditSpan+` ORDER BY id DESC OFFSET 0) AS scanned JOIN audit USING (id) WHERE`)
	auditOfAll = newAuditQueries(auditSpanAll, auditSpanAll+` AND`)
)

const (
	insertAudit = `INSERT INTO audit (` + auditColumns + `) VALUES (` + auditParameters + `)`
	getAudit    = `SELECT ` + auditColumns + ` FROM audit WHERE id = ANY ($1) AND ($2::uuid IS NULL OR environment_id = $2) ORDER BY id DESC`
	purgeAudit  = `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT $2)`
)

func auditValues(e *carteiro.AuditEntry) []any {
	return []any{
		id(e.ID), id(e.EnvironmentID), string(e.Actor.Kind), id(e.Actor.TokenID), []byte(e.Actor.Name), string(e.Action),
		string(e.Subject.Kind), id(e.Subject.ID), []byte(e.Subject.Name), id(e.Subject.WebhookID),
		int64(e.Subject.OwnerKind), id(e.Subject.OwnerID), e.RequestID, e.RemoteAddress, store.EncodeChanges(e.Changes),
	}
}

// audit writes an entry; nil is none.
func (t *tx) audit(e *carteiro.AuditEntry) error {
	if e == nil {
		return nil
	}
	_, err := t.run(insertAudit, auditValues(e)...)
	return err
}

// readAudit reads auditColumns.
func readAudit(scan func(...any) error) (e carteiro.AuditEntry, err error) {
	var changes []byte
	err = scan(toID(&e.ID), toID(&e.EnvironmentID), &e.Actor.Kind, toID(&e.Actor.TokenID), octet{&e.Actor.Name}, &e.Action,
		&e.Subject.Kind, toID(&e.Subject.ID), octet{&e.Subject.Name}, toID(&e.Subject.WebhookID),
		&e.Subject.OwnerKind, toID(&e.Subject.OwnerID), &e.RequestID, &e.RemoteAddress, &changes)
	if err != nil {
		return e, err
	}
	e.Changes, err = store.DecodeChanges(changes)
	return e, err
}

// auditSearch implements [layout.AuditQueries].
type auditSearch struct {
	*tx
	auditQueries
	p *store.ListAudit
}

// with adds the parameters of filterAudit to those of a span, if there are filters, and chooses the query to match.
func (s *auditSearch) with(in layout.Span, all, matching string) (sql string, args []any) {
	sql, args = all, []any{id(s.p.EnvironmentID), [16]byte(in.From), [16]byte(in.To)}
	if s.p.Filtered() {
		sql, args = matching, append(args, string(s.p.Actor), string(s.p.Action), string(s.p.Subject), id(s.p.SubjectID))
	}
	return sql, args
}

// ScanAudit implements [layout.AuditQueries].
func (s *auditSearch) ScanAudit(in layout.Span, skip int) ([]carteiro.ID, error) {
	return s.readIDs(s.scan, id(s.p.EnvironmentID), [16]byte(in.From), [16]byte(in.To), skip)
}

// CountAudit implements [layout.AuditQueries].
func (s *auditSearch) CountAudit(in layout.Span) (n int, err error) {
	sql, args := s.with(in, s.count, s.countMatching)
	err = s.row(sql, args...)(&n)
	return n, err
}

// FindAudit implements [layout.AuditQueries].
func (s *auditSearch) FindAudit(in layout.Span, limit, offset int) ([]carteiro.ID, error) {
	sql, args := s.with(in, s.find, s.findMatching)
	return s.readIDs(sql, append(args, limit, offset)...)
}

// ListAudit implements [store.Audit].
func (s *Store) ListAudit(ctx context.Context, p store.ListAudit) (page store.AuditPage, err error) {
	queries := auditOf
	if p.EnvironmentID.IsZero() {
		queries = auditOfAll
	}
	err = s.inSnapshot(ctx, func(t *tx) error {
		page, err = layout.AuditPage(&p, &auditSearch{t, queries, &p})
		return err
	})
	return page, err
}

// GetAudit implements [store.Audit].
func (s *Store) GetAudit(ctx context.Context, p store.GetAudit) (entries []carteiro.AuditEntry, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		entries = nil
		return t.each(func(scan func(...any) error) error {
			e, err := readAudit(scan)
			entries = append(entries, e)
			return err
		}, getAudit, ids(p.IDs), id(p.EnvironmentID))
	})
	return entries, err
}
