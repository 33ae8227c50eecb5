package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/settings"
)

// Export reads one section.
type Export struct {
	Count *Query
	Rows  *Query // the rows after a cursor, up to a limit
	From  func(store.Cursor) []any
	// Read adds a row to the page and returns its size in bytes, if it can be large.
	Read func(t Tx, scan Scan, page *store.Page) (bytes int, err error)
	// Window says that Rows has one more parameter: how many bytes to return.
	Window bool
	// Finish, if not nil, completes the page.
	Finish func(t Tx, page *store.Page) error
}

// exports are the sections whose tables are the same in both databases.
var exports = [store.Sections]Export{
	store.SectionAudit: {
		Count: NewQuery(`SELECT count(*) FROM audit`),
		Rows:  NewQuery(`SELECT ` + AuditColumns + ` FROM audit WHERE id > $1 ORDER BY id LIMIT $2`),
		From:  AfterID,
		Read:  func(_ Tx, scan Scan, page *store.Page) (int, error) { return 0, add(&page.Audit, readAudit, scan) },
	},
	store.SectionNotices: {
		Count: NewQuery(`SELECT count(*) FROM notices`),
		Rows:  listNotices,
		From:  func(c store.Cursor) []any { return []any{c.Seq} },
		Read:  func(_ Tx, scan Scan, page *store.Page) (int, error) { return 0, add(&page.Notices, readNotice, scan) },
	},
	store.SectionEnvironments: {
		Count: NewQuery(`SELECT count(*) FROM environments`),
		Rows:  NewQuery(`SELECT ` + environmentColumns + ` FROM environments WHERE id > $1 ORDER BY id LIMIT $2`),
		From:  AfterID,
		Read: func(_ Tx, scan Scan, page *store.Page) (int, error) {
			return 0, add(&page.Environments, readEnvironment, scan)
		},
	},
	store.SectionTokens: {
		Count: NewQuery(`SELECT count(*) FROM tokens`),
		Rows:  NewQuery(`SELECT ` + tokenColumns + ` FROM tokens WHERE id > $1 ORDER BY id LIMIT $2`),
		From:  AfterID,
		Read:  func(_ Tx, scan Scan, page *store.Page) (int, error) { return 0, add(&page.Tokens, readToken, scan) },
	},
	store.SectionOwners: {
		Count: NewQuery(`SELECT count(*) FROM owners`),
		Rows:  NewQuery(`SELECT ` + ownerColumns + ` FROM owners WHERE (environment_id, kind, id) > ($1, $2, $3) ORDER BY environment_id, kind, id LIMIT $4`),
		From:  func(c store.Cursor) []any { return []any{NotNull(c.Scope), int64(c.Kind), NotNull(c.ID)} },
		Read:  func(_ Tx, scan Scan, page *store.Page) (int, error) { return 0, add(&page.Owners, readOwner, scan) },
	},
	store.SectionWebhooks: {
		Count: NewQuery(`SELECT count(*) FROM webhooks`),
		Rows:  NewQuery(`SELECT ` + WebhookColumns + ` FROM webhooks WHERE id > $1 ORDER BY id LIMIT $2`),
		From:  AfterID,
		Read: func(t Tx, scan Scan, page *store.Page) (int, error) {
			return 0, add(&page.Webhooks, func(scan Scan) (*carteiro.Webhook, error) { return ReadWebhook(t, scan) }, scan)
		},
	},
	store.SectionKeys: {
		Count: NewQuery(`SELECT count(*) FROM idempotency`),
		Rows: NewQuery(`SELECT environment_id, key, fingerprint, answer, expires_at FROM idempotency
			WHERE (environment_id, key) > ($1, $2) ORDER BY environment_id, key LIMIT $3`),
		From: func(c store.Cursor) []any { return []any{NotNull(c.Scope), Text(c.Key)} },
		Read: func(_ Tx, scan Scan, page *store.Page) (int, error) { return 0, add(&page.Keys, readKey, scan) },
	},
	store.SectionBulk: {
		Count: NewQuery(`SELECT count(*) FROM bulk_retries`),
		Rows:  NewQuery(`SELECT ` + BulkColumns + ` FROM bulk_retries WHERE (webhook_id, id) > ($1, $2) ORDER BY webhook_id, id LIMIT $3`),
		From:  AfterAttempt,
		Read:  func(_ Tx, scan Scan, page *store.Page) (int, error) { return 0, add(&page.Bulk, ReadBulk, scan) },
	},
}

// AfterID returns the arguments of a cursor in a section that is ordered by ids.
func AfterID(c store.Cursor) []any { return []any{NotNull(c.ID)} }

// AfterAttempt returns the arguments of a cursor in a section that is ordered by webhooks and ids.
func AfterAttempt(c store.Cursor) []any { return []any{NotNull(c.Scope), NotNull(c.ID)} }

func add[T any](to *[]T, read func(Scan) (T, error), scan Scan) error {
	one, err := read(scan)
	*to = append(*to, one)
	return err
}

func readKey(scan Scan) (key store.Key, err error) {
	var fingerprint []byte
	err = scan(&key.EnvironmentID, (*Text)(&key.Key), &fingerprint, &key.Answer, &key.ExpiresAt)
	copy(key.Fingerprint[:], fingerprint)
	return key, err
}

// Count implements [store.Movable].
func (s *Store) Count(ctx context.Context) (counts [store.Sections]int, err error) {
	err = s.db.Snapshot(ctx, func(t Tx) error {
		for i := range s.exports {
			if err := row(t, s.exports[i].Count)(&counts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return counts, err
}

// errPageFull ends the reading of a page.
var errPageFull = errors.New("the page is full")

// Export implements [store.Movable].
func (s *Store) Export(ctx context.Context, p store.Export) (page store.Page, err error) {
	if p.From.Done() {
		return store.Page{From: p.From, Next: p.From}, nil
	}
	x := &s.exports[p.From.Section]
	args := append(x.From(p.From), p.Limit)
	if x.Window {
		args = append(args, p.MaxBytes)
	}
	err = s.db.Snapshot(ctx, func(t Tx) error {
		page = store.Page{From: p.From}
		total := 0
		err := t.Each(func(scan Scan) error {
			if total >= p.MaxBytes && page.Len() > 0 {
				return errPageFull
			}
			bytes, err := x.Read(t, scan, &page)
			total += bytes
			return err
		}, x.Rows, slices.Clone(args)...)
		if err != nil && !errors.Is(err, errPageFull) {
			return err
		}
		page.End(page.Len() > 0 && (page.Len() == p.Limit || total >= p.MaxBytes))
		if x.Finish != nil {
			return x.Finish(t, &page)
		}
		return nil
	})
	return page, err
}

var (
	findMove    = NewQuery(`SELECT source, reached FROM moving FOR UPDATE`)
	beginMove   = NewQuery(`INSERT INTO moving (source, reached) VALUES ($1, $2)`)
	advanceMove = NewQuery(`UPDATE moving SET reached = $1`)
	endMove     = NewQuery(`DELETE FROM moving`)
	// The lock decides between two importers that begin at once.
	lockMove   = NewQueries(`LOCK TABLE moving IN EXCLUSIVE MODE`, `SELECT 1`)
	isOccupied = NewQuery(`SELECT 1 WHERE EXISTS (SELECT 1 FROM environments) OR EXISTS (SELECT 1 FROM owners) OR EXISTS (SELECT 1 FROM webhooks)
		OR EXISTS (SELECT 1 FROM idempotency) OR EXISTS (SELECT 1 FROM events) OR EXISTS (SELECT 1 FROM attempts) OR EXISTS (SELECT 1 FROM open)`)

	importWebhook = NewQuery(`INSERT INTO webhooks (` + WebhookColumns + `, folded, sealed_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`)
	importBulk = NewQuery(`INSERT INTO bulk_retries (` + BulkColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`)
)

// Moving returns the source of the import under way and how far it got, and reports whether there is one.
func Moving(t Tx) (source string, reached store.Cursor, found bool, err error) {
	var text string
	if found, err = exists(t, findMove)(&source, &text); !found {
		return "", reached, false, err
	}
	err = json.Unmarshal([]byte(text), &reached)
	return source, reached, true, err
}

func encodeCursor(c store.Cursor) string {
	text, _ := json.Marshal(c) // cannot fail: ids, numbers and bytes
	return string(text)
}

// BeginImport implements [store.Movable].
func (s *Store) BeginImport(ctx context.Context, source string) (reached store.Cursor, err error) {
	err = s.db.Write(ctx, 1, func(t Tx) error {
		if _, err := t.Exec(lockMove); err != nil {
			return err
		}
		from, at, found, err := Moving(t)
		switch {
		case err != nil:
			return err
		case found && from != source:
			return fmt.Errorf("%w: it is the target of a copy from %s", store.ErrConflict, from)
		case found:
			reached = at
			return nil
		}
		occupied, err := exists(t, isOccupied)(new(int))
		if err != nil {
			return err
		}
		if occupied {
			return fmt.Errorf("%w: it is not empty", store.ErrConflict)
		}
		reached = store.Cursor{}
		_, err = t.Exec(beginMove, source, encodeCursor(reached))
		return err
	})
	return reached, err
}

// EndImport implements [store.Movable].
func (s *Store) EndImport(ctx context.Context) error {
	return s.db.Write(ctx, 1, func(t Tx) error {
		_, err := t.Exec(endMove)
		return err
	})
}

// CheckPage fails with store.ErrConflict if a page is not the next one of the import.
func CheckPage(t Tx, page *store.Page) error {
	_, reached, found, err := Moving(t)
	if err == nil && (!found || encodeCursor(reached) != encodeCursor(page.From)) {
		err = fmt.Errorf("%w: the copy has come elsewhere", store.ErrConflict)
	}
	return err
}

// ImportRows imports the rows of a page that are stored the same way in both databases. do runs or queues a statement.
func ImportRows(page *store.Page, keys *seal.Keyring, do func(q *Query, args ...any) error) error {
	if err := do(advanceMove, encodeCursor(page.Next)); err != nil {
		return err
	}
	for i := range page.Environments {
		e := &page.Environments[i]
		if err := do(insertEnvironment, e.ID, Text(e.Name), e.CreatedAt, e.DeletedAt); err != nil {
			return err
		}
	}
	for i := range page.Tokens {
		if err := do(insertToken, tokenValues(&page.Tokens[i])...); err != nil {
			return err
		}
	}
	for i := range page.Audit {
		if err := do(insertAudit, AuditValues(&page.Audit[i])...); err != nil {
			return err
		}
	}
	for i := range page.Notices {
		if err := do(importNotice, noticeValues(&page.Notices[i])...); err != nil {
			return err
		}
	}
	for i := range page.Owners {
		if err := do(insertOwner, ownerValues(&page.Owners[i])...); err != nil {
			return err
		}
	}
	if err := importWebhooks(page, keys, do); err != nil {
		return err
	}
	return importBulks(page, do)
}

func importWebhooks(page *store.Page, keys *seal.Keyring, do func(q *Query, args ...any) error) error {
	for _, w := range page.Webhooks {
		encoded, sealedBy, err := settings.Encode(w, keys, true)
		if err != nil {
			return err
		}
		values := append([]any{
			w.ID, w.EnvironmentID, int64(w.OwnerKind), w.OwnerID, w.Enabled, w.Version, w.FailuresInARow, w.CreatedAt, w.UpdatedAt,
			w.DeletedAt, w.FailingSince, w.LastFailedAt, Text(w.LastError), encoded,
		}, circuitValues(&w.Circuit)...)
		if err := do(importWebhook, append(values, string(w.DisabledBy), w.DisabledAt, Fold(w.Name), sealedBy)...); err != nil {
			return fmt.Errorf("webhook %s: %w", w.ID, err)
		}
	}
	return nil
}

func importBulks(page *store.Page, do func(q *Query, args ...any) error) error {
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
		err = do(importBulk, job.WebhookID, job.ID, status, filter, job.Matched, job.Retried, skipped.AlreadySucceeded,
			skipped.InProgress, skipped.TooOld, skipped.RetriedSince, job.Cursor, job.DueAt, job.UpdatedAt, job.EndedAt, string(job.PausedBy))
		if err != nil {
			return fmt.Errorf("bulk retry %s: %w", job.ID, err)
		}
	}
	return nil
}
