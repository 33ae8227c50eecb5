package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/carteiro/carteiro/internal/store"
)

const (
	// cleanInterval is how often deleted webhooks are looked for that are not clean: those with many queued attempts, those
	// whose attempts a node has held, and those that a node deleted before it stopped.
	cleanInterval = 5 * time.Second
	// cleanLimit is how many attempts one transaction finishes: small enough not to hold up those who publish.
	cleanLimit = 200
	// cleanPause is left between two such transactions, for the same reason.
	cleanPause = 20 * time.Millisecond
	// settledAfter is how long after a deletion no transaction is under way that has not seen it.
	settledAfter = 5 * time.Minute
)

// Cleaner finishes what deleted webhooks leave behind: queued attempts, scheduled retries, open jobs and secrets. It erases
// the data of deleted environments.
type Cleaner struct {
	Store store.Deletions
	// Environments is the directory, so that no node goes on with what is deleted.
	Environments Environments
	Logger       *slog.Logger
}

// Environments erases deleted environments step by step.
type Environments interface {
	CleanEnvironment(ctx context.Context, p store.CleanEnvironment) (store.CleanedEnvironment, error)
}

// Run cleans deleted webhooks and environments until ctx ends.
func (c *Cleaner) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.clean(ctx); err != nil && ctx.Err() == nil {
			c.Logger.Warn("cannot finish the attempts of deleted webhooks; retrying", "error", err)
		}
		if err := c.cleanEnvironments(ctx); err != nil && ctx.Err() == nil {
			c.Logger.Warn("cannot erase deleted environments; retrying", "error", err)
		}
		pause(ctx, cleanInterval)
	}
}

// cleanEnvironments erases what can be erased by now of all deleted environments. The rest waits for clean webhooks.
func (c *Cleaner) cleanEnvironments(ctx context.Context) error {
	p := store.CleanEnvironment{Limit: cleanLimit}
	for ctx.Err() == nil {
		p.SettledBefore = time.Now().Add(-settledAfter)
		cleaned, err := c.Environments.CleanEnvironment(ctx, p)
		if err != nil || cleaned.ID.IsZero() {
			return err
		}
		if cleaned.More {
			pause(ctx, cleanPause)
			continue
		}
		p.After = cleaned.ID
	}
	return nil
}

// clean visits all webhooks that are deleted and not clean.
func (c *Cleaner) clean(ctx context.Context) error {
	finished := 0 // of the webhook that is being cleaned
	p := store.CleanDeleted{Limit: cleanLimit}
	for ctx.Err() == nil {
		p.Now = time.Now()
		p.SettledBefore = p.Now.Add(-settledAfter)
		cleaned, err := c.Store.CleanDeleted(ctx, p)
		if err != nil || cleaned.WebhookID.IsZero() {
			return err
		}
		finished += cleaned.Finished
		if cleaned.More {
			pause(ctx, cleanPause)
			continue
		}
		if finished > 0 {
			c.Logger.Info("finished attempts of a deleted webhook", "webhook_id", cleaned.WebhookID, "attempts", finished)
		}
		finished, p.After = 0, cleaned.WebhookID
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
