package sqlite

import (
	"cmp"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

var (
	eventToSend = newQuery(`SELECT number, environment_id, type, undelivered FROM events WHERE id = ?`)
	replayOwner = newQuery(`SELECT w.environment_id, w.owner_kind, w.owner_id, o.created_at FROM webhooks w
		LEFT JOIN owners o ON o.environment_id = w.environment_id AND o.kind = w.owner_kind AND o.id = w.owner_id
		WHERE w.id = ? AND w.deleted_at IS NULL`)
	notUndelivered = newQuery(`UPDATE events SET undelivered = 0 WHERE number = ?`)
)

// eventsBehind finds the events that a replay comes to next.
func (c *conn) eventsBehind(next *upcoming, p *store.StepBulkRetry) error {
	row := c.query(replayOwner).id(next.job.WebhookID)
	if found, err := row.one(); !found {
		return err // there is nobody to send them to
	}
	owner := store.OwnerRef{
		EnvironmentID: row.colID(0), Kind: carteiro.OwnerKind(row.colInt(1)), ID: row.colID(2), //nolint:gosec // 1 or 2
	}
	since := row.colTime(3)
	if err := row.end(); err != nil {
		return err
	}
	sought, n, stride := store.Replayed(next.job, owner, since), p.Look, cmp.Or(p.Stride, store.ReplayStride)
	e, err := newEventSearch(c, &sought)
	if err != nil {
		return err
	}
	if after := layout.Following(next.job.Cursor); layout.Less(e.all.From, after) {
		e.all.From = after
	}
	if len(sought.IDs) > 0 {
		next.ids, err = e.matching(sought.IDs)
		next.all = len(next.ids) < n
		next.ids = next.ids[:min(n, len(next.ids))]
		return err
	}
	rows := e.in(e.queries.oldest, e.all, stride).int(int64(n))
	for rows.next() {
		next.ids = append(next.ids, rows.colID(0))
	}
	if err := rows.end(); err != nil || len(next.ids) == n {
		return err
	}
	looked, err := e.lookAt(e.queries.stride, e.all, stride)
	next.all, next.end = looked.n < stride, looked.last
	return err
}

// comeToEvent sends an event, or counts why not.
func (b *bulkStep) comeToEvent(id carteiro.ID) error {
	row := b.query(eventToSend).id(id)
	found, err := row.one()
	if err != nil {
		return err
	}
	if !found {
		b.job.Skipped.TooOld++ // purged meanwhile
		return nil
	}
	log := logEntry{event: id, number: row.colInt(0), environment: row.colID(1), eventType: row.colText(2)}
	undelivered := row.colInt(3) > 0
	if err := row.end(); err != nil {
		return err
	}
	if err := b.lookAtAll(&log); err != nil {
		return err
	}
	skipped := &b.job.Skipped
	switch {
	case log.delivered:
		skipped.AlreadySucceeded++
	case log.open:
		skipped.InProgress++
	case b.job.Replay.Undelivered && !undelivered:
		skipped.RetriedSince++
	case layout.Less(id, carteiro.MinID(b.p.NotBefore)):
		skipped.TooOld++
	default:
		return b.send(&log, undelivered)
	}
	return nil
}

// lookAtAll finds out how an event stands at the webhook.
func (b *bulkStep) lookAtAll(log *logEntry) error {
	open, err := b.query(openNumber).int(log.number).id(b.job.WebhookID).number()
	if err != nil {
		return err
	}
	log.open, log.highest = open != 0, int(open)
	err = b.lookAtOthers(b.job.WebhookID, log)
	log.id = log.latest // what the new attempt retries; none when it is the first
	return err
}

func (b *bulkStep) send(log *logEntry, undelivered bool) error {
	if undelivered {
		if err := b.write(notUndelivered).int(log.number).run(); err != nil {
			return err
		}
	}
	retry := store.Retry{
		LogRef: store.LogRef{WebhookID: b.job.WebhookID}, Now: b.p.Now, NewID: b.p.NewIDs[b.retried], Trigger: carteiro.TriggerBulk,
	}
	b.retried++
	b.job.Retried++
	return b.open(&openRow{attempt: log.next(&retry), event: log.number, environment: log.environment})
}
