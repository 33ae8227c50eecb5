package sqlite

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const bulkColumns = `webhook_id, id, status, filter, matched, retried, already_succeeded, in_progress, too_old, retried_since, cursor,
	due_at, updated_at, ended_at, paused_by`

var (
	insertBulk = newQuery(`INSERT INTO bulk_retries (` + bulkColumns + `) VALUES (?, ?, 1, ?, ?, 0, 0, 0, 0, 0, NULL, ?, ?, NULL, '')`)
	updateBulk = newQuery(`UPDATE bulk_retries SET status = ?3, retried = ?4, already_succeeded = ?5, in_progress = ?6, too_old = ?7,
		retried_since = ?8, cursor = ?9, due_at = ?10, updated_at = ?11, ended_at = ?12, paused_by = ?13, matched = ?14 WHERE webhook_id = ?1 AND id = ?2`)
	hasOpenBulk = newQuery(`SELECT 1 FROM bulk_retries INDEXED BY bulk_retries_open WHERE webhook_id = ? AND status <= 3`)
	getBulk     = newQuery(`SELECT ` + bulkColumns + ` FROM bulk_retries WHERE webhook_id = ? AND id = ?`)
	listBulk    = newQuery(`SELECT ` + bulkColumns + ` FROM bulk_retries WHERE webhook_id = ? ORDER BY id DESC LIMIT ? OFFSET ?`)
	countBulk   = newQuery(`SELECT count(*) FROM bulk_retries WHERE webhook_id = ?`)
	dueBulk     = newQuery(`SELECT ` + bulkColumns + ` FROM bulk_retries INDEXED BY bulk_retries_due WHERE status <= 2 AND due_at <= ?
		ORDER BY due_at, webhook_id, id LIMIT 1`)
	nextBulk = newQuery(`SELECT due_at FROM bulk_retries INDEXED BY bulk_retries_due WHERE status <= 2 ORDER BY due_at LIMIT 1`)
)

// CreateBulkRetry implements [store.BulkRetries].
func (s *Store) CreateBulkRetry(ctx context.Context, p store.CreateBulkRetry) (job carteiro.BulkRetry, err error) {
	filter, err := layout.EncodeFilter(p.Filter, p.Replay)
	if err != nil {
		return job, err
	}
	err = s.writer.write(ctx, 1, func(t *tx) error {
		if _, err := t.ownWebhook(&store.LogRef{OwnerRef: p.OwnerRef, WebhookID: p.WebhookID}); err != nil {
			return err
		}
		if before, err := t.keyBefore(p.Key, p.Now); err != nil || before != nil {
			if err != nil {
				return err
			}
			ref, err := p.JobOf(before)
			if err == nil {
				job, err = t.bulk(ref)
			}
			return err
		}
		if err := p.CheckCount(); err != nil {
			return err
		}
		// A failed insert would roll back what others commit in the same transaction.
		open, err := t.query(hasOpenBulk).id(p.WebhookID).exists()
		if err != nil {
			return err
		}
		if open {
			return store.ErrConflict
		}
		err = conflict(t.write(insertBulk).id(p.WebhookID).id(p.ID).blob(filter).int(int64(p.Matched)).time(p.Now).time(p.Now).run())
		if err != nil {
			return err
		}
		if err := t.audit(p.Audit); err != nil {
			return err
		}
		if _, err := t.claimKey(p.Key, p.Now); err != nil {
			return err
		}
		job, err = t.bulk(store.BulkRef{WebhookID: p.WebhookID, ID: p.ID})
		return err
	})
	return job, err
}

// GetBulkRetry implements [store.BulkRetries].
func (s *Store) GetBulkRetry(ctx context.Context, ref store.BulkRef) (job carteiro.BulkRetry, err error) {
	err = s.read(ctx, func(c *conn) error {
		job, err = c.bulk(ref)
		return err
	})
	return job, err
}

// bulk fails with store.ErrNotFound.
func (c *conn) bulk(ref store.BulkRef) (job carteiro.BulkRetry, err error) {
	row := c.query(getBulk).id(ref.WebhookID).id(ref.ID)
	found, err := row.one()
	if !found {
		return job, orNotFound(err)
	}
	return readBulk(row)
}

// readBulk reads bulkColumns of the only row that is of interest, and ends the run.
func readBulk(row *stmt) (carteiro.BulkRetry, error) {
	job, err := bulkOf(row)
	if ended := row.end(); err == nil {
		err = ended
	}
	return job, err
}

func bulkOf(row *stmt) (job carteiro.BulkRetry, err error) {
	status, err := layout.BulkStatusOf(row.colInt(2))
	if err != nil {
		return job, err
	}
	job = carteiro.BulkRetry{
		WebhookID: row.colID(0), ID: row.colID(1), Status: status,
		Matched: int(row.colInt(4)), Retried: int(row.colInt(5)),
		Skipped: carteiro.BulkSkips{
			AlreadySucceeded: int(row.colInt(6)), InProgress: int(row.colInt(7)), TooOld: int(row.colInt(8)), RetriedSince: int(row.colInt(9)),
		},
		Cursor: row.colID(10), DueAt: row.colTime(11), UpdatedAt: row.colTime(12), EndedAt: row.colTime(13),
		PausedBy: carteiro.PauseReason(row.colText(14)),
	}
	if status != carteiro.BulkPaused {
		job.PausedBy = "" // an earlier release resumed it
	}
	job.Filter, job.Replay, err = layout.DecodeFilter(row.colBlob(3))
	return job, err
}

// ListBulkRetries implements [store.BulkRetries].
func (s *Store) ListBulkRetries(ctx context.Context, p store.ListBulkRetries) (jobs []carteiro.BulkRetry, total int, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		n, err := c.query(countBulk).id(p.WebhookID).number()
		if err != nil {
			return err
		}
		total = int(n)
		rows := c.query(listBulk).id(p.WebhookID).int(int64(p.Limit)).int(int64(p.Offset))
		for rows.next() {
			job, err := bulkOf(rows)
			if err != nil {
				_ = rows.end() // what was read is at fault, not the reading
				return err
			}
			jobs = append(jobs, job)
		}
		return rows.end()
	})
	return jobs, total, err
}

// ChangeBulkRetry implements [store.BulkRetries].
func (s *Store) ChangeBulkRetry(ctx context.Context, p store.ChangeBulkRetry) (job carteiro.BulkRetry, err error) {
	err = s.writer.write(ctx, 1, func(t *tx) error {
		if job, err = t.bulk(p.BulkRef); err != nil {
			return err
		}
		if changed, err := layout.ChangeBulk(&job, &p); err != nil || !changed {
			return err
		}
		if err := t.audit(p.Audit); err != nil {
			return err
		}
		return t.saveBulk(&job)
	})
	return job, err
}

func (t *tx) saveBulk(job *carteiro.BulkRetry) error {
	status, err := layout.BulkNumber(job.Status)
	if err != nil {
		return err
	}
	skipped := &job.Skipped
	return t.write(updateBulk).id(job.WebhookID).id(job.ID).int(status).int(int64(job.Retried)).
		int(int64(skipped.AlreadySucceeded)).int(int64(skipped.InProgress)).int(int64(skipped.TooOld)).int(int64(skipped.RetriedSince)).
		maybeID(job.Cursor).time(job.DueAt).time(job.UpdatedAt).time(job.EndedAt).text(string(job.PausedBy)).int(int64(job.Matched)).run()
}
