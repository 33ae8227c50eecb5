package store

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
)

// Deletions are the verbs that finish what a deleted webhook leaves behind. A deletion itself changes a bounded number of rows
// however much is queued; what is left is found by the state of the webhook, so that it is finished after any crash.
type Deletions interface {
	// CleanDeleted cleans one deleted webhook, in one transaction: it erases secrets that an earlier release has kept, cancels
	// its open jobs, and finishes at most p.Limit pending attempts that no session holds, those due first, as failed with
	// [carteiro.WebhookDeletedOutcome]; see [Queue.Record] for what else changes. The webhook is clean, and not visited again,
	// once it has no open attempts and was deleted before p.SettledBefore.
	CleanDeleted(ctx context.Context, p CleanDeleted) (CleanedDeleted, error)
}

// CleanDeleted is the parameter of [Deletions.CleanDeleted].
type CleanDeleted struct {
	Now time.Time
	// WebhookID is the webhook to clean. Zero: the first one after After, by id, that is deleted and not clean.
	WebhookID carteiro.ID
	After     carteiro.ID
	Limit     int
	// SettledBefore is a time before which no transaction is still under way that may add attempts to a deleted webhook.
	SettledBefore time.Time
}

// CleanedDeleted is what [Deletions.CleanDeleted] did.
type CleanedDeleted struct {
	WebhookID carteiro.ID // the webhook that was visited; zero: there was none
	Finished  int         // attempts
	More      bool        // there may be more to finish
}
