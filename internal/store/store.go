// Package store is the port to the database: some 40 verbs, each one transaction, each with one parameter struct and
// with the time as an argument. A database keeps these guarantees with its own SQL; the rules of the business live
// above. The suite in storetest says what each verb promises, and every database passes it.
//
// Three tables matter to the rest of the house. "open" holds the attempts that are queued, scheduled or in flight: it
// is the queue and stays small. "attempts" is the history: appended to when an attempt is finished, never changed.
// "counts" is kept in the transactions that change those two, and always equals what counting their rows gives.
// "activity" counts what was recorded by environment and time, and is kept for a time of its own.
package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
)

// The errors that verbs answer with, besides the context's. Anything else is the database's fault.
var (
	// ErrNotFound: what the verb speaks of does not exist, or not for the one who asks.
	ErrNotFound = errors.New("not found")
	// ErrConflict: it has been changed by someone else since it was read, or it exists already.
	ErrConflict = errors.New("conflict")
	// ErrTooMany: as many as there may be exist already.
	ErrTooMany = errors.New("too many")
	// ErrKeyReused: the idempotency key was used before, with another request.
	ErrKeyReused = errors.New("idempotency key was used for another request")
	// ErrLeaseLost: the session that presents itself is no longer known; what it held may be others' by now.
	ErrLeaseLost = errors.New("lease lost")
	// ErrUnavailable wraps faults of the database that may pass: full disk, lost connection, read-only file.
	ErrUnavailable = errors.New("store unavailable")
)

// Store is a database. All methods are safe for concurrent use and return once their effect is durable.
// A method that fails has changed nothing, unless it fails with the context's error or [ErrUnavailable]: then the
// change may have happened or not, and asking is the only way to know.
type Store interface {
	Environments
	Tokens
	Registry
	Queue
	Circuits
	Notices
	Deletions
	Logs
	Events
	BulkRetries
	Audit
	Secrets

	// Ping says whether the store answers and can be written to.
	Ping(ctx context.Context) error
	// Close waits for what is being written and releases the database.
	Close() error
}

// Shared is a store that several nodes work on at once, and that lets each hear of what the others do.
type Shared interface {
	Store
	// Listen calls hear with hints of other nodes until ctx ends. Hints come within moments or are lost; they save waiting,
	// and nothing else depends on them.
	Listen(ctx context.Context, hear func(Hint))
}

// Hint is what one node tells the others.
type Hint struct {
	Waiting  []carteiro.ID // webhooks that have attempts due that nobody holds
	Owners   []OwnerRef    // agents and campaigns that were changed, or whose webhooks were
	Webhooks []carteiro.ID // that were changed
	Lost     bool          // hints may have been lost: all of it may have happened
}

// CreateWebhook is the parameter of [Registry.CreateWebhook].
type CreateWebhook struct {
	Webhook *carteiro.Webhook // its Version is set
	Most    int               // how many webhooks its owner may have; 0: any number
	Audit   *carteiro.AuditEntry
	Key     *Key // of the call, if any; it is used up only if the webhook is created
}

// Registry are the verbs on agents, campaigns and webhooks.
type Registry interface {
	// PutOwner creates an agent or campaign, or changes name and agent of the one that has this id in the
	// environment, keeping its CreatedAt. It gives back what is stored, and whether it was created. With CreateOnly it fails
	// with ErrConflict when there is one.
	PutOwner(ctx context.Context, p PutOwner) (owner carteiro.Owner, created bool, err error)
	// GetOwner gives one. It fails with ErrNotFound.
	GetOwner(ctx context.Context, ref OwnerRef) (carteiro.Owner, error)
	// ListOwners gives a page, newest first, and how many there are in all.
	ListOwners(ctx context.Context, p ListOwners) (owners []carteiro.Owner, total int, err error)
	// DeleteOwner removes an agent or campaign and marks its webhooks as deleted, without their secrets; a deleted
	// agent's campaigns stay, without it. It gives back the ids of the webhooks it marked. It fails with ErrNotFound.
	DeleteOwner(ctx context.Context, p DeleteOwner) (webhooks []carteiro.ID, err error)

	// CreateWebhook stores a webhook with Version 1. It fails with ErrNotFound when its owner does not exist, and with
	// ErrTooMany when the owner has p.Most webhooks already, deleted ones not counted: also of callers at the same instant
	// no more than that come through. If p.Key was used before, it fails with a [*KeyUsedError].
	CreateWebhook(ctx context.Context, p CreateWebhook) error
	// UpdateWebhook stores all settings of a webhook (owner, CreatedAt, health and circuit are not settings) and raises
	// its version, in the argument too. What follows for health and circuit, by carteiro.Webhook.ChangedFrom with UpdatedAt
	// for now, is stored and put into the argument. DeletedAt deletes it and erases its secrets. It fails with ErrConflict when webhook.Version is not
	// the stored one, and with ErrNotFound when the webhook is not there or deleted.
	UpdateWebhook(ctx context.Context, p UpdateWebhook) error
	// GetWebhook gives a webhook by its id alone, deleted ones included. It fails with ErrNotFound.
	GetWebhook(ctx context.Context, id carteiro.ID) (*carteiro.Webhook, error)
	// ListWebhooks gives the webhooks of an owner that are not deleted, oldest first.
	ListWebhooks(ctx context.Context, ref OwnerRef) ([]*carteiro.Webhook, error)
	// FindWebhooks gives a page of the webhooks of an environment that are not deleted, by name in any case and then by
	// id, and how many there are in all.
	FindWebhooks(ctx context.Context, p FindWebhooks) (found []FoundWebhook, total int, err error)
}

// UpdateWebhook is the parameter of [Registry.UpdateWebhook].
type UpdateWebhook struct {
	Webhook *carteiro.Webhook
	Audit   *carteiro.AuditEntry
}

// FindWebhooks is the parameter of [Registry.FindWebhooks].
type FindWebhooks struct {
	EnvironmentID carteiro.ID
	Search        string // part of the name, in any case; empty: all
	Limit, Offset int
}

// FoundWebhook is a webhook with the name of its owner.
type FoundWebhook struct {
	*carteiro.Webhook
	OwnerName string
}

// OwnerRef names an agent, a campaign, or an environment as the owner of its operators' webhooks. Ids are the callers' own, so that one id may stand in several environments.
type OwnerRef struct {
	EnvironmentID carteiro.ID
	Kind          carteiro.OwnerKind
	ID            carteiro.ID
}

// PutOwner is the parameter of [Registry.PutOwner].
type PutOwner struct {
	Owner      carteiro.Owner       // CreatedAt and UpdatedAt are the time of the call
	KeepAgent  bool                 // leave AgentID of an existing campaign as it is
	CreateOnly bool                 // change none that exists
	Audit      *carteiro.AuditEntry // action, name and changes are filled in
	Key        *Key                 // of the call, if any: if it was used before, PutOwner fails with a [*KeyUsedError]
}

// ListOwners is the parameter of [Registry.ListOwners].
type ListOwners struct {
	EnvironmentID carteiro.ID
	Kind          carteiro.OwnerKind
	Search        string // part of the name, in any case; empty: all
	Limit, Offset int
}

// DeleteOwner is the parameter of [Registry.DeleteOwner].
type DeleteOwner struct {
	OwnerRef
	Now   time.Time
	Audit *carteiro.AuditEntry // the owner's name is filled in
	// AuditWebhook makes the entry of each deleted webhook, which is given without its secrets; nil: nothing is written of them.
	AuditWebhook func(*carteiro.Webhook) *carteiro.AuditEntry
}

// Session is one running node's claim to what it holds: every attempt that is claimed carries the session, and every
// write of a result presents it. Its lease must be renewed; a session that let it run out may be ended by any node,
// and then presents itself in vain.
type Session struct {
	ID   int64
	Node string // for people: which machine and process
}

// Queue are the verbs on events and open attempts: accept, claim, record.
type Queue interface {
	// Join begins a session whose lease lasts until p.Until.
	Join(ctx context.Context, p Join) (Session, error)
	// Renew keeps a session until p.Until. It fails with ErrLeaseLost when the session has ended.
	Renew(ctx context.Context, p Renew) error
	// EndSessions ends p.Session, if not zero, and every session whose lease ran out before p.Now. What they held is
	// free to be claimed. It gives back how many attempts that are.
	EndSessions(ctx context.Context, p EndSessions) (freed int, err error)

	// Accept stores events with their first attempts; one without any and without a reason why is Undelivered for one that
	// is unknown. Each item stands for itself, except that a key of the whole
	// call that was used before leaves all of them undone; results are in the order of the items.
	// It fails with ErrLeaseLost when an attempt is to be held by a session that has ended.
	Accept(ctx context.Context, p Accept) (AcceptResult, error)
	// Backlog lists the webhooks that have attempts nobody holds, with the time at which the first of them is due,
	// in the order of their ids, from the first after p.After. An empty answer says that there are no more.
	Backlog(ctx context.Context, p Backlog) ([]Waiting, error)
	// Claim hands attempts of one webhook to a session: those due, held by nobody, in the order in which they fell due,
	// at most p.Limit and at most p.MaxBytes of payload (but always one). It also says when the next one that is left is due,
	// and which version the webhook has: whoever knows an older one must read it again before sending.
	// Of an enabled webhook it hands out no more than carteiro.Circuit.Grant says: while the circuit is open one at a time, as
	// a probe, however many sessions ask; while it ramps up, so many over all sessions. A probe that was released, or whose
	// session has ended, is followed by another at once.
	// It fails with ErrLeaseLost when the session has ended.
	Claim(ctx context.Context, p Claim) (Claimed, error)
	// Release gives attempts back unsent. Those that p.Session does not hold are left alone.
	Release(ctx context.Context, p Release) error
	// Held lists what a session holds, in the order of webhooks and ids, from the first after p.After: nothing once it has
	// ended. A node asks after an Accept, Claim or Retry that failed with ErrUnavailable: it may hold what it does not know of.
	Held(ctx context.Context, p Held) ([]AttemptRef, error)
	// Record finishes attempts: each is taken out of the open ones, appended to the history and followed by its
	// successor if there is one. Those that p.Session does not hold (any more) are left alone and told in the answer.
	// Of a deleted webhook the result is recorded, and nothing follows from it: no successor, no notice, no change of the webhook.
	// A success sets the webhook's FailuresInARow, FailingSince and LastError to zero. A failure adds one, sets LastError and
	// LastFailedAt, and FailingSince if it is the first, unless nothing was sent because the webhook was disabled or
	// deleted, or the event is a test's.
	// All this, the circuit and DisableWebhook count only for results with the version that the webhook has when the call begins:
	// what was sent to earlier settings says nothing of the present ones.
	// A call's results are taken together for the circuit: what they come to opens or closes it, by carteiro.Webhook.Judge
	// at p.Now. That does not change the version. The first result that counts of such a webhook is told of it.
	// Every result that counts is counted in the activity of its event's environment, at Outcome.FinishedAt.
	Record(ctx context.Context, p Record) ([]Recorded, error)
	// Retry opens a new attempt from a log entry, or says why not. Of any number of calls at once, for logs of one
	// event at one webhook, one gets the attempt. Of several reasons to refuse the first holds: the event was delivered
	// to the webhook, an attempt of it is open there, the log entry is too old, the webhook is disabled. A key that was
	// granted before is answered before all else; a refusal spends no key. The new attempt is due at p.Now, numbered one
	// above the highest so far, and begins a chain. It fails with ErrNotFound when there is no such webhook (deleted ones
	// included) or log, and with ErrLeaseLost when it is to be held by a session that has ended.
	Retry(ctx context.Context, p Retry) (RetryResult, error)
	// PreviewRetry says what [Queue.Retry] would answer to the same parameters, without a key and with nothing changed:
	// the reason to refuse, and in any case the delivery that would be made. It fails with ErrNotFound as Retry does.
	PreviewRetry(ctx context.Context, p PreviewRetry) (RetryPreview, error)

	// Purge deletes finished attempts and events from before p.Before, bulk retries that have ended before it, and
	// idempotency keys that have expired: at most p.Limit of each, or a day of attempts and events where days are kept
	// apart. Of the attempts and events of the day (UTC) that p.Before lies in a database may keep what it likes; older
	// days go as a whole. An event stays as long as an attempt of it. Sessions' tokens go once they have ended, and
	// activity when it is older than [MinutesKept] and [HoursKept]. More says that there is more to delete.
	Purge(ctx context.Context, p Purge) (more bool, err error)
}

// Join is the parameter of [Queue.Join].
type Join struct {
	Node       string
	Now, Until time.Time
}

// Renew is the parameter of [Queue.Renew].
type Renew struct {
	Session    Session
	Now, Until time.Time
}

// EndSessions is the parameter of [Queue.EndSessions].
type EndSessions struct {
	Session Session
	Now     time.Time
}

// Key is an Idempotency-Key with the answer it stands for: the first call with a key stores it, and later ones within
// its life are given it back.
type Key struct {
	EnvironmentID carteiro.ID
	Key           string   // 1 to 255 characters
	Fingerprint   [32]byte // of the whole request; another one under the same key is another request
	Answer        []byte
	ExpiresAt     time.Time
	// Peek asks what the key gave before, and does not take it.
	Peek bool
}

// Replay is what an idempotency key gave before.
type Replay struct {
	Fingerprint [32]byte
	Answer      []byte
}

// KeyUsedError is the error of a call that creates something under an idempotency key that was used before. Nothing was
// created.
type KeyUsedError struct{ Replay }

func (*KeyUsedError) Error() string { return "idempotency key was used before" }

// Accept is the parameter of [Queue.Accept].
type Accept struct {
	Now     time.Time
	Session Session // holds the attempts marked Held
	Key     *Key    // of the whole call, if any
	Items   []AcceptItem
	// Answer replaces Key.Answer when the keys of some items were used before. replays is AcceptResult.Items. If it
	// returns nil, Key stays unused. A nil Answer keeps Key.Answer. The store may call it more than once, so it must not
	// change anything.
	Answer func(replays []*Replay) []byte
}

// AnswerAfter returns the answer that Key stands for, given the items whose keys were used before, or nil to leave Key
// unused. changed tells whether it replaces Key.Answer.
func (p *Accept) AnswerAfter(replays []*Replay) (answer []byte, changed bool) {
	if p.Key == nil || p.Key.Peek || p.Answer == nil || !slices.ContainsFunc(replays, func(r *Replay) bool { return r != nil }) {
		return nil, false
	}
	return p.Answer(replays), true
}

// AcceptItem is one event with its first attempts.
type AcceptItem struct {
	Event    *carteiro.Event
	Attempts []AcceptAttempt
	Key      *Key // of this event, if any
}

// AcceptAttempt is a first attempt: its number is 1, it is due at once (at the time that its event's id carries), and
// its id is a sibling of the event's.
type AcceptAttempt struct {
	ID        carteiro.ID
	WebhookID carteiro.ID
	Trigger   carteiro.Trigger
	Held      bool // by the session of the call, which will send it from memory; otherwise it waits to be claimed
}

// AcceptResult is what became of the items. With a Replay of the whole call nothing was stored.
type AcceptResult struct {
	Replay *Replay
	Items  []*Replay // nil where the item was stored; otherwise what its key gave before
}

// Backlog is the parameter of [Queue.Backlog].
type Backlog struct {
	After carteiro.ID
	Limit int
}

// Waiting is a webhook with attempts that nobody holds.
type Waiting struct {
	WebhookID carteiro.ID
	DueAt     time.Time
}

// Claim is the parameter of [Queue.Claim].
type Claim struct {
	Session   Session
	WebhookID carteiro.ID
	Now       time.Time
	Limit     int
	MaxBytes  int
	Spread    float64 // in [0,1): places the next probe within its jitter, if a probe is handed out
}

// Claimed is what a claim got.
type Claimed struct {
	Deliveries []*carteiro.Delivery
	NextDue    time.Time // of the first one left unclaimed, past or future; zero when none is left
	Version    int64     // of the webhook; 0 when there is none
	// CircuitOpen says whether the webhook's circuit is open. A node that knows otherwise must read the webhook again.
	CircuitOpen bool
	// HeldBack is when the webhook's circuit may let more go: until then whatever is due waits. Zero: it lets all go.
	HeldBack time.Time
}

// AttemptRef names an attempt.
type AttemptRef struct {
	WebhookID, ID carteiro.ID
}

// Release is the parameter of [Queue.Release].
type Release struct {
	Session  Session
	Attempts []AttemptRef
}

// Held is the parameter of [Queue.Held].
type Held struct {
	Session Session
	After   AttemptRef
	Limit   int
}

// Record is the parameter of [Queue.Record].
type Record struct {
	Session Session
	Now     time.Time
	Results []Result
}

// Result is the end of one attempt.
type Result struct {
	Delivery *carteiro.Delivery
	Outcome  *carteiro.Outcome
	// Next is the successor, if one is due: same event and webhook, a number higher, held by nobody.
	Next *carteiro.Attempt
	// Version is that of the webhook that the attempt was sent to; 0 when it was sent to none.
	Version int64
	// DisableWebhook switches the webhook off, because the receiver is gone, and raises its version. Audit is written if it was on.
	DisableWebhook bool
	Audit          *carteiro.AuditEntry
	// Exhausted says that the webhook grants the delivery no more attempts, of which a notice is written.
	Exhausted bool
}

// Recorded says what became of a result.
type Recorded struct {
	Lost     bool // the session did not hold the attempt; nothing was changed
	Disabled bool // the result has switched the webhook off
	// Circuit is what has become of the webhook's circuit, in the first result that counts of the webhook.
	Circuit carteiro.CircuitChange
}

// LogRef names a log entry and whose it must be.
type LogRef struct {
	OwnerRef
	WebhookID carteiro.ID
	LogID     carteiro.ID
}

// Retry is the parameter of [Queue.Retry].
type Retry struct {
	LogRef
	Now       time.Time
	NotBefore time.Time   // a log entry created before is too old
	NewID     carteiro.ID // of the new attempt
	Trigger   carteiro.Trigger
	Session   Session
	Held      bool // see AcceptAttempt.Held
	Key       *Key
	Audit     *carteiro.AuditEntry // written when the attempt is opened
}

// RetryResult is what came of a retry: one of its fields is set.
type RetryResult struct {
	Delivery *carteiro.Delivery
	Refused  carteiro.NotRetriable
	Replay   *Replay
}

// PreviewRetry is the parameter of [Queue.PreviewRetry].
type PreviewRetry struct {
	LogRef
	Now       time.Time
	NotBefore time.Time // a log entry created before is too old
	NewID     carteiro.ID
}

// RetryPreview is what a retry would come to.
type RetryPreview struct {
	Log      *carteiro.Attempt  // the entry as it is
	Delivery *carteiro.Delivery // what a retry would make if it was granted
	Refused  carteiro.NotRetriable
}

// Purge is the parameter of [Queue.Purge].
type Purge struct {
	Now         time.Time // idempotency keys that expired before are deleted
	Before      time.Time
	AuditBefore time.Time // zero: no entry of the audit log is deleted
	Limit       int
}

// Logs are the verbs that read the delivery log.
type Logs interface {
	// GetLog gives one entry with everything that was sent and came back. It fails with ErrNotFound.
	GetLog(ctx context.Context, ref AttemptRef) (*carteiro.Attempt, error)
	// GetLogs returns entries of a webhook, complete, in the order of ids. It leaves out those that do not exist.
	GetLogs(ctx context.Context, webhook carteiro.ID, ids []carteiro.ID) ([]*carteiro.Attempt, error)
	// ListLogs gives a page of a webhook's entries, newest first, and how many match in all.
	ListLogs(ctx context.Context, p ListLogs) (LogPage, error)
	// Overview says how an environment's deliveries are doing. It reads counts and bounded ranges: its cost does not
	// grow with the log, nor with the number of webhooks.
	Overview(ctx context.Context, p Overview) (OverviewResult, error)
	// Vitals says how the whole database is doing, for those who watch over it. Its cost grows with the number of webhooks
	// and environments, and not with the log.
	Vitals(ctx context.Context) (Vitals, error)
}

// ListLogs is the parameter of [Logs.ListLogs]. A zero field does not filter.
type ListLogs struct {
	WebhookID carteiro.ID
	Status    carteiro.Status
	EventType string
	EventID   carteiro.ID
	From, To  time.Time // created at or after From, and before To, as carteiro.MinID tells them apart
	// HTTP is for the receiver's status; attempts that are open have none and do not match.
	HTTP *carteiro.StatusRange
	// NoTests excludes entries of test events. It applies only to StatusFailed, without IDs and Offset: bulk retries use it.
	NoTests bool
	// IDs is for entries whose own id or whose event's id is in the range. At most [MaxFound] entries and events of it
	// are looked at, from its beginning; TotalIsLowerBound says when there are more.
	IDs    *IDRange
	Before carteiro.ID // the cursor: only entries older than this one; does not change the total
	Limit  int
	Offset int
	// Brief leaves out headers and bodies. The page says how large they are.
	Brief bool
}

// IDRange is a range of ids, both ends included.
type IDRange struct{ First, Last carteiro.ID }

// MaxFound bounds how many entries, and how many events, are looked at for [ListLogs.IDs].
const MaxFound = 1000

// LogPage is a page of the delivery log.
type LogPage struct {
	Attempts          []*carteiro.Attempt
	Sizes             []int // of a brief page: bytes of request and response body, for each attempt
	Total             int
	TotalIsLowerBound bool
	More              bool // older entries match
}
