package postgres

import (
	"context"

	"carteiro"
	"carteiro/internal/store"
)

const auditColumns = `id, environment_id, actor, token_id, actor_name, action, subject, subject_id, subject_name, webhook_id,
	owner_kind, owner_id, request_id, remote_address, changes`

// auditParameters stand for auditValues, one for each of auditColumns.
const auditParameters = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15`

// filterAudit is what entries are filtered by, beside their environment.
const filterAudit = `id >= $2 AND id < $3 AND ($4::text = '' OR actor = $4) AND ($5::text = '' OR action = $5)
	AND ($6::text = '' OR subject = $6) AND ($7::uuid IS NULL OR subject_id = $7) ORDER BY id DESC LIMIT $8`

const (
	insertAudit = `INSERT INTO audit (` + auditColumns + `) VALUES (` + auditParameters + `)`
	auditOf     = `SELECT ` + auditColumns + ` FROM audit WHERE environment_id = $1 AND ` + filterAudit
	auditOfAll  = `SELECT ` + auditColumns + ` FROM audit WHERE $1::uuid IS NULL AND ` + filterAudit
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

// ListAudit implements [store.Audit].
func (s *Store) ListAudit(ctx context.Context, p store.ListAudit) (entries []carteiro.AuditEntry, more bool, err error) {
	from, before := p.Range()
	query := auditOf
	if p.EnvironmentID.IsZero() {
		query = auditOfAll
	}
	err = s.inSnapshot(ctx, func(t *tx) error {
		entries = nil
		return t.each(func(scan func(...any) error) error {
			e, err := readAudit(scan)
			entries = append(entries, e)
			return err
		}, query, id(p.EnvironmentID), [16]byte(from), [16]byte(before), string(p.Actor), string(p.Action), string(p.Subject), id(p.SubjectID), p.Limit+1)
	})
	if more = len(entries) > p.Limit; more {
		entries = entries[:p.Limit]
	}
	return entries, more, err
}
