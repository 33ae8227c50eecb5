package sqlite

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// activity gathers what a batch recorded, by environment and minute. Its rows are kept from batch to batch, so that an
// event costs it nothing but the counting.
type activity struct {
	rows  []activityRow
	index map[activityKey]int // of rows
	last  int                 // the row that was counted in last: mostly it is the next one, too
}

type activityKey struct {
	environment carteiro.ID
	minute      int64 // since 1970
}

type activityRow struct {
	activityKey
	layout.Outcomes
}

func newActivity() activity { return activity{index: make(map[activityKey]int)} }

func (a *activity) clear() {
	a.rows = a.rows[:0]
	clear(a.index)
}

// recorded counts a result.
func (a *activity) recorded(environment carteiro.ID, o *carteiro.Outcome, now time.Time) {
	at := o.FinishedAt
	if at.IsZero() {
		at = now
	}
	row := a.row(activityKey{environment, layout.SlotOf(layout.GrainMinute, at)})
	row.Count(o)
}

func (a *activity) row(key activityKey) *activityRow {
	if a.last < len(a.rows) && a.rows[a.last].activityKey == key {
		return &a.rows[a.last]
	}
	i, found := a.index[key]
	if !found {
		i = len(a.rows)
		a.index[key] = i
		a.rows = append(a.rows, activityRow{activityKey: key})
	}
	a.last = i
	return &a.rows[i]
}

const slotColumns = `environment_id, grain, slot, success, failed, latencies`

var (
	latenciesOf = newQuery(`SELECT latencies FROM activity WHERE environment_id = ? AND grain = ? AND slot = ?`)
	addActivity = newQuery(`INSERT INTO activity (environment_id, grain, slot, success, failed, latencies) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT DO UPDATE SET success = success + ?4, failed = failed + ?5, latencies = ?6`)
	listActivity = sqlstore.NewQuery(`SELECT ` + slotColumns + ` FROM activity
		WHERE environment_id = $1 AND grain = $2 AND slot >= $3 ORDER BY slot`)
	purgeActivity = newQuery(`DELETE FROM activity WHERE (environment_id, grain, slot) IN
		(SELECT environment_id, grain, slot FROM activity INDEXED BY activity_by_age WHERE grain = ? AND slot < ? LIMIT ?)`)
)

// flush adds what was gathered to the minutes and hours.
func (a *activity) flush(c *conn) error {
	for i := range a.rows {
		row := &a.rows[i]
		for _, grain := range []int64{layout.GrainMinute, layout.GrainHour} {
			slot := layout.SlotOf(grain, layout.StartOfSlot(layout.GrainMinute, row.minute))
			if err := c.addActivity(row.environment, grain, slot, &row.Outcomes); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *conn) addActivity(environment carteiro.ID, grain, slot int64, by *layout.Outcomes) error {
	sum := by.Latencies
	row := c.query(latenciesOf).id(environment).int(grain).int(slot)
	found, err := row.one()
	if err != nil {
		return err
	}
	if found {
		if err := addLatencies(&sum, row.colBlob(0)); err != nil {
			_ = row.end() // what was read is at fault, not the reading
			return err
		}
	}
	if err := row.end(); err != nil {
		return err
	}
	var buf [carteiro.LatencyBuckets * binary.MaxVarintLen64]byte
	return c.write(addActivity).id(environment).int(grain).int(slot).int(by.Success).int(by.Failed).
		blob(appendLatencies(buf[:0], &sum)).run()
}

// appendLatencies writes the counts as varints, leaving out the zeros at the end.
func appendLatencies(b []byte, l *carteiro.Latencies) []byte {
	n := len(l)
	for n > 0 && l[n-1] == 0 {
		n--
	}
	for _, count := range l[:n] {
		b = binary.AppendUvarint(b, uint64(count)) //nolint:gosec // counts are not negative
	}
	return b
}

var errLatencies = errors.New("latencies cannot be read")

// addLatencies adds what appendLatencies has written.
func addLatencies(l *carteiro.Latencies, b []byte) error {
	for i := 0; len(b) > 0; i++ {
		count, size := binary.Uvarint(b)
		if size <= 0 || i >= len(l) {
			return errLatencies
		}
		l[i] += int64(count) //nolint:gosec // as it was written
		b = b[size:]
	}
	return nil
}

// Activity implements [sqlstore.Tx].
func (t *tx) Activity(environment carteiro.ID, grain int64, from time.Time) (list []store.Activity, err error) {
	err = t.Each(func(scan sqlstore.Scan) error {
		slot, err := readSlot(scan)
		list = append(list, slot.Activity)
		return err
	}, listActivity, environment, grain, layout.SlotOf(grain, from))
	return list, err
}

// readSlot reads slotColumns.
func readSlot(scan sqlstore.Scan) (slot store.Slot, err error) {
	var grain, number int64
	var latencies []byte
	if err := scan(&slot.EnvironmentID, &grain, &number, &slot.Success, &slot.Failed, &latencies); err != nil {
		return slot, err
	}
	slot.Hourly = grain == layout.GrainHour
	slot.At = layout.StartOfSlot(layout.GrainOf(slot.Hourly), number)
	return slot, addLatencies(&slot.Latencies, latencies)
}

// purgeActivity deletes slots that have been kept long enough.
func (t *tx) purgeActivity(now time.Time, limit int) (deleted int, err error) {
	for grain, kept := range map[int64]time.Duration{layout.GrainMinute: store.MinutesKept, layout.GrainHour: store.HoursKept} {
		n, err := t.changed(t.write(purgeActivity).int(grain).int(layout.SlotOf(grain, now.Add(-kept))).int(int64(limit)))
		if err != nil {
			return 0, err
		}
		deleted = max(deleted, n)
	}
	return deleted, nil
}
