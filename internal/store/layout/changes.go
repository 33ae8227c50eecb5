package layout

import (
	"cmp"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
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

// CountEntry counts an entry that a job has come to, and reports whether to retry it. reason is why it cannot be retried,
// empty if it can; latest is the latest finished attempt of its event; blocked tells whether another attempt kept it from
// being retried when the job was created. Entries that could not be retried then are not in Matched: they are counted
// only if they are retried now.
func CountEntry(job *carteiro.BulkRetry, p *store.StepBulkRetry, entry carteiro.ID, reason carteiro.NotRetriable, latest carteiro.ID, blocked bool) (retry bool) {
	skips := &job.Skipped
	counter := &skips.TooOld
	switch {
	case reason == carteiro.AlreadySucceeded:
		counter = &skips.AlreadySucceeded
	case reason == carteiro.InProgress:
		counter = &skips.InProgress
	case !Less(latest, job.ID.MinSibling()):
		counter = &skips.RetriedSince
	case reason == "":
		counter, retry = &job.Retried, true
	}
	switch matched := !blocked && !Less(entry, p.RetriableThen(job)); {
	case matched:
		*counter++
	case retry:
		*counter++
		job.Matched++
	}
	return retry
}

// Worst gives up to n webhooks, those with the most failures first.
func Worst(failing []store.FailingWebhook, n int) []store.FailingWebhook {
	slices.SortFunc(failing, func(a, b store.FailingWebhook) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), CompareIDs(a.ID, b.ID))
	})
	return failing[:min(n, len(failing))]
}
