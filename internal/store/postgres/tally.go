package postgres

import (
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro/internal/store/layout"
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

// tally is what a batch changes of counts and activity, in a shard of theirs. It is flushed in the batch's own transaction.
type tally struct {
	shard
	layout.Tally
	activity
}

func newTally(shard shard) tally {
	return tally{shard: shard, Tally: layout.NewTally(), activity: make(activity)}
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
	for _, key := range slices.SortedFunc(maps.Keys(t.Totals), layout.TotalKey.Compare) {
		sum := t.Totals[key]
		if sum == (layout.Total{}) {
			continue
		}
		webhooks, types = append(webhooks, key.Webhook), append(types, key.EventType)
		open, success = append(open, sum.Open), append(success, sum.Success)
		failed, retrying = append(failed, sum.Failed), append(retrying, sum.Retrying)
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
	for _, key := range slices.SortedFunc(maps.Keys(t.Hours), layout.HourKey.Compare) {
		sum := t.Hours[key]
		if sum == (layout.Sum{}) {
			continue
		}
		webhooks, types, hours = append(webhooks, key.Webhook), append(types, key.EventType), append(hours, key.Hour)
		httpStatuses = append(httpStatuses, int64(key.HTTPStatus))
		success, failed, retrying = append(success, sum.Success), append(failed, sum.Failed), append(retrying, sum.Retrying)
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
	for _, environment := range slices.SortedFunc(maps.Keys(t.Queues), layout.CompareIDs) {
		if n := t.Queues[environment]; n != 0 {
			environments, open = append(environments, environment), append(open, n)
		}
	}
	if len(environments) > 0 {
		b.Queue(addQueues, int16(t.shard), environments, open)
	}
}
