package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/settings"
)

const (
	findMove    = `SELECT source, reached FROM moving FOR UPDATE`
	beginMove   = `INSERT INTO moving (source, reached) VALUES ($1, $2)`
	advanceMove = `UPDATE moving SET reached = $1`
	endMove     = `DELETE FROM moving`
	// Two who begin at once are told apart by the lock.
	lockMove   = `LOCK TABLE moving IN EXCLUSIVE MODE`
	isOccupied = `SELECT EXISTS (SELECT FROM environments) OR EXISTS (SELECT FROM owners) OR EXISTS (SELECT FROM webhooks)
		OR EXISTS (SELECT FROM idempotency) OR EXISTS (SELECT FROM events) OR EXISTS (SELECT FROM attempts) OR EXISTS (SELECT FROM open)`

	importWebhook = `INSERT INTO webhooks (` + webhookColumns + `, folded, sealed_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`
	importBulk = `INSERT INTO bulk_retries (` + bulkColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`
	// Events of the open attempts.
	findEnvironments = `SELECT id, environment_id FROM events WHERE id = ANY($1)`
)

// move is a row of the table moving.
type move struct {
	source  string
	reached store.Cursor
}

func (t *tx) move() (m move, found bool, err error) {
	var reached string
	if found, err = t.found(findMove)(&m.source, &reached); !found {
		return m, false, err
	}
	return m, true, json.Unmarshal([]byte(reached), &m.reached)
}

func encodeCursor(c store.Cursor) string {
	text, _ := json.Marshal(c) // never fails: ids, numbers and bytes
	return string(text)
}

// BeginImport implements [store.Movable].
func (s *Store) BeginImport(ctx context.Context, source string) (reached store.Cursor, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		if _, err := t.run(lockMove); err != nil {
			return err
		}
		m, found, err := t.move()
		switch {
		case err != nil:
			return err
		case found && m.source != source:
			return fmt.Errorf("%w: it is the target of a copy from %s", store.ErrConflict, m.source)
		case found:
			reached = m.reached
			return nil
		}
		var occupied bool
		if err := t.row(isOccupied)(&occupied); err != nil {
			return err
		}
		if occupied {
			return fmt.Errorf("%w: it is not empty", store.ErrConflict)
		}
		reached = store.Cursor{}
		_, err = t.run(beginMove, source, encodeCursor(reached))
		return err
	})
	return reached, err
}

// EndImport implements [store.Movable].
func (s *Store) EndImport(ctx context.Context) error {
	return s.inTx(ctx, func(t *tx) error {
		_, err := t.run(endMove)
		return err
	})
}

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
		m, found, err := g.move()
		if err != nil {
			return err
		}
		if !found || encodeCursor(m.reached) != encodeCursor(page.From) {
			return fmt.Errorf("%w: the copy has come elsewhere", store.ErrConflict)
		}
		b := new(pgx.Batch)
		b.Queue(advanceMove, encodeCursor(page.Next))
		queueEnvironments(b, page)
		if err := queueWebhooks(b, page, s.keys); err != nil {
			return err
		}
		if err := g.queueAttempts(b, page); err != nil {
			return err
		}
		if err := queueBulk(b, page); err != nil {
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

// queueEnvironments queues environments and owners, of which there are few.
func queueEnvironments(b *pgx.Batch, page *store.Page) {
	for i := range page.Environments {
		e := &page.Environments[i]
		b.Queue(insertEnvironment, id(e.ID), []byte(e.Name), moment(e.CreatedAt), moment(e.DeletedAt))
	}
	queueTokens(b, page.Tokens)
	for i := range page.Audit {
		b.Queue(insertAudit, auditValues(&page.Audit[i])...)
	}
	for i := range page.Notices {
		b.Queue(importNotice, noticeValues(&page.Notices[i])...)
	}
	if len(page.Notices) > 0 {
		b.Queue(numberNotices)
	}
	for i := range page.Owners {
		b.Queue(insertOwner, ownerValues(&page.Owners[i])...)
	}
}

func queueWebhooks(b *pgx.Batch, page *store.Page, keys *seal.Keyring) error {
	for _, w := range page.Webhooks {
		encoded, sealedBy, err := settings.Encode(w, keys, true)
		if err != nil {
			return err
		}
		values := append([]any{
			id(w.ID), id(w.EnvironmentID), int16(w.OwnerKind), id(w.OwnerID), w.Enabled, w.Version,
			int64(w.FailuresInARow), moment(w.CreatedAt), moment(w.UpdatedAt), moment(w.DeletedAt),
			moment(w.FailingSince), moment(w.LastFailedAt), []byte(w.LastError), encoded,
		}, circuitValues(&w.Circuit)...)
		b.Queue(importWebhook, append(values, string(w.DisabledBy), moment(w.DisabledAt), fold(w.Name), sealedBy)...)
	}
	return nil
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

func queueBulk(b *pgx.Batch, page *store.Page) error {
	for i := range page.Bulk {
		job := &page.Bulk[i]
		status, err := layout.BulkNumber(job.Status)
		if err != nil {
			return err
		}
		filter, err := layout.EncodeFilter(job.Filter, job.Replay)
		if err != nil {
			return err
		}
		skipped := &job.Skipped
		b.Queue(importBulk, id(job.WebhookID), id(job.ID), status, filter, job.Matched, job.Retried, skipped.AlreadySucceeded,
			skipped.InProgress, skipped.TooOld, skipped.RetriedSince, id(job.Cursor), moment(job.DueAt), moment(job.UpdatedAt), moment(job.EndedAt),
			job.PausedBy)
	}
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
