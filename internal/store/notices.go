package store

import (
	"context"
	"time"

	"carteiro"
)

// Notices are the verbs on what environments' own webhooks are told. A notice is written by [Queue.Record], whose circuits
// open and close, whose results may be Exhausted or disable a webhook, and by [Circuits.DisableFailing], in their
// transactions: of webhooks of agents and campaigns, in environments that have webhooks of their own which are not deleted.
type Notices interface {
	// ListNotices gives the oldest notices behind p.After.
	ListNotices(ctx context.Context, p ListNotices) ([]carteiro.Notice, error)
	// TellNotices takes notices away and stores the events that were made of them with their first attempts, in one
	// transaction, as [Queue.Accept] does; nothing is held. A notice that is gone leaves its item undone: another node was quicker.
	TellNotices(ctx context.Context, p TellNotices) (told []bool, err error)
}

// ListNotices is the parameter of [Notices.ListNotices].
type ListNotices struct {
	After carteiro.NoticeRef
	Limit int
}

// TellNotices is the parameter of [Notices.TellNotices].
type TellNotices struct {
	Now     time.Time
	Tidings []Tiding
}

// Tiding is what becomes of a notice.
type Tiding struct {
	Notice carteiro.NoticeRef
	Item   *AcceptItem // without keys; nil: nobody wants to hear of it
}
