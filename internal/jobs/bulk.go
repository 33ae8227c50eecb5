package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// DefaultBulkRate is how many entries a job retries a second.
const DefaultBulkRate = 50

const (
	// bulkInterval is how often a job goes on, unless its rate is less than one a step.
	bulkInterval = 200 * time.Millisecond
	// maxScanned is how many entries a step goes through at most: those that are left alone do not count against the rate.
	maxScanned = 500
	// maxMatched is how many entries are looked at to count those that can be retried.
	maxMatched = 10_000
	// bulkPollInterval is how often the store is asked for jobs that were begun elsewhere.
	bulkPollInterval = 5 * time.Second
)

// BulkStore is what the jobs need of the store.
type BulkStore interface {
	store.BulkRetries
	GetOwner(ctx context.Context, ref store.OwnerRef) (carteiro.Owner, error)
	ListEvents(ctx context.Context, p store.ListEvents) (store.EventPage, error)
	ListLogs(ctx context.Context, p store.ListLogs) (store.LogPage, error)
}

// BulkConfig is what a [BulkRunner] is made of.
type BulkConfig struct {
	Store  BulkStore
	Lanes  Lanes
	IDs    *carteiro.IDSource
	Logger *slog.Logger
	// Retention is how old a log entry may be to be retried.
	Retention time.Duration
	// Rate is how many entries each job retries a second; 0: [DefaultBulkRate].
	Rate int
}

// BulkRunner begins jobs and takes them on. It is safe for concurrent use.
type BulkRunner struct {
	BulkConfig
	wake chan struct{} // has room for one: a job was begun or resumed here
}

// NewBulkRunner makes a runner.
func NewBulkRunner(c BulkConfig) *BulkRunner {
	if c.Rate == 0 {
		c.Rate = DefaultBulkRate
	}
	return &BulkRunner{BulkConfig: c, wake: make(chan struct{}, 1)}
}

// keyLifetime is how long an idempotency key gives the job that it has made.
const keyLifetime = 24 * time.Hour

// Match lists the newest entries that a job with this filter would retry, at most sample, without their bodies, and says how
// many there are.
func (r *BulkRunner) Match(ctx context.Context, webhook carteiro.ID, f carteiro.BulkFilter, sample int) (page store.LogPage, err error) {
	total, ids, err := r.match(ctx, webhook, f, r.IDs.New(r.IDs.Now()))
	if err != nil {
		return page, err
	}
	page.Total = total
	slices.Reverse(ids)
	for _, id := range ids[:min(sample, len(ids))] {
		found, err := r.Store.ListLogs(ctx, store.ListLogs{WebhookID: webhook, IDs: &store.IDRange{First: id, Last: id}, Limit: 1, Brief: true})
		if err != nil {
			return page, err
		}
		page.Attempts, page.Sizes = append(page.Attempts, found.Attempts...), append(page.Sizes, found.Sizes...)
	}
	return page, nil
}

// match counts the entries that a job with this id and filter would retry. It looks at maxMatched entries, and returns the ids
// of those among them; the ones behind all count.
func (r *BulkRunner) match(ctx context.Context, webhook carteiro.ID, f carteiro.BulkFilter, job carteiro.ID) (total int, ids []carteiro.ID, err error) {
	found, err := r.Store.FindRetriable(ctx, store.FindRetriable{
		WebhookID: webhook, Filter: f, Before: job, NotBefore: r.IDs.Now().Add(-r.Retention), Look: maxMatched,
	})
	if err != nil || found.All {
		return len(found.IDs), found.IDs, err
	}
	if until := job.Time(); f.To.IsZero() || until.Before(f.To) {
		f.To = until
	}
	page, err := r.Store.ListLogs(ctx, store.ListLogs{
		WebhookID: webhook, Status: carteiro.StatusFailed, NoTests: true, EventType: f.EventType, EventID: f.EventID,
		From: f.From, To: f.To, HTTP: f.HTTP, Limit: 1, Brief: true,
	})
	return len(found.IDs) + max(0, page.Total-found.Looked), found.IDs, err
}

// Begin stores a job and lets it begin, with an entry of the audit log, whose subject is filled in. With expected, it
// fails with [store.ErrCount] when another number of entries matches. It fails as [store.BulkRetries.CreateBulkRetry] does.
func (r *BulkRunner) Begin(ctx context.Context, owner store.OwnerRef, webhook carteiro.ID, f carteiro.BulkFilter, audit *carteiro.AuditEntry, key *store.Key, expected *int) (carteiro.BulkRetry, error) {
	now := r.IDs.Now()
	id := r.IDs.New(now)
	if key != nil {
		key.Answer, key.ExpiresAt = id[:], now.Add(keyLifetime)
	}
	if audit != nil {
		audit.Subject.ID = id
	}
	matched, _, err := r.match(ctx, webhook, f, id)
	if err != nil {
		return carteiro.BulkRetry{}, err
	}
	job, err := r.Store.CreateBulkRetry(ctx, store.CreateBulkRetry{
		OwnerRef: owner, ID: id, WebhookID: webhook, Filter: f, Matched: matched, Expected: expected, Now: now, Audit: audit, Key: key,
	})
	r.signal()
	return job, err
}

// MatchReplay lists the newest events that a replay would come to, at most sample, and says how many there are.
func (r *BulkRunner) MatchReplay(ctx context.Context, owner store.OwnerRef, f carteiro.ReplayFilter, sample int) (store.EventPage, error) {
	return r.matchReplay(ctx, owner, &carteiro.BulkRetry{Replay: &f}, sample)
}

func (r *BulkRunner) matchReplay(ctx context.Context, ref store.OwnerRef, job *carteiro.BulkRetry, limit int) (store.EventPage, error) {
	owner, err := r.Store.GetOwner(ctx, ref)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // an environment has no entry, and its id never comes again
		return store.EventPage{}, err
	}
	p := store.Replayed(job, ref, owner.CreatedAt)
	p.Limit = limit
	return r.Store.ListEvents(ctx, p)
}

// Replay stores a job that sends events, and lets it begin. It fails as [store.BulkRetries.CreateBulkRetry] does.
func (r *BulkRunner) Replay(ctx context.Context, owner store.OwnerRef, webhook carteiro.ID, f carteiro.ReplayFilter, audit *carteiro.AuditEntry, key *store.Key, expected *int) (carteiro.BulkRetry, error) {
	now := r.IDs.Now()
	id := r.IDs.New(now)
	if key != nil {
		key.Answer, key.ExpiresAt = id[:], now.Add(keyLifetime)
	}
	if audit != nil {
		audit.Subject.ID = id
	}
	page, err := r.matchReplay(ctx, owner, &carteiro.BulkRetry{ID: id, Replay: &f}, 1)
	if err != nil {
		return carteiro.BulkRetry{}, err
	}
	job, err := r.Store.CreateBulkRetry(ctx, store.CreateBulkRetry{
		OwnerRef: owner, ID: id, WebhookID: webhook, Replay: &f, Matched: page.Total, Expected: expected, Now: now, Audit: audit, Key: key,
	})
	r.signal()
	return job, err
}

// Change pauses, resumes or cancels a job. It fails as [store.BulkRetries.ChangeBulkRetry] does.
func (r *BulkRunner) Change(ctx context.Context, ref store.BulkRef, to carteiro.BulkStatus, audit *carteiro.AuditEntry) (carteiro.BulkRetry, error) {
	job, err := r.Store.ChangeBulkRetry(ctx, store.ChangeBulkRetry{BulkRef: ref, Status: to, Now: time.Now(), Audit: audit})
	r.signal()
	return job, err
}

func (r *BulkRunner) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run takes jobs on until ctx ends.
func (r *BulkRunner) Run(ctx context.Context) {
	for ctx.Err() == nil {
		timer := time.NewTimer(r.advance(ctx))
		select {
		case <-timer.C:
		case <-r.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// advance takes the steps that are due, and says how long to wait for the next one.
func (r *BulkRunner) advance(ctx context.Context) time.Duration {
	for {
		now := r.IDs.Now()
		step, err := r.Store.StepBulkRetry(ctx, r.step(now))
		switch {
		case err != nil:
			r.Lanes.Doubt(err)
			if ctx.Err() == nil {
				r.Logger.Warn("could not go on with a bulk retry; trying again later", "error", err)
			}
			return bulkPollInterval
		case step.Job == nil && step.NextDue.IsZero():
			return bulkPollInterval
		case step.Job == nil:
			// Of a step that was due by now another node has taken it: look again soon.
			return min(bulkPollInterval, max(step.NextDue.Sub(now), bulkInterval/10))
		case step.Retried > 0:
			r.Lanes.Notice(now, step.Job.WebhookID)
		}
		if step.Job.Status.Ended() {
			r.Logger.Info("bulk retry has ended", "job", step.Job.ID, "webhook", step.Job.WebhookID, "status", step.Job.Status,
				"retried", step.Job.Retried, "skipped", step.Job.Skipped.Total())
		}
	}
}

// step makes the parameter of a step at the rate that is set.
func (r *BulkRunner) step(now time.Time) store.StepBulkRetry {
	every, retries := bulkInterval, r.Rate*int(bulkInterval/time.Millisecond)/1000
	if retries == 0 {
		every, retries = time.Second/time.Duration(r.Rate), 1
	}
	p := store.StepBulkRetry{
		Now: now, DueAt: now.Add(every), NotBefore: now.Add(-r.Retention), Look: maxScanned, NewIDs: make([]carteiro.ID, retries),
	}
	for i := range p.NewIDs {
		p.NewIDs[i] = r.IDs.New(now)
	}
	return p
}
