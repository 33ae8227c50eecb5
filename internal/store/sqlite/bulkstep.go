package sqlite

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// The failed entries of a span, and the hours in which there are any, from the oldest.
var (
	oldestFirst = kindQueries(func(k listKind) string { return "SELECT id FROM" + k.source() + " ORDER BY id LIMIT ?" })
	hoursOldest = kindQueries(func(k listKind) string {
		return "SELECT hour FROM counts WHERE webhook_id = ? AND hour >= ? AND hour <= ?" + k.filter() +
			" GROUP BY hour HAVING sum(" + k.sum() + ") > 0 ORDER BY hour"
	})
)

// blockedThen finds attempts of an event at a webhook that were made before a job, and that were open then or had succeeded.
var blockedThen = newQuery(`SELECT 1 FROM attempts a JOIN exchanges x ON x.id = a.exchange
	WHERE a.webhook_id = ?1 AND a.id BETWEEN ?2 AND ?3 AND a.event = ?4 AND a.number = 1 AND a.id < ?5 AND (a.status = 1 OR x.finished_at >= ?6)
	UNION ALL SELECT 1 FROM attempts a INDEXED BY attempts_later JOIN exchanges x ON x.id = a.exchange
	WHERE a.event = ?4 AND a.webhook_id = ?1 AND (a.number > 1 OR a.trigger = 4) AND a.id < ?5 AND (a.status = 1 OR x.finished_at >= ?6)
	UNION ALL SELECT 1 FROM open INDEXED BY open_once WHERE event = ?4 AND webhook_id = ?1 AND id < ?5`)

// StepBulkRetry implements [store.BulkRetries]. What comes next is looked up beside the writer, which must not wait for
// it; whether the job is still where it was is then the writer's to see.
func (s *Store) StepBulkRetry(ctx context.Context, p store.StepBulkRetry) (step store.BulkStep, err error) {
	next, err := s.nextBulkStep(ctx, &p)
	if err != nil {
		return step, err
	}
	if next.job == nil {
		return store.BulkStep{NextDue: next.due}, nil
	}
	err = s.writer.write(ctx, 2*len(p.NewIDs), func(t *tx) error {
		step = store.BulkStep{}
		b := bulkStep{tx: t, p: &p, job: *next.job}
		taken, err := b.take(next)
		if err != nil {
			return err
		}
		if taken {
			step.Job, step.Retried = &b.job, b.retried
		}
		step.NextDue, err = sqlstore.NextBulkDue(t)
		return err
	})
	return step, err
}

// upcoming is what a step will go through, oldest first.
type upcoming struct {
	job *carteiro.BulkRetry // nil: none is due
	ids []carteiro.ID       // of entries; of a replay, of events
	all bool                // there are no more
	end carteiro.ID         // how far was looked, when that is further
	due time.Time           // of the first job when none is due
}

func (s *Store) nextBulkStep(ctx context.Context, p *store.StepBulkRetry) (next upcoming, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		t := &tx{conn: c}
		job, found, err := sqlstore.FindDueBulk(t, p.Now)
		if err != nil {
			return err
		}
		if !found {
			next.due, err = sqlstore.NextBulkDue(t)
			return err
		}
		next.job = &job
		if job.Replay != nil {
			return c.eventsBehind(&next, p)
		}
		next.ids, err = c.failedBehind(&job, p.Look)
		next.all = len(next.ids) < p.Look
		return err
	})
	return next, err
}

// failedBehind gives the entries that a job comes to next, at most n.
func (c *conn) failedBehind(job *carteiro.BulkRetry, n int) (ids []carteiro.ID, err error) {
	f := &job.Filter
	l := newListing(c, &store.ListLogs{
		WebhookID: job.WebhookID, Status: carteiro.StatusFailed, NoTests: true, EventType: f.EventType, From: f.From, To: f.To, HTTP: f.HTTP,
	})
	if end := job.ID.MinSibling(); layout.Less(end, l.All.To) {
		l.All.To = end
	}
	if after := layout.Following(job.Cursor); layout.Less(l.All.From, after) {
		l.All.From = after
	}
	if !f.EventID.IsZero() {
		return l.failedOfEvent(f.EventID, n)
	}
	hours, err := l.hoursOldest()
	if err != nil {
		return nil, err
	}
	for _, hour := range hours {
		part, _ := l.All.Cut(hour)
		rows := l.filter(l.in(l.query(oldestFirst.Of(l.Kind)), part)).int(int64(n - len(ids)))
		for rows.next() {
			ids = append(ids, rows.colID(0))
		}
		if err := rows.end(); err != nil || len(ids) >= n {
			return ids, err
		}
	}
	return ids, nil
}

func (l *listing) hoursOldest() (hours []int64, err error) {
	rows := l.filter(l.query(hoursOldest.Of(l.Kind)).id(l.Webhook).int(layout.HourOf(l.All.From)).int(layout.HourOf(l.All.To)))
	for rows.next() {
		hours = append(hours, rows.colInt(0))
	}
	return hours, rows.end()
}

func (l *listing) failedOfEvent(event carteiro.ID, n int) ([]carteiro.ID, error) {
	f := few{listing: l, p: &store.ListLogs{Status: carteiro.StatusFailed}}
	number, err := l.eventNumber(event)
	if err != nil || number == 0 {
		return nil, err
	}
	err = f.readEvent(number, event)
	slices.SortFunc(f.ids, layout.CompareIDs)
	return f.ids[:min(n, len(f.ids))], err
}

// bulkStep is one step under way.
type bulkStep struct {
	*tx
	p       *store.StepBulkRetry
	job     carteiro.BulkRetry
	retried int
}

// take takes the step, unless someone else has taken it, or the job was changed, since it was looked at.
func (b *bulkStep) take(next upcoming) (taken bool, err error) {
	present, err := sqlstore.GetBulk(b, store.BulkRef{WebhookID: b.job.WebhookID, ID: b.job.ID})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil || present.Cursor != b.job.Cursor || present.Status != b.job.Status || !present.DueAt.Equal(b.job.DueAt) {
		return false, err
	}
	b.job.Status, b.job.UpdatedAt, b.job.DueAt = carteiro.BulkRunning, layout.Micros(b.p.Now), layout.Micros(b.p.DueAt)
	state, err := sqlstore.StatusByWebhook(b, b.job.WebhookID)
	if err != nil {
		return false, err
	}
	if state == "" {
		state, err = b.walk(next)
	}
	if err != nil {
		return false, err
	}
	layout.AfterStep(&b.job, state)
	return true, sqlstore.SaveBulk(b, &b.job)
}

// walk goes through the entries until the ids for new attempts are used up.
func (b *bulkStep) walk(next upcoming) (carteiro.BulkStatus, error) {
	for i, id := range next.ids {
		if b.retried == len(b.p.NewIDs) {
			return carteiro.BulkRunning, nil
		}
		come := b.comeTo
		if b.job.Replay != nil {
			come = b.comeToEvent
		}
		if err := come(id); err != nil {
			return "", err
		}
		b.job.Cursor = next.ids[i]
	}
	if next.all {
		return carteiro.BulkDone, nil
	}
	if !next.end.IsZero() {
		b.job.Cursor = next.end
	}
	return carteiro.BulkRunning, nil
}

// comeTo retries an entry, or counts why not.
func (b *bulkStep) comeTo(id carteiro.ID) error {
	log, err := b.logEntry(b.job.WebhookID, id)
	if errors.Is(err, store.ErrNotFound) {
		layout.CountEntry(&b.job, b.p, id, carteiro.TooOld, carteiro.ID{}, false) // purged meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	blocked, err := b.blockedThen(&log)
	if err != nil {
		return err
	}
	reason := log.refused(carteiro.MinID(b.p.NotBefore), true)
	if layout.CountEntry(&b.job, b.p, id, reason, log.latest, blocked) {
		retry := store.Retry{
			LogRef: store.LogRef{WebhookID: b.job.WebhookID}, Now: b.p.Now, NewID: b.p.NewIDs[b.retried], Trigger: carteiro.TriggerBulk,
		}
		b.retried++
		return b.open(&openRow{attempt: log.next(&retry), event: log.number, environment: log.environment})
	}
	return nil
}

// blockedThen reports whether an attempt that was open or had succeeded when the job was created kept the entry from being
// retried then.
func (b *bulkStep) blockedThen(log *logEntry) (bool, error) {
	return b.query(blockedThen).id(b.job.WebhookID).id(log.event.MinSibling()).id(log.event.MaxSibling()).int(log.number).
		id(b.job.ID.MinSibling()).time(b.job.CreatedAt()).exists()
}

// FindRetriable implements [store.BulkRetries].
func (s *Store) FindRetriable(ctx context.Context, p store.FindRetriable) (found store.Retriable, err error) {
	job := carteiro.BulkRetry{ID: p.Before, WebhookID: p.WebhookID, Filter: p.Filter}
	err = s.readSnapshot(ctx, func(c *conn) error {
		ids, err := c.failedBehind(&job, p.Look+1)
		if err != nil {
			return err
		}
		found.All = len(ids) <= p.Look
		ids = ids[:min(p.Look, len(ids))]
		found.Looked = len(ids)
		for _, id := range ids {
			log, err := c.logEntry(p.WebhookID, id)
			if err != nil {
				return err
			}
			if log.refused(carteiro.MinID(p.NotBefore), true) == "" {
				found.IDs = append(found.IDs, id)
			}
		}
		return nil
	})
	return found, err
}
