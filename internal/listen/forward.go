package listen

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/carteiro/carteiro/client"
)

// maxExcerpt is how much of an answer that is no 2xx is shown, in bytes.
const maxExcerpt = 200

// result is what the local program made of a delivery.
type result struct {
	status  int    // 0: it did not answer
	fault   string // why not; or the beginning of an answer that is no 2xx
	took    time.Duration
	stopped bool // it was called off
}

func (r result) ok() bool { return r.status >= 200 && r.status <= 299 }

// forwarder calls the local program.
type forwarder struct {
	config *Config
	http   *http.Client
}

func newForwarder(c *Config) *forwarder {
	transport := &http.Transport{} // without a proxy: it is this machine, or one beside it
	return &forwarder{c, &http.Client{
		Transport:     transport,
		Timeout:       c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (f *forwarder) close() { f.http.CloseIdleConnections() }

// forward makes one request, with the very bytes and headers of the delivery.
func (f *forwarder) forward(ctx context.Context, d *client.Delivery) result {
	if d.Error != "" {
		return result{fault: d.Error}
	}
	req, err := http.NewRequestWithContext(ctx, d.Method, f.config.Forward.String(), bytes.NewReader(d.Body))
	if err != nil {
		return result{fault: err.Error()}
	}
	for name, value := range d.Headers {
		req.Header.Set(name, value)
	}
	for name, values := range f.config.Header {
		req.Header[name] = values
	}
	began := time.Now()
	resp, err := f.http.Do(req)
	if err != nil {
		return result{fault: describeError(err), took: time.Since(began), stopped: ctx.Err() != nil}
	}
	defer resp.Body.Close()
	r := result{status: resp.StatusCode}
	beginning, err := io.ReadAll(io.LimitReader(resp.Body, maxExcerpt))
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection can be used again
	if r.took = time.Since(began); !r.ok() {
		r.fault = cmp.Or(printable(string(beginning)), http.StatusText(r.status))
	}
	if err != nil {
		r.status, r.fault = 0, describeError(err)
	}
	return r
}

// describeError says briefly why there is no answer.
func describeError(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: is the program running?"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "no such host: " + dns.Name
	}
	_, cause, found := strings.Cut(err.Error(), "\": ") // behind the method and the URL
	if !found {
		cause = err.Error()
	}
	return printable(cause)
}

// printable makes one line of a text that a terminal does not take for commands.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\ufffd':
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
