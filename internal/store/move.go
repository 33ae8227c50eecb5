package store

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
)

// Movable is a store whose contents can be carried into another, whatever database that is. Everything goes but the
// sessions: what they held is nobody's in the target, and free to be claimed.
//
// A copy is a series of pages, which source and target give and take in one order: section by section, and in each by
// the bytes of the keys. What is counted (totals by status, hour and type, and what is open) is not carried, but counted
// anew as the entries come in. Activity is carried, because it outlives the entries.
type Movable interface {
	Store

	// Count says how much there is of each section, in their order.
	Count(ctx context.Context) ([Sections]int, error)
	// Export gives the page behind a cursor; the last one ends at [Cursor.Done]. Attempts of the history come with the
	// outcome whole and a status of success or failed.
	Export(ctx context.Context, p Export) (Page, error)

	// BeginImport marks an empty database as the target of a copy from a source, or finds it marked, and says how far the
	// copy has come. Until EndImport no server and no command opens the database. It fails with ErrConflict when the
	// database is not empty, or the target of a copy from another source.
	BeginImport(ctx context.Context, source string) (Cursor, error)
	// Import stores a page as it was exported, and that the copy has come to its end, in one transaction. It fails with
	// ErrConflict when the copy has not come to where the page begins: someone else goes on with it.
	Import(ctx context.Context, page *Page) error
	// EndImport takes the mark off: the database is a database like any other.
	EndImport(ctx context.Context) error
}

// Section is one kind of what is carried.
type Section int

// The sections, in the order in which they are carried: each is behind what it refers to.
const (
	SectionEnvironments Section = iota
	SectionTokens
	SectionOwners
	SectionWebhooks
	SectionKeys
	SectionEvents
	SectionAttempts // the history
	SectionOpen     // the queue
	SectionBulk
	SectionActivity
	SectionAudit
	SectionNotices
	Sections // how many there are
)

// String names what is in the section.
func (s Section) String() string {
	if s < 0 || s >= Sections {
		return "everything"
	}
	return [Sections]string{
		"environments", "tokens", "agents and campaigns", "webhooks", "idempotency keys", "events", "attempts", "open attempts",
		"bulk retries", "activity", "audit log", "notices",
	}[s]
}

// Cursor is how far a copy has come: behind what has this key, in its section. The zero one is the beginning.
type Cursor struct {
	Section Section
	Scope   carteiro.ID        `json:",omitzero"` // environment of an owner, idempotency key or slot; webhook of an attempt or bulk retry
	Kind    carteiro.OwnerKind `json:",omitzero"` // of an owner
	ID      carteiro.ID        `json:",omitzero"`
	Key     []byte             `json:",omitempty"` // idempotency key
	Hourly  bool               `json:",omitzero"`  // of a slot
	At      time.Time          `json:",omitzero"`  // of a slot
	Seq     int64              `json:",omitzero"`  // of a notice
}

// Done says whether there is nothing behind the cursor.
func (c Cursor) Done() bool { return c.Section >= Sections }

// Export is the parameter of [Movable.Export].
type Export struct {
	From     Cursor
	Limit    int // of things a page
	MaxBytes int // of payloads and bodies a page, roughly; one thing may be larger
}

// Page is a part of one section; the other sections' slices are nil.
type Page struct {
	From, Next Cursor

	Environments []carteiro.Environment
	Tokens       []carteiro.Token
	Owners       []carteiro.Owner
	Webhooks     []*carteiro.Webhook
	Keys         []Key
	Events       []*carteiro.Event
	Attempts     []*carteiro.Attempt
	Open         []*carteiro.Attempt
	Bulk         []carteiro.BulkRetry
	Activity     []Slot
	Audit        []carteiro.AuditEntry
	Notices      []carteiro.Notification
}

// Slot is what was recorded in a minute or in an hour, in an environment.
type Slot struct {
	EnvironmentID carteiro.ID
	Hourly        bool
	Activity
}

// Len is how many things are on the page.
func (p *Page) Len() int {
	return len(p.Environments) + len(p.Tokens) + len(p.Owners) + len(p.Webhooks) + len(p.Keys) + len(p.Events) + len(p.Attempts) + len(p.Open) +
		len(p.Bulk) + len(p.Activity) + len(p.Audit) + len(p.Notices)
}

// End sets the end of a page: behind its last thing, or where the next section begins when the page was not filled.
func (p *Page) End(full bool) {
	if !full {
		p.Next = Cursor{Section: p.From.Section + 1}
		return
	}
	p.Next = Cursor{Section: p.From.Section}
	switch p.From.Section {
	case SectionEnvironments:
		p.Next.ID = p.Environments[len(p.Environments)-1].ID
	case SectionTokens:
		p.Next.ID = p.Tokens[len(p.Tokens)-1].ID
	case SectionOwners:
		o := &p.Owners[len(p.Owners)-1]
		p.Next.Scope, p.Next.Kind, p.Next.ID = o.EnvironmentID, o.Kind, o.ID
	case SectionWebhooks:
		p.Next.ID = p.Webhooks[len(p.Webhooks)-1].ID
	case SectionKeys:
		k := &p.Keys[len(p.Keys)-1]
		p.Next.Scope, p.Next.Key = k.EnvironmentID, []byte(k.Key)
	case SectionEvents:
		p.Next.ID = p.Events[len(p.Events)-1].ID
	case SectionAttempts:
		a := p.Attempts[len(p.Attempts)-1]
		p.Next.Scope, p.Next.ID = a.WebhookID, a.ID
	case SectionOpen:
		a := p.Open[len(p.Open)-1]
		p.Next.Scope, p.Next.ID = a.WebhookID, a.ID
	case SectionBulk:
		job := &p.Bulk[len(p.Bulk)-1]
		p.Next.Scope, p.Next.ID = job.WebhookID, job.ID
	case SectionAudit:
		p.Next.ID = p.Audit[len(p.Audit)-1].ID
	case SectionNotices:
		p.Next.Seq = p.Notices[len(p.Notices)-1].Seq
	case SectionActivity:
		slot := &p.Activity[len(p.Activity)-1]
		p.Next.Scope, p.Next.Hourly, p.Next.At = slot.EnvironmentID, slot.Hourly, slot.At
	}
}
