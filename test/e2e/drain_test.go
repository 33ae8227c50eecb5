package e2e_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// draining are the flags of servers that may drain for much longer than a lease.
var draining = append([]string{"--takeover", "5s", "--drain-timeout", "2m"}, quick...)

// waitsForSignal is a receiver that counts deliveries and answers once answer is called.
func waitsForSignal(t *testing.T) (c *tally, r *receiver, answer func()) {
	t.Helper()
	signal := make(chan struct{})
	c, answer = newTally(func(delivery) { <-signal }), sync.OnceFunc(func() { close(signal) })
	r = newReceiver(t, c.receive)
	t.Cleanup(answer) // before the receiver closes
	return c, r, answer
}

// patientWebhook registers a webhook that waits for its receiver as long as any may.
func (h *house) patientWebhook(o client.Owner, url string) client.Webhook {
	h.t.Helper()
	w, err := h.client().CreateWebhook(within(h.t), o, client.WebhookSettings{Name: "Test", URL: url, Events: []string{callEnded}, Timeout: 120})
	if err != nil {
		h.t.Fatal(err)
	}
	return w
}

// sentOnce fails the test unless the events came exactly once.
func (c *tally) sentOnce(t *testing.T, events []string) {
	t.Helper()
	for _, event := range events {
		if n := c.count(event); n != 1 {
			t.Errorf("event %s came %d times", event, n)
		}
	}
}

// A server drains for longer than its lease. It keeps the lease, no other server takes its deliveries over, and it records what its
// receivers answer at last.
func TestADrainLongerThanTheLeaseSendsAndRecordsEveryEventOnce(t *testing.T) {
	t.Parallel()
	c, r, answer := waitsForSignal(t)
	database := postgrestest.Database(t, "")
	a := newHouseIn(t, []string{"CARTEIRO_DATABASE=" + database}, draining...).start()
	b := a.beside(a.environ...).start()
	agent := a.agent()
	hook := a.patientWebhook(agent, r.URL)
	events := a.publishMany(agent, 4)
	for range events {
		next(t, r.got, "a delivery in flight")
	}
	a.signal(syscall.SIGTERM)
	session := fmt.Sprintf(`FROM carteiro.sessions WHERE node LIKE '%%/%d'`, a.cmd.Process.Pid)
	// Two leases later it still has its session. One that is gone ends the wait, too.
	later := postgrestest.Ask(t, database, `SELECT (clock_timestamp() + interval '12 seconds')::text`)
	eventually(t, "the draining server renews its lease, or loses it", func(context.Context) bool {
		return postgrestest.Ask(t, database, `SELECT (count(*) = 0 OR max(until) > '`+later+`')::text `+session) == "true"
	})
	if postgrestest.Ask(t, database, `SELECT count(*)::text `+session) != "1" {
		t.Fatal("the draining server has lost its session")
	}
	answer()
	if code := a.wait(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	b.awaitSuccesses(hook, len(events))
	c.sentOnce(t, events)
	if strings.Contains(b.log.String(), "took over") || strings.Contains(a.log.String(), "not recorded") {
		t.Error("the drained server's deliveries were taken over")
	}
	b.stop()
}

// The same with a single server on SQLite: after the next start nothing is sent again.
func TestADrainLongerThanTheLeaseIsRecordedOnSQLite(t *testing.T) {
	t.Parallel()
	const lease = 2 * time.Second
	c, r, answer := waitsForSignal(t)
	h := newHouse(t, append(draining, "--takeover", lease.String())...).start()
	agent := h.agent()
	hook := h.patientWebhook(agent, r.URL)
	events := h.publishMany(agent, 4)
	for range events {
		next(t, r.got, "a delivery in flight")
	}
	h.signal(syscall.SIGTERM)
	pause(t.Context(), 3*lease)
	answer()
	if code := h.wait(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	h.start()
	events = append(events, h.publish(agent).EventID)
	h.awaitSuccesses(hook, len(events))
	c.sentOnce(t, events)
	h.stop()
}

// The database goes away while an attempt is in flight, and refuses its outcome when it is back. The server says that it is not ready, and
// goes on without a restart once the outcome can be recorded.
func TestSendingResumesOnceTheDatabaseTakesOutcomesAgain(t *testing.T) {
	t.Parallel()
	c, r, answer := waitsForSignal(t)
	admin, owned, role := postgrestest.Owned(t)
	way, database := newProxy(t, owned)
	h := newHouseIn(t, []string{"CARTEIRO_DATABASE=" + database}, sharing...).start()
	agent := h.agent()
	hook := h.patientWebhook(agent, r.URL)
	events := h.publishMany(agent, 1)
	next(t, r.got, "the delivery in flight")
	way.set(true)
	answer()
	if _, err := h.log.await(within(t), regexp.MustCompile(`could not record outcomes`)); err != nil {
		t.Fatal(err)
	}
	postgrestest.Run(t, admin, `REVOKE INSERT ON carteiro.attempts FROM `+role)
	way.set(false)
	if _, err := h.log.await(within(t), regexp.MustCompile(`the database refuses an outcome`)); err != nil {
		t.Fatal(err)
	}
	if err := h.client().Ready(within(t)); err == nil {
		t.Error("it says that it is ready although it cannot record outcomes")
	}
	postgrestest.Run(t, admin, `GRANT INSERT ON carteiro.attempts TO `+role)
	eventually(t, "it says that it is ready", func(ctx context.Context) bool { return h.client().Ready(ctx) == nil })
	events = append(events, h.publish(agent).EventID)
	h.awaitSuccesses(hook, len(events))
	c.sentOnce(t, events)
	h.stop()
}
