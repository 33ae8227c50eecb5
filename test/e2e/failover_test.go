//go:build soak

package e2e_test

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
)

// Two servers on a primary with a synchronous standby, under load: the primary dies, and some seconds later the standby is
// promoted, as an operator or a tool of his would do it. The URL names both. What was answered 202 is on the standby, so
// nothing is lost; and publishing and delivering go on without anybody touching the servers.
func TestNothingIsLostWhenTheStandbyTakesOver(t *testing.T) {
	pair := newPair(t)
	ledger := newLedger()
	ledger.gap = 5 * time.Millisecond
	receiver, _ := watched(t, ledger.receive)
	c := &faultyCluster{t: t, clients: make([]*client.Client, 2)}
	flags := append([]string{"--takeover", faultTakeover.String(), "--database-timeout", "2s"}, patiently...)
	for i := range c.clients {
		h := &house{t: t, dir: t.TempDir(), flags: flags, environ: []string{"CARTEIRO_DATABASE=" + pair.url}}
		if i == 0 {
			h.token = h.environment("test")
		} else {
			h.token = c.houses[0].token
		}
		c.houses = append(c.houses, h)
		c.start(i)
	}
	owners := register(c.houses[0], receiver.URL, ledger)
	ctx, cancel := context.WithCancel(t.Context())
	var publishers sync.WaitGroup
	for i := range 4 {
		publishers.Go(func() { c.publish(ctx, ledger, owners, i, 1+9*(i%2)) })
	}
	pause(ctx, 5*time.Second)
	failover := &fault{kind: "failover", from: time.Now()}
	pair.order("kill")
	eventually(t, "they say that they are not ready", func(ctx context.Context) bool {
		return c.houses[0].client().Ready(ctx) != nil && c.houses[1].client().Ready(ctx) != nil
	})
	pause(ctx, 3*time.Second)
	before := ledger.promised()
	promoted := time.Now()
	pair.order("promote")
	eventually(t, "events are taken again", func(context.Context) bool { return ledger.promised() > before })
	failover.to = time.Now()
	pause(ctx, 5*time.Second)
	cancel()
	publishers.Wait()

	ledger.awaitAll(t)
	for _, w := range ledger.webhooks() {
		eventually(t, "nothing is open any more", func(ctx context.Context) bool {
			_, open, err := c.houses[0].client().ListLogs(ctx, w.Owner(), w.ID, client.LogFilter{Status: client.StatusPending, PerPage: 1})
			return err == nil && open.Total == 0
		})
	}
	ledger.mu.Lock()
	defer ledger.mu.Unlock()
	sum := ledger.auditLogs(t, c.houses[0])
	t.Logf("without a primary for %s, and %s from its promotion to the next event taken; %s; %s",
		failover.to.Sub(failover.from).Round(time.Millisecond), failover.to.Sub(promoted).Round(time.Millisecond),
		sum, ledger.auditFaults(t, []*fault{failover}))
	for _, h := range c.houses {
		h.stop()
	}
}

// promised is how many events were accepted so far.
func (l *ledger) promised() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// pair is a primary and its standby.
type pair struct {
	t      *testing.T
	url    string
	orders io.Writer
	said   *bufio.Scanner
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{t: t}
	p.orders, p.said = converse(t, exec.Command("../../scripts/postgres-pair"))
	if !p.said.Scan() {
		t.Fatal("the databases do not start")
	}
	p.url = p.said.Text()
	return p
}

func (p *pair) order(what string) {
	p.t.Helper()
	if _, err := io.WriteString(p.orders, what+"\n"); err != nil {
		p.t.Fatal(err)
	}
	if !p.said.Scan() || p.said.Text() != "done" {
		p.t.Fatalf("%s: %s", what, p.said.Text())
	}
}
