package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/carteiro/carteiro"
)

// Audit is the log of who changed what. Verbs that change something take an entry with their parameters and write it in
// their transaction: if the change is there, so is the entry, and otherwise neither. Nil is none, for callers that change
// nothing on anybody's behalf. What only the verb learns (a name that was, a field's value before) it fills in. No verb
// changes an entry, and none but [Queue.Purge] deletes one.
type Audit interface {
	// ListAudit returns the ids of a page of entries, newest first, and how many match.
	ListAudit(ctx context.Context, p ListAudit) (AuditPage, error)
	// GetAudit returns entries by their ids, newest first. It leaves out entries of other environments, and those that
	// were purged.
	GetAudit(ctx context.Context, p GetAudit) ([]carteiro.AuditEntry, error)
}

// MaxAuditScan is how many entries [Audit.ListAudit] scans to find a page, and to count the entries that match.
const MaxAuditScan = 20_000

// ListAudit is the parameter of [Audit.ListAudit]. A zero field does not filter.
type ListAudit struct {
	EnvironmentID carteiro.ID
	Actor         carteiro.ActorKind
	Action        carteiro.AuditAction
	Subject       carteiro.SubjectKind
	SubjectID     carteiro.ID
	From, To      time.Time   // at or after From, and before To
	Before        carteiro.ID // the cursor: only entries older than this one; does not change the total
	Limit, Offset int
	MaxScan       int // 0: MaxAuditScan
}

// Filtered reports whether entries are filtered by more than their environment and time.
func (p *ListAudit) Filtered() bool {
	return p.Actor != "" || p.Action != "" || p.Subject != "" || !p.SubjectID.IsZero()
}

// AuditPage is a page of the audit log.
type AuditPage struct {
	IDs []carteiro.ID
	// Total is how many of the newest [ListAudit.MaxScan] entries match. TotalIsLowerBound says that there are older entries.
	Total             int
	TotalIsLowerBound bool
	// Next is the cursor of the next page: the last entry of this page, or the last entry that was scanned if the page has
	// fewer entries than the limit. Zero if there are no older entries.
	Next carteiro.ID
}

// GetAudit is the parameter of [Audit.GetAudit].
type GetAudit struct {
	EnvironmentID carteiro.ID // zero: of any
	IDs           []carteiro.ID
}

// Named gives the entry with the subject's name filled in; nil for none.
func Named(entry *carteiro.AuditEntry, name string) *carteiro.AuditEntry {
	if entry == nil {
		return nil
	}
	filled := *entry
	filled.Subject.Name = name
	return &filled
}

// Renamed gives the entry of a change of name; nil for none.
func Renamed(entry *carteiro.AuditEntry, before, after string) *carteiro.AuditEntry {
	if entry = Named(entry, after); entry != nil && before != after {
		entry.Changes = append(entry.Changes, carteiro.NewFieldChange("name", before, after))
	}
	return entry
}

// Replaced gives the entry of p: which token has taken the place of the old one, when that ends, and until when the new one is
// good if that is another time; nil for none.
func (p *ReplaceToken) Replaced(old, token *carteiro.Token) *carteiro.AuditEntry {
	entry := Named(p.Audit, token.Name)
	if entry == nil {
		return nil
	}
	ends := p.OldEndsAt
	if !old.ExpiresAt.IsZero() && old.ExpiresAt.Before(ends) {
		ends = old.ExpiresAt
	}
	entry.Changes = append(entry.Changes,
		carteiro.NewFieldChange("token_id", old.ID, token.ID), carteiro.NewFieldChange("old_ends_at", nil, carteiro.AuditedTime(ends)))
	if !token.ExpiresAt.Equal(old.ExpiresAt) {
		entry.Changes = append(entry.Changes,
			carteiro.NewFieldChange("expires_at", carteiro.AuditedTime(old.ExpiresAt), carteiro.AuditedTime(token.ExpiresAt)))
	}
	return entry
}

// Put gives the entry of p for an owner that is now after, and was before, nil for one that was created.
func (p *PutOwner) Put(before, after *carteiro.Owner) *carteiro.AuditEntry {
	if p.Audit == nil {
		return nil
	}
	if before == nil {
		entry := Named(p.Audit, after.Name)
		entry.Action = carteiro.OwnerCreated
		entry.Changes = []carteiro.FieldChange{carteiro.NewFieldChange("name", nil, after.Name)}
		return entry
	}
	entry := Renamed(p.Audit, before.Name, after.Name)
	entry.Action = carteiro.OwnerUpdated
	if before.AgentID != after.AgentID {
		entry.Changes = append(entry.Changes, carteiro.NewFieldChange("agent_id", idOrNil(before.AgentID), idOrNil(after.AgentID)))
	}
	return entry
}

func idOrNil(id carteiro.ID) any {
	if id.IsZero() {
		return nil
	}
	return id
}

// EncodeChanges gives changes as databases keep them.
func EncodeChanges(changes []carteiro.FieldChange) []byte {
	if len(changes) == 0 {
		return nil
	}
	text, _ := json.Marshal(changes) // never fails: names, and JSON that was made by NewFieldChange
	return text
}

// DecodeChanges is the reverse of EncodeChanges.
func DecodeChanges(text []byte) (changes []carteiro.FieldChange, err error) {
	if len(text) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(text, &changes); err != nil {
		return nil, fmt.Errorf("changes of an audit entry: %w", err)
	}
	return changes, nil
}
