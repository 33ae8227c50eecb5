package check

import (
	"fmt"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Check is something that must hold, by its name in a report.
type Check string

// The checks.
const (
	NoWebhook        Check = "webhook_missing"           // attempts or counts of a webhook that there is not
	NoOwner          Check = "owner_missing"             // a webhook that is not deleted, whose agent or campaign is gone
	Unreadable       Check = "webhook_unreadable"        // a webhook whose settings or secrets cannot be read, to which nothing can be sent
	OpenNoEvent      Check = "open_without_event"        // an open attempt of an event that is gone
	OpenNoSession    Check = "open_held_by_nobody"       // an open attempt held by a session that does not exist
	OpenMisfiled     Check = "open_in_other_environment" // an open attempt filed under another environment than its event
	FinishedNoEvent  Check = "attempt_without_event"     // a finished attempt of an event that is gone
	FinishedNoRecord Check = "attempt_without_exchange"  // a finished attempt that has lost what was sent and came back
	Unclaimed        Check = "exchange_without_attempt"  // the reverse
	Totals           Check = "totals"                    // totals by event type are the open attempts and the sums of the counts
	Counts           Check = "counts"                    // counts by hour are the finished attempts
	EventCount       Check = "event_attempts"            // an event knows how many attempts it has
	Queue            Check = "queue"                     // an environment's queue is its open attempts
	Activity         Check = "activity"                  // activity is no less than the attempts that were recorded
	ActivitySum      Check = "activity_hours"            // an hour of activity is no less than its minutes
	Gap              Check = "attempt_gap"               // attempts of an event at a webhook are numbered without gaps
	NumberTwice      Check = "attempt_twice"             // and no number comes twice
	OpenNotLast      Check = "open_not_last"             // only the last one is open
	RetriedSuccess   Check = "retried_success"           // a success is not retried automatically
	Predecessor      Check = "predecessor"               // an automatic retry names the attempt before it
	Abandoned        Check = "abandoned"                 // a failure that should have been retried was, or is going to be
	Unnotified       Check = "notice_waits"              // what an environment's own webhooks are to be told is told, where a server runs
	NoOwnOwner       Check = "environment_without_owner" // an environment owns its operators' webhooks
	LeftAttempts     Check = "deleted_webhook_attempt"   // a deleted webhook that is marked as clean has no pending attempts
	LeftSecrets      Check = "deleted_webhook_secret"    // and no secrets
	LeftJob          Check = "deleted_webhook_job"       // and no open job
	Lease            Check = "lease"                     // a session's lease ends, and is ended when it has
)

// checkWebhook gives what is wrong with a slice of a webhook.
func checkWebhook(w *store.ExaminedWebhook, now time.Time) (findings []Finding) {
	find := func(check Check, log carteiro.ID, of, says string, args ...any) {
		findings = append(findings, Finding{
			Check: check, EnvironmentID: w.EnvironmentID, WebhookID: w.WebhookID, LogID: log, Of: of, Says: fmt.Sprintf(says, args...),
		})
	}
	switch {
	case !w.First:
	case !w.Exists:
		find(NoWebhook, carteiro.ID{}, "", "attempts or counts are kept of a webhook that there is not")
	case !w.Deleted && !w.HasOwner:
		find(NoOwner, carteiro.ID{}, "", "the webhook is there, and its agent or campaign is not")
	}
	if w.Unreadable != "" {
		find(Unreadable, carteiro.ID{}, "", "the webhook cannot be read: nothing is sent to it, and events of its agent or campaign are refused: %s", w.Unreadable)
	}
	if w.Clean {
		findings = append(findings, checkCleanup(w, now)...)
	}
	for _, o := range w.Open {
		switch {
		case o.NoEvent:
			find(OpenNoEvent, o.ID, "", "the attempt is open, and its event is gone")
		case o.OtherEnvironment:
			find(OpenMisfiled, o.ID, "", "the attempt is filed under another environment than its event")
		}
		if o.NoSession {
			find(OpenNoSession, o.ID, "", "the attempt is held by a session that does not exist, so that nobody sends it")
		}
	}
	for _, a := range w.Faulty {
		if a.NoEvent {
			find(FinishedNoEvent, a.ID, "", "the attempt is finished, and its event is gone")
		}
		if a.NoExchange {
			find(FinishedNoRecord, a.ID, "", "what was sent and what came back is gone, or has another HTTP status")
		}
	}
	for eventType, pair := range w.Totals {
		if pair.Kept != pair.Counted {
			find(Totals, carteiro.ID{}, eventType, "totals of %s say %s, counting says %s", eventType, say(pair.Kept), say(pair.Counted))
		}
	}
	for hour, pair := range w.Counts {
		if pair.Kept != pair.Counted {
			at := time.Unix(hour.Hour*3600, 0).UTC().Format("2006-01-02T15h")
			find(Counts, carteiro.ID{}, fmt.Sprintf("%s %s HTTP %d", at, hour.EventType, hour.HTTPStatus),
				"counts of %s with HTTP status %d in the hour %s say %s, counting says %s", hour.EventType, hour.HTTPStatus, at,
				say(pair.Kept), say(pair.Counted))
		}
	}
	return findings
}

// settledAfter is how long an attempt may be pending at a deleted webhook, because the transaction that added it had not seen the
// deletion.
const settledAfter = 5 * time.Minute

// checkCleanup returns what is left of a deleted webhook that is marked as clean. The server does not visit it again.
func checkCleanup(w *store.ExaminedWebhook, now time.Time) (findings []Finding) {
	find := func(check Check, says string, args ...any) {
		findings = append(findings, Finding{
			Check: check, EnvironmentID: w.EnvironmentID, WebhookID: w.WebhookID, Says: "the webhook is deleted and marked as clean, but " + fmt.Sprintf(says, args...),
		})
	}
	if w.Pending > 0 && now.Sub(w.Oldest.Time()) > settledAfter {
		find(LeftAttempts, "has %d pending attempts, the oldest since %s", w.Pending, w.Oldest.Time().UTC().Format(time.RFC3339))
	}
	if w.Secrets {
		find(LeftSecrets, "its secrets are still stored")
	}
	if w.Jobs > 0 {
		find(LeftJob, "has %d open bulk retries", w.Jobs)
	}
	return findings
}

func say(sum store.ExaminedSum) string {
	return fmt.Sprintf("%d open, %d success, %d failed (%d retrying)", sum.Open, sum.Success, sum.Failed, sum.Retrying)
}

// Leases are kept for seconds, a minute at most.
const (
	// longLease is what no lease lasts: one that does holds its attempts for as long, whoever is gone.
	longLease = 24 * time.Hour
	// staleLease is how long a lease that has run out may stay while a node lives that looks for such.
	staleLease = 5 * time.Minute
)

// checkSessions gives what is wrong with the leases.
func checkSessions(n *store.ExaminedNodes) (findings []Finding) {
	alive := false
	for _, s := range n.Sessions {
		alive = alive || s.Until.After(n.Now)
	}
	for _, s := range n.Sessions {
		of := fmt.Sprintf("session %d of %s", s.ID, s.Node)
		switch {
		case s.Until.After(n.Now.Add(longLease)):
			findings = append(findings, Finding{
				Check: Lease, Of: of, Says: fmt.Sprintf("%s, which holds %d attempts, has a lease until %s", of, s.Held, s.Until.Format(time.RFC3339)),
			})
		case alive && s.Until.Before(n.Now.Add(-staleLease)):
			findings = append(findings, Finding{
				Check: Lease, Of: of, Says: fmt.Sprintf("the lease of %s, which holds %d attempts, ran out at %s, and no node has ended it",
					of, s.Held, s.Until.Format(time.RFC3339)),
			})
		}
	}
	return findings
}

// checkQueues compares what is counted as open with what is, and what was recorded with what is left of it.
func checkQueues(n *store.ExaminedNodes) (findings []Finding) {
	for _, q := range n.Queues {
		if q.Kept != q.Counted {
			findings = append(findings, Finding{
				Check: Queue, EnvironmentID: q.EnvironmentID,
				Says: fmt.Sprintf("%d attempts are counted as open in the environment, and %d are", q.Kept, q.Counted),
			})
		}
	}
	if n.Unclaimed != 0 {
		findings = append(findings, Finding{
			Check: Unclaimed, Says: fmt.Sprintf("there are %+d records of what was sent and came back, compared with finished attempts", n.Unclaimed),
		})
	}
	return findings
}

// position is an hour in an environment.
type position struct {
	environment carteiro.ID
	hour        int64
}

// recorded is how many attempts were finished in each hour, of those that are still there.
type recorded map[position]int

// add counts a slice, and says how many attempts it has.
func (r recorded) add(w *store.ExaminedWebhook) (attempts int) {
	for _, pair := range w.Counts {
		attempts += int(pair.Counted.Success + pair.Counted.Failed)
	}
	for hour, n := range w.Recorded {
		if !w.EnvironmentID.IsZero() {
			r[position{w.EnvironmentID, hour}] += n
		}
	}
	return attempts
}

// checkActivity compares activity with what was recorded. Where attempts were deleted, activity is more; it cannot be less,
// but in the first hour that there is of it, in which the database may have been brought to a layout that has it.
func checkActivity(n *store.ExaminedNodes, recorded recorded, now time.Time) (findings []Finding) {
	find := func(check Check, environment carteiro.ID, hour int64, says string, args ...any) {
		at := time.Unix(hour*3600, 0).UTC().Format("2006-01-02T15h")
		findings = append(findings, Finding{
			Check: check, EnvironmentID: environment, Of: at, Says: fmt.Sprintf("in the hour %s ", at) + fmt.Sprintf(says, args...),
		})
	}
	kept := make(map[position]int64)
	first := now.Unix() / 3600
	for _, a := range n.Activity {
		kept[position{a.EnvironmentID, a.Hour}] = a.Success + a.Failed
		first = min(first, a.Hour)
		if a.MinuteSuccess > a.Success || a.MinuteFailed > a.Failed {
			find(ActivitySum, a.EnvironmentID, a.Hour, "%d successes and %d failures are counted, and in its minutes %d and %d",
				a.Success, a.Failed, a.MinuteSuccess, a.MinuteFailed)
		}
	}
	first = max(first, now.Add(-store.HoursKept).Unix()/3600)
	for at, counted := range recorded {
		if at.hour > first && kept[at] < int64(counted) {
			find(Activity, at.environment, at.hour, "%d attempts were recorded, and %d are counted", counted, kept[at])
		}
	}
	return findings
}
