package postgres

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

var _ store.Movable = (*Store)(nil)

// export is how a section is read.
type export struct {
	count string
	rows  string // behind a cursor; $1 is how many at most, $2 how many bytes
	from  func(store.Cursor) []any
	read  func(*tx, func(...any) error, *store.Page) (int, error) // adds a row to the page and says how many bytes it has
}

const (
	// Of rows that are large a page takes fewer: those before which there are less than so many bytes.
	exportEvents = `SELECT ` + eventColumns + `, e.undelivered FROM (
			SELECT *, sum(octet_length(payload)) OVER (ORDER BY id) - octet_length(payload) AS before
			FROM (SELECT * FROM events WHERE id > $3 ORDER BY id LIMIT $1) page) e
		WHERE before < $2 ORDER BY id`
	exportAttempts = `SELECT ` + openColumns + `, status, false, ` + outcomeColumns + `, webhook_id FROM (
			SELECT *, sum(bytes) OVER (ORDER BY webhook_id, id) - bytes AS before FROM (
				SELECT *, shared_tail + coalesce(octet_length(request_head), 0) + coalesce(octet_length(response_body), 0) AS bytes
				FROM attempts WHERE (webhook_id, id) > ($3, $4) ORDER BY webhook_id, id LIMIT $1) page) a
		WHERE before < $2 ORDER BY webhook_id, id`
	exportOpen = `SELECT ` + openColumns + `, webhook_id FROM open WHERE $2 > 0 AND (webhook_id, id) > ($3, $4) ORDER BY webhook_id, id LIMIT $1`
	exportBulk = `SELECT ` + bulkColumns + ` FROM bulk_retries WHERE $2 > 0 AND (webhook_id, id) > ($3, $4) ORDER BY webhook_id, id LIMIT $1`
	// All shards of a slot are on one page, where they are summed.
	exportActivity = `SELECT ` + slotColumns + ` FROM activity
		JOIN (SELECT DISTINCT environment_id, grain, slot FROM activity
			WHERE $2 > 0 AND (environment_id, grain, slot) > ($3, $4, $5) ORDER BY environment_id, grain, slot LIMIT $1) page
		USING (environment_id, grain, slot) ORDER BY environment_id, grain, slot`
)

// exports by section.
var exports = [store.Sections]export{
	store.SectionAudit: {
		count: `SELECT count(*) FROM audit`,
		rows:  `SELECT ` + auditColumns + ` FROM audit WHERE $2 > 0 AND id > $3 ORDER BY id LIMIT $1`,
		from:  afterID,
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			e, err := readAudit(scan)
			page.Audit = append(page.Audit, e)
			return 0, err
		},
	},
	store.SectionNotices: {
		count: `SELECT count(*) FROM notices`,
		rows:  exportNotices,
		from:  func(c store.Cursor) []any { return []any{c.Seq} },
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			n, err := readNotice(scan)
			page.Notices = append(page.Notices, n)
			return 0, err
		},
	},
	store.SectionEnvironments: {
		count: `SELECT count(*) FROM environments`,
		rows:  `SELECT id, name, created_at, deleted_at FROM environments WHERE $2 > 0 AND id > $3 ORDER BY id LIMIT $1`,
		from:  afterID,
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			var e carteiro.Environment
			err := scan(environmentFields(&e)...)
			page.Environments = append(page.Environments, e)
			return 0, err
		},
	},
	store.SectionTokens: {
		count: `SELECT count(*) FROM tokens`,
		rows:  `SELECT ` + tokenColumns + ` FROM tokens WHERE $2 > 0 AND id > $3 ORDER BY id LIMIT $1`,
		from:  afterID,
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			token, err := readToken(scan)
			page.Tokens = append(page.Tokens, token)
			return 0, err
		},
	},
	store.SectionOwners: {
		count: `SELECT count(*) FROM owners`,
		rows: `SELECT ` + ownerColumns + ` FROM owners WHERE $2 > 0 AND (environment_id, kind, id) > ($3, $4, $5)
			ORDER BY environment_id, kind, id LIMIT $1`,
		from: func(c store.Cursor) []any { return []any{[16]byte(c.Scope), int16(c.Kind), [16]byte(c.ID)} },
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			var o carteiro.Owner
			err := scan(ownerFields(&o)...)
			page.Owners = append(page.Owners, o)
			return 0, err
		},
	},
	store.SectionWebhooks: {
		count: `SELECT count(*) FROM webhooks`,
		rows:  `SELECT ` + webhookColumns + ` FROM webhooks WHERE $2 > 0 AND id > $3 ORDER BY id LIMIT $1`,
		from:  afterID,
		read: func(t *tx, scan func(...any) error, page *store.Page) (int, error) {
			w, err := t.readWebhook(scan)
			page.Webhooks = append(page.Webhooks, w)
			return 0, err
		},
	},
	store.SectionKeys: {
		count: `SELECT count(*) FROM idempotency`,
		rows: `SELECT environment_id, key, fingerprint, answer, expires_at FROM idempotency
			WHERE $2 > 0 AND (environment_id, key) > ($3, $4) ORDER BY environment_id, key LIMIT $1`,
		from: func(c store.Cursor) []any { return []any{[16]byte(c.Scope), append([]byte{}, c.Key...)} },
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			var key store.Key
			var fingerprint []byte
			err := scan(toID(&key.EnvironmentID), octet{&key.Key}, &fingerprint, &key.Answer, toTime(&key.ExpiresAt))
			copy(key.Fingerprint[:], fingerprint)
			page.Keys = append(page.Keys, key)
			return 0, err
		},
	},
	store.SectionEvents: {
		count: `SELECT count(*) FROM events`,
		rows:  exportEvents,
		from:  afterID,
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			e := new(carteiro.Event)
			err := scan(append(eventFields(e), undelivered{&e.Undelivered})...)
			page.Events = append(page.Events, e)
			return len(e.Payload), err
		},
	},
	store.SectionAttempts: {
		count: `SELECT count(*) FROM attempts`,
		rows:  exportAttempts,
		from:  afterAttempt,
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			a := &carteiro.Attempt{Outcome: new(carteiro.Outcome)}
			err := readFinished(scan, a, toID(&a.WebhookID))
			page.Attempts = append(page.Attempts, a)
			return len(a.Outcome.RequestBody) + a.Outcome.SharedTail + len(a.Outcome.ResponseBody), err
		},
	},
	store.SectionOpen: {
		count: `SELECT count(*) FROM open`,
		rows:  exportOpen,
		from:  afterAttempt,
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			a := &carteiro.Attempt{Status: carteiro.StatusPending}
			err := readAttempt(scan, a, toID(&a.WebhookID))
			page.Open = append(page.Open, a)
			return 0, err
		},
	},
	store.SectionBulk: {
		count: `SELECT count(*) FROM bulk_retries`,
		rows:  exportBulk,
		from:  afterAttempt,
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			job, err := readBulk(scan)
			page.Bulk = append(page.Bulk, job)
			return 0, err
		},
	},
	store.SectionActivity: {
		count: `SELECT count(*) FROM (SELECT DISTINCT environment_id, grain, slot FROM activity) slots`,
		rows:  exportActivity,
		from: func(c store.Cursor) []any {
			grain := layout.GrainOf(c.Hourly)
			return []any{[16]byte(c.Scope), grain, layout.SlotOf(grain, c.At)}
		},
		read: func(_ *tx, scan func(...any) error, page *store.Page) (int, error) {
			slot, err := readSlot(scan)
			page.Activity = addSlot(page.Activity, &slot)
			return 0, err
		},
	},
}

func afterID(c store.Cursor) []any { return []any{[16]byte(c.ID)} }

func afterAttempt(c store.Cursor) []any { return []any{[16]byte(c.Scope), [16]byte(c.ID)} }

// Count implements [store.Movable].
func (s *Store) Count(ctx context.Context) (counts [store.Sections]int, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		for i := range exports {
			if err := t.row(exports[i].count)(&counts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return counts, err
}

// Export implements [store.Movable].
func (s *Store) Export(ctx context.Context, p store.Export) (page store.Page, err error) {
	if p.From.Done() {
		return store.Page{From: p.From, Next: p.From}, nil
	}
	x := &exports[p.From.Section]
	err = s.inSnapshot(ctx, func(t *tx) error {
		page = store.Page{From: p.From}
		total := 0
		err := t.each(func(scan func(...any) error) error {
			bytes, err := x.read(t, scan, &page)
			total += bytes
			return err
		}, x.rows, append([]any{int64(p.Limit), int64(p.MaxBytes)}, x.from(p.From)...)...)
		if err != nil {
			return err
		}
		page.End(page.Len() > 0 && (page.Len() == p.Limit || total >= p.MaxBytes))
		var tails []*carteiro.Attempt
		for _, a := range page.Attempts {
			if a.Outcome.SharedTail > 0 {
				tails = append(tails, a)
			}
		}
		return t.completeBodies(tails)
	})
	return page, err
}

// checkUse fails when a copy into the database is under way and this is not the one who makes it; and the one who makes
// it when servers are running there. Those that start later on are told by what they have changed, when all is compared.
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
