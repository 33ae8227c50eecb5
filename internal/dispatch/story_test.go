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

func TestAnEventIsSentOnceAndRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(20*time.Millisecond, 200))
		e := n.publish(w)
		elapse(time.Second)
		got, log := n.receivers.of(w), n.log(w)
		if len(got) != 1 || got[0].eventID != e.ID || len(log) != 1 || log[0].Status != carteiro.StatusSuccess {
			t.Errorf("sent %+v, log %+v", got, log)
		}
	})
}

func TestRetriesFollowTheScheduleForDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(time.Second, 500), func(w *carteiro.Webhook) { w.MaxRetries = 6 })
		begin := time.Now()
		n.publish(w)
		elapse(10 * 24 * time.Hour)
		want := []time.Duration{0, 5 * time.Second, 5 * time.Minute, 2 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour}
		got := n.receivers.of(w)
		if len(got) != len(want) {
			t.Fatalf("%d attempts, want %d", len(got), len(want))
		}
		at := begin
		for i, s := range got {
			at = at.Add(want[i])
			if late := s.at.Sub(at); s.number != i+1 || late < 0 || late > 2*time.Second {
				t.Errorf("attempt %d was number %d, %v late", i+1, s.number, late)
			}
			at = s.at.Add(time.Second) // the exchange took a second
		}
		if log := n.log(w); len(log) != 7 || n.statuses(w)[carteiro.StatusFailed] != 7 {
			t.Errorf("%d entries, %v", len(log), n.statuses(w))
		}
	})
}

func TestAFailedAttemptReadsRetryingUntilItsSuccessorIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(0, 500))
		n.publish(w)
		elapse(time.Second)
		if got := n.statuses(w); got[carteiro.StatusRetrying] != 1 || got[carteiro.StatusPending] != 1 {
			t.Errorf("after the failure: %v", got)
		}
		n.receivers.set(w.ID, takes(0, 200))
		elapse(time.Minute)
		if got := n.statuses(w); got[carteiro.StatusFailed] != 1 || got[carteiro.StatusSuccess] != 1 {
			t.Errorf("after the retry: %v", got)
		}
	})
}

func TestGoneDisablesTheWebhookAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(0, 410))
		n.publish(w)
		elapse(time.Second)
		now, err := n.directory.Webhook(t.Context(), w.ID)
		must(t, err)
		if now.Enabled || n.statuses(w)[carteiro.StatusFailed] != 1 {
			t.Errorf("enabled %v, log %v", now.Enabled, n.statuses(w))
		}
	})
}

func TestNothingIsSentOnceTheWebhookIsDisabledOrDeleted(t *testing.T) {
	for name, change := range map[string]func(*carteiro.Webhook){
		"disabled": func(w *carteiro.Webhook) { w.Enabled = false },
		"deleted":  func(w *carteiro.Webhook) { w.DeletedAt = time.Now() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := start(t)
				w := n.webhook(takes(time.Minute, 500)) // slow: most of it waits in the lane
				for range 20 {
					n.publish(w)
				}
				elapse(time.Second)
				before := len(n.receivers.of(w))
				_, err := n.directory.ChangeWebhook(t.Context(), n.owner, w.ID, func(w *carteiro.Webhook) error {
					change(w)
					return nil
				}, nil)
				must(t, err)
				elapse(48 * time.Hour)
				if after := len(n.receivers.of(w)); after != before {
					t.Errorf("%d were sent after it", after-before)
				}
				if got := n.statuses(w); got[carteiro.StatusPending] != 0 || got[carteiro.StatusFailed] < 20 {
					t.Errorf("log %v", got)
				}
				for _, a := range n.log(w) {
					if a.Outcome.FinishedAt.IsZero() {
						t.Errorf("attempt %s has no end", a.ID)
					}
				}
			})
		})
	}
}

func TestABacklogSpillsToTheStoreAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(100*time.Millisecond, 200))
		const events = 500
		for range events {
			n.publish(w)
		}
		elapse(5 * time.Minute)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != events || len(got) != 1 {
			t.Errorf("log %v", got)
		}
		if got := len(n.receivers.of(w)); got != events {
			t.Errorf("%d requests for %d events", got, events)
		}
	})
}

func TestALaneGrowsWithAQuickReceiverAndShrinksToOneProbeWithADeadOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(100*time.Millisecond, 200), func(w *carteiro.Webhook) { w.MaxRetries = 0 })
		publish := func(events int) {
			for range events {
				n.publish(w)
			}
			elapse(time.Hour)
		}
		publish(1000)
		if most := n.receivers.mostInFlight(w); most < 32 || most > 64 {
			t.Errorf("%d at once to a quick receiver", most)
		}
		n.receivers.set(w.ID, never)
		publish(100)
		n.receivers.mu.Lock()
		n.receivers.most[w.ID] = 0
		n.receivers.mu.Unlock()
		publish(20)
		if most := n.receivers.mostInFlight(w); most != 1 {
			t.Errorf("%d at once to a dead receiver", most)
		}
	})
}

func TestDeadReceiversDoNotHoldUpAHealthyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, func(c *dispatch.Config) { c.MaxInFlight = 64 })
		healthy := n.webhook(takes(10*time.Millisecond, 200))
		n.publish(healthy)
		elapse(time.Second) // it is known to be well
		for range 100 {     // more than there are slots
			dead := n.webhook(never)
			for range 10 {
				n.publish(dead)
			}
		}
		begin := time.Now()
		for range 100 {
			n.publish(healthy)
		}
		elapse(5 * time.Second)
		got := n.receivers.of(healthy)
		if len(got) != 101 || got[100].at.Sub(begin) > time.Second {
			t.Errorf("%d of 101 sent", len(got))
		}
	})
}

func TestALaneThatIsSlowButWillingKeepsGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(10*time.Second, 200))
		for range 100 {
			n.publish(w)
		}
		elapse(10 * time.Second * 100 / 4 * 2)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 100 {
			t.Errorf("log %v", got)
		}
	})
}

func TestWhileTheStoreIsDownNothingIsSentThatCouldNotBeRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		w := n.webhook(takes(10*time.Millisecond, 200))
		for range 200 {
			n.publish(w)
		}
		n.store.setDown(true)
		elapse(time.Hour)
		before := len(n.receivers.of(w))
		elapse(time.Hour)
		if after := len(n.receivers.of(w)); after != before {
			t.Errorf("%d more sent while it was down", after-before)
		}
		n.store.setDown(false)
		elapse(time.Hour)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 200 || len(got) != 1 {
			t.Errorf("log %v", got)
		}
		if got := len(n.receivers.of(w)); got != 200 {
			t.Errorf("%d requests for 200 events", got)
		}
	})
}

func TestStopRecordsWhatIsInFlightAndLeavesTheRestToTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(takes(5*time.Second, 200))
		for range 20 {
			n.publish(w)
		}
		elapse(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n.Stop(ctx)
		sent := len(n.receivers.of(w))
		if got := n.statuses(w); got[carteiro.StatusSuccess] != sent || got[carteiro.StatusPending] != 20-sent || sent == 20 {
			t.Errorf("%d sent, log %v", sent, got)
		}
		again := startOn(t, n.store)
		defer again.stop()
		again.receivers.set(w.ID, takes(0, 200))
		elapse(time.Minute)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 20 {
			t.Errorf("after the next start: %v", got)
		}
		if more := len(again.receivers.of(w)); more != 20-sent {
			t.Errorf("%d sent again, want %d", more, 20-sent)
		}
	})
}

func TestStopGivesUpWhatDoesNotEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(never)
		n.publish(w)
		elapse(time.Second)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		n.Stop(ctx)
		if took := time.Since(begin); took > 11*time.Second {
			t.Errorf("stopping took %v", took)
		}
		if got := n.statuses(w); got[carteiro.StatusPending] != 1 {
			t.Errorf("log %v", got)
		}
	})
}

func TestAnotherNodeTakesOverWhatALostOneHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		w := n.webhook(takes(time.Millisecond, 200))
		// A node that claims, and is never heard of again.
		now := time.Now()
		lost, err := n.store.Join(t.Context(), store.Join{Node: "lost", Now: now, Until: now.Add(15 * time.Second)})
		must(t, err)
		e := &carteiro.Event{
			ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID,
			Type: "event_action", Payload: []byte(`{}`), OccurredAt: now,
		}
		_, err = n.store.Accept(t.Context(), store.Accept{Now: now, Session: lost, Items: []store.AcceptItem{{
			Event:    e,
			Attempts: []store.AcceptAttempt{{ID: n.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerAutomatic, Held: true}},
		}}})
		must(t, err)
		elapse(10 * time.Second)
		if got := n.statuses(w); got[carteiro.StatusPending] != 1 {
			t.Errorf("while the lease runs: %v", got)
		}
		elapse(15 * time.Second)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1 {
			t.Errorf("once it has run out: %v", got)
		}
	})
}

func TestANodeWhoseLeaseWasLostRecordsNothingAndStartsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, shortLease)
		w := n.webhook(takes(8*time.Second, 200))
		n.publish(w)
		elapse(time.Second)
		// Another node finds the lease run out, as after a long pause.
		_, err := n.store.EndSessions(t.Context(), store.EndSessions{Now: time.Now().Add(time.Hour)})
		must(t, err)
		elapse(time.Minute)
		got, log := n.receivers.of(w), n.log(w)
		if len(log) != 1 || log[0].Status != carteiro.StatusSuccess {
			t.Errorf("log %+v", log)
		}
		if len(got) != 2 { // what was in flight, and again once the new session had claimed it
			t.Errorf("%d requests", len(got))
		}
		n.publish(w)
		elapse(time.Minute)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 2 {
			t.Errorf("it does not go on: %v", got)
		}
	})
}

func TestSomeoneWhoWaitsGetsTheOutcomePastTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		w := n.webhook(never)
		for range 50 {
			n.publish(w)
		}
		elapse(time.Second)
		n.receivers.set(w.ID, takes(time.Second, 204))
		now := time.Now()
		places := []carteiro.Place{{WebhookID: w.ID, Urgent: true}}
		session := n.Reserve(places)
		e := &carteiro.Event{
			ID: n.ids.New(now), EnvironmentID: n.owner.EnvironmentID, OwnerKind: n.owner.Kind, OwnerID: n.owner.ID,
			Type: carteiro.TestEvent, Payload: []byte(`{}`), OccurredAt: now, Test: true,
		}
		attempt := store.AcceptAttempt{ID: n.ids.Sibling(e.ID), WebhookID: w.ID, Trigger: carteiro.TriggerTest, Held: places[0].Held}
		_, err := n.store.Accept(t.Context(), store.Accept{Now: now, Session: session, Items: []store.AcceptItem{{Event: e, Attempts: []store.AcceptAttempt{attempt}}}})
		must(t, err)
		o, err := n.TakeNow(t.Context(), session, &carteiro.Delivery{Event: e, Attempt: carteiro.Attempt{
			ID: attempt.ID, WebhookID: w.ID, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: attempt.Trigger, DueAt: now,
		}})
		if err != nil || !o.Success || time.Since(now) > 2*time.Second {
			t.Errorf("%+v, %v after %v", o, err, time.Since(now))
		}
	})
}
