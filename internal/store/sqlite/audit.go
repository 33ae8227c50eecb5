package sqlite

import (
	"context"

	"carteiro"
	"carteiro/internal/store"
)

const auditColumns = `id, environment_id, actor, token_id, actor_name, action, subject, subject_id, subject_name, webhook_id,
	owner_kind, owner_id, request_id, remote_address, changes`

// filterAudit is what entries are filtered by, beside their environment.
const filterAudit = `id >= ?2 AND id < ?3 AND (?4 = '' OR actor = ?4) AND (?5 = '' OR action = ?5) AND (?6 = '' OR subject = ?6)
	AND (?7 IS NULL OR subject_id = ?7) ORDER BY id DESC LIMIT ?8`

var (
	insertAudit = newQuery(`INSERT INTO audit (` + auditColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	auditOf     = newQuery(`SELECT ` + auditColumns + ` FROM audit INDEXED BY audit_of WHERE environment_id = ?1 AND ` + filterAudit)
	auditOfAll  = newQuery(`SELECT ` + auditColumns + ` FROM audit WHERE ?1 IS NULL AND ` + filterAudit)
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

// ListAudit implements [store.Audit].
func (s *Store) ListAudit(ctx context.Context, p store.ListAudit) (entries []carteiro.AuditEntry, more bool, err error) {
	from, before := p.Range()
	query := auditOf
	if p.EnvironmentID.IsZero() {
		query = auditOfAll
	}
	err = s.read(ctx, func(c *conn) error {
		rows := c.query(query).maybeID(p.EnvironmentID).id(from).id(before).text(string(p.Actor)).text(string(p.Action)).
			text(string(p.Subject)).maybeID(p.SubjectID).int(int64(p.Limit) + 1)
		for rows.next() {
			e, err := readAudit(rows)
			if err != nil {
				_ = rows.end() // what was read is at fault, not the reading
				return err
			}
			entries = append(entries, e)
		}
		return rows.end()
	})
	if more = len(entries) > p.Limit; more {
		entries = entries[:p.Limit]
	}
	return entries, more, err
}
