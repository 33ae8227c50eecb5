// Package listen hands a webhook's deliveries to a program on the developer's machine, as its receiver gets them, and shows
// what becomes of each.
package listen

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/carteiro/carteiro/client"
)

// waitTimeout is how many deliveries may wait for the local program. Behind them it is the server that waits, and in time cuts the
// stream, which then goes on where it was.
const waitTimeout = 64

// Config is what to listen to, and where to.
type Config struct {
	Client  *client.Client
	Webhook client.Webhook
	// Forward is where the local program takes webhooks.
	Forward *url.URL
	// Header goes with each request beside what the delivery has, and instead of it where both have the same.
	Header  http.Header
	Timeout time.Duration // of one request; above 0
	Out     io.Writer
	// Width gives how many columns the terminal has; nil: Out is none, and gets plain lines.
	Width func() int
	// Color lets lines in a terminal be coloured.
	Color bool
}

// Run listens until ctx ends, and then sums up. It fails when the server does not let it listen, or no more.
func Run(ctx context.Context, c Config) error {
	view := newView(&c)
	queue := make(chan client.Delivery, waitTimeout)
	done := make(chan struct{})
	local := newForwarder(&c)
	defer local.close()
	go func() {
		defer close(done)
		for d := range queue {
			if ctx.Err() != nil {
				view.left()
				continue
			}
			view.begin(&d)
			view.end(&d, local.forward(ctx, &d))
		}
	}()
	view.printHeader(&c)
	err := c.Client.Listen(ctx, c.Webhook.Owner(), c.Webhook.ID, client.Listener{
		Delivery: func(d client.Delivery) {
			select {
			case queue <- d:
			case <-ctx.Done():
				view.left()
			}
		},
		Open:   view.open,
		Cut:    view.cut,
		Missed: view.missed,
	})
	close(queue)
	<-done
	view.printSummary()
	if ctx.Err() != nil {
		return nil // that is how it ends
	}
	return err
}
