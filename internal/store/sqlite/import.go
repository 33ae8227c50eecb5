package sqlite

import (
	"context"
	"fmt"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

var findEvent = newQuery(`SELECT number, environment_id FROM events WHERE id = ?`)

// checkUse fails when a copy into the database is under way, and this is not the one who makes it.
func (c *conn) checkUse(path string, opts Options) error {
	source, _, found, err := sqlstore.Moving(&tx{conn: c})
	if err != nil || !found || opts.Moving {
		return err
	}
	return &Error{
		Code: CodeMoving, Path: path, Message: "a copy of " + source + " into it is not finished",
		Hint: "give \"carteiro migrate\" again, which goes on with it; or begin anew with an empty database",
	}
}

// Import implements [store.Movable].
func (s *Store) Import(ctx context.Context, page *store.Page) error {
	return s.writer.write(ctx, page.Len(), func(t *tx) error {
		if err := sqlstore.CheckPage(t, page); err != nil {
			return err
		}
		return t.importPage(page)
	})
}

func (t *tx) importPage(page *store.Page) error {
	for _, add := range []func(*store.Page) error{
		t.importShared, t.importEvents, t.importAttempts, t.importOpen, t.importActivity,
	} {
		if err := add(page); err != nil {
			return err
		}
	}
	return nil
}

// importShared imports what both databases store the same way, and idempotency keys.
func (t *tx) importShared(page *store.Page) error {
	for i := range page.Keys {
		if err := t.putKey(&page.Keys[i], page.Keys[i].Answer); err != nil {
			return err
		}
	}
	return sqlstore.ImportRows(page, t.keys, func(q *sqlstore.Query, args ...any) error {
		_, err := t.Exec(q, args...)
		return err
	})
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
