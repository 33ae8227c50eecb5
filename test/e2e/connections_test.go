package e2e_test

import (
	"context"
	"net/http"
	"regexp"
	"sync"
	"testing"

	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// Stories of a PostgreSQL that gives its nodes fewer connections than they may open.

// readAtOnce has many read at the same time, which takes as many connections as there are.
func readAtOnce(t *testing.T, nodes ...*house) {
	t.Helper()
	var all sync.WaitGroup
	for _, h := range nodes {
		for range 32 {
			all.Go(func() {
				for range 5 {
					if _, _, err := h.client().ListAgents(within(t), client.ListFilter{}); err != nil {
						t.Errorf("reading: %v", err)
					}
				}
			})
		}
	}
	all.Wait()
}

// publishAtOnce has many publish at the same time, each event once, and gives how many were accepted.
func publishAtOnce(t *testing.T, owner client.Owner, nodes ...*house) (accepted int) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, h := range nodes {
		for range 20 {
			all.Go(func() {
				for range 5 {
					_, err := h.client().Publish(within(t), client.Event{Owner: owner, Type: callEnded, Payload: map[string]any{}})
					if err != nil {
						t.Errorf("publishing: %v", err)
						continue
					}
					mu.Lock()
					accepted++
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	return accepted
}

var fewConnections = regexp.MustCompile(`PostgreSQL has too few connections for all nodes`)

func TestANodeWithFewConnectionsAcceptsAndDelivers(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, always(http.StatusOK))
	h := newHouseIn(t, []string{"CARTEIRO_DATABASE=" + postgrestest.Limited(t, 6)}, sharing...).start()
	if _, err := h.log.await(within(t), fewConnections); err != nil {
		t.Fatal(err)
	}
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 3)
	readAtOnce(t, h)
	accepted := publishAtOnce(t, agent, h)
	if err := h.client().Ready(within(t)); err != nil {
		t.Errorf("readiness: %v", err)
	}
	h.awaitSuccesses(hook, accepted)
	h.stop()
}

// Three nodes on a server with max_connections=20, of which it keeps three for superusers.
func TestThreeNodesShareFewConnections(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, always(http.StatusOK))
	first := newHouseIn(t, []string{"CARTEIRO_DATABASE=" + postgrestest.Limited(t, 17)}, sharing...)
	nodes := []*house{first, first.beside(first.environ...), first.beside(first.environ...)}
	for _, h := range nodes {
		h.start()
	}
	if _, err := nodes[2].log.await(within(t), fewConnections); err != nil {
		t.Fatal(err)
	}
	agent := first.agent()
	hook := first.webhook(agent, r.URL, 3)
	for _, h := range nodes {
		readAtOnce(t, h)
	}
	accepted := publishAtOnce(t, agent, nodes...)
	for _, h := range nodes {
		if err := h.client().Ready(within(t)); err != nil {
			t.Errorf("readiness: %v", err)
		}
	}
	first.awaitSuccesses(hook, accepted)
	for _, h := range nodes {
		h.stop()
	}
}

// Where there is no connection at all publishing and readiness say the same.
func TestReadinessAndPublishingAgreeWithoutConnections(t *testing.T) {
	t.Parallel()
	way, database := newProxy(t, postgrestest.Database(t, ""))
	h := newHouseIn(t, []string{"CARTEIRO_DATABASE=" + database}, sharing...).start()
	agent := h.agent()
	h.publish(agent)
	way.set(true)
	eventually(t, "it says that it is not ready", func(ctx context.Context) bool { return h.client().Ready(ctx) != nil })
	if _, err := h.client().Publish(within(t), client.Event{Owner: agent, Type: callEnded, Payload: map[string]any{}}); err == nil {
		t.Error("an event was accepted")
	}
	way.set(false)
	eventually(t, "it says that it is ready", func(ctx context.Context) bool { return h.client().Ready(ctx) == nil })
	h.publish(agent)
	h.stop()
}
