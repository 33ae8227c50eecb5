package dispatch_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/store"
)

// unreadable is a directory that cannot read webhooks.
type unreadable struct{ dispatch.Webhooks }

func (unreadable) Webhook(context.Context, carteiro.ID) (*carteiro.Webhook, error) {
	return nil, errors.New("the test lets nothing be read")
}

// A node that stops while it cannot read a webhook knows nothing of it. The attempt stays pending: it does not end as if the webhook
// were deleted.
func TestAStoppingNodeLeavesAttemptsOfUnreadableWebhooksPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, func(c *dispatch.Config) { c.Webhooks = unreadable{c.Webhooks} })
		w := n.webhook(takes(0, 200))
		n.publish(w)
		elapse(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n.Stop(ctx)
		if got := n.statuses(w); got[carteiro.StatusPending] != 1 || len(got) != 1 {
			t.Errorf("log %v", got)
		}
	})
}

// A record that ends because the node stops was not refused, and nobody is told so.
func TestARecordThatTheStopCutsOffIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := start(t, func(c *dispatch.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		w := n.webhook(takes(0, 200))
		cutOff := make(chan struct{})
		n.store.refuse(func(store.Record) bool {
			<-cutOff
			return true
		})
		n.publish(w)
		elapse(time.Second)
		time.AfterFunc(time.Minute, func() { close(cutOff) }) // long after the node has given up
		n.stop()
		if text := log.String(); strings.Contains(text, "refuses") {
			t.Errorf("the log says:\n%s", text)
		}
		if got := n.statuses(w); got[carteiro.StatusPending] != 1 {
			t.Errorf("log %v", got)
		}
	})
}
