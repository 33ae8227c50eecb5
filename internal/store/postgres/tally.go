package postgres

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"carteiro"
)

// The stored numbers of statuses and triggers.
const (
	statusSuccess = 1
	statusFailed  = 2
)

// hourOf is the hour since 1970 that an id was made in: the grain of the table counts.
func hourOf(id carteiro.ID) int64 {
	var milli int64
	for _, b := range id[:6] {
		milli = milli<<8 | int64(b)
	}
	return milli / 3_600_000
}

// tally gathers what a batch changes of counts and totals and of the webhooks' failures in a row, so that each row is
// written once a batch however many attempts it counts. It is flushed in the batch's own transaction.
type tally struct {
	totals map[totalKey]total
	hours  map[hourKey]hour
	health map[carteiro.ID]health
}

type totalKey struct {
	webhook   carteiro.ID
	eventType string
}

type hourKey struct {
	totalKey
	hour int64
}

// hour is a change of a row of counts.
type hour struct{ success, failed, retrying int64 }

// total is a change of a row of totals.
type total struct {
	hour
	open int64
}

// health is what a batch has learnt of a webhook's receiver: whether it has succeeded, and how often it failed since.
type health struct {
	succeeded bool
	failures  int64
}

func newTally() tally {
	return tally{
		totals: make(map[totalKey]total),
		hours:  make(map[hourKey]hour),
		health: make(map[carteiro.ID]health),
	}
}

// open counts n open attempts more.
func (t *tally) open(webhook carteiro.ID, eventType string, n int64) {
	key := totalKey{webhook, eventType}
	sum := t.totals[key]
	sum.open += n
	t.totals[key] = sum
}

// finished counts n finished attempts more that were created when id was.
func (t *tally) finished(webhook, id carteiro.ID, eventType string, status, n int64) {
	if status == statusSuccess {
		t.add(webhook, id, eventType, hour{success: n})
	} else {
		t.add(webhook, id, eventType, hour{failed: n})
	}
}

// retrying counts n failed attempts more, created when id was, that have an open retry.
func (t *tally) retrying(webhook, id carteiro.ID, eventType string, n int64) {
	t.add(webhook, id, eventType, hour{retrying: n})
}

func (t *tally) add(webhook, id carteiro.ID, eventType string, by hour) {
	key := hourKey{totalKey{webhook, eventType}, hourOf(id)}
	t.hours[key] = t.hours[key].plus(by)
	sum := t.totals[key.totalKey]
	sum.hour = sum.plus(by)
	t.totals[key.totalKey] = sum
}

func (h hour) plus(by hour) hour {
	return hour{h.success + by.success, h.failed + by.failed, h.retrying + by.retrying}
}

// sent notes how a receiver did.
func (t *tally) sent(webhook carteiro.ID, success bool) {
	h := t.health[webhook]
	if success {
		h = health{succeeded: true}
	} else {
		h.failures++
	}
	t.health[webhook] = h
}

// Rows are written in the order of their keys, totals before counts, and last in their transaction: nodes that count the
// same webhook's attempts wait for each other, never in a circle, and no longer than a commit takes.
const (
	addTotals = `INSERT INTO totals AS t (webhook_id, event_type, open, success, failed, retrying)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
		ON CONFLICT (webhook_id, event_type) DO UPDATE SET open = t.open + excluded.open, success = t.success + excluded.success,
			failed = t.failed + excluded.failed, retrying = t.retrying + excluded.retrying`
	addCounts = `INSERT INTO counts AS c (webhook_id, hour, event_type, success, failed, retrying)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
		ON CONFLICT (webhook_id, hour, event_type) DO UPDATE SET success = c.success + excluded.success,
			failed = c.failed + excluded.failed, retrying = c.retrying + excluded.retrying`
	// Rows that stay as they are, as those of well receivers do, are not locked.
	noteHealth = `WITH noted AS (
			SELECT w.id, u.failures + CASE WHEN u.succeeded THEN 0 ELSE w.failures_in_a_row END AS failures
			FROM unnest($1::uuid[], $2::boolean[], $3::bigint[]) AS u (id, succeeded, failures) JOIN webhooks w ON w.id = u.id
			WHERE NOT u.succeeded OR w.failures_in_a_row <> u.failures
			ORDER BY w.id FOR NO KEY UPDATE OF w)
		UPDATE webhooks w SET failures_in_a_row = noted.failures FROM noted WHERE w.id = noted.id`
)

// queue adds what was gathered to a batch.
func (t *tally) queue(b *pgx.Batch) {
	if len(t.health) > 0 {
		t.queueHealth(b)
	}
	if len(t.totals) > 0 {
		t.queueTotals(b)
	}
	if len(t.hours) > 0 {
		t.queueHours(b)
	}
}

func (t *tally) queueHealth(b *pgx.Batch) {
	webhooks := slices.SortedFunc(maps.Keys(t.health), compareIDs)
	succeeded, failures := make(bools, len(webhooks)), make(ints, len(webhooks))
	for i, webhook := range webhooks {
		succeeded[i], failures[i] = t.health[webhook].succeeded, t.health[webhook].failures
	}
	b.Queue(noteHealth, ids(webhooks), succeeded, failures)
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
	b.Queue(addTotals, webhooks, types, open, success, failed, retrying)
}

func (t *tally) queueHours(b *pgx.Batch) {
	var (
		webhooks                         ids
		types                            texts
		hours, success, failed, retrying ints
	)
	for _, key := range slices.SortedFunc(maps.Keys(t.hours), hourKey.compare) {
		sum := t.hours[key]
		if sum == (hour{}) {
			continue
		}
		webhooks, types, hours = append(webhooks, key.webhook), append(types, key.eventType), append(hours, key.hour)
		success, failed, retrying = append(success, sum.success), append(failed, sum.failed), append(retrying, sum.retrying)
	}
	b.Queue(addCounts, webhooks, hours, types, success, failed, retrying)
}

func compareIDs(a, b carteiro.ID) int { return bytes.Compare(a[:], b[:]) }

func (k totalKey) compare(other totalKey) int {
	return cmp.Or(compareIDs(k.webhook, other.webhook), strings.Compare(k.eventType, other.eventType))
}

func (k hourKey) compare(other hourKey) int {
	return cmp.Or(k.totalKey.compare(other.totalKey), cmp.Compare(k.hour, other.hour))
}
