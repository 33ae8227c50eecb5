package store

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
)

// Events are the verbs that read events, whether they went to a webhook or not.
type Events interface {
	// ListEvents gives a page of an environment's events without payloads and traces, newest first, and how many match in all.
	// Events of tests are left out.
	ListEvents(ctx context.Context, p ListEvents) (EventPage, error)
	// GetEvent gives an event with its payload and its deliveries. It fails with ErrNotFound, also for a test's.
	GetEvent(ctx context.Context, ref EventRef) (StoredEvent, error)
}

// MaxLooked is how many events a page of [Events.ListEvents] is sought among, and how many are looked at to count those
// that match: of an environment's, or of its undelivered ones when only those are asked for. Nothing counts events as they come in: accepting one would pay for it each time, for a number that is
// seldom asked for. So the list has a bound where that of log entries has counts.
const MaxLooked = 20_000

// ReplayStride is how many events a step of a replay goes through at most.
const ReplayStride = 10_000

// ListEvents is the parameter of [Events.ListEvents]. A zero field does not filter.
type ListEvents struct {
	EnvironmentID carteiro.ID
	OwnerKind     carteiro.OwnerKind // zero: of any owner
	OwnerID       carteiro.ID
	CallEvents    bool // of a campaign: those of agents' calls that belong to it, too
	Types         []string
	IDs           []carteiro.ID // at most [carteiro.MaxReplayIDs]
	From, To      time.Time     // accepted at or after From, and before To, as carteiro.MinID tells them apart
	Undelivered   *bool         // whether no attempt has been made of it so far
	Reason        carteiro.Undelivered
	Before        carteiro.ID // the cursor: only events older than this one; does not change the total
	Limit, Offset int
	Look          int // among so many; 0: MaxLooked
}

// EventPage is a page of events.
type EventPage struct {
	Events []*carteiro.Event
	// Total is how many match, of the newest that are looked at. TotalIsLowerBound says that there are older ones.
	Total             int
	TotalIsLowerBound bool
	// Next is the cursor for what is older: the last event of the page, or the last that was looked at when fewer than the
	// limit were found. Zero when there is nothing older.
	Next carteiro.ID
}

// EventRef names an event and the environment whose it must be.
type EventRef struct {
	EnvironmentID, ID carteiro.ID
}

// StoredEvent is an event with what has become of it.
type StoredEvent struct {
	*carteiro.Event
	Deliveries []EventDelivery // in the order of the webhooks' ids
}

// EventDelivery is how an event stands at a webhook.
type EventDelivery struct {
	Webhook    *carteiro.Webhook // deleted ones included
	Attempts   int               // that are kept
	LogID      carteiro.ID       // of the latest
	Status     carteiro.Status   // of it
	HTTPStatus int               // of it; 0 when it got no answer, or none yet
}

// Replayed returns which events of its webhook's owner a replay is for. It leaves out events accepted after the job was
// created, and those accepted before the owner was: they belong to a deleted owner with the same id. since is the
// owner's CreatedAt, zero for an environment's own webhooks.
func Replayed(job *carteiro.BulkRetry, owner OwnerRef, since time.Time) ListEvents {
	f := job.Replay
	p := ListEvents{
		EnvironmentID: owner.EnvironmentID, OwnerKind: owner.Kind, OwnerID: owner.ID, CallEvents: f.CallEvents,
		Types: f.EventTypes, IDs: f.EventIDs, From: f.From, To: f.To,
	}
	if p.From.Before(since) {
		p.From = since
	}
	if end := job.CreatedAt(); !job.ID.IsZero() && (p.To.IsZero() || end.Before(p.To)) {
		p.To = end
	}
	if f.Undelivered {
		p.Undelivered = new(true)
	}
	return p
}
