package postgres

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/settings"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

const (
	areDeleted    = `SELECT id FROM webhooks WHERE id = ANY ($1) AND deleted_at IS NOT NULL`
	setCleaned    = `UPDATE webhooks SET cleaned = true WHERE id = $1 AND deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM open WHERE webhook_id = $1)`
	unclaimedOpen = `SELECT id FROM open WHERE webhook_id = $1 AND lease IS NULL ORDER BY due_at, id LIMIT $2`
)

// cleaning is what is known of a webhook before it is cleaned.
type cleaning struct {
	*carteiro.Webhook        // without settings; nil: there is none to clean
	stored            []byte // the settings
	pending           ids
}

// CleanDeleted implements [store.Deletions]. It reads first what there is to do: the tables of the attempts' days must be there
// before the transaction begins, and usually there is nothing to do.
func (s *Store) CleanDeleted(ctx context.Context, p store.CleanDeleted) (cleaned store.CleanedDeleted, err error) {
	c, err := s.toClean(ctx, &p)
	if err != nil || c.Webhook == nil {
		return cleaned, err
	}
	cleaned.WebhookID, cleaned.More = c.ID, len(c.pending) == p.Limit
	if len(c.pending) > 0 {
		if cleaned.Finished, err = s.finishUnclaimed(&c, &p); err != nil {
			return store.CleanedDeleted{}, err
		}
	}
	// Not in the transaction before: whoever takes a job a step on holds the job and waits for attempts.
	err = s.inTx(ctx, func(t *tx) error {
		if err := sqlstore.CancelBulk(t, c.ID, p.Now); err != nil {
			return err
		}
		erased, err := settings.Erase(c.stored, c.ID)
		if err != nil {
			return err
		}
		if !bytes.Equal(erased, c.stored) {
			if err := sqlstore.PutSettings(t, c.ID, erased, nil); err != nil {
				return err
			}
		}
		if !c.DeletedAt.Before(p.SettledBefore) {
			return nil
		}
		_, err = t.run(setCleaned, id(c.ID))
		return err
	})
	return cleaned, err
}

func (s *Store) toClean(ctx context.Context, p *store.CleanDeleted) (c cleaning, err error) {
	err = s.read(ctx, func(t *tx) error {
		c = cleaning{}
		w, encoded, err := sqlstore.WebhookToClean(t, p)
		if err != nil || w == nil {
			return err
		}
		c.Webhook, c.stored = w, encoded
		return t.each(func(scan func(...any) error) error {
			var attempt carteiro.ID
			err := scan(toID(&attempt))
			c.pending = append(c.pending, attempt)
			return err
		}, unclaimedOpen, id(w.ID), p.Limit)
	})
	return c, err
}

// finishUnclaimed finishes attempts of a deleted webhook unless somebody holds them by now.
func (s *Store) finishUnclaimed(c *cleaning, p *store.CleanDeleted) (finished int, err error) {
	for _, attempt := range c.pending {
		s.makeDay(attempt, p.Now)
	}
	outcome := carteiro.WebhookDeletedOutcome(p.Now)
	result := store.Result{Outcome: outcome, Delivery: new(carteiro.Delivery)}
	exchange := layout.NewExchange(&result)
	err = s.inGroup(s.shards.others, func(g *group) error {
		r := recording{group: g}
		if err := r.takeUnclaimed(c, taken{result: &result, exchange: &exchange, now: p.Now, recorded: new(store.Recorded)}); err != nil {
			return err
		}
		if err := r.findPredecessors(); err != nil {
			return err
		}
		for i := range r.taken {
			if err := r.record(&r.taken[i]); err != nil {
				return fmt.Errorf("finish attempt %s of a deleted webhook: %w", r.taken[i].ID, err)
			}
		}
		finished = len(r.taken)
		b := new(pgx.Batch)
		r.queue(b)
		return g.commit(b)
	})
	return finished, err
}

// takeUnclaimed begins the transaction and takes attempts out of the open ones that nobody holds. All end like end.
func (r *recording) takeUnclaimed(c *cleaning, end taken) error {
	webhooks, nobody := make(ids, len(c.pending)), make(leases, len(c.pending))
	for i := range webhooks {
		webhooks[i] = c.ID
	}
	r.deleted = map[carteiro.ID]bool{c.ID: true}
	b := new(pgx.Batch)
	b.Queue(takeHeld, webhooks, c.pending, nobody).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			n, t := int64(0), end
			if err := scanTaken(rows, &n, &t); err != nil {
				return err
			}
			t.WebhookID, t.ID = c.ID, c.pending[n-1]
			r.taken = append(r.taken, t)
		}
		return rows.Err()
	})
	return r.begin(b)
}
