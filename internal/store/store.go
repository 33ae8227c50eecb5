// Package store defines the interface to the database. Each method is one transaction, with one parameter struct and
// an explicit current time. Business rules live above the store. The conformance suite in storetest specifies each
// method, and every implementation passes it.
//
// Four tables matter to other packages. "open" is the queue: attempts that are pending, scheduled or in flight. It
// stays small. "attempts" is the history: finished attempts are appended and never change. "counts" changes in the same
// transactions and always equals the number of rows in both. "activity" counts results by environment and time, with
// its own retention.
package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
)

// Errors that methods return besides context errors. Any other error is a fault of the database.
var (
	// ErrNotFound: the resource does not exist, or belongs to another environment or owner.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the resource has changed since it was read, or exists already.
	ErrConflict = errors.New("conflict")
	// ErrTooMany: the maximum number of resources exists already.
	ErrTooMany = errors.New("too many")
	// ErrKeyReused: the idempotency key was used for another request.
	ErrKeyReused = errors.New("idempotency key was used for another request")
	// ErrLeaseLost: the session has ended; other sessions may hold its attempts.
	ErrLeaseLost = errors.New("lease lost")
	// ErrUnavailable wraps temporary faults of the database: full disk, lost connection, read-only file.
	ErrUnavailable = errors.New("store unavailable")
)

// Store is a database. All methods are safe for concurrent use and return when their effect is durable.
// A method that returns an error has changed nothing, unless the error is the context's or [ErrUnavailable]: then the
// outcome is unknown and must be read back.
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

	// Ping reports whether the store responds and accepts writes.
	Ping(ctx context.Context) error
	// Close waits for pending writes and closes the database.
	Close() error
}

// Shared is a store that several nodes use at the same time. They send each other hints.
type Shared interface {
	Store
	// Listen calls hear with hints of other nodes until ctx ends. Hints may be lost; they only reduce latency.
	Listen(ctx context.Context, hear func(Hint))
}

// Hint is a notification of one node to the others.
type Hint struct {
	Waiting  []carteiro.ID // webhooks with unleased attempts that are due
	Owners   []OwnerRef    // changed agents and campaigns, and owners of changed webhooks
	Webhooks []carteiro.ID // changed webhooks
	Lost     bool          // hints may have been lost; anything may have changed
}

// CreateWebhook is the parameter of [Registry.CreateWebhook].
type CreateWebhook struct {
	Webhook *carteiro.Webhook // its Version is set
	Most    int               // maximum number of webhooks of the owner; 0: no limit
	Audit   *carteiro.AuditEntry
	Key     *Key // idempotency key of the call, if any; consumed only if the webhook is created
}

// Registry manages agents, campaigns and webhooks.
type Registry interface {
	// PutOwner creates an agent or campaign, or changes name and agent of the one that has this id in the
	// environment, keeping its CreatedAt. It returns the stored owner and whether it was created. With CreateOnly it fails
	// with ErrConflict if the owner exists.
	PutOwner(ctx context.Context, p PutOwner) (owner carteiro.Owner, created bool, err error)
	// GetOwner returns an agent or campaign. It fails with ErrNotFound.
	GetOwner(ctx context.Context, ref OwnerRef) (carteiro.Owner, error)
	// ListOwners returns a page, newest first, and the total number of owners.
	ListOwners(ctx context.Context, p ListOwners) (owners []carteiro.Owner, total int, err error)
	// DeleteOwner removes an agent or campaign, marks its webhooks as deleted and erases their secrets. Campaigns of a
	// deleted agent stay, without an agent. It returns the ids of the marked webhooks. It fails with ErrNotFound.
	DeleteOwner(ctx context.Context, p DeleteOwner) (webhooks []carteiro.ID, err error)

	// CreateWebhook stores a webhook with Version 1. It fails with ErrNotFound if its owner does not exist, and with
	// ErrTooMany if the owner has p.Most webhooks, not counting deleted ones. Concurrent calls do not exceed the limit.
	// If p.Key was used before, it fails with a [*KeyUsedError].
	CreateWebhook(ctx context.Context, p CreateWebhook) error
	// UpdateWebhook stores all settings of a webhook (owner, CreatedAt, health and circuit are not settings) and increments
	// its version, also in the argument. It derives health and circuit with carteiro.Webhook.ChangedFrom, using UpdatedAt as
	// the current time, and writes them to the argument. DeletedAt deletes the webhook and erases its secrets. It fails with
	// ErrConflict if webhook.Version is not the stored version, and with ErrNotFound if the webhook does not exist or is deleted.
	UpdateWebhook(ctx context.Context, p UpdateWebhook) error
	// GetWebhook returns a webhook by id, including deleted ones. It fails with ErrNotFound.
	GetWebhook(ctx context.Context, id carteiro.ID) (*carteiro.Webhook, error)
	// ListWebhooks returns the webhooks of an owner, oldest first, without deleted ones.
	ListWebhooks(ctx context.Context, ref OwnerRef) ([]*carteiro.Webhook, error)
	// FindWebhooks returns a page of an environment's webhooks, ordered by name (ignoring case) and id, and the total
	// number. It omits deleted webhooks.
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

// OwnerRef identifies an agent, a campaign, or an environment as the owner of its operator webhooks. Clients choose the
// ids, so several environments may use the same id.
type OwnerRef struct {
	EnvironmentID carteiro.ID
	Kind          carteiro.OwnerKind
	ID            carteiro.ID
}

// PutOwner is the parameter of [Registry.PutOwner].
type PutOwner struct {
	Owner      carteiro.Owner       // CreatedAt and UpdatedAt are the time of the call
	KeepAgent  bool                 // keep AgentID of an existing campaign
	CreateOnly bool                 // fail if the owner exists
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

// Session identifies a running node as the holder of leases. Every claimed attempt carries the session, and every write of
// a result must present it. The node renews its lease; any node may end a session whose lease has expired, and later
// writes of that session fail with ErrLeaseLost.
type Session struct {
	ID   int64
	Node string // host and process, for operators
}

// Queue accepts events, and leases and records open attempts.
type Queue interface {
	// Join begins a session with a lease until p.Until.
	Join(ctx context.Context, p Join) (Session, error)
	// Renew extends the lease until p.Until. It fails with ErrLeaseLost if the session has ended.
	Renew(ctx context.Context, p Renew) error
	// EndSessions ends p.Session, if not zero, and every session whose lease expired before p.Now. It releases their
	// attempts and returns the number of released attempts.
	EndSessions(ctx context.Context, p EndSessions) (freed int, err error)

	// Accept stores events with their first attempts; one without any and without a reason why is Undelivered for one that
	// is unknown. Each item stands for itself, except that a key of the whole
	// call that was used before leaves all of them undone; results are in the order of the items.
	// It fails with ErrLeaseLost when an attempt is to be held by a session that has ended.
	Accept(ctx context.Context, p Accept) (AcceptResult, error)
	// Backlog lists webhooks with unleased attempts and the due time of the first of them, ordered by id and starting after
	// p.After. An empty page is the last.
	Backlog(ctx context.Context, p Backlog) ([]Waiting, error)
	// Claim leases due attempts of one webhook to a session, in the order of their due times: at most p.Limit attempts and
	// p.MaxBytes of payload, but at least one attempt. It also returns the due time of the next attempt and the webhook's
	// version; a node with an older version must read the webhook again before it sends.
	// For an enabled webhook the limit of carteiro.Circuit.Grant applies over all sessions: one probe at a time while the
	// circuit is open, a growing number while it ramps up. If a probe is released or its session ends, the next claim gets
	// another probe.
	// It fails with ErrLeaseLost if the session has ended.
	Claim(ctx context.Context, p Claim) (Claimed, error)
	// Release ends the leases of unsent attempts. It ignores attempts that p.Session does not hold.
	Release(ctx context.Context, p Release) error
	// Held lists the attempts that a session holds, ordered by webhook and id and starting after p.After. It returns nothing
	// if the session has ended. A node calls it after an Accept, Claim or Retry failed with ErrUnavailable, because the call
	// may have leased attempts that the node does not know.
	Held(ctx context.Context, p Held) ([]AttemptRef, error)
	// Record finishes attempts: it removes each from the queue, appends it to the history and inserts its successor, if
	// any. Attempts that p.Session does not hold stay unchanged and are reported as Lost.
	// For a deleted webhook it records the result without successor, notification or change of the webhook.
	// A success resets the webhook's FailuresInARow, FailingSince and LastError. A failure increments FailuresInARow, sets
	// LastError and LastFailedAt, and sets FailingSince if it is the first. Tests do not count as failures, nor do attempts
	// that were not sent because the webhook was disabled or deleted.
	// Health, circuit and DisableWebhook follow only results with the webhook's version at the beginning of the call,
	// because results of earlier settings do not describe the current ones.
	// carteiro.Webhook.Judge decides at p.Now, from all results of the call, whether the circuit opens or closes. That does
	// not change the version. The first counted result of the webhook reports the change.
	// Each counted result increments the activity of its event's environment at Outcome.FinishedAt.
	Record(ctx context.Context, p Record) ([]Recorded, error)
	// Retry creates a new attempt from a log entry, or returns the reason for a refusal. Exactly one of several concurrent
	// calls for the same event and webhook creates an attempt. The first of these reasons applies: the event was delivered
	// to the webhook, an attempt is open, the log entry is too old, the webhook is disabled. A key that was used before
	// takes precedence; a refusal does not consume the key. The new attempt is due at p.Now, has the next number, and begins
	// a chain. Retry fails with ErrNotFound if the webhook does not exist or is deleted, or the log entry does not exist, and
	// with ErrLeaseLost if a session that has ended is to hold the attempt.
	Retry(ctx context.Context, p Retry) (RetryResult, error)
	// PreviewRetry returns what [Queue.Retry] would return for the same parameters without a key, and changes nothing: the
	// reason for a refusal, and in any case the delivery. It fails with ErrNotFound like Retry.
	PreviewRetry(ctx context.Context, p PreviewRetry) (RetryPreview, error)

	// Purge deletes finished attempts and events older than p.Before, bulk retries that ended before it, and
	// expired idempotency keys: at most p.Limit of each, or one day of attempts and events if the database partitions by
	// day. A database may keep rows of the day (UTC) that contains p.Before, but deletes older days completely. An event
	// stays as long as one of its attempts. Purge also deletes expired session tokens, and activity older than
	// [MinutesKept] and [HoursKept]. It reports whether more rows can be deleted.
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

// Key is an Idempotency-Key with its response. The first call with the key stores the response; later calls get it until
// the key expires.
type Key struct {
	EnvironmentID carteiro.ID
	Key           string   // 1 to 255 characters
	Fingerprint   [32]byte // hash of the whole request; a different one under the same key means a different request
	Answer        []byte
	ExpiresAt     time.Time
	// Peek reads the stored response without consuming the key.
	Peek bool
}

// Replay is the stored response of an idempotency key.
type Replay struct {
	Fingerprint [32]byte
	Answer      []byte
}

// KeyUsedError is the error of a creation whose idempotency key was used before. The call created nothing.
type KeyUsedError struct{ Replay }

func (*KeyUsedError) Error() string { return "idempotency key was used before" }

// Accept is the parameter of [Queue.Accept].
type Accept struct {
	Now     time.Time
	Session Session // holds the attempts marked Held
	Key     *Key    // idempotency key of the whole call, if any
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
	Key      *Key // idempotency key of this event, if any
}

// AcceptAttempt is the first attempt of an event at a webhook. Its number is 1, its due time is the time in the event's id,
// and its id is a sibling of the event's id.
type AcceptAttempt struct {
	ID        carteiro.ID
	WebhookID carteiro.ID
	Trigger   carteiro.Trigger
	Held      bool // leased by the session of the call, which sends it from memory; otherwise the attempt waits for a claim
}

// AcceptResult is the result of [Queue.Accept]. If Replay is set, the call stored nothing.
type AcceptResult struct {
	Replay *Replay
	Items  []*Replay // nil for a stored item; otherwise the stored response of its key
}

// Backlog is the parameter of [Queue.Backlog].
type Backlog struct {
	After carteiro.ID
	Limit int
}

// Waiting is a webhook with unleased attempts and the due time of the first.
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

// Claimed is the result of [Queue.Claim].
type Claimed struct {
	Deliveries []*carteiro.Delivery
	NextDue    time.Time // due time of the next unclaimed attempt, past or future; zero if there is none
	Version    int64     // version of the webhook; 0 if it does not exist
	// CircuitOpen reports whether the webhook's circuit is open. A node that cached another state must read the webhook again.
	CircuitOpen bool
	// HeldBack is the time until which the webhook's circuit throttles due attempts. Zero: no throttling.
	HeldBack time.Time
}

// AttemptRef identifies an attempt.
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

// Result is the result of one attempt.
type Result struct {
	Delivery *carteiro.Delivery
	Outcome  *carteiro.Outcome
	// Next is the successor, if any: same event and webhook, next number, unleased.
	Next *carteiro.Attempt
	// Version is the version of the webhook that the attempt was sent to; 0 if it was not sent.
	Version int64
	// DisableWebhook disables the webhook because its receiver is gone, and increments its version. Audit is written if the
	// webhook was enabled.
	DisableWebhook bool
	Audit          *carteiro.AuditEntry
	// Exhausted reports that no attempts are left; the store writes a notification.
	Exhausted bool
}

// Recorded is the effect of one result.
type Recorded struct {
	Lost     bool // the session did not hold the attempt; nothing changed
	Disabled bool // the result disabled the webhook
	// Circuit is the change of the webhook's circuit. It is set in the webhook's first counted result.
	Circuit carteiro.CircuitChange
}

// LogRef identifies a log entry and its expected owner and webhook.
type LogRef struct {
	OwnerRef
	WebhookID carteiro.ID
	LogID     carteiro.ID
}

// Retry is the parameter of [Queue.Retry].
type Retry struct {
	LogRef
	Now       time.Time
	NotBefore time.Time   // log entries created earlier are too old
	NewID     carteiro.ID // of the new attempt
	Trigger   carteiro.Trigger
	Session   Session
	Held      bool // see AcceptAttempt.Held
	Key       *Key
	Audit     *carteiro.AuditEntry // written if the attempt is created
}

// RetryResult is the result of [Queue.Retry]. One field is set.
type RetryResult struct {
	Delivery *carteiro.Delivery
	Refused  carteiro.NotRetriable
	Replay   *Replay
}

// PreviewRetry is the parameter of [Queue.PreviewRetry].
type PreviewRetry struct {
	LogRef
	Now       time.Time
	NotBefore time.Time // log entries created earlier are too old
	NewID     carteiro.ID
}

// RetryPreview is the result of [Queue.PreviewRetry].
type RetryPreview struct {
	Log      *carteiro.Attempt  // the log entry
	Delivery *carteiro.Delivery // the delivery that a retry would create
	Refused  carteiro.NotRetriable
}

// Purge is the parameter of [Queue.Purge].
type Purge struct {
	Now         time.Time // idempotency keys that expired before are deleted
	Before      time.Time
	AuditBefore time.Time // zero: no entry of the audit log is deleted
	Limit       int
}

// Logs reads the delivery log.
type Logs interface {
	// GetLog returns one entry with its request and response. It fails with ErrNotFound.
	GetLog(ctx context.Context, ref AttemptRef) (*carteiro.Attempt, error)
	// GetLogs returns complete entries of a webhook in the order of ids. It omits missing entries.
	GetLogs(ctx context.Context, webhook carteiro.ID, ids []carteiro.ID) ([]*carteiro.Attempt, error)
	// ListLogs returns a page of a webhook's entries, newest first, and the total number of matches.
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
