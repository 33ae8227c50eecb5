package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	// disableInterval is how often webhooks are looked for that have been failing for too long.
	disableInterval = time.Minute
	// disableLimit is how many are disabled in one transaction.
	disableLimit = 100
)

// Webhooks is what disables webhooks; the directory is it.
type Webhooks interface {
	DisableFailing(ctx context.Context, p store.DisableFailing) ([]*carteiro.Webhook, error)
}

// Disabler disables webhooks that have been in status "error" for too long. What waits for them comes to its end, unsent.
type Disabler struct {
	Webhooks Webhooks
	IDs      *carteiro.IDSource
	After    time.Duration // 0: never
	Logger   *slog.Logger
}

// Run disables now and then until ctx ends.
func (d *Disabler) Run(ctx context.Context) {
	for d.After > 0 && ctx.Err() == nil {
		d.step(ctx)
		timer := time.NewTimer(disableInterval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func (d *Disabler) step(ctx context.Context) {
	for {
		now := d.IDs.Now()
		disabled, err := d.Webhooks.DisableFailing(ctx, store.DisableFailing{
			Now: now, OpenedBefore: now.Add(-d.After), Limit: disableLimit, Audit: func(w *carteiro.Webhook) *carteiro.AuditEntry {
				return carteiro.TurnedOff(w, d.IDs.New(now), "failing for too long: "+w.LastError)
			},
		})
		if err != nil {
			if ctx.Err() == nil {
				d.Logger.Warn("could not disable webhooks that keep failing; trying again later", "error", err)
			}
			return
		}
		for _, w := range disabled {
			d.Logger.Warn("webhook disabled: it has been failing for too long", "webhook_id", w.ID, "since", w.Circuit.OpenedAt, "error", w.LastError)
		}
		if len(disabled) < disableLimit {
			return
		}
	}
}
