package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/store"
)

// Hints of other nodes were lost: what they were about is found by a scan at once, and not by the next one.
func TestALostHintIsFollowedByAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared, func(c *dispatch.Config) { c.RescanEvery = 24 * time.Hour })
		w := n.webhook(takes(time.Millisecond, 200))
		item, _ := n.newEvent(w)
		n.store1(item, store.Session{}, false)
		elapse(time.Minute)
		if sent := len(n.receivers.of(w)); sent != 0 {
			t.Fatalf("%d sent without a hint", sent)
		}
		n.Hear(store.Hint{Lost: true})
		elapse(time.Second)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1 {
			t.Errorf("log %v", got)
		}
	})
}
