package dispatch_test

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
)

// What cannot be sent because this machine has no descriptors left costs the receiver none of its attempts: it is sent once
// there are some.
func TestWhatThisMachineLacksCountsAgainstNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		var lacking atomic.Bool
		lacking.Store(true)
		w := n.webhook(func(context.Context, *carteiro.Delivery) *carteiro.Outcome {
			if lacking.Load() {
				return &carteiro.Outcome{Reason: carteiro.ReasonConnection, NotSent: syscall.EMFILE}
			}
			return answered(200)
		})
		for range 20 {
			n.publish(w)
		}
		elapse(20 * time.Minute)
		if got := n.statuses(w); got[carteiro.StatusPending] != 20 || len(got) != 1 {
			t.Errorf("log while there are none: %v", got)
		}
		lacking.Store(false)
		elapse(10 * time.Second)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 20 || len(got) != 1 {
			t.Errorf("log once there are some: %v", got)
		}
	})
}

// A node asks whether the attempt is still its own when it is connected, which may be long after it was chosen to be sent.
func TestALeaseThatEndsWhileTheReceiverIsConnectedToIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared, shortLease)
		var cleared, called atomic.Int32
		w := n.webhook(func(_ context.Context, d *carteiro.Delivery) *carteiro.Outcome {
			if called.Add(1) == 1 {
				time.Sleep(2 * dispatch.DefaultLease) // the way there
			}
			if !d.MayBegin() {
				return &carteiro.Outcome{NotSent: carteiro.ErrNotClear}
			}
			cleared.Add(1)
			return answered(200)
		})
		n.store.setCutOff(true)
		n.publish(w)
		elapse(4 * dispatch.DefaultLease)
		if called.Load() != 1 || cleared.Load() != 0 {
			t.Errorf("asked %d times and cleared %d times without a lease, want 1 and 0", called.Load(), cleared.Load())
		}
		n.store.setCutOff(false)
		elapse(time.Minute)
		if got := n.statuses(w); cleared.Load() != 1 || got[carteiro.StatusSuccess] != 1 || len(got) != 1 {
			t.Errorf("sent %d times with the lease, log %v", cleared.Load(), got)
		}
	})
}
