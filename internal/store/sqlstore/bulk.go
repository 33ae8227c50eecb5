package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const (
	// BulkColumns are what [ReadBulk] reads.
	BulkColumns = `webhook_id, id, status, filter, matched, retried, already_succeeded, in_progress, too_old, retried_since, cursor,
	due_at, updated_at, ended_at, paused_by`
	getBulkBy = `SELECT ` + BulkColumns + ` FROM bulk_retries WHERE webhook_id = $1 AND id = $2`
)

// Queries of bulk retries that are also explained in tests.
var (
	ListBulk = NewQuery(`SELECT ` + BulkColumns + ` FROM bulk_retries WHERE webhook_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3`)
	DueBulk  = NewQuery(`SELECT ` + BulkColumns + ` FROM bulk_retries INDEXED BY bulk_retries_due WHERE status <= 2 AND due_at <= $1
		ORDER BY due_at, webhook_id, id LIMIT 1 FOR UPDATE SKIP LOCKED`)
	NextBulk  = NewQuery(`SELECT due_at FROM bulk_retries INDEXED BY bulk_retries_due WHERE status <= 2 ORDER BY due_at LIMIT 1`)
	PurgeBulk = NewQuery(`DELETE FROM bulk_retries WHERE (webhook_id, id) IN
		(SELECT webhook_id, id FROM bulk_retries INDEXED BY bulk_retries_ended WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)`)
)

var (
	insertBulk = NewQuery(`INSERT INTO bulk_retries (` + BulkColumns + `) VALUES ($1, $2, 1, $3, $4, 0, 0, 0, 0, 0, NULL, $5, $5, NULL, '')`)
	updateBulk = NewQuery(`UPDATE bulk_retries SET status = $3, retried = $4, already_succeeded = $5, in_progress = $6, too_old = $7,
		retried_since = $8, cursor = $9, due_at = $10, updated_at = $11, ended_at = $12, paused_by = $13, matched = $14 WHERE webhook_id = $1 AND id = $2`)
	hasOpenBulk = NewQuery(`SELECT 1 FROM bulk_retries INDEXED BY bulk_retries_open WHERE webhook_id = $1 AND status <= 3`)
	getBulk     = NewQuery(getBulkBy)
	lockBulk    = NewQuery(getBulkBy + ` FOR UPDATE`)
	countBulk   = NewQuery(`SELECT count(*) FROM bulk_retries WHERE webhook_id = $1`)

	webhookState = NewQuery(`SELECT environment_id, owner_kind, owner_id, enabled FROM webhooks WHERE id = $1 AND deleted_at IS NULL`)
)

// OwnWebhook reports whether the webhook is enabled. It fails with store.ErrNotFound if the owner has no such webhook.
func OwnWebhook(t Tx, ref *store.LogRef) (enabled bool, err error) {
	var owner store.OwnerRef
	err = row(t, webhookState, ref.WebhookID)(&owner.EnvironmentID, &owner.Kind, &owner.ID, &enabled)
	if err == nil && owner != ref.OwnerRef {
		return false, store.ErrNotFound
	}
	return enabled, err
}

// StatusByWebhook returns the status that a job takes because of its webhook, or "" if the job can go on.
func StatusByWebhook(t Tx, webhook carteiro.ID) (carteiro.BulkStatus, error) {
	var owner store.OwnerRef
	var enabled bool
	found, err := exists(t, webhookState, webhook)(&owner.EnvironmentID, &owner.Kind, &owner.ID, &enabled)
	switch {
	case err != nil, enabled:
		return "", err
	case !found:
		return carteiro.BulkCancelled, nil
	default:
		return carteiro.BulkPaused, nil
	}
}

// CreateBulkRetry implements [store.BulkRetries].
func (s *Store) CreateBulkRetry(ctx context.Context, p store.CreateBulkRetry) (job carteiro.BulkRetry, err error) {
	filter, err := layout.EncodeFilter(p.Filter, p.Replay)
	if err != nil {
		return job, err
	}
	err = s.db.Write(ctx, 1, func(t Tx) error {
		job, err = createBulk(t, &p, filter)
		return err
	})
	return job, err
}

func createBulk(t Tx, p *store.CreateBulkRetry, filter []byte) (job carteiro.BulkRetry, err error) {
	if _, err := OwnWebhook(t, &store.LogRef{OwnerRef: p.OwnerRef, WebhookID: p.WebhookID}); err != nil {
		return job, err
	}
	var used *store.KeyUsedError
	switch err := t.CheckKey(p.Key, p.Now); {
	case errors.As(err, &used):
		ref, err := p.JobOf(&used.Replay)
		if err != nil {
			return job, err
		}
		return GetBulk(t, ref)
	case err != nil:
		return job, err
	}
	if err := p.CheckCount(); err != nil {
		return job, err
	}
	// A failed insert would roll back what other calls commit in the same transaction.
	open, err := exists(t, hasOpenBulk, p.WebhookID)(new(int))
	if err != nil {
		return job, err
	}
	if open {
		return job, store.ErrConflict
	}
	if _, err := t.Exec(insertBulk, p.WebhookID, p.ID, filter, p.Matched, p.Now); err != nil {
		return job, t.Conflict(err)
	}
	if err := AddAudit(t, p.Audit); err != nil {
		return job, err
	}
	if err := t.PutKey(p.Key); err != nil {
		return job, err
	}
	return GetBulk(t, store.BulkRef{WebhookID: p.WebhookID, ID: p.ID})
}

// GetBulkRetry implements [store.BulkRetries].
func (s *Store) GetBulkRetry(ctx context.Context, ref store.BulkRef) (job carteiro.BulkRetry, err error) {
	err = s.db.Read(ctx, func(t Tx) error {
		job, err = GetBulk(t, ref)
		return err
	})
	return job, err
}

// GetBulk reads a job. It fails with store.ErrNotFound.
func GetBulk(t Tx, ref store.BulkRef) (carteiro.BulkRetry, error) {
	return ReadBulk(row(t, getBulk, ref.WebhookID, ref.ID))
}

// FindDueBulk finds the job that is due first, and reports whether there is one.
func FindDueBulk(t Tx, now time.Time) (job carteiro.BulkRetry, found bool, err error) {
	job, err = ReadBulk(row(t, DueBulk, now))
	if errors.Is(err, store.ErrNotFound) {
		return job, false, nil
	}
	return job, err == nil, err
}

// NextBulkDue returns when the first job is due; zero if there is none.
func NextBulkDue(t Tx) (due time.Time, err error) {
	_, err = exists(t, NextBulk)(&due)
	return due, err
}

// ReadBulk reads BulkColumns.
func ReadBulk(scan Scan) (job carteiro.BulkRetry, err error) {
	var status int64
	var filter []byte
	skipped := &job.Skipped
	err = scan(&job.WebhookID, &job.ID, &status, &filter, &job.Matched, &job.Retried, &skipped.AlreadySucceeded,
		&skipped.InProgress, &skipped.TooOld, &skipped.RetriedSince, &job.Cursor, &job.DueAt, &job.UpdatedAt,
		&job.EndedAt, &job.PausedBy)
	if err != nil {
		return job, err
	}
	if job.Status, err = layout.BulkStatusOf(status); err != nil {
		return job, err
	}
	if job.Status != carteiro.BulkPaused {
		job.PausedBy = "" // a node of an earlier release resumed it
	}
	job.Filter, job.Replay, err = layout.DecodeFilter(filter)
	return job, err
}

// ListBulkRetries implements [store.BulkRetries].
func (s *Store) ListBulkRetries(ctx context.Context, p store.ListBulkRetries) (jobs []carteiro.BulkRetry, total int, err error) {
	err = s.db.Snapshot(ctx, func(t Tx) error {
		if err := row(t, countBulk, p.WebhookID)(&total); err != nil {
			return err
		}
		jobs, err = list(t, ReadBulk, ListBulk, p.WebhookID, p.Limit, p.Offset)
		return err
	})
	return jobs, total, err
}

// ChangeBulkRetry implements [store.BulkRetries].
func (s *Store) ChangeBulkRetry(ctx context.Context, p store.ChangeBulkRetry) (job carteiro.BulkRetry, err error) {
	err = s.db.Write(ctx, 1, func(t Tx) error {
		if job, err = ReadBulk(row(t, lockBulk, p.WebhookID, p.ID)); err != nil {
			return err
		}
		if changed, err := layout.ChangeBulk(&job, &p); err != nil || !changed {
			return err
		}
		if err := AddAudit(t, p.Audit); err != nil {
			return err
		}
		return SaveBulk(t, &job)
	})
	return job, err
}

// SaveBulk stores the progress and status of a job.
func SaveBulk(t Tx, job *carteiro.BulkRetry) error {
	status, err := layout.BulkNumber(job.Status)
	if err != nil {
		return err
	}
	skipped := &job.Skipped
	_, err = t.Exec(updateBulk, job.WebhookID, job.ID, status, job.Retried, skipped.AlreadySucceeded, skipped.InProgress,
		skipped.TooOld, skipped.RetriedSince, job.Cursor, job.DueAt, job.UpdatedAt, job.EndedAt, job.PausedBy, job.Matched)
	return err
}
