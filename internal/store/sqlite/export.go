package sqlite

import (
	"context"
	"fmt"

	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

var _ store.Movable = (*Store)(nil)

// export is how a section is read.
type export struct {
	count *query
	rows  *query                                // behind a cursor, at most so many
	from  func(*stmt, store.Cursor) *stmt       // binds the cursor
	read  func(*stmt, *store.Page) (int, error) // adds a row to the page and says how many bytes it has
}

// exports by section.
var exports = [store.Sections]export{
	store.SectionAudit: {
		count: newQuery(`SELECT count(*) FROM audit`),
		rows:  newQuery(`SELECT ` + auditColumns + ` FROM audit WHERE id > ? ORDER BY id LIMIT ?`),
		from:  afterID,
		read: func(row *stmt, page *store.Page) (int, error) {
			e, err := readAudit(row)
			page.Audit = append(page.Audit, e)
			return 0, err
		},
	},
	store.SectionNotices: {
		count: newQuery(`SELECT count(*) FROM notices`),
		rows:  listNotices,
		from:  func(row *stmt, c store.Cursor) *stmt { return row.int(c.Seq) },
		read: func(row *stmt, page *store.Page) (int, error) {
			page.Notices = append(page.Notices, readNotice(row))
			return 0, nil
		},
	},
	store.SectionEnvironments: {
		count: newQuery(`SELECT count(*) FROM environments`),
		rows:  newQuery(`SELECT id, name, created_at, deleted_at FROM environments WHERE id > ? ORDER BY id LIMIT ?`),
		from:  afterID,
		read: func(row *stmt, page *store.Page) (int, error) {
			page.Environments = append(page.Environments, readEnvironment(row))
			return 0, nil
		},
	},
	store.SectionTokens: {
		count: newQuery(`SELECT count(*) FROM tokens`),
		rows:  newQuery(`SELECT ` + tokenColumns + ` FROM tokens WHERE id > ? ORDER BY id LIMIT ?`),
		from:  afterID,
		read: func(row *stmt, page *store.Page) (int, error) {
			page.Tokens = append(page.Tokens, readToken(row))
			return 0, nil
		},
	},
	store.SectionOwners: {
		count: newQuery(`SELECT count(*) FROM owners`),
		rows: newQuery(`SELECT ` + ownerColumns + ` FROM owners WHERE (environment_id, kind, id) > (?, ?, ?)
			ORDER BY environment_id, kind, id LIMIT ?`),
		from: func(row *stmt, c store.Cursor) *stmt { return row.id(c.Scope).int(int64(c.Kind)).id(c.ID) },
		read: func(row *stmt, page *store.Page) (int, error) {
			page.Owners = append(page.Owners, readOwner(row))
			return 0, nil
		},
	},
	store.SectionWebhooks: {
		count: newQuery(`SELECT count(*) FROM webhooks`),
		rows:  newQuery(`SELECT ` + webhookColumns + ` FROM webhooks WHERE id > ? ORDER BY id LIMIT ?`),
		from:  afterID,
		read: func(row *stmt, page *store.Page) (int, error) {
			w, err := readWebhook(row)
			page.Webhooks = append(page.Webhooks, w)
			return row.s.ColumnLen(10), err
		},
	},
	store.SectionKeys: {
		count: newQuery(`SELECT count(*) FROM idempotency`),
		rows: newQuery(`SELECT environment_id, key, fingerprint, answer, expires_at FROM idempotency
			WHERE (environment_id, key) > (?, ?) ORDER BY environment_id, key LIMIT ?`),
		from: func(row *stmt, c store.Cursor) *stmt { return row.id(c.Scope).text(string(c.Key)) },
		read: func(row *stmt, page *store.Page) (int, error) {
			key := store.Key{EnvironmentID: row.colID(0), Key: row.colText(1), Answer: row.colBlob(3), ExpiresAt: row.colTime(4)}
			copy(key.Fingerprint[:], row.colBlob(2))
			page.Keys = append(page.Keys, key)
			return len(key.Answer), nil
		},
	},
	store.SectionEvents: {
		count: newQuery(`SELECT count(*) FROM events`),
		rows:  newQuery(`SELECT ` + eventColumns + `, e.undelivered FROM events e WHERE e.id > ? ORDER BY e.id LIMIT ?`),
		from:  afterID,
		read: func(row *stmt, page *store.Page) (int, error) {
			e := readEvent(row, 0)
			e.Undelivered = layout.UndeliveredOf(row.colInt(eventWidth))
			page.Events = append(page.Events, e)
			return len(e.Payload), nil
		},
	},
	store.SectionAttempts: {
		count: newQuery(`SELECT count(*) FROM attempts`),
		// The join must not be turned round: that would read all of it for each page.
		rows: newQuery(selectAttempts + ` WHERE (a.webhook_id, a.id) > (?, ?) ORDER BY a.webhook_id, a.id LIMIT ?`),
		from: afterAttempt,
		read: func(row *stmt, page *store.Page) (int, error) {
			a := readAttempt(row)
			if err := finish(a, row); err != nil {
				return 0, fmt.Errorf("log %s: %w", a.ID, err)
			}
			a.Status = a.Outcome.Status()
			page.Attempts = append(page.Attempts, a)
			return len(a.Outcome.RequestBody) + len(a.Outcome.ResponseBody), nil
		},
	},
	store.SectionOpen: {
		count: newQuery(`SELECT count(*) FROM open`),
		rows:  newQuery(selectOpen + ` WHERE (o.webhook_id, o.id) > (?, ?) ORDER BY o.webhook_id, o.id LIMIT ?`),
		from:  afterAttempt,
		read: func(row *stmt, page *store.Page) (int, error) {
			page.Open = append(page.Open, readAttempt(row))
			return 0, nil
		},
	},
	store.SectionBulk: {
		count: newQuery(`SELECT count(*) FROM bulk_retries`),
		rows:  newQuery(`SELECT ` + bulkColumns + ` FROM bulk_retries WHERE (webhook_id, id) > (?, ?) ORDER BY webhook_id, id LIMIT ?`),
		from:  afterAttempt,
		read: func(row *stmt, page *store.Page) (int, error) {
			job, err := bulkOf(row)
			page.Bulk = append(page.Bulk, job)
			return 0, err
		},
	},
	store.SectionActivity: {
		count: newQuery(`SELECT count(*) FROM activity`),
		rows: newQuery(`SELECT slot, success, failed, latencies, environment_id, grain FROM activity
			WHERE (environment_id, grain, slot) > (?, ?, ?) ORDER BY environment_id, grain, slot LIMIT ?`),
		from: func(row *stmt, c store.Cursor) *stmt {
			grain := layout.GrainOf(c.Hourly)
			return row.id(c.Scope).int(grain).int(layout.SlotOf(grain, c.At))
		},
		read: func(row *stmt, page *store.Page) (int, error) {
			slot := store.Slot{EnvironmentID: row.colID(4), Hourly: row.colInt(5) == layout.GrainHour}
			var err error
			slot.Activity, err = readActivity(row, layout.GrainOf(slot.Hourly))
			page.Activity = append(page.Activity, slot)
			return 0, err
		},
	},
}

func afterID(row *stmt, c store.Cursor) *stmt { return row.id(c.ID) }

func afterAttempt(row *stmt, c store.Cursor) *stmt { return row.id(c.Scope).id(c.ID) }

// Count implements [store.Movable].
func (s *Store) Count(ctx context.Context) (counts [store.Sections]int, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		for i := range exports {
			n, err := c.query(exports[i].count).number()
			if err != nil {
				return err
			}
			counts[i] = int(n)
		}
		return nil
	})
	return counts, err
}

// Export implements [store.Movable].
func (s *Store) Export(ctx context.Context, p store.Export) (page store.Page, err error) {
	page = store.Page{From: p.From, Next: p.From}
	if p.From.Done() {
		return page, nil
	}
	x := &exports[p.From.Section]
	err = s.read(ctx, func(c *conn) error {
		left := p.MaxBytes
		rows := x.from(c.query(x.rows), p.From).int(int64(p.Limit))
		for (left > 0 || page.Len() == 0) && rows.next() {
			bytes, err := x.read(rows, &page)
			if err != nil {
				_ = rows.end() // what was read is at fault, not the reading
				return err
			}
			left -= bytes
		}
		page.End(page.Len() > 0 && (page.Len() == p.Limit || left <= 0))
		return rows.end()
	})
	return page, err
}
