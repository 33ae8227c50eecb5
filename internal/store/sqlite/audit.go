package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const auditColumns = `id, environment_id, actor, token_id, actor_name, action, subject, subject_id, subject_name, webhook_id,
	owner_kind, owner_id, request_id, remote_address, changes`

// filterAudit is what entries are filtered by, in addition to their environment (?1) and ids (?2, ?3).
const filterAudit = ` AND (?4 = '' OR actor = ?4) AND (?5 = '' OR action = ?5) AND (?6 = '' OR subject = ?6)
	AND (?7 IS NULL OR subject_id = ?7)`

// auditQueries read the entries of one environment, or of all.
type auditQueries struct{ scan, count, find, countMatching, findMatching *query }

func newAuditQueries(from string) auditQueries {
	from += ` AND id >= ?2 AND id < ?3`
	const newest = ` ORDER BY id DESC LIMIT `
	return auditQueries{
		scan:          newQuery(`SELECT id` + from + newest + `2 OFFSET ?4`),
		count:         newQuery(`SELECT count(*)` + from),
		find:          newQuery(`SELECT id` + from + newest + `?4 OFFSET ?5`),
		countMatching: newQuery(`SELECT count(*)` + from + filterAudit),
		findMatching:  newQuery(`SELECT id` + from + filterAudit + newest + `?8 OFFSET ?9`),
	}
}

var (
	insertAudit = newQuery(`INSERT INTO audit (` + auditColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	auditOf     = newAuditQueries(` FROM audit INDEXED BY audit_of WHERE environment_id = ?1`)
	auditOfAll  = newAuditQueries(` FROM audit WHERE ?1 IS NULL`)
	getAudit    = newQuery(`SELECT ` + auditColumns + ` FROM audit WHERE id = ?1 AND (?2 IS NULL OR environment_id = ?2)`)
	purgeAudit  = newQuery(`DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < ? ORDER BY id LIMIT ?)`)
)

// audit writes an entry; nil is none.
func (t *tx) audit(e *carteiro.AuditEntry) error {
	if e == nil {
		return nil
	}
	return t.write(insertAudit).id(e.ID).id(e.EnvironmentID).text(string(e.Actor.Kind)).maybeID(e.Actor.TokenID).text(e.Actor.Name).
		text(string(e.Action)).text(string(e.Subject.Kind)).maybeID(e.Subject.ID).text(e.Subject.Name).maybeID(e.Subject.WebhookID).
		int(int64(e.Subject.OwnerKind)).maybeID(e.Subject.OwnerID).text(e.RequestID).text(e.RemoteAddress).blob(store.EncodeChanges(e.Changes)).run()
}

// readAudit reads auditColumns.
func readAudit(row *stmt) (e carteiro.AuditEntry, err error) {
	e = carteiro.AuditEntry{
		ID: row.colID(0), EnvironmentID: row.colID(1),
		Actor:  carteiro.Actor{Kind: carteiro.ActorKind(row.colText(2)), TokenID: row.colID(3), Name: row.colText(4)},
		Action: carteiro.AuditAction(row.colText(5)),
		Subject: carteiro.Subject{
			Kind: carteiro.SubjectKind(row.colText(6)), ID: row.colID(7), Name: row.colText(8), WebhookID: row.colID(9),
			OwnerKind: carteiro.OwnerKind(row.colInt(10)), OwnerID: row.colID(11), //nolint:gosec // a kind of owner, or none
		},
		RequestID: row.colText(12), RemoteAddress: row.colText(13),
	}
	e.Changes, err = store.DecodeChanges(row.colBlob(14))
	return e, err
}

// auditSearch implements [layout.AuditQueries].
type auditSearch struct {
	*conn
	auditQueries
	p *store.ListAudit
}

func (s *auditSearch) in(q *query, in layout.Span) *stmt {
	return s.query(q).maybeID(s.p.EnvironmentID).id(in.From).id(in.To)
}

// with binds the parameters of filterAudit, too, if there are filters, and chooses the query to match.
func (s *auditSearch) with(in layout.Span, all, matching *query) *stmt {
	if !s.p.Filtered() {
		return s.in(all, in)
	}
	return s.in(matching, in).text(string(s.p.Actor)).text(string(s.p.Action)).text(string(s.p.Subject)).maybeID(s.p.SubjectID)
}

// ScanAudit implements [layout.AuditQueries].
func (s *auditSearch) ScanAudit(in layout.Span, skip int) ([]carteiro.ID, error) {
	return s.in(s.scan, in).int(int64(skip)).ids()
}

// CountAudit implements [layout.AuditQueries].
func (s *auditSearch) CountAudit(in layout.Span) (int, error) {
	n, err := s.with(in, s.count, s.countMatching).number()
	return int(n), err
}

// FindAudit implements [layout.AuditQueries].
func (s *auditSearch) FindAudit(in layout.Span, limit, offset int) ([]carteiro.ID, error) {
	return s.with(in, s.find, s.findMatching).int(int64(limit)).int(int64(offset)).ids()
}

// ListAudit implements [store.Audit].
func (s *Store) ListAudit(ctx context.Context, p store.ListAudit) (page store.AuditPage, err error) {
	queries := auditOf
	if p.EnvironmentID.IsZero() {
		queries = auditOfAll
	}
	err = s.readSnapshot(ctx, func(c *conn) error {
		page, err = layout.AuditPage(&p, &auditSearch{c, queries, &p})
		return err
	})
	return page, err
}

// GetAudit implements [store.Audit].
func (s *Store) GetAudit(ctx context.Context, p store.GetAudit) (entries []carteiro.AuditEntry, err error) {
	ids := slices.SortedFunc(slices.Values(p.IDs), func(a, b carteiro.ID) int { return layout.CompareIDs(b, a) })
	err = s.read(ctx, func(c *conn) error {
		for _, id := range ids {
			row := c.query(getAudit).id(id).maybeID(p.EnvironmentID)
			found, err := row.one()
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			e, fault := readAudit(row)
			if err := cmp.Or(fault, row.end()); err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	return entries, err
}
