package dispatch_test

import (
	"context"
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
	"github.com/carteiro/carteiro/internal/dispatch"
)

// Bodies that templates make are not held beyond the budget, however many receivers are slow; others do not wait for them.
func TestBodiesOfTemplatesWaitForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 60 << 10
		// An environment may use half: two attempts with their settings, compiled, and bodies.
		memory := budget.New(20 * size)
		n := start(t, func(c *dispatch.Config) { c.Bodies = memory })
		large := func(w *carteiro.Webhook) {
			w.PayloadTemplates = map[string]json.RawMessage{"event_action": json.RawMessage(`{"d":"` + strings.Repeat("x", size-100) + `"}`)}
		}
		var slow []*carteiro.Webhook
		for range 5 {
			slow = append(slow, n.webhook(takes(10*time.Second, 200), large))
		}
		n.publish(slow...)
		plain := n.webhook(takes(time.Second, 200))
		n.publish(plain)
		elapse(2 * time.Second)
		if n.statuses(plain)[carteiro.StatusSuccess] != 1 {
			t.Error("a body without a template waits")
		}
		for round, want := range []int{2, 4, 5} {
			sent := 0
			for _, w := range slow {
				sent += len(n.receivers.of(w))
			}
			if sent != want {
				t.Errorf("%d sent in round %d, want %d", sent, round, want)
			}
			elapse(10 * time.Second)
		}
		if memory.Used() != 0 {
			t.Errorf("%d bytes are used", memory.Used())
		}
		n.publish(slow...)
		elapse(time.Second)
		n.stop()
		if memory.Used() != 0 {
			t.Errorf("%d bytes are used after the end", memory.Used())
		}
	})
}

// An attempt that this host could not start is made again. Its body is charged once.
func TestABodyIsChargedOnceHoweverOftenItsAttemptIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 60 << 10
		memory := budget.New(4 * size)
		n := start(t, func(c *dispatch.Config) { c.Bodies = memory })
		tries := 0
		w := n.webhook(func(context.Context, *carteiro.Delivery) *carteiro.Outcome {
			if tries++; tries < 10 {
				return &carteiro.Outcome{Reason: carteiro.ReasonConnection, NotSent: syscall.EMFILE}
			}
			return answered(200)
		}, func(w *carteiro.Webhook) {
			w.PayloadTemplates = map[string]json.RawMessage{"event_action": json.RawMessage(`{"d":"` + strings.Repeat("x", size-100) + `"}`)}
		})
		n.publish(w)
		elapse(time.Minute)
		if got := n.statuses(w); got[carteiro.StatusSuccess] != 1 || memory.Used() != 0 {
			t.Errorf("log %v after %d tries, %d bytes are used", got, tries, memory.Used())
		}
	})
}

// Settings are held while an attempt is in flight: their memory is charged although no template makes a body.
func TestLargeSettingsWaitForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 240 << 10
		memory := budget.New(6 * size)
		n := start(t, func(c *dispatch.Config) { c.Bodies = memory })
		large := func(w *carteiro.Webhook) {
			w.PayloadTemplates = map[string]json.RawMessage{"event_recording": json.RawMessage(`{"d":"` + strings.Repeat("x", size/4) + `"}`)}
			w.CustomHeaders = []carteiro.Header{{Key: "X-Large", Value: strings.Repeat("x", size/4)}}
		}
		var slow []*carteiro.Webhook
		for range 50 {
			slow = append(slow, n.webhook(takes(2*time.Second, 200), large))
		}
		n.publish(slow...)
		elapse(time.Second)
		sent := 0
		for _, w := range slow {
			sent += len(n.receivers.of(w))
		}
		if sent == 0 || sent > 4 {
			t.Errorf("%d attempts are in flight, each with %d bytes of settings, within %d bytes", sent, size/2, 3*size)
		}
		elapse(2 * time.Minute)
		for _, w := range slow {
			if n.statuses(w)[carteiro.StatusSuccess] != 1 {
				t.Fatal("a delivery is not made")
			}
		}
		if memory.Used() != 0 {
			t.Errorf("%d bytes are used", memory.Used())
		}
	})
}
