package dispatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/store"
)

// A probe that comes back without a result has not used its turn. The circuit is probed again at once, and not when the next
// probe would have been due.

// mediumTerm is short beside the hour between two probes, and long enough for the hours to pass quickly.
const mediumTerm = 5 * time.Minute

func mediumLease(c *dispatch.Config) { c.Lease = mediumTerm }

// probed returns a webhook whose circuit has been open for long: probes are far apart, and the next one is due in a second.
func (n *node) probed() *carteiro.Webhook {
	n.t.Helper()
	w := n.throttled()
	elapse(time.Until(n.now(w).Circuit.ProbeAt) - time.Second)
	return w
}

// soonProbed fails the test if the webhook is not probed again soon.
func soonProbed(t *testing.T, within time.Duration, w *carteiro.Webhook, n *node) {
	t.Helper()
	before := len(n.receivers.of(w))
	elapse(within)
	if len(n.receivers.of(w)) == before {
		t.Errorf("no probe within %v; the next one is due in %v", within, time.Until(n.now(w).Circuit.ProbeAt))
	}
}

func TestAProbeThatADrainingNodeReleasesIsFollowedByAnotherAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.probed()
		n.receivers.set(w.ID, never)
		elapse(2 * time.Second) // a probe is in flight
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n.Stop(ctx)
		again := startOn(t, n.store)
		defer again.stop()
		again.receivers.set(w.ID, takes(0, 500))
		soonProbed(t, time.Second, w, again)
	})
}

func TestAProbeOfALostNodeIsFollowedByAnotherAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, mediumLease)
		w := n.probed()
		now := time.Now()
		lost, err := n.store.Join(t.Context(), store.Join{Node: "lost", Now: now, Until: now.Add(mediumTerm)})
		must(t, err)
		due := n.now(w).Circuit.ProbeAt
		claimed, err := n.store.Claim(t.Context(), store.Claim{Session: lost, WebhookID: w.ID, Now: due, Limit: 1, MaxBytes: 1 << 20})
		if must(t, err); len(claimed.Deliveries) != 1 || !claimed.Deliveries[0].Probe {
			t.Fatalf("claimed %+v, want a probe", claimed)
		}
		elapse(mediumTerm)
		soonProbed(t, mediumTerm, w, n)
	})
}

func TestAProbeOfALostLeaseIsFollowedByAnotherAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, mediumLease)
		w := n.probed()
		n.receivers.set(w.ID, takes(20*time.Second, 500))
		elapse(2 * time.Second) // a probe is in flight
		_, err := n.store.EndSessions(t.Context(), store.EndSessions{Now: time.Now().Add(time.Hour)})
		must(t, err)
		soonProbed(t, 2*mediumTerm, w, n)
	})
}

// The claim of the probe is carried out and not answered. The node finds it held and unknown, and releases it.
func TestAProbeThatWasClaimedWithoutAnAnswerIsFollowedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, mediumLease)
		w := n.probed()
		n.store.leaveClaimsUnanswered(1)
		soonProbed(t, mediumTerm, w, n)
	})
}

// The node releases a probe and gets no answer. The release is carried out late.
func TestAProbeWhoseReleaseWasNotAnsweredIsFollowedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, mediumLease)
		w := n.probed()
		n.store.leaveClaimsUnanswered(1)
		n.store.delayReleases(1, 20*time.Second)
		soonProbed(t, mediumTerm, w, n)
		if n.store.releasesToDelay() != 0 {
			t.Error("the probe was not released")
		}
	})
}
