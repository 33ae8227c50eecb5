package store

import (
	"bytes"
	"context"
	"time"

	"github.com/carteiro/carteiro"
)

// Examinable is a store that lays open what it keeps, so that it can be held against what the port promises: the facts, each
// answer from one snapshot of the database; what is wrong with them is judged above. Nothing is changed, and a server that
// runs on the same database is not held up. An answer is bounded by its parameters, not by the size of the database.
type Examinable interface {
	Store

	// ExamineEvents gives events in the order of their ids, each with all of its attempts, open and finished.
	ExamineEvents(ctx context.Context, p ExamineEvents) ([]ExaminedEvent, error)
	// ExamineWebhook gives what is kept of one webhook, and what counting gives: of the next id behind the cursor under which
	// there is anything at all, or of a part of its history.
	ExamineWebhook(ctx context.Context, p ExamineWebhook) (ExaminedWebhook, error)
	// ExamineNodes gives sessions, and what is counted by environment. The cost of it grows with the queue.
	ExamineNodes(ctx context.Context, p ExamineNodes) (ExaminedNodes, error)
}

// ExamineEvents is the parameter of [Examinable.ExamineEvents].
type ExamineEvents struct {
	After carteiro.ID
	Limit int // of events
}

// ExaminedEvent is an event with its attempts, in no order.
type ExaminedEvent struct {
	ID   carteiro.ID
	Test bool
	// Kept is how many attempts the event knows it has; -1 in a database that does not keep that.
	Kept     int
	Attempts []ExaminedAttempt
}

// ExaminedAttempt is what tells an attempt's place in its chain.
type ExaminedAttempt struct {
	AttemptRef
	Number, ChainStart int
	PreviousID         carteiro.ID
	Open               bool
	Success            bool // of a finished one
	HTTPStatus         int  // of a finished one
}

// ExamineCursor is how far the examination of webhooks has come. The zero one is the beginning.
type ExamineCursor struct {
	WebhookID carteiro.ID
	Hour      int64 // of the webhook's history, since 1970; 0 when it is behind all of it
}

// ExamineWebhook is the parameter of [Examinable.ExamineWebhook].
type ExamineWebhook struct {
	From  ExamineCursor
	Limit int // of finished attempts, roughly: an hour is never cut
}

// ExaminedWebhook is what is kept of a webhook and what there is. Hours are those since 1970.
type ExaminedWebhook struct {
	WebhookID carteiro.ID // zero: there are no more
	Next      ExamineCursor
	First     bool // of the webhook's parts: the one that has Open, Totals and what is said of the webhook itself

	Exists, Deleted, HasOwner bool
	EnvironmentID             carteiro.ID
	// Unreadable says why its settings cannot be read; "" when they can. Without any key nothing is tried of secrets that are
	// encrypted.
	Unreadable string

	// Clean reports whether the webhook is deleted and marked as clean. A clean webhook has no pending attempts, secrets or open jobs.
	Clean   bool
	Pending int         // attempts, with and without a fault
	Oldest  carteiro.ID // of them
	Secrets bool        // the settings hold secrets; set for clean webhooks only
	Jobs    int         // open ones

	Open   []ExaminedOpen                 // those that have a fault; at most [MaxExamined]
	Totals map[string]*ExaminedPair       // the sums of counts and the open attempts, by event type
	Counts map[ExaminedHour]*ExaminedPair // of this part
	// Faulty are finished attempts of this part that have lost something; at most [MaxExamined].
	Faulty []ExaminedFaulty
	// Recorded is how many attempts of this part were finished in each hour.
	Recorded map[int64]int
}

// MaxExamined bounds how many faults of a kind an answer names.
const MaxExamined = 100

// ExaminedOpen is an open attempt with a fault.
type ExaminedOpen struct {
	ID               carteiro.ID
	NoEvent          bool
	NoSession        bool // it is held by one that does not exist
	OtherEnvironment bool // it is filed under another than its event's
	DueAt            time.Time
}

// ExaminedFaulty is a finished attempt that has lost what belongs to it.
type ExaminedFaulty struct {
	ID         carteiro.ID
	NoEvent    bool
	NoExchange bool // what was sent and what came back, or filed under another HTTP status
}

// ExaminedSum is a sum of attempts, as they are counted.
type ExaminedSum struct{ Open, Success, Failed, Retrying int64 }

// ExaminedHour is what a row of counts counts.
type ExaminedHour struct {
	Hour       int64
	EventType  string
	HTTPStatus int
}

// ExaminedPair is a sum as it is kept, and as counting gives it.
type ExaminedPair struct{ Kept, Counted ExaminedSum }

// Total gives the pair of an event type, making it when there is none.
func (w *ExaminedWebhook) Total(eventType string) *ExaminedPair { return pairOf(&w.Totals, eventType) }

// Count gives the pair of an hour, making it when there is none.
func (w *ExaminedWebhook) Count(hour ExaminedHour) *ExaminedPair { return pairOf(&w.Counts, hour) }

func pairOf[K comparable](pairs *map[K]*ExaminedPair, key K) *ExaminedPair {
	if *pairs == nil {
		*pairs = make(map[K]*ExaminedPair)
	}
	pair := (*pairs)[key]
	if pair == nil {
		pair = new(ExaminedPair)
		(*pairs)[key] = pair
	}
	return pair
}

// Finish counts a finished attempt of an hour, recorded at a time; retrying says whether an open retry follows it.
func (w *ExaminedWebhook) Finish(hour ExaminedHour, success, retrying bool, recorded time.Time) {
	sum := &w.Count(hour).Counted
	if success {
		sum.Success++
	} else {
		sum.Failed++
	}
	if retrying {
		sum.Retrying++
	}
	if w.Recorded == nil {
		w.Recorded = make(map[int64]int)
	}
	if !recorded.IsZero() {
		w.Recorded[recorded.Unix()/3600]++
	}
}

// AddOpen counts an open attempt, and notes it if it has a fault.
func (w *ExaminedWebhook) AddOpen(o ExaminedOpen) {
	if w.Pending++; w.Pending == 1 || bytes.Compare(o.ID[:], w.Oldest[:]) < 0 {
		w.Oldest = o.ID
	}
	if (o.NoEvent || o.NoSession || o.OtherEnvironment) && len(w.Open) < MaxExamined {
		w.Open = append(w.Open, o)
	}
}

// AddFaulty notes a finished attempt if it has a fault.
func (w *ExaminedWebhook) AddFaulty(a ExaminedFaulty) {
	if (a.NoEvent || a.NoExchange) && len(w.Faulty) < MaxExamined {
		w.Faulty = append(w.Faulty, a)
	}
}

// ExamineNodes is the parameter of [Examinable.ExamineNodes].
type ExamineNodes struct{ Now time.Time }

// ExaminedNodes is what there is beside webhooks and events.
type ExaminedNodes struct {
	Now      time.Time // by the clock that leases are kept by
	Sessions []ExaminedSession
	Queues   []ExaminedQueue
	Activity []ExaminedActivity // of every hour that is kept
	// Unclaimed is how many records of what was sent and came back belong to no attempt, as far as counting tells.
	Unclaimed int64
}

// ExaminedSession is a session with its lease.
type ExaminedSession struct {
	Session
	Until time.Time
	Held  int
}

// ExaminedQueue compares what is counted as open in an environment with what is.
type ExaminedQueue struct {
	EnvironmentID carteiro.ID
	Kept, Counted int64
}

// ExaminedActivity is what was recorded in an hour in an environment: as the hour has it, and as its minutes do, which are
// not kept as long.
type ExaminedActivity struct {
	EnvironmentID               carteiro.ID
	Hour                        int64
	Success, Failed             int64
	MinuteSuccess, MinuteFailed int64
}
