package dispatch_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
)

// byProxy is what a sender makes of an attempt by way of a proxy: answered by the receiver, or held up by the proxy.
func byProxy(up bool) *carteiro.Outcome {
	if up {
		o := answered(200)
		o.Tunneled = time.Now()
		return o
	}
	return &carteiro.Outcome{
		Reason: carteiro.ReasonConnection, Error: "Proxy failure", Duration: time.Millisecond, NotSent: fmt.Errorf("%w: connection refused", carteiro.ErrProxy),
	}
}

// While the egress proxy is unavailable, deliveries are held: no attempt is consumed and no circuit opens. They resume by themselves.
func TestAnUnavailableProxyCostsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := start(t, shortLease, func(c *dispatch.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		var up atomic.Bool
		w := n.webhook(func(context.Context, *carteiro.Delivery) *carteiro.Outcome { return byProxy(up.Load()) })
		for range 20 {
			n.publish(w)
		}
		elapse(20 * time.Minute)
		if got := n.statuses(w); got[carteiro.StatusPending] != 20 || len(got) != 1 || !n.ProxyDown() || !n.Depth().ProxyDown {
			t.Errorf("log while it is unavailable: %v, known: %v", got, n.ProxyDown())
		}
		up.Store(true)
		elapse(10 * time.Second)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 20 || len(got) != 1 || n.ProxyDown() || n.Depth().ProxyDown {
			t.Errorf("log once it is back: %v, unavailable: %v", got, n.ProxyDown())
		}
		n.stop()
		if lines := log.String(); strings.Count(lines, "egress proxy unavailable") != 1 || strings.Count(lines, "egress proxy recovered") != 1 ||
			strings.Contains(lines, "cannot send") { // of each attempt
			t.Errorf("the server's log:\n%s", lines)
		}
	})
}

// A receiver that the proxy chokes on is not held forever, and holds up nobody: the proxy makes connections for others.
func TestATargetThatTheProxyChokesOnFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		choking := n.webhook(func(context.Context, *carteiro.Delivery) *carteiro.Outcome { return byProxy(false) })
		well := n.webhook(func(context.Context, *carteiro.Delivery) *carteiro.Outcome { return byProxy(true) })
		n.publish(choking)
		for range 120 {
			n.publish(well)
			elapse(time.Second)
		}
		if got := n.statuses(choking); got[carteiro.StatusRetrying] != 1 {
			t.Errorf("log of the one: %v", got)
		}
		if got := n.statuses(well); got[carteiro.StatusSuccess] != 120 {
			t.Errorf("log of the others: %v", got)
		}
	})
}
