package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/store"
)

// Several dispatchers on one store.

func shared(c *dispatch.Config) { c.Shared, c.Lease = true, dispatch.DefaultLease }

// beside starts another node on the store, to which a webhook's receiver is known, too.
func (n *node) beside(t *testing.T, w *carteiro.Webhook, answer receiver) *node {
	t.Helper()
	other := startOn(t, n.store, shared)
	t.Cleanup(other.stop)
	other.owner = n.owner
	other.receivers.set(w.ID, answer)
	return other
}

func TestNodesShareWhatOneOfThemWasGiven(t *testing.T) {
	for name, hint := range map[string]func(*node, *carteiro.Webhook){
		"told by a hint":                func(n *node, w *carteiro.Webhook) { n.Hear(store.Hint{Waiting: []carteiro.ID{w.ID}}) },
		"told that hints were lost":     func(n *node, _ *carteiro.Webhook) { n.Hear(store.Hint{Lost: true}) },
		"told nothing, sooner or later": func(*node, *carteiro.Webhook) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := takes(2*time.Second, 200)
				one := start(t, shared)
				w := one.webhook(slow)
				two := one.beside(t, w, slow)
				for range 100 {
					one.publish(w)
				}
				hint(two, w)
				elapse(5 * time.Minute)
				first, second := len(one.receivers.of(w)), len(two.receivers.of(w))
				if first+second != 100 || first < 20 || second < 20 {
					t.Errorf("%d and %d sent, of 100", first, second)
				}
				if got := one.statuses(w); got[carteiro.StatusSuccess] != 100 {
					t.Errorf("log %v", got)
				}
			})
		})
	}
}

// From the last time that a node is heard of, it takes no longer than the lease says until what it held goes out again;
// and what it knew of, which waits in the store, not much longer.
func TestWhatADeadNodeHeldGoesOutWithinTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := start(t, shared)
		w := one.webhook(takes(time.Millisecond, 200))
		elapse(17 * time.Second) // so that its beats are out of step
		now := time.Now()
		dead, err := one.store.Join(t.Context(), store.Join{Node: "dead", Now: now, Until: now.Add(dispatch.DefaultLease * 4 / 5)})
		must(t, err)
		e := &carteiro.Event{ID: one.ids.New(now), EnvironmentID: one.owner.EnvironmentID, OwnerKind: one.owner.Kind, OwnerID: one.owner.ID, Type: "event_action", Payload: []byte(`{}`)}
		waiting := &carteiro.Event{ID: one.ids.New(now), EnvironmentID: one.owner.EnvironmentID, OwnerKind: one.owner.Kind, OwnerID: one.owner.ID, Type: "event_action", Payload: []byte(`{}`)}
		_, err = one.store.Accept(t.Context(), store.Accept{Now: now, Session: dead, Items: []store.AcceptItem{
			{Event: e, Attempts: []store.AcceptAttempt{{ID: one.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic, Held: true}}},
			{Event: waiting, Attempts: []store.AcceptAttempt{{ID: one.ids.Sibling(waiting.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic}}},
		}})
		must(t, err)
		elapse(dispatch.DefaultLease + time.Millisecond)
		got := one.receivers.of(w)
		if len(got) != 2 {
			t.Fatalf("%d sent within the lease", len(got))
		}
		for _, s := range got {
			if s.at.Sub(now) > dispatch.DefaultLease {
				t.Errorf("sent %v after the node was heard of last", s.at.Sub(now))
			}
		}
	})
}

// A node stops sending before others may take over, even if nothing tells it.
func TestANodeThatCannotRenewItsLeaseStopsBeforeOthersBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w := n.webhook(takes(100*time.Millisecond, 200))
		elapse(time.Second)
		n.store.setCutOff(true)
		cut := time.Now()
		for range 400 {
			n.publish(w)
		}
		elapse(time.Minute)
		got := n.receivers.of(w)
		if last := got[len(got)-1].at.Sub(cut); last > dispatch.DefaultLease*4/5 {
			t.Errorf("the last was sent %v after the lease could not be renewed", last)
		}
	})
}

// What an accept stored although it failed is held by nobody's memory: it is found, given back, and sent.
func TestWhatAFailedCallStoredIsFoundAndSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w := n.webhook(takes(10*time.Second, 200))
		known := n.publish(w) // in flight, and not to be sent twice
		elapse(time.Second)
		now := time.Now()
		e := &carteiro.Event{ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID, Type: "event_action", Payload: []byte(`{}`)}
		places := []carteiro.Place{{WebhookID: w.ID, Bytes: 2}}
		session := n.Reserve(places)
		_, err := n.store.Accept(t.Context(), store.Accept{Now: now, Session: session, Items: []store.AcceptItem{{
			Event: e, Attempts: []store.AcceptAttempt{{ID: n.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic, Held: true}},
		}}})
		must(t, err)
		// The connection broke before the answer came.
		n.Cancel(places)
		n.Doubt(store.ErrUnavailable)
		elapse(time.Minute)
		sent := make(map[carteiro.ID]int)
		for _, s := range n.receivers.of(w) {
			sent[s.eventID]++
		}
		if sent[known.ID] != 1 || sent[e.ID] != 1 {
			t.Errorf("sent %v", sent)
		}
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 2 {
			t.Errorf("log %v", got)
		}
	})
}

// An attempt that was in flight when its session was lost is claimed anew by the same node: that the first sending comes to
// its end, unrecorded, must not make the node take the second for unknown, and give it away.
func TestWhatIsHeldAgainAfterALostSessionIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		w := n.webhook(takes(20*time.Second, 200))
		n.publish(w)
		elapse(time.Second)
		_, err := n.store.EndSessions(t.Context(), store.EndSessions{Now: time.Now().Add(time.Hour)})
		must(t, err)
		elapse(18 * time.Second) // by now it is sent for the second time, beside the first
		n.Doubt(store.ErrUnavailable)
		elapse(time.Minute)
		if got := n.receivers.of(w); len(got) != 2 {
			t.Errorf("%d requests, want what was in flight and one more", len(got))
		}
		if log := n.log(w); len(log) != 1 || log[0].Status != carteiro.StatusSuccess {
			t.Errorf("log %+v", log)
		}
	})
}

// Without a doubt nothing is asked: it would cost every node a look at all that it holds, several times a minute.
func TestNothingIsAskedWithoutADoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shared)
		elapse(10 * time.Minute)
		if asked := n.store.askedHeld(); asked != 0 {
			t.Errorf("asked %d times what is held", asked)
		}
	})
}

// What is claimed after a change goes out as the change says, however fresh the cached settings are.
func TestWhatIsClaimedAfterAChangeGoesOutByIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := start(t, shared)
		w := one.webhook(takes(time.Millisecond, 200))
		two := one.beside(t, w, takes(time.Millisecond, 200))
		two.publish(w)
		elapse(time.Millisecond * 10) // the webhook is in the cache of two
		if sent := len(two.receivers.of(w)); sent != 1 {
			t.Fatalf("%d sent", sent)
		}
		_, err := one.directory.ChangeWebhook(t.Context(), one.owner, w.ID, func(w *carteiro.Webhook) error {
			w.Enabled = false
			return nil
		}, nil)
		must(t, err)
		now := time.Now()
		e := &carteiro.Event{ID: one.ids.New(now), EnvironmentID: one.owner.EnvironmentID, OwnerKind: one.owner.Kind, OwnerID: one.owner.ID, Type: "event_action", Payload: []byte(`{}`)}
		_, err = one.store.Accept(t.Context(), store.Accept{Now: now, Items: []store.AcceptItem{{
			Event: e, Attempts: []store.AcceptAttempt{{ID: one.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic}},
		}}})
		must(t, err)
		two.Hear(store.Hint{Waiting: []carteiro.ID{w.ID}})
		elapse(10 * time.Millisecond)
		if sent := len(two.receivers.of(w)); sent != 1 {
			t.Errorf("it was sent to a webhook that was disabled before it was claimed")
		}
		if got := one.statuses(w); got[carteiro.StatusFailed] != 1 {
			t.Errorf("log %v", got)
		}
	})
}
