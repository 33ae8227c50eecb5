package store

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
)

// Circuits are the verbs on circuits that no attempt brings about; [Queue.Claim] and [Queue.Record] are the others.
type Circuits interface {
	// DisableFailing disables enabled webhooks whose circuits opened before p.OpenedBefore, those that have been open for
	// longest first and at most p.Limit of them, and raises their versions. It gives them back as they are then, but without
	// their secrets: it needs no key, and one whose secrets cannot be decrypted is disabled as the others are.
	DisableFailing(ctx context.Context, p DisableFailing) ([]*carteiro.Webhook, error)
}

// DisableFailing is the parameter of [Circuits.DisableFailing].
type DisableFailing struct {
	Now          time.Time
	OpenedBefore time.Time
	Limit        int
	Audit        func(*carteiro.Webhook) *carteiro.AuditEntry // what is written of each; nil: nothing is
}
