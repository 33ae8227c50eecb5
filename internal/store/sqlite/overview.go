package sqlite

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

var (
	openIn = newQuery(`SELECT open FROM queues WHERE environment_id = ?`)

	countDue = newQuery(`SELECT count(*), min(due_at) FROM (SELECT due_at FROM open INDEXED BY open_queue
		WHERE environment_id = ? AND lease IS NULL AND due_at <= ? ORDER BY due_at LIMIT ?)`)
	countScheduled = newQuery(`SELECT count(*), min(due_at) FROM (SELECT due_at FROM open INDEXED BY open_queue
		WHERE environment_id = ? AND lease IS NULL AND due_at > ? ORDER BY due_at LIMIT ?)`)
	countHeld = newQuery(`SELECT count(*), min(due_at) FROM (SELECT due_at FROM open INDEXED BY open_held
		WHERE lease IS NOT NULL AND environment_id = ? LIMIT ?)`)

	failedLast = newQuery(`SELECT ` + webhookColumns + `, ` + ownerName + ` FROM webhooks INDEXED BY webhooks_by_failure
		WHERE environment_id = ? AND last_failed_at >= ? ORDER BY last_failed_at DESC LIMIT ?`)
	outcomesSince = newQuery(`SELECT total(success), total(failed) FROM counts WHERE webhook_id = ? AND hour >= ?`)
)

// Overview implements [store.Logs].
func (s *Store) Overview(ctx context.Context, p store.Overview) (o store.OverviewResult, err error) {
	grain := layout.GrainHour
	if p.ByMinute {
		grain = layout.GrainMinute
	}
	err = s.readSnapshot(ctx, func(c *conn) error {
		if o.Activity, err = c.activity(p.EnvironmentID, grain, p.From); err != nil {
			return err
		}
		if o.Queue, err = c.queueState(p.EnvironmentID, p.Now); err != nil {
			return err
		}
		o.Failing, err = c.failing(&p)
		return err
	})
	return o, err
}

// queueState counts what is open, of each kind as many as an overview wants to know of.
func (c *conn) queueState(environment carteiro.ID, now time.Time) (q store.QueueState, err error) {
	open, err := c.query(openIn).id(environment).number()
	if err != nil {
		return q, err
	}
	q.Open = int(open)
	var oldest [2]time.Time
	for _, part := range []struct {
		rows  *stmt
		count *int
		first *time.Time
	}{
		{c.query(countHeld).id(environment).int(store.MaxQueueCount), &q.Held, &oldest[0]},
		{c.query(countDue).id(environment).time(now).int(store.MaxQueueCount), &q.Due, &oldest[1]},
		{c.query(countScheduled).id(environment).time(now).int(store.MaxQueueCount), &q.Scheduled, &q.NextDue},
	} {
		if _, err := part.rows.one(); err != nil {
			return q, err
		}
		*part.count, *part.first = int(part.rows.colInt(0)), part.rows.colTime(1)
		if err := part.rows.end(); err != nil {
			return q, err
		}
		q.More = q.More || *part.count == store.MaxQueueCount
	}
	q.OldestDue = oldest[0]
	if q.OldestDue.IsZero() || !oldest[1].IsZero() && oldest[1].Before(q.OldestDue) {
		q.OldestDue = oldest[1]
	}
	return q, nil
}

// failing sums the counts of those that failed last, and gives the worst.
func (c *conn) failing(p *store.Overview) (worst []store.FailingWebhook, err error) {
	hour := layout.SlotOf(layout.GrainHour, p.From)
	candidates, err := c.failedLast(p.EnvironmentID, layout.StartOfSlot(layout.GrainHour, hour))
	if err != nil {
		return nil, err
	}
	for _, w := range candidates {
		row := c.query(outcomesSince).id(w.ID).int(hour)
		if _, err := row.one(); err != nil {
			return nil, err
		}
		f := store.FailingWebhook{FoundWebhook: w, Success: int(row.colInt(0)), Failed: int(row.colInt(1))}
		if err := row.end(); err != nil {
			return nil, err
		}
		if f.Failed > 0 && !w.Deleted() {
			worst = append(worst, f)
		}
	}
	return layout.Worst(worst, p.Failing), nil
}

func (c *conn) failedLast(environment carteiro.ID, since time.Time) (webhooks []store.FoundWebhook, err error) {
	rows := c.query(failedLast).id(environment).time(since).int(store.MaxFailing)
	for rows.next() {
		w, err := readFound(rows)
		if err != nil {
			_ = rows.end() // what was read is at fault, not the reading
			return nil, err
		}
		webhooks = append(webhooks, w)
	}
	return webhooks, rows.end()
}
