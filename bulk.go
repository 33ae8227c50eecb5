package carteiro

import "time"

// BulkRetry is a job that retries many failed log entries of a webhook, or sends it many events again: it walks those that
// meet its filter, oldest first, and comes to each at most once.
type BulkRetry struct {
	ID        ID // carries the time at which it was created: younger entries do not match
	WebhookID ID
	Filter    BulkFilter
	// Replay makes the job one that sends events, those of this filter; Filter is zero then, and what is said of entries
	// holds of events.
	Replay *ReplayFilter
	Status BulkStatus
	// PausedBy says why the job is paused; empty while it is not, and if an earlier release has paused it.
	PausedBy PauseReason
	// Matched is how many entries could be retried when it was created, and how many it has retried that could not then. Of a
	// replay, how many events matched.
	Matched int
	Retried int
	Skipped BulkSkips
	// Cursor is the last entry that it has come to; zero at the beginning.
	Cursor ID
	// DueAt is the time of the next step while the job is queued or running.
	DueAt     time.Time
	UpdatedAt time.Time
	EndedAt   time.Time // zero while it is open
}

// CreatedAt is when the job was created.
func (b *BulkRetry) CreatedAt() time.Time { return b.ID.Time() }

// Remaining returns the number of matched entries that the job has not processed yet.
func (b *BulkRetry) Remaining() int {
	if b.Status == BulkDone {
		return 0
	}
	return max(0, b.Matched-b.Retried-b.Skipped.Total())
}

// BulkFilter says which failed entries a [BulkRetry] is for. A zero field does not filter.
type BulkFilter struct {
	EventType string
	EventID   ID
	From, To  time.Time // created at or after From, and before To
	HTTP      *StatusRange
}

// ReplayFilter says which events of its webhook's owner a [BulkRetry] sends. Events of tests are not sent again. A zero field
// does not filter.
type ReplayFilter struct {
	EventTypes []string  `json:"event_types,omitempty"`
	EventIDs   []ID      `json:"event_ids,omitempty"` // ascending, at most [MaxReplayIDs]
	From       time.Time `json:"from,omitzero"`       // accepted at or after From, and before To
	To         time.Time `json:"to,omitzero"`
	// Undelivered is for events that went to no webhook at all.
	Undelivered bool `json:"undelivered,omitempty"`
	// CallEvents includes the agent events of a campaign's calls in addition to the campaign's own events.
	CallEvents bool `json:"call_events,omitempty"`
}

// MaxReplayIDs is how many events a [ReplayFilter] may name.
const MaxReplayIDs = 100

// StatusRange is a range of HTTP statuses, both ends included. 0 to 0 stands for attempts that got no answer.
type StatusRange struct{ Min, Max int }

// Has says whether the range holds a status.
func (r StatusRange) Has(status int) bool { return r.Min <= status && status <= r.Max }

// BulkSkips is how many entries a [BulkRetry] left alone, by reason.
type BulkSkips struct {
	AlreadySucceeded int
	InProgress       int
	TooOld           int
	// RetriedSince: an attempt of the event at the webhook was created since the job was. So an event with several
	// failed entries is retried once. Of a replay of undelivered events: it has gone to some webhook since.
	RetriedSince int
}

// Total is the sum.
func (s BulkSkips) Total() int { return s.AlreadySucceeded + s.InProgress + s.TooOld + s.RetriedSince }

// BulkStatus is how a [BulkRetry] stands.
type BulkStatus string

// The statuses of a bulk retry. The first three are open.
const (
	BulkQueued    BulkStatus = "queued"
	BulkRunning   BulkStatus = "running"
	BulkPaused    BulkStatus = "paused" // see [BulkRetry.PausedBy]
	BulkCancelled BulkStatus = "cancelled"
	BulkDone      BulkStatus = "done"
)

// PauseReason says why a [BulkRetry] is paused.
type PauseReason string

// The reasons. The database stores them.
const (
	PausedByUser            PauseReason = "user"
	PausedByWebhookDisabled PauseReason = "webhook_disabled"
)

// Ended says whether nothing more comes of the job.
func (s BulkStatus) Ended() bool { return s == BulkCancelled || s == BulkDone }
