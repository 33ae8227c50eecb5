package postgres

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// activity gathers what a batch recorded, by environment and slot.
type activity map[activityKey]*layout.Outcomes

type activityKey struct {
	environment carteiro.ID
	grain, slot int64
}

// recorded counts a result, in its minute and in its hour.
func (a activity) recorded(environment carteiro.ID, o *carteiro.Outcome, now time.Time) {
	at := o.FinishedAt
	if at.IsZero() {
		at = now
	}
	for _, grain := range []int64{layout.GrainMinute, layout.GrainHour} {
		key := activityKey{environment, grain, layout.SlotOf(grain, at)}
		row := a[key]
		if row == nil {
			row = new(layout.Outcomes)
			a[key] = row
		}
		row.Count(o)
	}
}

const (
	addActivity = `INSERT INTO activity AS a (shard, environment_id, grain, slot, success, failed, latencies)
		SELECT $1, u.environment_id, u.grain, u.slot, u.success, u.failed, u.latencies::bigint[]
		FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
			AS u (environment_id, grain, slot, success, failed, latencies)
		ON CONFLICT (environment_id, grain, slot, shard) DO UPDATE SET success = a.success + excluded.success,
			failed = a.failed + excluded.failed, latencies = ARRAY (SELECT coalesce(l.before, 0) + coalesce(l.more, 0)
				FROM unnest(a.latencies, excluded.latencies) WITH ORDINALITY AS l (before, more, n) ORDER BY l.n)`
	slotColumns   = `environment_id, grain, slot, success, failed, latencies`
	listActivity  = `SELECT ` + slotColumns + ` FROM activity WHERE environment_id = $1 AND grain = $2 AND slot >= $3 ORDER BY slot`
	purgeActivity = `DELETE FROM activity WHERE (environment_id, grain, slot, shard) IN
		(SELECT environment_id, grain, slot, shard FROM activity WHERE grain = $1 AND slot < $2 ORDER BY slot LIMIT $3)`
)

func (k activityKey) compare(other activityKey) int {
	return cmp.Or(layout.CompareIDs(k.environment, other.environment), cmp.Compare(k.grain, other.grain), cmp.Compare(k.slot, other.slot))
}

// queue adds what was gathered to a batch.
func (a activity) queue(b *pgx.Batch, shard shard) {
	if len(a) == 0 {
		return
	}
	var (
		environments                   ids
		grains, slots, success, failed ints
		latencies                      texts
	)
	for _, key := range slices.SortedFunc(maps.Keys(a), activityKey.compare) {
		row := a[key]
		environments, grains, slots = append(environments, key.environment), append(grains, key.grain), append(slots, key.slot)
		success, failed = append(success, row.Success), append(failed, row.Failed)
		latencies = append(latencies, arrayOf(&row.Latencies))
	}
	b.Queue(addActivity, int16(shard), environments, grains, slots, success, failed, latencies)
}

// arrayOf writes latencies as an array in SQL, leaving out the zeros at the end.
func arrayOf(l *carteiro.Latencies) string {
	n := len(l)
	for n > 0 && l[n-1] == 0 {
		n--
	}
	text := []byte{'{'}
	for i, count := range l[:n] {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, count, 10)
	}
	return string(append(text, '}'))
}

// Activity implements [sqlstore.Tx]. It sums the shards.
func (t *tx) Activity(environment carteiro.ID, grain int64, from time.Time) (list []store.Activity, err error) {
	var slots []store.Slot
	err = t.each(func(scan func(...any) error) error {
		slot, err := readSlot(scan)
		slots = addSlot(slots, &slot)
		return err
	}, listActivity, id(environment), grain, layout.SlotOf(grain, from))
	for i := range slots {
		list = append(list, slots[i].Activity)
	}
	return list, err
}

// readSlot reads slotColumns.
func readSlot(scan func(...any) error) (slot store.Slot, err error) {
	var grain, number int64
	var latencies []int64
	if err := scan(toID(&slot.EnvironmentID), &grain, &number, &slot.Success, &slot.Failed, &latencies); err != nil {
		return slot, err
	}
	slot.Hourly = grain == layout.GrainHour
	slot.At = layout.StartOfSlot(layout.GrainOf(slot.Hourly), number)
	copy(slot.Latencies[:], latencies)
	return slot, nil
}

// addSlot adds a slot to a list; the shards of one, which follow one another, become one.
func addSlot(list []store.Slot, slot *store.Slot) []store.Slot {
	if n := len(list); n > 0 {
		last := &list[n-1]
		if last.EnvironmentID == slot.EnvironmentID && last.Hourly == slot.Hourly && last.At.Equal(slot.At) {
			last.Add(&slot.Activity)
			return list
		}
	}
	return append(list, *slot)
}

// purgeActivity deletes slots that have been kept long enough.
func (t *tx) purgeActivity(now time.Time, limit int) (deleted int, err error) {
	for grain, kept := range map[int64]time.Duration{layout.GrainMinute: store.MinutesKept, layout.GrainHour: store.HoursKept} {
		n, err := t.run(purgeActivity, grain, layout.SlotOf(grain, now.Add(-kept)), limit)
		if err != nil {
			return 0, err
		}
		deleted = max(deleted, n)
	}
	return deleted, nil
}
