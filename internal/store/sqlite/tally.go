package sqlite

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"carteiro"
	"carteiro/internal/store"
	"carteiro/internal/store/layout"
)

// tally gathers what a batch changes of counts, totals and activity and of the webhooks' failures, so that each row is
// written once a batch however many attempts it counts. It is flushed in the batch's own transaction.
type tally struct {
	totals map[totalKey]total
	hours  map[hourKey]hour
	health map[carteiro.ID]health
	queues map[carteiro.ID]int64 // by environment
	activity
	// emptied says that rows may have come to count nothing, and are to be deleted then.
	emptied bool
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

func newTally() tally {
	return tally{
		totals: make(map[totalKey]total),
		hours:  make(map[hourKey]hour),
		health: make(map[carteiro.ID]health),
		queues: make(map[carteiro.ID]int64),

		activity: newActivity(),
	}
}

func (t *tally) clear() {
	clear(t.totals)
	clear(t.hours)
	clear(t.health)
	clear(t.queues)
	t.activity.clear()
	t.emptied = false
}

// open counts n open attempts more that are as this one.
func (t *tally) open(o *openRow, n int64) {
	t.queues[o.environment] += n
	key := totalKey{o.attempt.WebhookID, o.attempt.EventType}
	sum := t.totals[key]
	sum.open += n
	t.totals[key] = sum
}

// finished counts n finished attempts more that were created when id was.
func (t *tally) finished(webhook, id carteiro.ID, eventType string, httpStatus int, status, n int64) {
	if status == layout.StatusSuccess {
		t.add(webhook, id, eventType, httpStatus, hour{success: n})
	} else {
		t.add(webhook, id, eventType, httpStatus, hour{failed: n})
	}
	t.emptied = t.emptied || n < 0
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

var (
	addTotal = newQuery(`INSERT INTO totals (webhook_id, event_type, open, success, failed, retrying) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT DO UPDATE SET open = open + ?3, success = success + ?4, failed = failed + ?5, retrying = retrying + ?6`)
	addQueue  = newQuery(`INSERT INTO queues (environment_id, open) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET open = open + ?2`)
	dropTotal = newQuery(`DELETE FROM totals WHERE webhook_id = ? AND event_type = ? AND open = 0 AND success = 0 AND failed = 0`)
	addCount  = newQuery(`INSERT INTO counts (webhook_id, event_type, hour, http_status, success, failed, retrying) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
		ON CONFLICT DO UPDATE SET success = success + ?5, failed = failed + ?6, retrying = retrying + ?7`)
	dropCount = newQuery(`DELETE FROM counts WHERE webhook_id = ? AND event_type = ? AND hour = ? AND http_status = ? AND success = 0 AND failed = 0`)

	// After a success what went before counts for nothing but last_failed_at; a webhook that is well is not written.
	setFailures = newQuery(`UPDATE webhooks SET failures_in_a_row = ?2, failing_since = ?3, last_failed_at = coalesce(?4, last_failed_at), last_error = ?5
		WHERE id = ?1 AND (failures_in_a_row <> ?2 OR ?4 IS NOT NULL)`)
	raiseFailures = newQuery(`UPDATE webhooks SET failing_since = CASE failures_in_a_row WHEN 0 THEN ?3 ELSE failing_since END,
		failures_in_a_row = failures_in_a_row + ?2, last_failed_at = ?4, last_error = ?5 WHERE id = ?1`)
)

// flush writes what was gathered, in the order of the rows.
func (t *tally) flush(c *conn) error {
	if err := t.flushTotals(c); err != nil {
		return err
	}
	if err := t.flushHours(c); err != nil {
		return err
	}
	for webhook, h := range t.health {
		if err := c.flushHealth(webhook, &h); err != nil {
			return err
		}
	}
	for environment, n := range t.queues {
		if n == 0 {
			continue
		}
		if err := c.write(addQueue).id(environment).int(n).run(); err != nil {
			return err
		}
	}
	return t.activity.flush(c)
}

// flushHealth writes what is known of a receiver, and opens or closes the circuit by it.
func (c *conn) flushHealth(webhook carteiro.ID, h *health) error {
	if !h.noted {
		return nil
	}
	change := raiseFailures
	if h.succeeded {
		change = setFailures
	}
	n, err := c.changed(c.write(change).id(webhook).int(h.failures).time(h.since).time(h.failedAt).text(h.lastError))
	if err != nil || n == 0 {
		return err
	}
	return c.judge(webhook, h)
}

func (t *tally) flushTotals(c *conn) error {
	keys := make([]totalKey, 0, len(t.totals))
	for key, sum := range t.totals {
		if sum != (total{}) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, totalKey.compare)
	for _, key := range keys {
		sum := t.totals[key]
		err := c.write(addTotal).id(key.webhook).text(key.eventType).
			int(sum.open).int(sum.success).int(sum.failed).int(sum.retrying).run()
		if err == nil && t.emptied {
			err = c.write(dropTotal).id(key.webhook).text(key.eventType).run()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tally) flushHours(c *conn) error {
	keys := make([]hourKey, 0, len(t.hours))
	for key, sum := range t.hours {
		if sum != (hour{}) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, hourKey.compare)
	for _, key := range keys {
		sum := t.hours[key]
		err := c.write(addCount).id(key.webhook).text(key.eventType).int(key.hour).int(int64(key.httpStatus)).
			int(sum.success).int(sum.failed).int(sum.retrying).run()
		if err == nil && t.emptied {
			err = c.write(dropCount).id(key.webhook).text(key.eventType).int(key.hour).int(int64(key.httpStatus)).run()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (k totalKey) compare(other totalKey) int {
	return cmp.Or(bytes.Compare(k.webhook[:], other.webhook[:]), strings.Compare(k.eventType, other.eventType))
}

func (k hourKey) compare(other hourKey) int {
	return cmp.Or(k.totalKey.compare(other.totalKey), cmp.Compare(k.hour, other.hour), cmp.Compare(k.httpStatus, other.httpStatus))
}
