package postgres

import (
	"context"
	"time"

	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

var _ store.Movable = (*Store)(nil)

// exports are the sections whose tables differ from SQLite's. Of large rows a page takes fewer: those that begin within the
// given number of bytes.
var exports = map[store.Section]sqlstore.Export{
	store.SectionEvents: {
		Count: sqlstore.NewQuery(`SELECT count(*) FROM events`),
		Rows: sqlstore.NewQuery(`SELECT ` + sqlstore.EventColumns + `, e.undelivered FROM (
				SELECT *, sum(octet_length(payload)) OVER (ORDER BY id) - octet_length(payload) AS before
				FROM (SELECT * FROM events WHERE id > $1 ORDER BY id LIMIT $2) page) e
			WHERE before < $3 ORDER BY id`),
		From: sqlstore.AfterID, Read: sqlstore.ExportEvent, Window: true,
	},
	store.SectionAttempts: {
		Count: sqlstore.NewQuery(`SELECT count(*) FROM attempts`),
		Rows: sqlstore.NewQuery(`SELECT ` + sqlstore.PostgresFinished + ` FROM (
				SELECT *, sum(bytes) OVER (ORDER BY webhook_id, id) - bytes AS before FROM (
					SELECT *, shared_tail + coalesce(octet_length(request_head), 0) + coalesce(octet_length(response_body), 0) AS bytes
					FROM attempts WHERE (webhook_id, id) > ($1, $2) ORDER BY webhook_id, id LIMIT $3) page) a
			WHERE before < $4 ORDER BY webhook_id, id`),
		From: sqlstore.AfterAttempt, Read: sqlstore.ExportAttempt, Window: true, Finish: sqlstore.CompletePage,
	},
	store.SectionOpen: {
		Count: sqlstore.NewQuery(`SELECT count(*) FROM open`),
		Rows: sqlstore.NewQuery(`SELECT ` + sqlstore.PostgresOpen + ` FROM open o
			WHERE (webhook_id, id) > ($1, $2) ORDER BY webhook_id, id LIMIT $3`),
		From: sqlstore.AfterAttempt, Read: sqlstore.ExportOpen,
	},
	store.SectionActivity: {
		Count: sqlstore.NewQuery(`SELECT count(*) FROM (SELECT DISTINCT environment_id, grain, slot FROM activity) slots`),
		// All shards of a slot are on one page, where they are summed.
		Rows: sqlstore.NewQuery(`SELECT ` + slotColumns + ` FROM activity
			JOIN (SELECT DISTINCT environment_id, grain, slot FROM activity
				WHERE (environment_id, grain, slot) > ($1, $2, $3) ORDER BY environment_id, grain, slot LIMIT $4) page
			USING (environment_id, grain, slot) ORDER BY environment_id, grain, slot`),
		From: func(c store.Cursor) []any {
			grain := layout.GrainOf(c.Hourly)
			return []any{sqlstore.NotNull(c.Scope), grain, layout.SlotOf(grain, c.At)}
		},
		Read: func(_ sqlstore.Tx, scan sqlstore.Scan, page *store.Page) (int, error) {
			slot, err := readSlot(scan)
			page.Activity = addSlot(page.Activity, &slot)
			return 0, err
		},
	},
}

// checkUse fails if an import into the database is under way and this process does not continue it, or if it does and servers
// are running. Servers that start later are noticed by their changes, when everything is compared.
func (s *Store) checkUse(ctx context.Context, opts Options) error {
	return s.read(ctx, func(t *tx) error {
		var source string
		moving, err := t.found(`SELECT source FROM moving`)(&source)
		if err != nil {
			return err
		}
		if moving && !opts.Moving {
			return &Error{
				Code: CodeMoving, Message: "a copy of " + source + " into it is not finished",
				Hint: "give \"carteiro migrate\" again, which goes on with it; or begin anew with an empty database",
			}
		}
		if !opts.Moving {
			return nil
		}
		var node string
		var until time.Time
		running, err := t.found(`SELECT node, until FROM sessions WHERE until > clock_timestamp() LIMIT 1`)(&node, &until)
		if err == nil && running {
			err = &Error{
				Code: CodeLocked, Message: "a server is running on it (" + node + ")",
				Hint: "stop all of them first; one that was killed counts as running until its lease ends, at " + until.UTC().Format(time.TimeOnly) + " UTC",
			}
		}
		return err
	})
}
