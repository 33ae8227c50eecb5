package postgres

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const bulkColumns = `webhook_id, id, status, filter, matched, retried, already_succeeded, in_progress, too_old, retried_since, cursor,
	due_at, updated_at, ended_at, paused_by`

const (
	insertBulk = `INSERT INTO bulk_retries (` + bulkColumns + `) VALUES ($1, $2, 1, $3, $4, 0, 0, 0, 0, 0, NULL, $5, $5, NULL, '')`
	updateBulk = `UPDATE bulk_retries SET status = $3, retried = $4, already_succeeded = $5, in_progress = $6, too_old = $7,
		retried_since = $8, cursor = $9, due_at = $10, updated_at = $11, ended_at = $12, paused_by = $13, matched = $14 WHERE webhook_id = $1 AND id = $2`
	getBulk   = `SELECT ` + bulkColumns + ` FROM bulk_retries WHERE webhook_id = $1 AND id = $2`
	lockBulk  = getBulk + ` FOR UPDATE`
	listBulk  = `SELECT ` + bulkColumns + ` FROM bulk_retries WHERE webhook_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3`
	countBulk = `SELECT count(*) FROM bulk_retries WHERE webhook_id = $1`
	purgeBulk = `DELETE FROM bulk_retries WHERE (webhook_id, id) IN
		(SELECT webhook_id, id FROM bulk_retries WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)`
)

// CreateBulkRetry implements [store.BulkRetries].
func (s *Store) CreateBulkRetry(ctx context.Context, p store.CreateBulkRetry) (job carteiro.BulkRetry, err error) {
	filter, err := layout.EncodeFilter(p.Filter, p.Replay)
	if err != nil {
		return job, err
	}
	err = s.inTx(ctx, func(t *tx) error {
		if _, err := t.ownWebhook(&store.LogRef{OwnerRef: p.OwnerRef, WebhookID: p.WebhookID}); err != nil {
			return err
		}
		keys := newKeyring()
		keys.want(p.Key)
		if err := t.batch(keys.queueLookUp); err != nil {
			return err
		}
		if before := keys.claim(p.Key, p.Now); before != nil {
			ref, err := p.JobOf(before)
			if err == nil {
				job, err = readBulk(t.row(getBulk, id(ref.WebhookID), id(ref.ID)))
			}
			return err
		}
		if err := p.CheckCount(); err != nil {
			return err
		}
		if _, err := t.run(insertBulk, id(p.WebhookID), id(p.ID), filter, p.Matched, moment(p.Now)); err != nil {
			return conflict(err)
		}
		if err := t.audit(p.Audit); err != nil {
			return err
		}
		if err := t.batch(keys.queueStore); err != nil {
			return err
		}
		job, err = readBulk(t.row(getBulk, id(p.WebhookID), id(p.ID)))
		return err
	})
	return job, err
}

// GetBulkRetry implements [store.BulkRetries].
func (s *Store) GetBulkRetry(ctx context.Context, ref store.BulkRef) (job carteiro.BulkRetry, err error) {
	err = s.read(ctx, func(t *tx) error {
		job, err = readBulk(t.row(getBulk, id(ref.WebhookID), id(ref.ID)))
		return err
	})
	return job, err
}

// readBulk reads bulkColumns.
func readBulk(scan func(...any) error) (job carteiro.BulkRetry, err error) {
	var status int64
	var filter []byte
	skipped := &job.Skipped
	err = scan(toID(&job.WebhookID), toID(&job.ID), &status, &filter, &job.Matched, &job.Retried, &skipped.AlreadySucceeded,
		&skipped.InProgress, &skipped.TooOld, &skipped.RetriedSince, toID(&job.Cursor), toTime(&job.DueAt), toTime(&job.UpdatedAt),
		toTime(&job.EndedAt), &job.PausedBy)
	if err != nil {
		return job, err
	}
	if job.Status, err = layout.BulkStatusOf(status); err != nil {
		return job, err
	}
	if job.Status != carteiro.BulkPaused {
		job.PausedBy = "" // an earlier release resumed it
	}
	job.Filter, job.Replay, err = layout.DecodeFilter(filter)
	return job, err
}

// ListBulkRetries implements [store.BulkRetries].
func (s *Store) ListBulkRetries(ctx context.Context, p store.ListBulkRetries) (jobs []carteiro.BulkRetry, total int, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		jobs = nil
		if err := t.row(countBulk, id(p.WebhookID))(&total); err != nil {
			return err
		}
		return t.each(func(scan func(...any) error) error {
			job, err := readBulk(scan)
			jobs = append(jobs, job)
			return err
		}, listBulk, id(p.WebhookID), p.Limit, p.Offset)
	})
	return jobs, total, err
}

// ChangeBulkRetry implements [store.BulkRetries].
func (s *Store) ChangeBulkRetry(ctx context.Context, p store.ChangeBulkRetry) (job carteiro.BulkRetry, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		if job, err = readBulk(t.row(lockBulk, id(p.WebhookID), id(p.ID))); err != nil {
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
	_, err = t.run(updateBulk, id(job.WebhookID), id(job.ID), status, job.Retried, skipped.AlreadySucceeded, skipped.InProgress,
		skipped.TooOld, skipped.RetriedSince, id(job.Cursor), moment(job.DueAt), moment(job.UpdatedAt), moment(job.EndedAt), job.PausedBy,
		job.Matched)
	return err
}
