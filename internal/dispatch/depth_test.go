package dispatch

import (
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

// What a node holds is counted over all of its lanes that have something to do.
func TestDepthIsTheSumOfAllLanes(t *testing.T) {
	d := New(Config{IDs: new(carteiro.IDSource)})
	if got := d.Depth(); got.Lanes != 0 || !got.OldestDue.IsZero() {
		t.Errorf("of an empty node: %+v", got)
	}
	noon := time.Date(2025, 9, 3, 12, 0, 0, 0, time.UTC)
	busy := func(due time.Time, waiting int) *lane {
		l := d.lane(ids.New(time.Now()))
		for range waiting {
			l.queue.push(&carteiro.Delivery{Attempt: carteiro.Attempt{DueAt: due}})
		}
		d.hold(l, 100*waiting)
		return l
	}
	busy(noon.Add(time.Minute), 2).inFlight = 5
	busy(noon, 3).reserved = 7
	busy(noon.Add(time.Hour), 1)
	busy(time.Time{}, 0).direct = 1
	d.lane(ids.New(time.Now())) // idle
	got := d.Depth()
	got.Paused = false // the node has not joined
	want := Depth{Lanes: 4, Waiting: 6, Reserved: 7, InFlight: 6, HeldBytes: 600, OldestDue: noon}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
