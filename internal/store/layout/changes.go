package layout

import (
	"cmp"
	"slices"

	"carteiro"
	"carteiro/internal/store"
)

// ChangeBulk changes the status of a bulk retry as is asked, and says whether there is anything to store. It fails with
// [store.ErrConflict] when the job has ended otherwise.
func ChangeBulk(job *carteiro.BulkRetry, p *store.ChangeBulkRetry) (changed bool, err error) {
	switch {
	case job.Status == p.Status, p.Status == carteiro.BulkRunning && job.Status == carteiro.BulkQueued:
		return false, nil
	case job.Status.Ended():
		return false, store.ErrConflict
	}
	job.Status, job.UpdatedAt, job.PausedBy = p.Status, Micros(p.Now), ""
	switch p.Status {
	case carteiro.BulkPaused:
		job.PausedBy = carteiro.PausedByUser
	case carteiro.BulkRunning:
		job.DueAt = job.UpdatedAt
	case carteiro.BulkCancelled:
		job.EndedAt = job.UpdatedAt
	}
	return true, nil
}

// AfterStep sets the status of a job after a step at job.UpdatedAt. Only a disabled webhook pauses a job then.
func AfterStep(job *carteiro.BulkRetry, status carteiro.BulkStatus) {
	job.Status, job.PausedBy = status, ""
	if status == carteiro.BulkPaused {
		job.PausedBy = carteiro.PausedByWebhookDisabled
	}
	if status.Ended() {
		job.EndedAt = job.UpdatedAt
	}
}

// Worst gives up to n webhooks, those with the most failures first.
func Worst(failing []store.FailingWebhook, n int) []store.FailingWebhook {
	slices.SortFunc(failing, func(a, b store.FailingWebhook) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), CompareIDs(a.ID, b.ID))
	})
	return failing[:min(n, len(failing))]
}
