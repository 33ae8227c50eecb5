package e2e_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// Stories of what runs out under a server that runs, and is there again.

// shortage is something that a database needs in order to be written to.
type shortage struct {
	begin, end func(*house)
}

// run takes it away under load and gives it back. Meanwhile those who publish are told to come again, nothing that was
// answered 202 is lost or sent twice, readiness tells, and the log does not grow with the number of those who ask.
func (s shortage) run(t *testing.T, h *house) {
	t.Helper()
	ledger := newLedger()
	receiver, _ := watched(t, ledger.receive)
	h.start()
	owners := register(h, receiver.URL, ledger)
	ask := func(n int) (refused int) {
		for i := range n {
			event := client.Event{Owner: owners[i%len(owners)], Type: callEnded, Payload: map[string]any{"n": i, "text": strings.Repeat("x", 2000)}}
			err := ledger.put(within(t), h.client(), []client.Event{event})
			if err == nil {
				continue
			}
			refused++
			var told *client.Error
			if !errors.As(err, &told) || told.StatusCode != http.StatusServiceUnavailable || told.Code != "STORE_UNAVAILABLE" || told.RetryAfter == 0 {
				t.Fatalf("publishing meanwhile: %v", err)
			}
		}
		return refused
	}
	if refused := ask(50); refused > 0 {
		t.Fatalf("%d refused before anything was short", refused)
	}
	s.begin(h)
	eventually(t, "it refuses events", func(context.Context) bool { return ask(10) == 10 })
	if refused := ask(200); refused < 190 { // what is freed by chance may take a few
		t.Errorf("%d of 200 refused", refused)
	}
	eventually(t, "it says that it is not ready", func(ctx context.Context) bool { return h.client().Ready(ctx) != nil })
	if err := h.client().Health(within(t)); err != nil {
		t.Errorf("health: %v", err)
	}
	if lines := h.log.count(regexp.MustCompile(`level=ERROR msg="request failed"`)); lines == 0 || lines > 3 {
		t.Errorf("%d lines in the log about more than 200 requests", lines)
	}
	s.end(h)
	eventually(t, "it says that it is ready", func(ctx context.Context) bool { return h.client().Ready(ctx) == nil })
	eventually(t, "it takes events", func(context.Context) bool { return ask(10) == 0 })
	ledger.awaitAll(t)
	for _, w := range ledger.webhooks() {
		eventually(t, "nothing is open any more", func(ctx context.Context) bool {
			_, open, err := h.client().ListLogs(ctx, w.Owner(), w.ID, client.LogFilter{Status: client.StatusPending, PerPage: 1})
			return err == nil && open.Total == 0
		})
	}
	ledger.mu.Lock()
	defer ledger.mu.Unlock()
	ledger.auditArrivals(t)
	t.Log(ledger.auditLogs(t, h))
	h.stop()
}

// count says how many lines match.
func (t *transcript) count(what *regexp.Regexp) (n int) {
	for _, line := range strings.Split(t.String(), "\n") {
		if what.MatchString(line) {
			n++
		}
	}
	return n
}

// patiently are the flags of servers whose receivers answer 500 now and then.
var patiently = []string{"--allow-private-networks", "--rate-limit", "0", "--retry-schedule", "50ms,200ms,500ms"}

// A file that may not grow is what a quota makes of a disk: nobody need be root to have one.
func TestAFileThatMayNotGrowIsGotOver(t *testing.T) {
	t.Parallel()
	shortage{
		begin: func(h *house) { h.limit("--fsize=65536:") },
		end:   func(h *house) { h.limit("--fsize=unlimited:") },
	}.run(t, newHouse(t, patiently...))
}

// A file system that is really full. Where none can be mounted, the story of the file that may not grow has told the same.
func TestAFullFileSystemIsGotOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Logf("no small file system can be mounted here (%v): full disks are TestAFileThatMayNotGrowIsGotOver's alone", err)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	h := &house{t: t, dir: dir, flags: patiently}
	h.token = h.environment("test")
	ballast := filepath.Join(dir, "ballast")
	shortage{
		begin: func(*house) {
			f, err := os.Create(ballast)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := io.Copy(f, endless{}); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("filling the disk: %v", err)
			}
		},
		end: func(*house) {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		},
	}.run(t, h)
}

// endless is as many bytes as there is room for.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A database that an operator, or a failover, has made read-only.
func TestAReadOnlyDatabaseIsGotOver(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t, "")
	alter := func(what string) {
		postgrestest.Run(t, url+"&default_transaction_read_only=off", `DO $$ BEGIN
				EXECUTE format('ALTER DATABASE %I `+what+`', current_database());
				PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
			END $$`)
	}
	h := newHouseIn(t, []string{"CARTEIRO_DATABASE=" + url}, patiently...)
	shortage{
		begin: func(*house) { alter(`SET default_transaction_read_only = on`) },
		end:   func(*house) { alter(`RESET default_transaction_read_only`) },
	}.run(t, h)
}

// limit sets what the kernel grants the running server.
func (h *house) limit(limits ...string) {
	h.t.Helper()
	args := append([]string{"--pid", strconv.Itoa(h.cmd.Process.Pid)}, limits...)
	if out, err := exec.Command("prlimit", args...).CombinedOutput(); err != nil {
		h.t.Fatalf("prlimit %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// A flood of connections gets its share of the descriptors and is told so; deliveries and those who are connected go on.
func TestAFloodOfConnectionsLeavesDescriptorsToTheRest(t *testing.T) {
	t.Parallel()
	h := newHouse(t, quick...)
	h.under = []string{"prlimit", "--nofile=128"}
	h.start()
	r := newReceiver(t, always(http.StatusOK))
	agent := h.agent()
	h.webhook(agent, r.URL, 1)
	kept := &http.Transport{MaxConnsPerHost: 1}
	defer kept.CloseIdleConnections()
	connected := client.New(h.url, h.token, client.WithHTTPClient(&http.Client{Transport: kept}))
	publish := func() error {
		_, err := connected.Publish(within(t), client.Event{Owner: agent, Type: callEnded, Payload: map[string]any{}})
		return err
	}
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	var flood []net.Conn
	for range 300 {
		c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		flood = append(flood, c)
	}
	eventually(t, "others are told that there are too many connections", func(ctx context.Context) bool {
		own := &http.Transport{DisableKeepAlives: true}
		_, err := client.New(h.url, h.token, client.WithHTTPClient(&http.Client{Transport: own})).
			Publish(ctx, client.Event{Owner: agent, Type: callEnded, Payload: map[string]any{}})
		var told *client.Error
		return errors.As(err, &told) && told.StatusCode == http.StatusServiceUnavailable && told.RetryAfter > 0 &&
			told.RequestID != "" && strings.Contains(told.Message, "Too many connections")
	})
	for range 50 {
		if err := publish(); err != nil {
			t.Fatalf("one who was connected before: %v", err)
		}
	}
	for range 51 {
		next(t, r.got, "the deliveries")
	}
	for _, c := range flood {
		c.Close()
	}
	eventually(t, "others are let in again", func(ctx context.Context) bool { return h.client().Ready(ctx) == nil })
	h.stop()
}

// When there are none left at all, what was accepted waits and costs its receiver nothing; it goes out when there are some.
func TestWithoutDescriptorsDeliveriesWaitAndLoseNoAttempt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, quick...).start()
	r := newReceiver(t, always(http.StatusOK))
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0) // one attempt is all there is
	kept := &http.Transport{MaxConnsPerHost: 1}
	defer kept.CloseIdleConnections()
	connected := client.New(h.url, h.token, client.WithHTTPClient(&http.Client{Transport: kept}))
	if err := connected.Health(within(t)); err != nil {
		t.Fatal(err)
	}
	h.limit("--nofile=3:") // standard input, output and error: all others that are open stay so, and none is added
	var events []string
	for range 20 {
		accepted, err := connected.Publish(within(t), client.Event{Owner: agent, Type: callEnded, Payload: map[string]any{}})
		if err != nil {
			t.Fatalf("one who is connected: %v", err)
		}
		events = append(events, accepted.EventID)
	}
	if _, err := h.log.await(within(t), regexp.MustCompile(`cannot send: this machine has not what it takes.*too many open files`)); err != nil {
		t.Fatal(err)
	}
	stranger, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://")) // waits in the kernel's queue
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if _, err := h.log.await(within(t), regexp.MustCompile(`cannot accept connections; retrying`)); err != nil {
		t.Fatal(err)
	}
	h.limit("--nofile=1024:")
	h.awaitSuccesses(hook, len(events))
	for _, event := range events {
		if logs := h.logs(within(t), hook, event); len(logs) != 1 || logs[0].Attempt != 1 {
			t.Errorf("log of %s: %+v", event, logs)
		}
	}
	if lines := h.log.count(regexp.MustCompile(`this machine has not what it takes|cannot accept connections`)); lines > 4 {
		t.Errorf("%d lines in the log about it", lines)
	}
	h.stop()
}
