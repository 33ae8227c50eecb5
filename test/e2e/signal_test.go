package e2e_test

import (
	"net/http"
	"regexp"
	"syscall"
	"testing"
)

// held is a receiver that keeps each delivery waiting until it is let go.
func held(t testing.TB) (r *receiver, let chan int) {
	t.Helper()
	let = make(chan int, 100)
	return newReceiver(t, func(delivery) int { return <-let }), let
}

func TestSIGTERMWaitsForWhatIsInFlightAndRecordsIt(t *testing.T) {
	t.Parallel()
	r, let := held(t)
	h := newHouse(t, quick...).start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	event := h.publish(agent)
	d := next(t, r.got, "the delivery")

	h.signal(syscall.SIGTERM)
	if _, err := h.log.await(within(t), regexp.MustCompile("stopping")); err != nil {
		t.Fatal(err)
	}
	let <- http.StatusOK
	if code := h.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}

	h.start()
	if log := h.statuses(hook, event.EventID, "success")[0]; log.ID != d.logID() {
		t.Errorf("log %s, delivered as %s", log.ID, d.logID())
	}
	h.stop()
	if len(r.got) > 0 {
		t.Error("it was delivered twice")
	}
}

func TestDrainTimeoutEndsTheWaitAndTheDeliveryIsSentAgain(t *testing.T) {
	t.Parallel()
	r, let := held(t)
	h := newHouse(t, append([]string{"--drain-timeout", "100ms"}, quick...)...).start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	event := h.publish(agent)
	first := next(t, r.got, "the delivery")
	h.signal(syscall.SIGTERM)
	if code := h.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}

	let <- http.StatusOK // to the request that was given up
	let <- http.StatusOK
	h.start()
	again := next(t, r.got, "the delivery after the restart")
	if again.eventID() != first.eventID() || again.logID() != first.logID() {
		t.Errorf("came back as %v, was %v", again.header, first.header)
	}
	h.statuses(hook, event.EventID, "success")
	h.stop()
}

func TestSecondSignalStopsAtOnceAndNothingIsLost(t *testing.T) {
	t.Parallel()
	r, let := held(t)
	h := newHouse(t, quick...).start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	event := h.publish(agent)
	first := next(t, r.got, "the delivery")

	h.signal(syscall.SIGTERM)
	if _, err := h.log.await(within(t), regexp.MustCompile("stopping")); err != nil {
		t.Fatal(err)
	}
	h.signal(syscall.SIGINT)
	if code := h.wait(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}

	let <- http.StatusOK
	let <- http.StatusOK
	h.start()
	again := next(t, r.got, "the delivery after the restart")
	if again.eventID() != event.EventID || again.logID() != first.logID() {
		t.Errorf("came back as %v, was %v", again.header, first.header)
	}
	h.statuses(hook, event.EventID, "success")
	h.stop()
}
