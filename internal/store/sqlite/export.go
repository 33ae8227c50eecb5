package sqlite

import (
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

var _ store.Movable = (*Store)(nil)

// exports are the sections whose tables differ from PostgreSQL's.
var exports = map[store.Section]sqlstore.Export{
	store.SectionEvents: {
		Count: sqlstore.NewQuery(`SELECT count(*) FROM events`),
		Rows:  sqlstore.NewQuery(`SELECT ` + sqlstore.EventColumns + `, e.undelivered FROM events e WHERE e.id > $1 ORDER BY e.id LIMIT $2`),
		From:  sqlstore.AfterID, Read: sqlstore.ExportEvent,
	},
	store.SectionAttempts: {
		Count: sqlstore.NewQuery(`SELECT count(*) FROM attempts`),
		// The join must stay in this order: the other one would read all attempts for each page.
		Rows: sqlstore.NewQuery(sqlstore.SQLiteFinished + ` WHERE (a.webhook_id, a.id) > ($1, $2) ORDER BY a.webhook_id, a.id LIMIT $3`),
		From: sqlstore.AfterAttempt, Read: sqlstore.ExportAttempt, Finish: sqlstore.CompletePage,
	},
	store.SectionOpen: {
		Count: sqlstore.NewQuery(`SELECT count(*) FROM open`),
		Rows:  sqlstore.NewQuery(sqlstore.SQLiteOpen + ` WHERE (o.webhook_id, o.id) > ($1, $2) ORDER BY o.webhook_id, o.id LIMIT $3`),
		From:  sqlstore.AfterAttempt, Read: sqlstore.ExportOpen,
	},
	store.SectionActivity: {
		Count: sqlstore.NewQuery(`SELECT count(*) FROM activity`),
		Rows: sqlstore.NewQuery(`SELECT ` + slotColumns + ` FROM activity
			WHERE (environment_id, grain, slot) > ($1, $2, $3) ORDER BY environment_id, grain, slot LIMIT $4`),
		From: func(c store.Cursor) []any {
			grain := layout.GrainOf(c.Hourly)
			return []any{sqlstore.NotNull(c.Scope), grain, layout.SlotOf(grain, c.At)}
		},
		Read: func(_ sqlstore.Tx, scan sqlstore.Scan, page *store.Page) (int, error) {
			slot, err := readSlot(scan)
			page.Activity = append(page.Activity, slot)
			return 0, err
		},
	},
}
