package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

const (
	// Events of the open attempts.
	findEnvironments = `SELECT id, environment_id FROM events WHERE id = ANY($1)`
)

// Import implements [store.Movable].
func (s *Store) Import(ctx context.Context, page *store.Page) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.makeDaysOfPage(page)
	return s.inGroup(s.shards.others, func(g *group) error {
		if err := g.begin(new(pgx.Batch)); err != nil {
			return err
		}
		if err := sqlstore.CheckPage(&g.tx, page); err != nil {
			return err
		}
		b := new(pgx.Batch)
		if err := sqlstore.ImportRows(page, s.keys, queue(b)); err != nil {
			return err
		}
		if len(page.Notices) > 0 {
			b.Queue(numberNotices)
		}
		if err := g.queueAttempts(b, page); err != nil {
			return err
		}
		g.importActivity(page)
		return g.commit(b)
	})
}

// makeDaysOfPage makes the partitions that a page needs. However old what was kept is, it is put into its day: it goes
// with it, too.
func (s *Store) makeDaysOfPage(page *store.Page) {
	for _, e := range page.Events {
		s.makeDay(e.ID, e.ID.Time())
	}
	for _, a := range page.Attempts {
		s.makeDay(a.ID, a.ID.Time())
	}
}

// queueAttempts queues idempotency keys, events, attempts and open ones, as they are stored when they come in one by one.
func (g *group) queueAttempts(b *pgx.Batch, page *store.Page) error {
	accepted := acceptance{group: g, keys: newKeyring()}
	for i := range page.Keys {
		accepted.keys.want(&page.Keys[i])
		accepted.keys.claim(&page.Keys[i], time.Time{}) // expired ones, too
	}
	for _, e := range page.Events {
		accepted.addEvent(e)
	}
	recorded := recording{group: g}
	for _, a := range page.Attempts {
		x := layout.ImportedExchange(a.Outcome)
		if err := recorded.append(&taken{Attempt: *a, result: &store.Result{Outcome: a.Outcome}, exchange: &x}); err != nil {
			return err
		}
	}
	if err := g.importOpen(&accepted.open, page.Open); err != nil {
		return err
	}
	accepted.queue(b)
	recorded.queue(b)
	return nil
}

func (g *group) importActivity(page *store.Page) {
	for i := range page.Activity {
		slot := &page.Activity[i]
		grain := layout.GrainOf(slot.Hourly)
		key := activityKey{slot.EnvironmentID, grain, layout.SlotOf(grain, slot.At)}
		g.tally.activity[key] = &layout.Outcomes{Success: int64(slot.Success), Failed: int64(slot.Failed), Latencies: slot.Latencies}
	}
}

// importOpen adds open attempts, and counts what they retry.
func (g *group) importOpen(rows *openRows, open []*carteiro.Attempt) error {
	environments, err := g.environmentsOf(open)
	if err != nil {
		return err
	}
	retries := make(map[carteiro.ID]*carteiro.Attempt)
	var webhooks, previous ids
	for _, a := range open {
		environment, found := environments[a.EventID]
		if !found {
			return fmt.Errorf("open attempt %s: its event %s is not there", a.ID, a.EventID)
		}
		if err := rows.add(a, environment, 0); err != nil {
			return err
		}
		g.tally.Open(environment, a.WebhookID, a.EventType, 1)
		if a.IsRetry() {
			retries[a.PreviousID] = a
			webhooks, previous = append(webhooks, a.WebhookID), append(previous, a.PreviousID)
		}
	}
	if len(retries) == 0 {
		return nil
	}
	return g.each(func(scan func(...any) error) error {
		var failed carteiro.ID
		var httpStatus int
		err := scan(toID(&failed), &httpStatus)
		if retry := retries[failed]; err == nil {
			g.tally.Retrying(retry.WebhookID, failed, retry.EventType, httpStatus, 1)
		}
		return err
	}, findFailed, webhooks, previous)
}

// environmentsOf gives the environments of attempts, by their events.
func (g *group) environmentsOf(attempts []*carteiro.Attempt) (map[carteiro.ID]carteiro.ID, error) {
	if len(attempts) == 0 {
		return nil, nil
	}
	var events ids
	for _, a := range attempts {
		events = append(events, a.EventID)
	}
	environments := make(map[carteiro.ID]carteiro.ID)
	return environments, g.each(func(scan func(...any) error) error {
		var event, environment carteiro.ID
		err := scan(toID(&event), toID(&environment))
		environments[event] = environment
		return err
	}, findEnvironments, events)
}
