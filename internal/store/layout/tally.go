package layout

import (
	"cmp"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Tally gathers what a batch changes of counts, totals and queues and of the webhooks' failures, so that each row is
// written once a batch however many attempts it counts. Adapters write it in the batch's own transaction.
type Tally struct {
	Totals map[TotalKey]Total
	Hours  map[HourKey]Sum
	Health map[HealthKey]Health
	Queues map[carteiro.ID]int64 // by environment
}

// TotalKey is the key of a row of totals.
type TotalKey struct {
	Webhook   carteiro.ID
	EventType string
}

// HourKey is the key of a row of counts.
type HourKey struct {
	TotalKey
	Hour       int64 // since 1970
	HTTPStatus int   // 0 when there was no answer
}

// Sum is a change of a row of counts. What is retrying is among what has failed.
type Sum struct{ Success, Failed, Retrying int64 }

// Total is a change of a row of totals.
type Total struct {
	Sum
	Open int64
}

// HealthKey is a webhook in the version that was sent to. What is learnt of another version than the stored one counts for nothing.
type HealthKey struct {
	Webhook carteiro.ID
	Version int64
}

// Compare orders health by webhooks.
func (k HealthKey) Compare(other HealthKey) int {
	return cmp.Or(CompareIDs(k.Webhook, other.Webhook), cmp.Compare(k.Version, other.Version))
}

// Health is what a batch has learnt of a webhook's receiver: whether it has succeeded, and of its failures since.
type Health struct {
	Noted     bool // anything below
	Succeeded bool
	Failures  int64
	Since     time.Time
	// FailedAt is that of the last failure, whether it has succeeded since or not.
	FailedAt  time.Time
	LastError string
	// First is the answer that is told when the circuit opens or closes, and Now the time at which it does.
	First *store.Recorded
	Now   time.Time
	// OffAt is when a result of the batch has switched the webhook off, which raises the version by one; zero: none has.
	OffAt time.Time
}

// NewTally gives a tally of nothing.
func NewTally() Tally {
	return Tally{
		Totals: make(map[TotalKey]Total),
		Hours:  make(map[HourKey]Sum),
		Health: make(map[HealthKey]Health),
		Queues: make(map[carteiro.ID]int64),
	}
}

// Clear forgets what was gathered, and keeps its room for the next batch.
func (t *Tally) Clear() {
	clear(t.Totals)
	clear(t.Hours)
	clear(t.Health)
	clear(t.Queues)
}

// Open counts n open attempts more.
func (t *Tally) Open(environment, webhook carteiro.ID, eventType string, n int64) {
	t.Queues[environment] += n
	key := TotalKey{webhook, eventType}
	sum := t.Totals[key]
	sum.Open += n
	t.Totals[key] = sum
}

// Finished counts n finished attempts more that were created when id was. The status is StatusSuccess or StatusFailed.
func (t *Tally) Finished(webhook, id carteiro.ID, eventType string, httpStatus int, status, n int64) {
	if status == StatusSuccess {
		t.add(webhook, id, eventType, httpStatus, Sum{Success: n})
	} else {
		t.add(webhook, id, eventType, httpStatus, Sum{Failed: n})
	}
}

// Retrying counts n failed attempts more, created when id was, that have an open retry.
func (t *Tally) Retrying(webhook, id carteiro.ID, eventType string, httpStatus int, n int64) {
	t.add(webhook, id, eventType, httpStatus, Sum{Retrying: n})
}

func (t *Tally) add(webhook, id carteiro.ID, eventType string, httpStatus int, by Sum) {
	key := HourKey{TotalKey{webhook, eventType}, HourOf(id), httpStatus}
	t.Hours[key] = t.Hours[key].plus(by)
	sum := t.Totals[key.TotalKey]
	sum.Sum = sum.plus(by)
	t.Totals[key.TotalKey] = sum
}

func (s Sum) plus(by Sum) Sum {
	return Sum{s.Success + by.Success, s.Failed + by.Failed, s.Retrying + by.Retrying}
}

// Sent notes how a receiver did.
func (t *Tally) Sent(key HealthKey, o *carteiro.Outcome) {
	h := t.Health[key]
	h.Noted = true
	if o.Success {
		h.Succeeded, h.Failures, h.Since, h.LastError = true, 0, time.Time{}, ""
	} else {
		if h.Failures++; h.Failures == 1 {
			h.Since = o.FinishedAt
		}
		h.FailedAt, h.LastError = o.FinishedAt, o.Error
	}
	t.Health[key] = h
}

// Tell notes an answer of a result that counts. Sent has been told of it, if its receiver was.
func (t *Tally) Tell(key HealthKey, now time.Time, answer *store.Recorded) {
	h := t.Health[key]
	if h.First == nil {
		h.First = answer
	}
	h.Now = now
	t.Health[key] = h
}

// Off notes that a result switches the webhook off.
func (t *Tally) Off(key HealthKey, now time.Time) {
	h := t.Health[key]
	h.OffAt = now
	t.Health[key] = h
}

// SentTo is the webhook that a result's attempt was sent to.
func SentTo(r *store.Result) HealthKey { return HealthKey{r.Delivery.WebhookID, r.Version} }

// Compare orders the rows of totals.
func (k TotalKey) Compare(other TotalKey) int {
	return cmp.Or(CompareIDs(k.Webhook, other.Webhook), strings.Compare(k.EventType, other.EventType))
}

// Compare orders the rows of counts.
func (k HourKey) Compare(other HourKey) int {
	return cmp.Or(k.TotalKey.Compare(other.TotalKey), cmp.Compare(k.Hour, other.Hour), cmp.Compare(k.HTTPStatus, other.HTTPStatus))
}
