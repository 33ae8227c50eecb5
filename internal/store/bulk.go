package store

import (
	"context"
	"errors"
	"time"

	"github.com/carteiro/carteiro"
)

// BulkRetries are the verbs on jobs that retry many log entries of a webhook, or send it many events.
type BulkRetries interface {
	// CreateBulkRetry stores a job: queued, due at once, at the beginning of the log. It fails with ErrConflict when the
	// webhook has one that is open, and with ErrNotFound when there is no such webhook (deleted ones included). With a key
	// that was used before it stores nothing: it gives the job of that time, or fails with ErrKeyReused when the key was used
	// for another request. A call that fails does not use up its key.
	CreateBulkRetry(ctx context.Context, p CreateBulkRetry) (carteiro.BulkRetry, error)
	// GetBulkRetry gives one. It fails with ErrNotFound.
	GetBulkRetry(ctx context.Context, ref BulkRef) (carteiro.BulkRetry, error)
	// ListBulkRetries gives a page of a webhook's, newest first, and how many there are in all.
	ListBulkRetries(ctx context.Context, p ListBulkRetries) (jobs []carteiro.BulkRetry, total int, err error)
	// FindRetriable gives the ids of the failed entries that a job could retry if it was created now, oldest first: no test's,
	// not too old, and without another attempt of the event at the webhook that has succeeded or is open.
	FindRetriable(ctx context.Context, p FindRetriable) (Retriable, error)
	// ChangeBulkRetry pauses (BulkPaused), resumes (BulkRunning) or cancels (BulkCancelled) a job, and gives it back as it
	// is then. To resume one that is queued or running, or to cancel one that is cancelled, changes nothing. It fails
	// with ErrConflict when the job has ended in another way, and with ErrNotFound.
	ChangeBulkRetry(ctx context.Context, p ChangeBulkRetry) (carteiro.BulkRetry, error)
	// StepBulkRetry takes the job that is longest due by p.Now (of several the first by webhook), if any, some way on, in one transaction: it goes through
	// the next entries that match, at most p.Look of them, and opens a new attempt (trigger "bulk", due at once, held by
	// nobody) for each as [Queue.Retry] would, until p.NewIDs are used up. It counts the others by reason, except those that
	// could not be retried when the job was created either: Matched leaves them out. An entry that has become retriable since
	// is retried and added to Matched. Then the job
	// is due at p.DueAt, or done when nothing more matches. A disabled webhook pauses it and a deleted one cancels it
	// instead. A replay goes through events likewise, at most p.Stride of its environment's (or of its
	// undelivered ones, when those are asked for), and begins the attempts of those
	// that the webhook has none of so far. Of any number of nodes at once, one takes the step: so each entry is come to once, and the rate is
	// that of the job however many nodes there are.
	StepBulkRetry(ctx context.Context, p StepBulkRetry) (BulkStep, error)
}

// ErrCount means that a job would go through another number of entries than its caller expects.
var ErrCount = errors.New("another number of entries matches")

// CreateBulkRetry is the parameter of [BulkRetries.CreateBulkRetry].
type CreateBulkRetry struct {
	OwnerRef
	ID        carteiro.ID
	WebhookID carteiro.ID
	Filter    carteiro.BulkFilter
	Replay    *carteiro.ReplayFilter
	Matched   int  // as FindRetriable finds them, or as ListEvents counts them
	Expected  *int // what Matched must be; nil: anything
	Now       time.Time
	Audit     *carteiro.AuditEntry
	Key       *Key // of the call, if any; its answer is the job's id
}

// CheckCount fails with ErrCount unless as many entries match as the caller expects.
func (p *CreateBulkRetry) CheckCount() error {
	if p.Expected != nil && *p.Expected != p.Matched {
		return ErrCount
	}
	return nil
}

// JobOf gives the job that a key made before. It fails with ErrKeyReused when the key was used for another request.
func (p *CreateBulkRetry) JobOf(before *Replay) (BulkRef, error) {
	ref := BulkRef{WebhookID: p.WebhookID}
	if before.Fingerprint != p.Key.Fingerprint || len(before.Answer) != len(ref.ID) {
		return ref, ErrKeyReused
	}
	copy(ref.ID[:], before.Answer)
	return ref, nil
}

// FindRetriable is the parameter of [BulkRetries.FindRetriable].
type FindRetriable struct {
	WebhookID carteiro.ID
	Filter    carteiro.BulkFilter
	Before    carteiro.ID // of the job: younger entries are not found
	NotBefore time.Time   // an entry created before is too old
	Look      int         // how many entries to look at, retriable or not
}

// Retriable is what [BulkRetries.FindRetriable] has found.
type Retriable struct {
	IDs    []carteiro.ID
	Looked int  // entries
	All    bool // there are no more than those
}

// RetriableThen returns the least id of the entries that were not too old when the job was created.
func (p *StepBulkRetry) RetriableThen(job *carteiro.BulkRetry) carteiro.ID {
	return carteiro.MinID(job.CreatedAt().Add(p.NotBefore.Sub(p.Now)))
}

// BulkRef names a job and the webhook whose it must be.
type BulkRef struct {
	WebhookID, ID carteiro.ID
}

// ListBulkRetries is the parameter of [BulkRetries.ListBulkRetries].
type ListBulkRetries struct {
	WebhookID     carteiro.ID
	Limit, Offset int
}

// ChangeBulkRetry is the parameter of [BulkRetries.ChangeBulkRetry].
type ChangeBulkRetry struct {
	BulkRef
	Status carteiro.BulkStatus
	Now    time.Time
	Audit  *carteiro.AuditEntry // written when something changes
}

// StepBulkRetry is the parameter of [BulkRetries.StepBulkRetry].
type StepBulkRetry struct {
	Now       time.Time
	DueAt     time.Time // of the next step
	NotBefore time.Time // a log entry created before is too old
	Look      int
	Stride    int           // of a replay; 0: ReplayStride
	NewIDs    []carteiro.ID // of new attempts, ascending
}

// BulkStep is what came of a step.
type BulkStep struct {
	Job     *carteiro.BulkRetry // as it is now; nil when none was due
	Retried int                 // attempts that were opened
	NextDue time.Time           // of the first job that is queued or running; zero when there is none
}
