package dispatch_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
)

// The clock is set back by an hour, and ahead again. What is due waits for no hour, what was accepted goes out, each attempt
// once; and the waits between the attempts are as long as they were, or twice that.
func TestAClockThatJumpsAnHourBackAndForthHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var jump atomic.Int64
		n := start(t)
		n.ids.Jump = func() time.Duration { return time.Duration(jump.Load()) }
		well := n.webhook(takes(20*time.Millisecond, 200))
		failing := n.webhook(func(context.Context, *carteiro.Delivery) *carteiro.Outcome { return answered(500) })
		published, tried := 0, 0
		for _, to := range []time.Duration{0, -time.Hour, 0, time.Hour, 0} {
			n.beginAnew(failing) // its circuit is another story
			n.publish(failing)
			elapse(time.Second)
			jump.Store(int64(to))
			for range 100 {
				n.publish(well)
			}
			published += 100
			elapse(11 * time.Second)
			if got := n.statuses(well); got[carteiro.StatusSuccess] != published || len(got) != 1 {
				t.Errorf("soon after the clock was set to %s: log %v, %d published", to, got, published)
			}
			if tried += 2; len(n.receivers.of(failing)) != tried { // the first attempt, and the one after 5 s
				t.Errorf("soon after the clock was set to %s: %d attempts of what fails, want %d", to, len(n.receivers.of(failing)), tried)
			}
			elapse(12 * time.Minute) // in which the third, after 5 minutes, comes
			if tried++; len(n.receivers.of(failing)) != tried {
				t.Errorf("12 minutes after the clock was set to %s: %d attempts of what fails, want %d", to, len(n.receivers.of(failing)), tried)
			}
			elapse(6 * time.Hour) // in which the fourth and last comes, and clocks agree again
			tried++
		}
		if got := n.statuses(failing); got[carteiro.StatusFailed] != tried || len(got) != 1 {
			t.Errorf("log of what fails %v, want %d attempts", got, tried)
		}
		if got := len(n.receivers.of(well)); got != published {
			t.Errorf("%d requests for %d events", got, published)
		}
		once := make(map[carteiro.ID]bool)
		for _, s := range n.receivers.of(failing) {
			if once[s.logID] {
				t.Errorf("attempt %s was made twice", s.logID)
			}
			once[s.logID] = true
		}
	})
}
