package postgres

import (
	"errors"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// Writers of different shards may be in the middle of a commit at once, whatever they count.
func TestNodesThatCountTheSameDoNotWaitForEachOther(t *testing.T) {
	c := newCluster(t)
	c.now = c.now.Truncate(time.Hour).Add(30 * time.Minute) // no id lies in another hour
	hook := c.webhook()
	c.a.shards, c.b.shards = shards{0, 1, 2}, shards{3, 4, 5}
	one, two := c.join(c.a), c.join(c.b)
	c.record(c.a, one, true, c.publish(c.a, one, hook.ID)) // the rows are there
	undone := errors.New("it is not to be")
	err := c.a.inTx(t.Context(), func(held *tx) error {
		for _, shard := range []shard{c.a.shards.accepts, c.a.shards.records} {
			count := newTally(shard)
			count.Open(c.owner.EnvironmentID, hook.ID, "event_action", 7)
			count.Finished(hook.ID, c.ids.New(c.now), "event_action", 200, layout.StatusSuccess, 1)
			count.recorded(c.owner.EnvironmentID, &carteiro.Outcome{Success: true, Duration: time.Second}, c.now)
			if err := held.batch(count.queue); err != nil {
				return err
			}
		}
		// A wait would end in the lock timeout.
		c.record(c.b, two, false, c.publish(c.b, two, hook.ID))
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	if all, failed := c.total(hook.ID, ""), c.total(hook.ID, carteiro.StatusFailed); all != 2 || failed != 1 {
		t.Errorf("%d entries, %d failed", all, failed)
	}
	o, err := c.a.Overview(t.Context(), store.Overview{EnvironmentID: c.owner.EnvironmentID, Now: c.now, From: c.now.Add(-time.Hour), Failing: 5})
	if err != nil || len(o.Activity) != 1 || o.Activity[0].Success != 1 || o.Activity[0].Failed != 1 || o.Queue.Open != 0 || len(o.Failing) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	wantConsistent(t, c.a)
}
