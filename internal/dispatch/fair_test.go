package dispatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
)

// few limits a node to so many slots, so that a test can have many more webhooks.
func few(slots int) func(*dispatch.Config) {
	return func(c *dispatch.Config) { c.MaxInFlight = slots }
}

// atOnce is the bound on how long an attempt of a healthy webhook waits for a slot.
const atOnce = time.Second

// lag is how long after its event the last of a webhook's n attempts began; it fails the test if there are not n.
func (n *node) lag(w *carteiro.Webhook, attempts int, published time.Time) time.Duration {
	n.t.Helper()
	got := n.receivers.of(w)
	if len(got) != attempts {
		n.t.Fatalf("%d attempts, want %d", len(got), attempts)
	}
	return got[len(got)-1].at.Sub(published)
}

// burst publishes events for a webhook and returns how long it takes until the last of them has been sent.
func (n *node) burst(w *carteiro.Webhook, events int) time.Duration {
	n.t.Helper()
	before, begin := len(n.receivers.of(w)), time.Now()
	for range events {
		n.publish(w)
	}
	elapse(20 * time.Second)
	return n.lag(w, before+events, begin)
}

// backlog publishes events for many new webhooks with one receiver.
func (n *node) backlog(webhooks, events int, answer receiver) (to []*carteiro.Webhook) {
	n.t.Helper()
	for range webhooks {
		to = append(to, n.webhook(answer))
	}
	for range events {
		n.publish(to...)
	}
	return to
}

// quick is a receiver in good health, with a round trip that makes its throughput depend on its attempts in flight.
var quick = takes(50*time.Millisecond, 200)

func TestANewWebhookStartsAtOnceBesideSlowOnesWithBacklogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, few(64))
		n.backlog(128, 8, takes(2*time.Second, 200))
		elapse(10 * time.Second)
		w := n.webhook(quick)
		published := time.Now()
		n.publish(w)
		elapse(5 * time.Second)
		if lag := n.lag(w, 1, published); lag > atOnce {
			t.Errorf("its first attempt began after %v", lag)
		}
	})
}

func TestSlowWebhooksTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, few(8)) // one of them for slow webhooks
		slow := n.backlog(10, 20, takes(2*time.Second, 200))
		elapse(20 * time.Second) // all have been heard of
		before := make(map[carteiro.ID]int)
		for _, w := range slow {
			before[w.ID] = len(n.receivers.of(w))
		}
		elapse(2 * time.Second * 10 * 5)
		for _, w := range slow {
			if got := len(n.receivers.of(w)) - before[w.ID]; got < 4 || got > 6 {
				t.Errorf("%d attempts of one of ten webhooks, in the time of fifty", got)
			}
		}
	})
}

func TestTwoQuickWebhooksDoNotStarveAThird(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, few(16)) // two of them for further attempts
		n.backlog(2, 2000, takes(100*time.Millisecond, 200))
		elapse(2 * time.Second)
		w := n.webhook(takes(100*time.Millisecond, 200))
		published := time.Now()
		const events = 50
		for range events {
			n.publish(w)
		}
		elapse(10 * time.Second)
		got := n.receivers.of(w)
		if len(got) == 0 || got[0].at.Sub(published) > atOnce {
			t.Fatalf("the first attempt of the third is not begun at once: %v", got)
		}
		// Five slots for three lanes. A lane whose first attempt ends before a further one keeps the slot for further attempts with its
		// only attempt, so that at times only four are used: the third lane gets at least a third of those.
		if took := n.lag(w, events, published); took > events*100*time.Millisecond*3/4*13/10 {
			t.Errorf("%d events took %v", events, took)
		}
	})
}

// hang is a receiver that stops answering when it is told to.
type hang struct{ from chan struct{} }

func newHang() *hang { return &hang{make(chan struct{})} }

func (h *hang) answer(ctx context.Context, d *carteiro.Delivery) *carteiro.Outcome {
	select {
	case <-h.from:
		return never(ctx, d)
	default:
		return quick(ctx, d)
	}
}

func TestQuickWebhooksThatStopAnsweringHoldUpNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, few(256)) // 32 of them for further attempts
		healthy, alone := n.webhook(quick), time.Duration(0)
		n.burst(healthy, 400)
		alone = n.burst(healthy, 400)

		h := newHang()
		bad := n.backlog(24, 20, h.answer)
		elapse(30 * time.Second)
		close(h.from)
		for range 40 {
			n.publish(bad...)
		}
		elapse(100 * time.Millisecond)
		w := n.webhook(quick)
		published := time.Now()
		n.publish(w)
		beside := n.burst(healthy, 400)
		if lag := n.lag(w, 1, published); lag > atOnce {
			t.Errorf("the first attempt of a new webhook began after %v", lag)
		}
		if beside > alone*13/10+atOnce {
			t.Errorf("a healthy webhook took %v, and alone %v", beside, alone)
		}
		if beside = n.burst(healthy, 400); beside > alone*13/10 {
			t.Errorf("a healthy webhook took %v once the others were known to hang, and alone %v", beside, alone)
		}
	})
}

func TestAHealthyWebhookIsNotHeldUpByManyMoreHangingOnesThanThereAreSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, few(64))
		healthy := n.webhook(quick)
		n.burst(healthy, 100)
		alone := n.burst(healthy, 100)
		n.backlog(300, 2, never) // nothing is known of them
		beside := n.burst(healthy, 100)
		if beside > alone*13/10 {
			t.Errorf("it took %v, and alone %v", beside, alone)
		}
	})
}

func TestAWebhookOfWhichNothingIsKnownStartsAtOnceBesideHangingOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, few(64))
		n.backlog(40, 10, never) // as many as there are slots for
		elapse(2 * carteiro.DefaultTimeout)
		// They are known to hang by now, and have retries and backlogs.
		w := n.webhook(quick)
		published := time.Now()
		n.publish(w)
		elapse(atOnce)
		if lag := n.lag(w, 1, published); lag > atOnce {
			t.Errorf("its first attempt began after %v", lag)
		}
	})
}

func TestAWebhookThatFailsNowAndThenIsNotTreatedAsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, few(64))
		n.backlog(40, 10, never)
		w, calls := n.webhook(nil), 0
		n.receivers.set(w.ID, func(ctx context.Context, d *carteiro.Delivery) *carteiro.Outcome {
			if calls++; calls%3 == 0 {
				return answered(500)
			}
			return quick(ctx, d)
		})
		for range 30 {
			published := time.Now()
			before := len(n.receivers.of(w))
			n.publish(w)
			elapse(atOnce)
			if got := n.receivers.of(w); len(got) <= before {
				t.Fatalf("an attempt did not begin within %v of %v", atOnce, published)
			}
		}
	})
}

func TestAProbeGoesOutBesideSlowWebhooksWithBacklogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, few(64)) // eight of them for slow webhooks, four of these for more than one each
		dead := n.webhook(takes(2*time.Second, 500), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		for range 40 {
			n.publish(dead)
		}
		elapse(time.Minute)
		probed := len(n.receivers.of(dead))
		n.backlog(4, 400, takes(2*time.Second, 200))
		elapse(30 * time.Minute)
		if got := len(n.receivers.of(dead)); got <= probed {
			t.Errorf("no probe in half an hour, after %d", probed)
		}
	})
}

func TestMemoryThatHangingWebhooksHoldIsNotHeldFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, func(c *dispatch.Config) { c.MaxHeldBytes = 512 << 10 }) // some 500 deliveries
		healthy := n.webhook(quick)
		n.burst(healthy, 200)
		alone := n.burst(healthy, 200)
		h := newHang()
		bad := n.backlog(8, 20, h.answer)
		elapse(30 * time.Second)
		close(h.from)
		for range 300 {
			n.publish(bad...)
		}
		elapse(2 * time.Second)
		if beside := n.burst(healthy, 200); beside > alone*13/10 {
			t.Errorf("it took %v, and alone %v", beside, alone)
		}
	})
}

func TestAnAttemptThatWaitsForTheStoreDoesNotCountAsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, few(256)) // 32 of them for further attempts
		to := n.backlog(16, 25, quick)
		elapse(20 * time.Second) // all have answered quickly
		answer := make(chan struct{})
		n.store.onceAfterRecord(func() { <-answer })
		for range 100 { // more than may wait for the store
			n.publish(to...)
		}
		elapse(20 * time.Second)
		const waiting = 512 // results that may wait for the store
		inFlight := -waiting
		for _, w := range to {
			inFlight += len(n.receivers.of(w)) - n.statuses(w)[carteiro.StatusSuccess]
		}
		if most := 16 + 32; inFlight > most {
			t.Errorf("%d attempts wait for the store, want at most %d: one of each webhook, and the share of quick ones", inFlight, most)
		}
		close(answer)
		elapse(time.Minute)
		for _, w := range to {
			n.lag(w, 125, time.Now()) // all have been sent
		}
	})
}

func TestANewWebhookGetsItsTurnAmongQuickOnesThatUseEverySlot(t *testing.T) {
	for name, webhooks := range map[string]int{"with as many webhooks as slots": 60, "with more webhooks than slots": 150} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := start(t, few(64))
				to := n.backlog(webhooks, 2, takes(100*time.Millisecond, 200))
				elapse(time.Minute)
				for range 60 {
					n.publish(to...)
				}
				w := n.webhook(quick)
				published := time.Now()
				n.publish(w)
				elapse(2 * time.Second)
				if lag := n.lag(w, 1, published); lag > atOnce {
					t.Errorf("its first attempt began after %v", lag)
				}
			})
		})
	}
}
