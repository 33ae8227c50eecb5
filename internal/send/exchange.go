package send

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
)

// exchange is the request and the response of one attempt.
type exchange struct {
	*Sender
	target   *Target
	delivery *carteiro.Delivery
	outcome  *carteiro.Outcome
	request  request
	begun    time.Time
	deadline time.Time
	again    bool // the request is being sent a second time
}

// run sends the request over an idle connection or a new one. Idle connections go stale: the receiver may close one just
// as the request leaves. When a reused connection fails before the first byte of the response, run sends once more, over a
// new one; a receiver that got both deduplicates by webhook-id.
func (e *exchange) run(ctx context.Context) error {
	to, webhook := e.target.origin, e.target.webhook.ID
	c, reused, err := e.pool.get(ctx, to, webhook, e.deadline)
	e.noteTunnel(reused, err)
	if err != nil {
		return err
	}
	err = e.finish(ctx, c, reused)
	if !reused || !stale(c, err) || ctx.Err() != nil {
		return err
	}
	e.again = true
	c, err = e.pool.dial(ctx, to, e.deadline)
	e.noteTunnel(false, err)
	if err != nil {
		return err
	}
	return e.finish(ctx, c, false)
}

// noteTunnel notes when the egress proxy has made a connection, or answered that it cannot.
func (e *exchange) noteTunnel(reused bool, err error) {
	var proxy *egress.ProxyError
	answered := errors.As(err, &proxy) && !proxy.Unavailable()
	if e.pool.guard.Proxied() && !reused && (err == nil || answered) {
		e.outcome.Tunneled = time.Now()
	}
}

// errAborted says that the receiver had given up waiting for a request when this one arrived (RFC 9110, section 15.5.9).
var errAborted = errors.New("the receiver closed an idle connection")

// stale reports whether an exchange failed because its connection was no longer in use by the receiver.
func stale(c *conn, err error) bool {
	return errors.Is(err, errAborted) || err != nil && !c.answered && !timedOut(err) && !errors.Is(err, carteiro.ErrNotClear)
}

// finish makes the exchange over a connection, and keeps or closes the connection.
func (e *exchange) finish(ctx context.Context, c *conn, reused bool) error {
	to, webhook := e.target.origin, e.target.webhook.ID
	if e.delivery.MayBegin != nil && !e.delivery.MayBegin() {
		e.pool.put(to, webhook, c, c.unused(maxIdleTime))
		return carteiro.ErrNotClear
	}
	keepFor, err := c.exchange(ctx, e.deadline, e.request, func(r *http.Response, body io.Reader) (whole bool, err error) {
		if reused && r.StatusCode == http.StatusRequestTimeout && r.Close {
			return false, errAborted
		}
		return take(e.outcome, r, body, e.begun)
	})
	e.pool.put(to, webhook, c, keepFor)
	if keepFor > 0 && !e.again { // nobody writes the request any more
		e.request.release()
	}
	if errors.Is(err, egress.ErrUnsolicited) {
		e.pool.markMisbehaving(to)
		return nil
	}
	return err
}
