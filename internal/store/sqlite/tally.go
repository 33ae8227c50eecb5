package sqlite

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

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
	// emptied says that rows may have come to count nothing, and are to be deleted then.
	emptied bool
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

func (t *tally) clear() {
	clear(t.totals)
	clear(t.hours)
	clear(t.health)
	t.emptied = false
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
	t.emptied = t.emptied || n < 0
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

var (
	addTotal = newQuery(`INSERT INTO totals (webhook_id, event_type, open, success, failed, retrying) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT DO UPDATE SET open = open + ?3, success = success + ?4, failed = failed + ?5, retrying = retrying + ?6`)
	dropTotal = newQuery(`DELETE FROM totals WHERE webhook_id = ? AND event_type = ? AND open = 0 AND success = 0 AND failed = 0`)
	addCount  = newQuery(`INSERT INTO counts (webhook_id, event_type, hour, success, failed, retrying) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT DO UPDATE SET success = success + ?4, failed = failed + ?5, retrying = retrying + ?6`)
	dropCount = newQuery(`DELETE FROM counts WHERE webhook_id = ? AND event_type = ? AND hour = ? AND success = 0 AND failed = 0`)

	setFailures   = newQuery(`UPDATE webhooks SET failures_in_a_row = ?2 WHERE id = ?1 AND failures_in_a_row <> ?2`)
	raiseFailures = newQuery(`UPDATE webhooks SET failures_in_a_row = failures_in_a_row + ?2 WHERE id = ?1`)
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
		change := raiseFailures
		if h.succeeded {
			change = setFailures
		}
		if err := c.write(change).id(webhook).int(h.failures).run(); err != nil {
			return err
		}
	}
	return nil
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
		err := c.write(addCount).id(key.webhook).text(key.eventType).int(key.hour).
			int(sum.success).int(sum.failed).int(sum.retrying).run()
		if err == nil && t.emptied {
			err = c.write(dropCount).id(key.webhook).text(key.eventType).int(key.hour).run()
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
	return cmp.Or(k.totalKey.compare(other.totalKey), cmp.Compare(k.hour, other.hour))
}
