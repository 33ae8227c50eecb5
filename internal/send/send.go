// Package send makes exactly one HTTP attempt and tells what came of it. It knows no store and no retry: a failed
// delivery is its result, not its error.
package send

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
)

// Bounds on what is taken from receivers, in bytes.
const (
	maxResponseBody    = 16 << 10 // kept; what is longer is cut off and not read further
	maxResponseHeaders = 64 << 10 // read; more is a failure
	maxShownHeaders    = 16 << 10 // kept
)

// Sender makes attempts. It keeps connections to receivers open for the next ones, and is safe for concurrent use.
type Sender struct {
	pool      *pool
	userAgent string
}

// New makes a sender that dials only what the guard lets it. version goes into the User-Agent.
func New(guard *egress.Guard, version string) *Sender {
	return &Sender{pool: newPool(guard), userAgent: "Carteiro/" + version}
}

// Close lets go of idle connections, and of the others when their exchanges end.
func (s *Sender) Close() { s.pool.close() }

// Send makes one attempt. The webhook's timeout covers the whole exchange, from looking up the name to the end of the
// answer's body. Redirects are not followed. When ctx ends before the exchange does, the outcome counts for nothing; nor
// does it when [carteiro.Outcome.Unsent] is set.
func (s *Sender) Send(ctx context.Context, t *Target, d *carteiro.Delivery) *carteiro.Outcome {
	o := &carteiro.Outcome{RequestURL: t.webhook.URL, RequestMethod: t.webhook.HTTPMethod}
	start := time.Now()
	s.attempt(ctx, t, d, o, start)
	o.FinishedAt = time.Now()
	o.Duration = max(o.FinishedAt.Sub(start), 1)
	readable(o)
	return o
}

// Preview builds what [Sender.Send] would send now, and sends nothing: of the outcome only what tells of the request is
// set, and the reason and its words when none can be built.
func (s *Sender) Preview(w *carteiro.Webhook, d *carteiro.Delivery, now time.Time) *carteiro.Outcome {
	o := &carteiro.Outcome{RequestURL: w.URL, RequestMethod: w.HTTPMethod}
	if request, ok := s.build(Compile(w), d, o, now); ok {
		request.release()
	}
	return o
}

// build makes the request, and notes it in the outcome; or notes why there is none.
func (s *Sender) build(t *Target, d *carteiro.Delivery, o *carteiro.Outcome, now time.Time) (_ request, ok bool) {
	fault := t.fault
	if fault == nil {
		o.RequestBody, o.SharedTail, fault = t.body(d)
	}
	if fault != nil {
		o.Reason, o.Error, o.Detail = carteiro.ReasonInvalidRequest, "Invalid request", fault.Error()
		return request{}, false
	}
	r := s.request(t, d, o.RequestBody, now)
	o.RequestHeaders = r.shown
	return r, true
}

func (s *Sender) attempt(ctx context.Context, t *Target, d *carteiro.Delivery, o *carteiro.Outcome, now time.Time) {
	request, ok := s.build(t, d, o, now)
	if !ok {
		return
	}
	e := exchange{Sender: s, target: t, delivery: d, outcome: o, request: request, begun: now, deadline: now.Add(t.webhook.Timeout)}
	switch err := e.run(ctx); {
	case err == nil:
	case errors.Is(err, carteiro.ErrNotClear):
		o.NotSent = carteiro.ErrNotClear
	default:
		fail(o, err)
		o.NotSent = notSent(err)
	}
}

// take reads a response into the outcome. body is the response's.
func take(o *carteiro.Outcome, r *http.Response, body io.Reader, now time.Time) (whole bool, err error) {
	o.HTTPStatus = r.StatusCode
	o.ResponseHeaders = shownHeaders(r.Header)
	if err := readBody(o, r, body); err != nil {
		return false, err
	}
	if o.HTTPStatus >= 200 && o.HTTPStatus <= 299 {
		o.Success = true
	} else {
		o.Reason, o.Error = carteiro.ReasonHTTPStatus, statusError(o.HTTPStatus)
		o.RetryAfter = retryAfter(r, now)
	}
	return !o.ResponseTruncated, nil
}

// readBody keeps the beginning of the answer's body. It reads one byte more than is kept, to see whether there is more.
func readBody(o *carteiro.Outcome, r *http.Response, body io.Reader) (err error) {
	if r.ContentLength == 0 {
		return nil
	}
	o.ResponseBody, err = io.ReadAll(io.LimitReader(body, maxResponseBody+1))
	if len(o.ResponseBody) > maxResponseBody {
		o.ResponseBody, o.ResponseTruncated = o.ResponseBody[:maxResponseBody], true
	}
	return isEarlyResponse(err)
}

// maxRetryAfter is the longest wait that is stored, in seconds. The retry policy has a lower maximum.
const maxRetryAfter = 1<<31 - 1

// retryAfter returns how long a busy receiver asks to be left alone (RFC 9110, section 10.2.3): seconds or a date. It
// returns 0 for what it cannot read.
func retryAfter(r *http.Response, now time.Time) time.Duration {
	if r.StatusCode != http.StatusTooManyRequests && r.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	asked := r.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(asked, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, maxRetryAfter)) * time.Second
	}
	if date, err := http.ParseTime(asked); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
