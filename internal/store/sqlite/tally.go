package sqlite

import (
	"maps"
	"slices"

	"github.com/carteiro/carteiro/internal/store/layout"
)

// tally is what a batch changes of counts and activity. It is flushed in the batch's own transaction.
type tally struct {
	layout.Tally
	activity
	// emptied says that rows may have come to count nothing, and are to be deleted then.
	emptied bool
}

func newTally() tally { return tally{Tally: layout.NewTally(), activity: newActivity()} }

func (t *tally) clear() {
	t.Clear()
	t.activity.clear()
	t.emptied = false
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
		WHERE id = ?1 AND version = ?6 AND (failures_in_a_row <> ?2 OR ?4 IS NOT NULL)`)
	raiseFailures = newQuery(`UPDATE webhooks SET failing_since = CASE failures_in_a_row WHEN 0 THEN ?3 ELSE failing_since END,
		failures_in_a_row = failures_in_a_row + ?2, last_failed_at = ?4, last_error = ?5 WHERE id = ?1 AND version = ?6`)
)

// flush writes what was gathered, in the order of the rows.
func (t *tally) flush(c *conn) error {
	if err := t.flushTotals(c); err != nil {
		return err
	}
	if err := t.flushHours(c); err != nil {
		return err
	}
	keys := slices.AppendSeq(make([]layout.HealthKey, 0, len(t.Health)), maps.Keys(t.Health))
	slices.SortFunc(keys, layout.HealthKey.Compare)
	for _, key := range keys {
		h := t.Health[key]
		if err := c.flushHealth(key, &h); err != nil {
			return err
		}
	}
	for environment, n := range t.Queues {
		if n == 0 {
			continue
		}
		if err := c.write(addQueue).id(environment).int(n).run(); err != nil {
			return err
		}
	}
	return t.activity.flush(c)
}

// flushHealth writes what is known of a receiver, and opens or closes the circuit by it, if the webhook still has the version that was
// sent to.
func (c *conn) flushHealth(key layout.HealthKey, h *layout.Health) error {
	if !h.Noted {
		return nil
	}
	change := raiseFailures
	if h.Succeeded {
		change = setFailures
	}
	if !h.OffAt.IsZero() {
		key.Version++
	}
	n, err := c.changed(c.write(change).id(key.Webhook).int(h.Failures).time(h.Since).time(h.FailedAt).text(h.LastError).int(key.Version))
	if err != nil || n == 0 {
		return err
	}
	return c.judge(key.Webhook, h)
}

func (t *tally) flushTotals(c *conn) error {
	keys := make([]layout.TotalKey, 0, len(t.Totals))
	for key, sum := range t.Totals {
		if sum != (layout.Total{}) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, layout.TotalKey.Compare)
	for _, key := range keys {
		sum := t.Totals[key]
		err := c.write(addTotal).id(key.Webhook).text(key.EventType).
			int(sum.Open).int(sum.Success).int(sum.Failed).int(sum.Retrying).run()
		if err == nil && t.emptied {
			err = c.write(dropTotal).id(key.Webhook).text(key.EventType).run()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tally) flushHours(c *conn) error {
	keys := make([]layout.HourKey, 0, len(t.Hours))
	for key, sum := range t.Hours {
		if sum != (layout.Sum{}) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, layout.HourKey.Compare)
	for _, key := range keys {
		sum := t.Hours[key]
		err := c.write(addCount).id(key.Webhook).text(key.EventType).int(key.Hour).int(int64(key.HTTPStatus)).
			int(sum.Success).int(sum.Failed).int(sum.Retrying).run()
		if err == nil && t.emptied {
			err = c.write(dropCount).id(key.Webhook).text(key.EventType).int(key.Hour).int(int64(key.HTTPStatus)).run()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
