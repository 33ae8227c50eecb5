package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

const (
	eventsOfLogs = `SELECT id, event_id FROM attempts WHERE webhook_id = $1 AND id = ANY ($2)`
	// As with lockEvent, whoever has the events finds them as all others have left them.
	readEvents  = `SELECT id, environment_id, type, undelivered FROM events WHERE id = ANY ($1) ORDER BY id`
	lockEvents  = readEvents + ` FOR UPDATE`
	openNumbers = `SELECT event_id, id, number FROM open WHERE event_id = ANY ($1) AND webhook_id IS NOT DISTINCT FROM $2` // see placeOf
)

// finishedOfAll is finishedOf for several events.
var finishedOfAll = `SELECT entries.* FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[]) AS u (event_id, first, last, since)
	CROSS JOIN LATERAL (` + finishedAttempts("event_id, id, number, status, finished_at", "u.event_id", "u.first", "u.last", "u.since") + `) AS entries`

// StepBulkRetry implements [store.BulkRetries].
func (s *Store) StepBulkRetry(ctx context.Context, p store.StepBulkRetry) (step store.BulkStep, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		step = store.BulkStep{}
		job, found, err := sqlstore.FindDueBulk(t, layout.Micros(p.Now))
		if err != nil {
			return err
		}
		if found {
			b := bulkStep{
				tx: t, p: &p, job: job, count: newTally(s.shards.others),
				events: make(map[carteiro.ID]carteiro.ID), states: make(map[carteiro.ID]*eventState),
			}
			if err := b.take(); err != nil {
				return err
			}
			step.Job, step.Retried = &b.job, b.retried
		}
		step.NextDue, err = sqlstore.NextBulkDue(t)
		return err
	})
	if err != nil {
		return store.BulkStep{}, err
	}
	if step.Retried > 0 {
		s.hints.waiting([]carteiro.ID{step.Job.WebhookID})
	}
	return step, nil
}

// bulkStep is one step under way, whose job is locked.
type bulkStep struct {
	*tx
	p       *store.StepBulkRetry
	job     carteiro.BulkRetry
	retried int
	events  map[carteiro.ID]carteiro.ID // of the log entries that are gone through
	states  map[carteiro.ID]*eventState // of the events, with what this step opens
	open    openRows
	count   tally
	// unlocked leaves the events unlocked, to look at them only.
	unlocked bool
}

func (b *bulkStep) take() error {
	b.job.UpdatedAt, b.job.DueAt = layout.Micros(b.p.Now), layout.Micros(b.p.DueAt)
	state, err := sqlstore.StatusByWebhook(b, b.job.WebhookID)
	if err == nil && state == "" {
		state, err = b.walk()
	}
	if err != nil {
		return err
	}
	layout.AfterStep(&b.job, state)
	if err := b.batch(b.open.queue, b.count.queue); err != nil {
		return err
	}
	return sqlstore.SaveBulk(b, &b.job)
}

// walk goes through the entries that come next until the ids for new attempts are used up. Of as many entries as there
// are ids the events are read together; of more and more when those turn out not to be retried.
func (b *bulkStep) walk() (carteiro.BulkStatus, error) {
	if b.job.Replay != nil {
		return b.walkEvents()
	}
	logs, err := b.failedBehind()
	if err != nil {
		return "", err
	}
	all := len(logs) < b.p.Look
	for n := len(b.p.NewIDs); len(logs) > 0; n *= 2 {
		if b.retried == len(b.p.NewIDs) {
			return carteiro.BulkRunning, nil
		}
		n = min(n, len(logs))
		if err := b.readEvents(logs[:n]); err != nil {
			return "", err
		}
		for _, log := range logs[:n] {
			if b.retried == len(b.p.NewIDs) {
				return carteiro.BulkRunning, nil
			}
			if err := b.comeTo(log); err != nil {
				return "", err
			}
			b.job.Cursor = log
		}
		logs = logs[n:]
	}
	if all {
		return carteiro.BulkDone, nil
	}
	return carteiro.BulkRunning, nil
}

// comeTo retries an entry, or counts why not.
func (b *bulkStep) comeTo(log carteiro.ID) error {
	e := b.states[b.events[log]]
	if e == nil {
		layout.CountEntry(&b.job, b.p, log, carteiro.TooOld, carteiro.ID{}, false) // purged meanwhile
		return nil
	}
	reason := e.refused(log, carteiro.MinID(b.p.NotBefore), true)
	if layout.CountEntry(&b.job, b.p, log, reason, e.latest, e.blockedThen) {
		return b.retry(e, log)
	}
	return nil
}

// FindRetriable implements [store.BulkRetries].
func (s *Store) FindRetriable(ctx context.Context, p store.FindRetriable) (found store.Retriable, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		b := bulkStep{
			tx: t, p: &store.StepBulkRetry{Look: p.Look + 1}, job: carteiro.BulkRetry{ID: p.Before, WebhookID: p.WebhookID, Filter: p.Filter},
			events: make(map[carteiro.ID]carteiro.ID), states: make(map[carteiro.ID]*eventState), unlocked: true,
		}
		logs, err := b.failedBehind()
		if err != nil {
			return err
		}
		found = store.Retriable{All: len(logs) <= p.Look}
		logs = logs[:min(p.Look, len(logs))]
		found.Looked = len(logs)
		for chunk := range slices.Chunk(logs, retriableChunk) {
			if err := b.readEvents(chunk); err != nil {
				return err
			}
			for _, log := range chunk {
				if e := b.states[b.events[log]]; e != nil && e.refused(log, carteiro.MinID(p.NotBefore), true) == "" {
					found.IDs = append(found.IDs, log)
				}
			}
			clear(b.states)
			clear(b.events)
		}
		return nil
	})
	return found, err
}

// retriableChunk is how many entries FindRetriable looks at together.
const retriableChunk = 500

// retry opens the next attempt of an event, which retries a log entry or is the first at the webhook.
func (b *bulkStep) retry(e *eventState, log carteiro.ID) error {
	a := e.next(b.job.WebhookID, log, b.p.NewIDs[b.retried], carteiro.TriggerBulk, b.p.Now)
	e.isOpen(a.Number)
	b.retried++
	b.count.Open(e.event.EnvironmentID, a.WebhookID, a.EventType, 1)
	return b.open.add(&a, e.event.EnvironmentID, 0)
}

// failedBehind gives the entries that the job comes to next, the oldest first.
func (b *bulkStep) failedBehind() ([]carteiro.ID, error) {
	f := &b.job.Filter
	if !canBeText(f.EventType) {
		return nil, nil // no event has such a type
	}
	p := store.ListLogs{
		WebhookID: b.job.WebhookID, Status: carteiro.StatusFailed, NoTests: true, EventType: f.EventType, From: f.From, To: f.To, HTTP: f.HTTP,
	}
	l := newListing(b.tx, &p)
	if end := b.job.ID.MinSibling(); layout.Less(end, l.All.To) {
		l.All.To = end
	}
	if after := layout.Following(b.job.Cursor); layout.Less(l.All.From, after) {
		l.All.From = after
	}
	if l.All.Empty() {
		return nil, nil
	}
	if !f.EventID.IsZero() {
		return l.oldestOfEvent(&p, f.EventID, b.p.Look)
	}
	return l.oldest(b.p.Look)
}

func (l *listing) oldestOfEvent(p *store.ListLogs, event carteiro.ID, n int) ([]carteiro.ID, error) {
	if excluded, err := l.excludesEvent(event); err != nil || excluded {
		return nil, err
	}
	few := few{listing: l, p: p}
	err := few.look(listEvent, attemptsOf(event)...)
	slices.SortFunc(few.found, layout.CompareIDs)
	return few.found[:min(n, len(few.found))], err
}

// oldest returns up to n matching entries, oldest first. It reads only hours in which entries failed. Those hours count
// test entries too, so it continues with later hours until it has n.
func (l *listing) oldest(n int) (found []carteiro.ID, err error) {
	for in := l.All; len(found) < n && !in.Empty(); {
		hours, err := l.hours(&hoursOldest, in, n)
		if err != nil || len(hours) == 0 {
			return found, err
		}
		span := reaching(hours, in, n)
		err = l.each(func(scan func(...any) error) error {
			var log carteiro.ID
			err := scan(toID(&log))
			found = append(found, log)
			return err
		}, oldestFirst.Of(l.Kind), append(l.args(span), n-len(found))...)
		if err != nil {
			return nil, err
		}
		in.From = span.To
	}
	return found, nil
}

// reaching returns the span of the first of some hours that together count n entries.
func reaching(hours []matching, in layout.Span, n int) layout.Span {
	first, _ := in.Cut(hours[0].hour)
	last, reached := first, 0
	for _, h := range hours {
		part, whole := in.Cut(h.hour)
		last = part
		if whole {
			reached += h.count
		}
		if reached >= n {
			break
		}
	}
	return layout.Span{From: first.From, To: last.To}
}

// readEvents locks the events of entries that are not known yet, and finds out how they stand: what is open first, as in
// eventOf.
func (b *bulkStep) readEvents(logs []carteiro.ID) error {
	var events []carteiro.ID
	err := b.each(func(scan func(...any) error) error {
		var log, event carteiro.ID
		err := scan(toID(&log), toID(&event))
		if b.events[log] = event; b.states[event] == nil {
			b.states[event] = new(eventState)
			events = append(events, event)
		}
		return err
	}, eventsOfLogs, id(b.job.WebhookID), ids(logs))
	if err != nil || len(events) == 0 {
		return err
	}
	if err := b.lockEvents(events); err != nil {
		return err
	}
	return b.readAttempts(events)
}

func (b *bulkStep) lockEvents(events []carteiro.ID) error {
	query := lockEvents
	if b.unlocked {
		query = readEvents
	}
	err := b.each(func(scan func(...any) error) error {
		e := new(carteiro.Event)
		err := scan(toID(&e.ID), toID(&e.EnvironmentID), &e.Type, undelivered{&e.Undelivered})
		if err == nil {
			b.states[e.ID].event = e
		}
		return err
	}, query, ids(events))
	for _, event := range events {
		if err == nil && b.states[event].event == nil && b.job.Replay == nil {
			return eventGone(nil)
		}
	}
	return err
}

func (b *bulkStep) readAttempts(events []carteiro.ID) error {
	err := b.each(func(scan func(...any) error) error {
		var event, attempt carteiro.ID
		var number int
		err := scan(toID(&event), toID(&attempt), &number)
		if err == nil {
			b.states[event].isOpen(number)
			b.blockedThen(event, attempt, true)
		}
		return err
	}, openNumbers, ids(events), id(b.job.WebhookID))
	if err != nil {
		return err
	}
	return b.each(func(scan func(...any) error) error {
		var event, attempt carteiro.ID
		var number int
		var status int64
		var at time.Time
		err := scan(toID(&event), toID(&attempt), &number, &status, toTime(&at))
		if err == nil {
			b.states[event].finished(attempt, number, status)
			b.blockedThen(event, attempt, status == layout.StatusSuccess || !at.Before(b.job.CreatedAt()))
		}
		return err
	}, finishedOfAll, append([]any{id(b.job.WebhookID)}, attemptsOfAll(events)...)...)
}

// blockedThen notes an attempt that was made before the job and that was open then or had succeeded.
func (b *bulkStep) blockedThen(event, attempt carteiro.ID, blocks bool) {
	if blocks && layout.Less(attempt, b.job.ID.MinSibling()) {
		b.states[event].blockedThen = true
	}
}
