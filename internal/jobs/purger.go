package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/carteiro/carteiro/internal/store"
)

const (
	// purgeInterval is the longest time between two purges. A short retention is purged more often; see [Purger.every].
	purgeInterval = 10 * time.Minute
	// minPurgeInterval is the shortest time between two purges that found nothing left to delete.
	minPurgeInterval = time.Second
	// purgeLimit is how much one transaction deletes: small enough not to hold up those who publish.
	purgeLimit = 500
	// purgePause is left between two such transactions, for the same reason.
	purgePause = 20 * time.Millisecond
)

// Purger deletes finished attempts and events that are older than the retention.
type Purger struct {
	Store     store.Queue
	Retention time.Duration
	// AuditRetention is how long the audit log is kept; 0: for good.
	AuditRetention time.Duration
	Logger         *slog.Logger
}

// interval is the time between two purges: a tenth of the retention, so that an entry stays at most a tenth longer than the
// operator asked for, but never more than purgeInterval.
func (p *Purger) interval() time.Duration {
	shortest := p.Retention
	if p.AuditRetention > 0 {
		shortest = min(shortest, p.AuditRetention)
	}
	return max(minPurgeInterval, min(purgeInterval, shortest/10))
}

// Run purges periodically until ctx ends.
func (p *Purger) Run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := p.interval()
		more, err := p.step(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			p.Logger.Warn("could not delete old log entries; trying again later", "error", err)
		case more:
			wait = purgePause
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func (p *Purger) step(ctx context.Context) (more bool, err error) {
	now := time.Now()
	purge := store.Purge{Now: now, Before: now.Add(-p.Retention), Limit: purgeLimit}
	if p.AuditRetention > 0 {
		purge.AuditBefore = now.Add(-p.AuditRetention)
	}
	return p.Store.Purge(ctx, purge)
}
