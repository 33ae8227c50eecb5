package postgres

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const (
	openIn = `SELECT coalesce(sum(open), 0)::bigint FROM queues WHERE environment_id = $1`

	countDue = `SELECT count(*), min(due_at) FROM (SELECT due_at FROM open
		WHERE environment_id = $1 AND lease IS NULL AND due_at <= $2 ORDER BY due_at LIMIT $3) due`
	countScheduled = `SELECT count(*), min(due_at) FROM (SELECT due_at FROM open
		WHERE environment_id = $1 AND lease IS NULL AND due_at > $2 ORDER BY due_at LIMIT $3) scheduled`
	countHeld = `SELECT count(*), min(due_at) FROM (SELECT due_at FROM open
		WHERE lease IS NOT NULL AND environment_id = $1 LIMIT $2) held`

	failedLast = `SELECT ` + webhookColumns + `, ` + ownerName + ` FROM webhooks
		WHERE environment_id = $1 AND last_failed_at >= $2 ORDER BY last_failed_at DESC LIMIT $3`
	outcomesSince = `SELECT webhook_id, sum(success)::bigint, sum(failed)::bigint FROM unnest($1::uuid[]) AS u (id)
		JOIN counts ON webhook_id = u.id WHERE hour >= $2 GROUP BY webhook_id`
)

// Overview implements [store.Logs].
func (s *Store) Overview(ctx context.Context, p store.Overview) (o store.OverviewResult, err error) {
	grain := layout.GrainHour
	if p.ByMinute {
		grain = layout.GrainMinute
	}
	err = s.inSnapshot(ctx, func(t *tx) error {
		if o.Activity, err = t.activity(p.EnvironmentID, grain, p.From); err != nil {
			return err
		}
		if o.Queue, err = t.queueState(p.EnvironmentID, p.Now); err != nil {
			return err
		}
		o.Failing, err = t.failing(&p)
		return err
	})
	return o, err
}

// queueState counts what is open, of each kind as many as an overview wants to know of.
func (t *tx) queueState(environment carteiro.ID, now time.Time) (q store.QueueState, err error) {
	if err := t.row(openIn, id(environment))(&q.Open); err != nil {
		return q, err
	}
	var heldSince, dueSince time.Time
	if err := t.row(countHeld, id(environment), store.MaxQueueCount)(&q.Held, toTime(&heldSince)); err != nil {
		return q, err
	}
	if err := t.row(countDue, id(environment), layout.Micros(now), store.MaxQueueCount)(&q.Due, toTime(&dueSince)); err != nil {
		return q, err
	}
	if err := t.row(countScheduled, id(environment), layout.Micros(now), store.MaxQueueCount)(&q.Scheduled, toTime(&q.NextDue)); err != nil {
		return q, err
	}
	q.More = max(q.Held, q.Due, q.Scheduled) == store.MaxQueueCount
	q.OldestDue = heldSince
	if q.OldestDue.IsZero() || !dueSince.IsZero() && dueSince.Before(q.OldestDue) {
		q.OldestDue = dueSince
	}
	return q, nil
}

// failing sums the counts of those that failed last, and gives the worst.
func (t *tx) failing(p *store.Overview) (worst []store.FailingWebhook, err error) {
	hour := layout.SlotOf(layout.GrainHour, p.From)
	candidates, err := t.foundBy(failedLast, id(p.EnvironmentID), layout.StartOfSlot(layout.GrainHour, hour), store.MaxFailing)
	if err != nil || len(candidates) == 0 {
		return nil, err
	}
	var webhooks ids
	for _, w := range candidates {
		webhooks = append(webhooks, w.ID)
	}
	type outcomes struct{ success, failed int }
	counts := make(map[carteiro.ID]outcomes, len(candidates))
	err = t.each(func(scan func(...any) error) error {
		var webhook carteiro.ID
		var o outcomes
		err := scan(toID(&webhook), &o.success, &o.failed)
		counts[webhook] = o
		return err
	}, outcomesSince, webhooks, hour)
	if err != nil {
		return nil, err
	}
	for _, w := range candidates {
		if o := counts[w.ID]; o.failed > 0 && !w.Deleted() {
			worst = append(worst, store.FailingWebhook{FoundWebhook: w, Success: o.success, Failed: o.failed})
		}
	}
	return layout.Worst(worst, p.Failing), nil
}
