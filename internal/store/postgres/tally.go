package postgres

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"carteiro"
	"carteiro/internal/store"
	"carteiro/internal/store/layout"
)

// shard tells rows of one count apart that different writers change, so that none waits for the other's commit. What is
// read is their sum.
type shard int16

// maxShards bounds how many rows a count may have. Writers that draw the same one wait for each other, and that is all.
const maxShards = 16

// shards are what a node's writers count in.
type shards struct{ accepts, records, others shard }

func newShards() shards {
	drawn := rand.Perm(maxShards)                                                              //nolint:gosec // no secret
	return shards{accepts: shard(drawn[0]), records: shard(drawn[1]), others: shard(drawn[2])} //nolint:gosec // below maxShards
}

// tally gathers what a batch changes of counts, totals, queues and activity and of the webhooks' failures, so that each
// row is written once a batch however many attempts it counts. It is flushed in the batch's own transaction.
type tally struct {
	shard
	totals map[totalKey]total
	hours  map[hourKey]hour
	health map[carteiro.ID]health
	queues map[carteiro.ID]int64 // by environment
	activity
}

type totalKey struct {
	webhook   carteiro.ID
	eventType string
}

type hourKey struct {
	totalKey
	hour       int64
	httpStatus int
}

// hour is a change of a row of counts.
type hour struct{ success, failed, retrying int64 }

// total is a change of a row of totals.
type total struct {
	hour
	open int64
}

// health is what a batch has learnt of a webhook's receiver: whether it has succeeded, and of its failures since. failedAt
// is that of the last failure, whether it has succeeded since or not.
type health struct {
	noted           bool // anything below
	succeeded       bool
	failures        int64
	since, failedAt time.Time
	lastError       string
	// first is the answer that is told when the circuit opens or closes, and now the time at which it does.
	first *store.Recorded
	now   time.Time
}

func newTally(shard shard) tally {
	return tally{
		shard:    shard,
		totals:   make(map[totalKey]total),
		hours:    make(map[hourKey]hour),
		health:   make(map[carteiro.ID]health),
		queues:   make(map[carteiro.ID]int64),
		activity: make(activity),
	}
}

// open counts n open attempts more.
func (t *tally) open(environment, webhook carteiro.ID, eventType string, n int64) {
	t.queues[environment] += n
	key := totalKey{webhook, eventType}
	sum := t.totals[key]
	sum.open += n
	t.totals[key] = sum
}

// finished counts a finished attempt more that was created when id was.
func (t *tally) finished(webhook, id carteiro.ID, eventType string, httpStatus int, status int64) {
	if status == layout.StatusSuccess {
		t.add(webhook, id, eventType, httpStatus, hour{success: 1})
	} else {
		t.add(webhook, id, eventType, httpStatus, hour{failed: 1})
	}
}

// retrying counts n failed attempts more, created when id was, that have an open retry.
func (t *tally) retrying(webhook, id carteiro.ID, eventType string, httpStatus int, n int64) {
	t.add(webhook, id, eventType, httpStatus, hour{retrying: n})
}

func (t *tally) add(webhook, id carteiro.ID, eventType string, httpStatus int, by hour) {
	key := hourKey{totalKey{webhook, eventType}, layout.HourOf(id), httpStatus}
	t.hours[key] = t.hours[key].plus(by)
	sum := t.totals[key.totalKey]
	sum.hour = sum.plus(by)
	t.totals[key.totalKey] = sum
}

func (h hour) plus(by hour) hour {
	return hour{h.success + by.success, h.failed + by.failed, h.retrying + by.retrying}
}

// sent notes how a receiver did.
func (t *tally) sent(webhook carteiro.ID, o *carteiro.Outcome) {
	h := t.health[webhook]
	h.noted = true
	if o.Success {
		h.succeeded, h.failures, h.since, h.lastError = true, 0, time.Time{}, ""
	} else {
		if h.failures++; h.failures == 1 {
			h.since = o.FinishedAt
		}
		h.failedAt, h.lastError = o.FinishedAt, o.Error
	}
	t.health[webhook] = h
}

// tell notes an answer of a result that counts. sent has been told of it, if its receiver was.
func (t *tally) tell(webhook carteiro.ID, now time.Time, answer *store.Recorded) {
	h := t.health[webhook]
	if h.first == nil {
		h.first = answer
	}
	h.now = now
	t.health[webhook] = h
}

// Rows are written in the order of their keys, totals before counts, and last in their transaction: writers that draw the
// same shard wait for each other, never in a circle, and no longer than a commit takes.
const (
	addTotals = `INSERT INTO totals AS t (shard, webhook_id, event_type, open, success, failed, retrying)
		SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
		ON CONFLICT (webhook_id, event_type, shard) DO UPDATE SET open = t.open + excluded.open, success = t.success + excluded.success,
			failed = t.failed + excluded.failed, retrying = t.retrying + excluded.retrying`
	addCounts = `INSERT INTO counts AS c (shard, webhook_id, hour, event_type, http_status, success, failed, retrying)
		SELECT $1, * FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
		ON CONFLICT (webhook_id, hour, event_type, http_status, shard) DO UPDATE SET success = c.success + excluded.success,
			failed = c.failed + excluded.failed, retrying = c.retrying + excluded.retrying`
	addQueues = `INSERT INTO queues AS q (shard, environment_id, open) SELECT $1, * FROM unnest($2::uuid[], $3::bigint[])
		ON CONFLICT (environment_id, shard) DO UPDATE SET open = q.open + excluded.open`
)

// queue adds what was gathered to a batch.
func (t *tally) queue(b *pgx.Batch) {
	t.queueHealth(b)
	t.queueTotals(b)
	t.queueHours(b)
	t.queueQueues(b)
	t.activity.queue(b, t.shard)
}

func (t *tally) queueTotals(b *pgx.Batch) {
	var (
		webhooks                        ids
		types                           texts
		open, success, failed, retrying ints
	)
	for _, key := range slices.SortedFunc(maps.Keys(t.totals), totalKey.compare) {
		sum := t.totals[key]
		if sum == (total{}) {
			continue
		}
		webhooks, types = append(webhooks, key.webhook), append(types, key.eventType)
		open, success = append(open, sum.open), append(success, sum.success)
		failed, retrying = append(failed, sum.failed), append(retrying, sum.retrying)
	}
	if len(webhooks) > 0 {
		b.Queue(addTotals, int16(t.shard), webhooks, types, open, success, failed, retrying)
	}
}

func (t *tally) queueHours(b *pgx.Batch) {
	var (
		webhooks                                       ids
		types                                          texts
		hours, httpStatuses, success, failed, retrying ints
	)
	for _, key := range slices.SortedFunc(maps.Keys(t.hours), hourKey.compare) {
		sum := t.hours[key]
		if sum == (hour{}) {
			continue
		}
		webhooks, types, hours = append(webhooks, key.webhook), append(types, key.eventType), append(hours, key.hour)
		httpStatuses = append(httpStatuses, int64(key.httpStatus))
		success, failed, retrying = append(success, sum.success), append(failed, sum.failed), append(retrying, sum.retrying)
	}
	if len(webhooks) > 0 {
		b.Queue(addCounts, int16(t.shard), webhooks, hours, types, httpStatuses, success, failed, retrying)
	}
}

func (t *tally) queueQueues(b *pgx.Batch) {
	var (
		environments ids
		open         ints
	)
	for _, environment := range slices.SortedFunc(maps.Keys(t.queues), layout.CompareIDs) {
		if n := t.queues[environment]; n != 0 {
			environments, open = append(environments, environment), append(open, n)
		}
	}
	if len(environments) > 0 {
		b.Queue(addQueues, int16(t.shard), environments, open)
	}
}

func (k totalKey) compare(other totalKey) int {
	return cmp.Or(layout.CompareIDs(k.webhook, other.webhook), strings.Compare(k.eventType, other.eventType))
}

func (k hourKey) compare(other hourKey) int {
	return cmp.Or(k.totalKey.compare(other.totalKey), cmp.Compare(k.hour, other.hour), cmp.Compare(k.httpStatus, other.httpStatus))
}
