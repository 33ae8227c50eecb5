package store

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
)

// Notices are the verbs on what environments' own webhooks are told. A notice is written by [Queue.Record], whose circuits
// open and close, whose results may be Exhausted or disable a webhook, and by [Circuits.DisableFailing], in their
// transactions: of webhooks of agents and campaigns, in environments that have webhooks of their own which are not deleted.
// The notices of one webhook are numbered in the order in which its changes were committed. Within one call of Record, those
// of the results come first, in the order of the results, then those of the circuits.
type Notices interface {
	// ListNotices lists the notices with the lowest numbers above p.After, in the order of their numbers.
	ListNotices(ctx context.Context, p ListNotices) ([]carteiro.Notification, error)
	// TellNotices takes notices away and stores the events that were made of them with their first attempts, in one
	// transaction, as [Queue.Accept] does; nothing is held. Notices must be in the order of their numbers. When one is gone,
	// because another node was quicker, it and all notices after it are left alone: their events would carry ids that may
	// be older than those of the other node.
	TellNotices(ctx context.Context, p TellNotices) (told []bool, err error)
}

// ListNotices is the parameter of [Notices.ListNotices].
type ListNotices struct {
	After int64 // number of a notice; 0: from the first one
	Limit int
}

// TellNotices is the parameter of [Notices.TellNotices].
type TellNotices struct {
	Now     time.Time
	Tidings []Tiding
}

// Tiding is what becomes of a notice.
type Tiding struct {
	Notice int64       // its number
	Item   *AcceptItem // without keys; nil: nobody wants to hear of it
}
