package postgres

import (
	"cmp"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const (
	notUndelivered = `UPDATE events SET undelivered = 0 WHERE id = ANY ($1) AND undelivered > 0`
	replayOwner    = `SELECT w.environment_id, w.owner_kind, w.owner_id, o.created_at FROM webhooks w
		LEFT JOIN owners o ON o.environment_id = w.environment_id AND o.kind = w.owner_kind AND o.id = w.owner_id
		WHERE w.id = $1 AND w.deleted_at IS NULL`
)

// eventsAhead is what a replay comes to next.
type eventsAhead struct {
	found []carteiro.ID // oldest first
	all   bool          // there are no more
	end   carteiro.ID   // how far was looked, when that is further
}

// ahead finds the events that the job comes to next.
func (b *bulkStep) ahead() (next eventsAhead, err error) {
	var owner store.OwnerRef
	var since time.Time
	err = b.row(replayOwner, id(b.job.WebhookID))(toID(&owner.EnvironmentID), &owner.Kind, toID(&owner.ID), toTime(&since))
	if err != nil {
		return next, err
	}
	sought, stride := store.Replayed(&b.job, owner, since), cmp.Or(b.p.Stride, store.ReplayStride)
	e := newEventSearch(b.tx, &sought)
	if after := layout.Following(b.job.Cursor); layout.Less(e.all.From, after) {
		e.all.From = after
	}
	if len(sought.IDs) > 0 {
		next.found, err = e.found(oldestNamed, e.all, 1, b.p.Look, ids(sought.IDs), e.onlyUndelivered())
		next.all = len(next.found) < b.p.Look
		return next, err
	}
	if next.found, err = e.found(e.queries.oldest, e.all, stride, b.p.Look); err != nil || len(next.found) == b.p.Look {
		return next, err
	}
	looked, err := e.lookAt(e.queries.stride, e.queries.strideLast, e.all, stride)
	next.all, next.end = looked.n < stride, looked.last
	return next, err
}

// walkEvents goes through the events that come next until the ids for new attempts are used up, as many at a time as walk
// does.
func (b *bulkStep) walkEvents() (carteiro.BulkStatus, error) {
	next, err := b.ahead()
	if err != nil {
		return "", err
	}
	var sent []carteiro.ID
	rest := next.found
	for n := len(b.p.NewIDs); len(rest) > 0 && b.retried < len(b.p.NewIDs); n *= 2 {
		chunk := rest[:min(n, len(rest))]
		if err := b.lookAtEvents(chunk); err != nil {
			return "", err
		}
		for len(chunk) > 0 && b.retried < len(b.p.NewIDs) {
			before := b.retried
			if err := b.comeToEvent(chunk[0]); err != nil {
				return "", err
			}
			if b.retried > before {
				sent = append(sent, chunk[0])
			}
			b.job.Cursor, chunk, rest = chunk[0], chunk[1:], rest[1:]
		}
	}
	if len(sent) > 0 {
		if _, err := b.run(notUndelivered, ids(sent)); err != nil {
			return "", err
		}
	}
	switch {
	case len(rest) > 0:
	case next.all:
		return carteiro.BulkDone, nil
	case !next.end.IsZero():
		b.job.Cursor = next.end
	}
	return carteiro.BulkRunning, nil
}

// lookAtEvents locks events and finds out how they stand at the webhook.
func (b *bulkStep) lookAtEvents(events []carteiro.ID) error {
	for _, event := range events {
		b.states[event] = new(eventState)
	}
	if err := b.lockEvents(events); err != nil {
		return err
	}
	return b.readAttempts(events)
}

// comeToEvent sends an event, or counts why not.
func (b *bulkStep) comeToEvent(event carteiro.ID) error {
	e, skipped := b.states[event], &b.job.Skipped
	switch {
	case e.event == nil:
		skipped.TooOld++ // purged meanwhile
	case e.delivered:
		skipped.AlreadySucceeded++
	case e.open:
		skipped.InProgress++
	case b.job.Replay.Undelivered && e.event.Undelivered == "":
		skipped.RetriedSince++
	case layout.Less(event, carteiro.MinID(b.p.NotBefore)):
		skipped.TooOld++
	default:
		b.job.Retried++
		return b.retry(e, e.latest)
	}
	return nil
}
