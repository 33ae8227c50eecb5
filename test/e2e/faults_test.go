package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
)

// Three servers on one database, under load, and whatever can go wrong with one of them or with the database, in an order
// that a seed decides: nothing is lost, nothing is sent once its success was recorded, and nothing is sent twice but what
// was in flight at a fault.
func TestNothingIsLostOrSentAgainWhateverFails(t *testing.T) {
	t.Parallel()
	faultRun{rounds: 1, calm: 300 * time.Millisecond}.run(t)
}

// faultRun says how much goes wrong: every kind of fault once a round.
type faultRun struct {
	rounds int
	calm   time.Duration // between faults, at least; up to twice as long
}

// faultSeed is the variable with the seed of a run to be replayed: its plan, not its timing.
const faultSeed = "CARTEIRO_TEST_FAULTS_SEED"

// Bounds around a fault.
const (
	faultTakeover = 3 * time.Second
	// unrecorded is how long before a fault the oldest answer can be that it keeps from being recorded; and behind it, how
	// long what was under way may take to come to its end. A busy machine needs some time.
	unrecorded = 2 * time.Second
)

// fault is something that goes wrong for a while.
type fault struct {
	kind  string
	node  int
	lasts time.Duration
	calm  time.Duration // afterwards
	from  time.Time
	to    time.Time
}

// plan makes the faults of a run.
func (r faultRun) plan(random *rand.Rand, nodes int) (faults []*fault) {
	longerThanLease := faultTakeover + 500*time.Millisecond
	for range r.rounds {
		round := []*fault{
			{kind: "kill", lasts: 300 * time.Millisecond},
			{kind: "pause", lasts: longerThanLease},
			{kind: "restart"},
			{kind: "cut", lasts: 500 * time.Millisecond},
			{kind: "hang", lasts: longerThanLease},
		}
		random.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		for _, f := range round {
			f.node = random.IntN(nodes)
			f.lasts += time.Duration(random.Int64N(int64(f.lasts/2 + 1)))
			f.calm = r.calm + time.Duration(random.Int64N(int64(r.calm)))
		}
		faults = append(faults, round...)
	}
	return faults
}

func (r faultRun) run(t *testing.T) {
	seed := rand.Uint64()
	if given := os.Getenv(faultSeed); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", faultSeed, seed)
	ledger := newLedger()
	ledger.gap = 10 * time.Millisecond
	receiver, _ := watched(t, ledger.receive)
	c := newFaultyCluster(t, 3)
	owners := register(c.houses[0], receiver.URL, ledger)
	faults := r.plan(rand.New(rand.NewPCG(seed, 0)), len(c.houses))

	began := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	var publishers sync.WaitGroup
	for i := range 4 {
		publishers.Go(func() { c.publish(ctx, ledger, owners, i, 1+9*(i%2)) })
	}
	pause(ctx, r.calm)
	for _, f := range faults {
		c.strike(ctx, f)
		pause(ctx, f.calm)
	}
	lasted := time.Since(began)
	cancel()
	publishers.Wait()

	ledger.awaitAll(t)
	h := c.houses[0]
	for _, w := range ledger.webhooks() {
		eventually(t, "nothing is open any more", func(ctx context.Context) bool {
			_, open, err := h.client().ListLogs(ctx, w.Owner(), w.ID, client.LogFilter{Status: client.StatusPending, PerPage: 1})
			return err == nil && open.Total == 0
		})
	}
	ledger.mu.Lock()
	defer ledger.mu.Unlock()
	sum := ledger.auditLogs(t, h)
	t.Logf("%d faults in %s; %s; %s", len(faults), lasted.Round(time.Second), sum, ledger.auditFaults(t, faults))
	for _, h := range c.houses {
		h.stop()
	}
}

// faultyCluster is servers on a database of their own, each with a way to it that can be cut.
type faultyCluster struct {
	t        *testing.T
	database *ownDatabase
	houses   []*house
	ways     []*proxy

	mu      sync.Mutex
	clients []*client.Client // of the servers as they are now
}

func newFaultyCluster(t *testing.T, nodes int) *faultyCluster {
	t.Helper()
	c := &faultyCluster{t: t, database: newOwnDatabase(t), clients: make([]*client.Client, nodes)}
	flags := []string{
		"--allow-private-networks", "--rate-limit", "0", "--retry-schedule", "50ms,200ms,500ms",
		"--takeover", faultTakeover.String(), "--database-timeout", "2s", "--log-format", "json",
	}
	for i := range nodes {
		way, url := newProxy(t, c.database.url)
		h := &house{t: t, dir: t.TempDir(), flags: flags, environ: []string{"CARTEIRO_DATABASE=" + url}}
		if i == 0 {
			h.token = h.environment("test")
		} else {
			h.token = c.houses[0].token
		}
		c.ways, c.houses = append(c.ways, way), append(c.houses, h)
		c.start(i)
	}
	return c
}

func (c *faultyCluster) start(node int) {
	c.t.Helper()
	c.houses[node].start()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients[node] = c.houses[node].client()
}

// publish puts events in at one server after another. Nobody is kept for long by one that does not answer.
func (c *faultyCluster) publish(ctx context.Context, l *ledger, owners []client.Owner, publisher, batch int) {
	for n := publisher; ctx.Err() == nil; n++ {
		c.mu.Lock()
		at := c.clients[n%len(c.clients)]
		c.mu.Unlock()
		call, cancel := context.WithTimeout(ctx, 2*time.Second)
		l.publish(call, at, owners, publisher, batch)
		cancel()
		pause(ctx, 50*time.Millisecond)
	}
}

// strike makes a fault happen, and end.
func (c *faultyCluster) strike(ctx context.Context, f *fault) {
	c.t.Helper()
	h, way := c.houses[f.node], c.ways[f.node]
	f.from = time.Now()
	switch f.kind {
	case "kill":
		h.kill()
		h.wait(c.t)
		pause(ctx, f.lasts)
		f.to = time.Now()
		c.start(f.node)
	case "pause":
		h.signal(syscall.SIGSTOP)
		pause(ctx, f.lasts)
		h.signal(syscall.SIGCONT)
	case "restart":
		c.database.restart(c.t)
	case "cut":
		way.set(true)
		pause(ctx, f.lasts)
		way.set(false)
	case "hang":
		way.flow.Lock()
		pause(ctx, f.lasts)
		way.flow.Unlock()
	default:
		c.t.Fatalf("no such fault: %s", f.kind)
	}
	if f.to.IsZero() {
		f.to = time.Now()
	}
	c.t.Logf("%s of node %d, %s", f.kind, f.node, f.to.Sub(f.from).Round(time.Millisecond))
}

// auditFaults counts deliveries that came again after they had succeeded. One may only when a fault was near that kept the
// success from being recorded; and none may come once its success was recorded, but for what a paused server had begun to
// send.
func (l *ledger) auditFaults(t *testing.T, faults []*fault) string {
	t.Helper()
	near := func(at time.Time, only string) bool {
		return slices.ContainsFunc(faults, func(f *fault) bool {
			return (only == "" || f.kind == only) && at.After(f.from.Add(-unrecorded)) && at.Before(f.to.Add(unrecorded))
		})
	}
	twice, late := 0, 0
	for at, arrivals := range l.arrivals {
		var succeeded *arrival
		for _, a := range arrivals {
			if succeeded != nil {
				twice++
				if !near(succeeded.at, "") {
					t.Errorf("event %s was delivered to %s at %s, and again at %s, with no fault near", at.event, at.path, succeeded.at, a.at)
				}
			}
			if recorded, ok := l.recorded[at]; ok && a.at.After(recorded.Add(time.Second)) {
				if late++; !near(a.at, "pause") {
					t.Errorf("event %s was sent to %s at %s, though it was recorded as delivered at %s", at.event, at.path, a.at, recorded)
				}
			}
			if a.ok {
				succeeded = &a
			}
		}
	}
	return fmt.Sprintf("%d delivered again, all in flight at a fault, %d of them by a server that was paused while it sent", twice, late)
}

// ownDatabase is a PostgreSQL that a test has to itself, because it crashes it.
type ownDatabase struct {
	url   string
	order io.Writer // each line crashes it
	done  *bufio.Scanner
}

func newOwnDatabase(t *testing.T) *ownDatabase {
	t.Helper()
	cmd := exec.Command("../../scripts/need-postgres", "sh", "-c",
		`echo "$CARTEIRO_TEST_POSTGRES"; while read -r _; do eval "$CARTEIRO_TEST_POSTGRES_RESTART" >/dev/null && echo done; done`)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CARTEIRO_TEST_POSTGRES=") })
	d := new(ownDatabase)
	d.order, d.done = converse(t, cmd)
	for d.done.Scan() {
		if strings.HasPrefix(d.done.Text(), "postgres://") {
			d.url = d.done.Text()
			return d
		}
		t.Log(d.done.Text())
	}
	t.Fatal("a PostgreSQL of the test's own could not be started: its binaries must be installed, whatever CARTEIRO_TEST_POSTGRES names")
	return nil
}

// converse starts a script that takes orders and answers in lines, until the test ends and it gets no more.
func converse(t *testing.T, cmd *exec.Cmd) (orders io.Writer, said *bufio.Scanner) {
	t.Helper()
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", cmd, err)
		}
	})
	return in, bufio.NewScanner(out)
}

// restart crashes the database, and returns when it is back.
func (d *ownDatabase) restart(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(d.order, "\n"); err != nil {
		t.Fatal(err)
	}
	if !d.done.Scan() || d.done.Text() != "done" {
		t.Fatalf("the database does not come back: %s", d.done.Text())
	}
}
