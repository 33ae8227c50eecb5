package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/settings"
)

var (
	findMove    = newQuery(`SELECT source, reached FROM moving`)
	beginMove   = newQuery(`INSERT INTO moving (source, reached) VALUES (?, ?)`)
	advanceMove = newQuery(`UPDATE moving SET reached = ?`)
	endMove     = newQuery(`DELETE FROM moving`)
	isOccupied  = newQuery(`SELECT 1 WHERE EXISTS (SELECT 1 FROM environments) OR EXISTS (SELECT 1 FROM owners) OR EXISTS (SELECT 1 FROM webhooks)
		OR EXISTS (SELECT 1 FROM idempotency) OR EXISTS (SELECT 1 FROM events) OR EXISTS (SELECT 1 FROM attempts)`)

	importWebhook = newQuery(`INSERT INTO webhooks (` + webhookColumns + `, folded, sealed_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	importBulk = newQuery(`INSERT INTO bulk_retries (` + bulkColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	findEvent  = newQuery(`SELECT number, environment_id FROM events WHERE id = ?`)
)

// move is a row of the table moving.
type move struct {
	source  string
	reached store.Cursor
}

func (c *conn) move() (m move, found bool, err error) {
	row := c.query(findMove)
	if found, err = row.one(); !found {
		return m, false, err
	}
	m.source = row.colText(0)
	err = json.Unmarshal(row.colBlob(1), &m.reached)
	if ended := row.end(); err == nil {
		err = ended
	}
	return m, true, err
}

// checkUse fails when a copy into the database is under way, and this is not the one who makes it.
func (c *conn) checkUse(path string, opts Options) error {
	m, found, err := c.move()
	if err != nil || !found || opts.Moving {
		return err
	}
	return &Error{
		Code: CodeMoving, Path: path, Message: "a copy of " + m.source + " into it is not finished",
		Hint: "give \"carteiro migrate\" again, which goes on with it; or begin anew with an empty database",
	}
}

// BeginImport implements [store.Movable].
func (s *Store) BeginImport(ctx context.Context, source string) (reached store.Cursor, err error) {
	err = s.writer.write(ctx, 1, func(t *tx) error {
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
		occupied, err := t.query(isOccupied).exists()
		if err != nil {
			return err
		}
		if occupied {
			return fmt.Errorf("%w: it is not empty", store.ErrConflict)
		}
		reached = store.Cursor{}
		return t.write(beginMove).text(source).text(encodeCursor(reached)).run()
	})
	return reached, err
}

func encodeCursor(c store.Cursor) string {
	text, _ := json.Marshal(c) // never fails: ids, numbers and bytes
	return string(text)
}

// EndImport implements [store.Movable].
func (s *Store) EndImport(ctx context.Context) error {
	return s.writer.write(ctx, 1, func(t *tx) error { return t.write(endMove).run() })
}

// Import implements [store.Movable].
func (s *Store) Import(ctx context.Context, page *store.Page) error {
	return s.writer.write(ctx, page.Len(), func(t *tx) error {
		m, found, err := t.move()
		if err != nil {
			return err
		}
		if !found || encodeCursor(m.reached) != encodeCursor(page.From) {
			return fmt.Errorf("%w: the copy has come elsewhere", store.ErrConflict)
		}
		if err := t.write(advanceMove).text(encodeCursor(page.Next)).run(); err != nil {
			return err
		}
		return t.importPage(page)
	})
}

func (t *tx) importPage(page *store.Page) error {
	for _, add := range []func(*store.Page) error{
		t.importEnvironments, t.importWebhooks, t.importEvents, t.importAttempts, t.importOpen, t.importBulk, t.importActivity,
	} {
		if err := add(page); err != nil {
			return err
		}
	}
	return nil
}

// importEnvironments stores environments and what else is small.
func (t *tx) importEnvironments(page *store.Page) error {
	for i := range page.Environments {
		e := &page.Environments[i]
		if err := t.write(insertEnvironment).id(e.ID).text(e.Name).time(e.CreatedAt).time(e.DeletedAt).run(); err != nil {
			return err
		}
	}
	for i := range page.Tokens {
		if err := t.insertToken(&page.Tokens[i]); err != nil {
			return err
		}
	}
	for i := range page.Audit {
		if err := t.audit(&page.Audit[i]); err != nil {
			return err
		}
	}
	for i := range page.Owners {
		if err := t.insertOwner(page.Owners[i]); err != nil {
			return err
		}
	}
	for i := range page.Notices {
		n := &page.Notices[i]
		if err := t.write(importNotice).int(n.Seq).time(n.At).id(n.EnvironmentID).text(n.Type).id(n.WebhookID).noticed(n).run(); err != nil {
			return err
		}
	}
	for i := range page.Keys {
		k := &page.Keys[i]
		err := t.write(putKey).id(k.EnvironmentID).text(k.Key).blob(k.Fingerprint[:]).blob(k.Answer).time(k.ExpiresAt).run()
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) importWebhooks(page *store.Page) error {
	for _, w := range page.Webhooks {
		encoded, sealedBy, err := settings.Encode(w, t.keys, true)
		if err != nil {
			return err
		}
		err = t.write(importWebhook).id(w.ID).id(w.EnvironmentID).int(int64(w.OwnerKind)).id(w.OwnerID).bool(w.Enabled).
			int(w.Version).int(int64(w.FailuresInARow)).time(w.CreatedAt).time(w.UpdatedAt).time(w.DeletedAt).blob(encoded).
			time(w.FailingSince).time(w.LastFailedAt).text(w.LastError).circuit(&w.Circuit).
			text(string(w.DisabledBy)).time(w.DisabledAt).text(fold(w.Name)).maybeText(sealedBy).run()
		if err != nil {
			return fmt.Errorf("webhook %s: %w", w.ID, err)
		}
	}
	return nil
}

func (t *tx) importEvents(page *store.Page) error {
	for _, e := range page.Events {
		// Its attempts come later, and are counted then.
		if _, err := t.insertEvent(e, 0); err != nil {
			return fmt.Errorf("event %s: %w", e.ID, err)
		}
	}
	return nil
}

func (t *tx) importAttempts(page *store.Page) error {
	for _, a := range page.Attempts {
		o, err := t.importedRow(a)
		if err != nil {
			return err
		}
		x := layout.ImportedExchange(a.Outcome)
		if err := t.append(o, a.Outcome, &x); err != nil {
			return fmt.Errorf("attempt %s: %w", a.ID, err)
		}
	}
	return nil
}

func (t *tx) importOpen(page *store.Page) error {
	for _, a := range page.Open {
		o, err := t.importedRow(a)
		if err != nil {
			return err
		}
		if err := t.countRetrying(a, 1); err != nil {
			return err
		}
		if err := t.insertOpen(o); err != nil {
			return fmt.Errorf("open attempt %s: %w", a.ID, err)
		}
	}
	return nil
}

func (t *tx) importBulk(page *store.Page) error {
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
		err = t.write(importBulk).id(job.WebhookID).id(job.ID).int(status).blob(filter).int(int64(job.Matched)).int(int64(job.Retried)).
			int(int64(skipped.AlreadySucceeded)).int(int64(skipped.InProgress)).int(int64(skipped.TooOld)).int(int64(skipped.RetriedSince)).
			maybeID(job.Cursor).time(job.DueAt).time(job.UpdatedAt).time(job.EndedAt).text(string(job.PausedBy)).run()
		if err != nil {
			return fmt.Errorf("bulk retry %s: %w", job.ID, err)
		}
	}
	return nil
}

func (t *tx) importActivity(page *store.Page) error {
	for i := range page.Activity {
		slot := &page.Activity[i]
		grain := layout.GrainOf(slot.Hourly)
		sum := layout.Outcomes{Success: int64(slot.Success), Failed: int64(slot.Failed), Latencies: slot.Latencies}
		if err := t.addActivity(slot.EnvironmentID, grain, layout.SlotOf(grain, slot.At), &sum); err != nil {
			return err
		}
	}
	return nil
}

// importedRow makes an attempt one of its event's.
func (t *tx) importedRow(a *carteiro.Attempt) (*openRow, error) {
	row := t.query(findEvent).id(a.EventID)
	found, err := row.one()
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("attempt %s: its event %s is not there", a.ID, a.EventID)
	}
	o := &openRow{attempt: *a, event: row.colInt(0), environment: row.colID(1)}
	if err := row.end(); err != nil {
		return nil, err
	}
	return o, t.write(moreAttempts).int(o.event).run()
}
