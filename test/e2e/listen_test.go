package e2e_test

import (
	"context"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
)

// listener is a "carteiro listen" that runs.
type listener struct {
	t    *testing.T
	cmd  *exec.Cmd
	said *transcript
}

// listen runs "carteiro listen" for a webhook, and gives it once it listens.
func (h *house) listen(t *testing.T, server, hook, forward string, flags ...string) *listener {
	t.Helper()
	args := append([]string{"listen", "--server", server, "--webhook", hook, "--forward", forward}, flags...)
	l := &listener{t: t, cmd: exec.Command(binary, args...), said: newTranscript()}
	l.cmd.Env = cleanEnviron("CARTEIRO_TOKEN=" + h.token)
	out, err := l.cmd.StdoutPipe()
	if err == nil {
		l.cmd.Stderr = l.cmd.Stdout
		err = l.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.cmd.Process.Kill() })
	go l.said.follow(out)
	l.sees("listening")
	return l
}

// sees waits for a line.
func (l *listener) sees(what string) {
	l.t.Helper()
	if _, err := l.said.await(within(l.t), regexp.MustCompile(what)); err != nil {
		l.t.Fatalf("waited for %q: %v; it said:\n%s", what, err, l.said)
	}
}

// count says how many lines there are of a kind.
func (l *listener) count(what string) int {
	return len(regexp.MustCompile("(?m)"+what).FindAllString(l.said.String(), -1))
}

// interrupt is Ctrl-C. It must end well, with a summary.
func (l *listener) interrupt(summary string) {
	l.t.Helper()
	_ = l.cmd.Process.Signal(syscall.SIGINT)
	l.sees(summary)
	if err := l.cmd.Wait(); err != nil {
		l.t.Errorf("it ended with %v", err)
	}
}

func TestListenForwardsWhatTheReceiverGets(t *testing.T) {
	t.Parallel()
	h := newHouse(t, quick...).start()
	there := newReceiver(t, always(503))
	agent := h.agent()
	hook := h.webhook(agent, there.URL, 1)
	answers := make(chan int, 10)
	here := newReceiver(t, func(delivery) int { return <-answers })
	l := h.listen(t, h.url, hook.ID, here.URL+"/hook?from=carteiro", "--header", "Authorization: Bearer local")

	answers <- 204
	event := h.publish(agent)
	d := next(t, here.got, "a delivery")
	verify(t, secret, d)
	original := next(t, there.got, "the receiver's own delivery")
	if d.path != "/hook" || d.eventID() != event.EventID || d.logID() != original.logID() || string(d.body) != string(original.body) ||
		d.header.Get("Authorization") != "Bearer local" || d.header.Get("User-Agent") != original.header.Get("User-Agent") {
		t.Errorf("forwarded %v %s\nthe receiver got %v %s", d.header, d.body, original.header, original.body)
	}
	l.sees(`204 +[0-9.]+ ms  ` + callEnded + `  ` + event.EventID + `$`)

	// What fails there is tried again there, and not here; what somebody asks for is forwarded.
	failed := h.statuses(hook, event.EventID, client.StatusFailed, client.StatusFailed)
	if _, err := h.client().Retry(within(t), agent, hook.ID, failed[0].ID, ""); err != nil {
		t.Fatal(err)
	}
	answers <- 418
	d = next(t, here.got, "the retry")
	verify(t, secret, d)
	if d.attempt() != 3 {
		t.Errorf("attempt %d is forwarded, want 3", d.attempt())
	}
	l.sees(`418 .*manual, attempt 3 .*I'm a teapot`)

	here.Close()
	h.publish(agent)
	l.sees(`--- .*connection refused: is the program running\?`)
	l.interrupt(`^3 deliveries in .*: 1 accepted, 1 refused, 1 unanswered; .* on average`)
}

func TestListenLosesNothingToCutsAndGetsNothingTwice(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	h := newHouse(t, append([]string{"--listen", address}, quick...)...).start()
	way, server := newProxy(t, h.url)
	there := newReceiver(t, always(200))
	agent := h.agent()
	hook := h.webhook(agent, there.URL, 0)
	arrived := make(map[string]int)
	here := newReceiver(t, always(200))
	l := h.listen(t, server, hook.ID, here.URL, "--agent", hook.AgentID)
	var all []string
	for round := range 3 {
		all = append(all, h.publishMany(agent, 150)...)
		arrived[next(t, here.got, "a delivery").logID()]++
		cuts := l.count("cut off: ")
		way.set(true)
		eventually(t, "the listener hears of the cut", func(context.Context) bool { return l.count("cut off: ") > cuts })
		all = append(all, h.publishMany(agent, 150)...)
		if round == 1 {
			h.kill()
			h.wait(t)
			h.start()
		}
		way.set(false)
	}
	for len(arrived) < len(all) {
		d := next(t, here.got, "all deliveries")
		verify(t, secret, d)
		arrived[d.logID()]++
	}
	eventually(t, "all are shown", func(context.Context) bool { return l.count("  200  ") >= len(all) })
	l.interrupt(`^900 deliveries in .*: 900 accepted, 0 refused, 0 unanswered; .*; cut off \d+ times?$`)
	for id, n := range arrived {
		if n != 1 {
			t.Errorf("%s is forwarded %d times", id, n)
		}
	}
}

// Ctrl-C ends it at once, whatever the local program does.
func TestListenEndsWhileTheLocalProgramHangs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, quick...).start()
	agent := h.agent()
	hook := h.webhook(agent, "http://127.0.0.1:1", 0)
	here, let := held(t)
	l := h.listen(t, h.url, hook.ID, here.URL)
	h.publishMany(agent, 3)
	next(t, here.got, "a delivery")
	began := time.Now()
	l.interrupt(`^0 deliveries in .*; \d not forwarded any more`)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	let <- 200
}
