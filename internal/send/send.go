// Package send makes exactly one HTTP attempt and tells what came of it. It knows no store and no retry: a failed
// delivery is its result, not its error.
package send

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"carteiro"
	"carteiro/internal/egress"
)

// Bounds on what is taken from receivers, in bytes.
const (
	maxResponseBody    = 16 << 10 // kept; what is longer is cut off and not read further
	maxResponseHeaders = 64 << 10 // read; more is a failure
	maxShownHeaders    = 16 << 10 // kept
)

// Sender makes attempts. It keeps connections to receivers open for the next ones, and is safe for concurrent use.
type Sender struct {
	transport *http.Transport
	userAgent []string
}

// New makes a sender that dials only what the guard lets it. version goes into the User-Agent.
func New(guard *egress.Guard, version string) *Sender {
	dialer := &net.Dialer{Timeout: carteiro.DefaultTimeout, ControlContext: guard.Control}
	return &Sender{
		userAgent: []string{"Carteiro/" + version},
		transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    carteiro.DefaultTimeout,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    1024, // many webhooks may lead to one host
			MaxIdleConns:           2048,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: maxResponseHeaders,
			// Receivers' answers are kept as they came: nothing of theirs is inflated here.
			DisableCompression: true,
		},
	}
}

// Close lets go of idle connections.
func (s *Sender) Close() { s.transport.CloseIdleConnections() }

// Send makes one attempt. The webhook's timeout covers the whole exchange, the body of the answer included. Redirects
// are not followed. When ctx ends before the exchange does, the outcome counts for nothing.
func (s *Sender) Send(ctx context.Context, t *Target, d *carteiro.Delivery) *carteiro.Outcome {
	o := &carteiro.Outcome{RequestURL: t.webhook.URL, RequestMethod: t.webhook.HTTPMethod}
	start := time.Now()
	s.exchange(ctx, t, d, o, start)
	o.FinishedAt = time.Now()
	o.Duration = max(o.FinishedAt.Sub(start), 1)
	return o
}

func (s *Sender) exchange(ctx context.Context, t *Target, d *carteiro.Delivery, o *carteiro.Outcome, now time.Time) {
	fault := t.fault
	if fault == nil {
		o.RequestBody, o.SharedTail, fault = t.body(d)
	}
	if fault != nil {
		o.Reason, o.Error, o.Detail = carteiro.ReasonInvalidRequest, "Invalid request", fault.Error()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.webhook.Timeout)
	defer cancel()
	var header http.Header
	header, o.RequestHeaders = s.headers(t, d, o.RequestBody, now)
	request := (&http.Request{
		Method:        t.webhook.HTTPMethod,
		URL:           t.url,
		Host:          t.url.Host,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		ContentLength: int64(len(o.RequestBody)),
		Body:          io.NopCloser(bytes.NewReader(o.RequestBody)),
		// Lets the transport begin again on a fresh connection when an idle one turns out to be closed.
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.RequestBody)), nil },
	}).WithContext(ctx)
	response, err := s.transport.RoundTrip(request)
	if err != nil {
		fail(o, err)
		return
	}
	o.HTTPStatus = response.StatusCode
	o.ResponseHeaders = shownHeaders(response.Header)
	err = readBody(o, response)
	_ = response.Body.Close() // what is left unread is of no interest
	switch {
	case err != nil:
		fail(o, err)
	case o.HTTPStatus >= 200 && o.HTTPStatus <= 299:
		o.Success = true
	default:
		o.Reason, o.Error = carteiro.ReasonHTTPStatus, statusError(o.HTTPStatus)
		o.RetryAfter = retryAfter(response, now)
	}
}

// readBody keeps the beginning of the answer's body. It reads one byte more than is kept, to see whether there is more.
func readBody(o *carteiro.Outcome, r *http.Response) (err error) {
	if r.ContentLength == 0 {
		return nil
	}
	o.ResponseBody, err = io.ReadAll(io.LimitReader(r.Body, maxResponseBody+1))
	if len(o.ResponseBody) > maxResponseBody {
		o.ResponseBody, o.ResponseTruncated = o.ResponseBody[:maxResponseBody], true
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errBrokenBody
	}
	return err
}

// retryAfter reads how long a receiver that is too busy asks to be left alone: RFC 9110, section 10.2.3, seconds or a
// date. What cannot be read counts as not asked.
func retryAfter(r *http.Response, now time.Time) time.Duration {
	if r.StatusCode != http.StatusTooManyRequests && r.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	asked := r.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(asked, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second // 31 bits of seconds fit
	}
	if date, err := http.ParseTime(asked); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
