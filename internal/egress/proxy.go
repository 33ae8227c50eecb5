package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// ProxyError says that the proxy did not do what it was asked: it cannot be reached, or refuses. It names no address, but
// what it wraps may.
type ProxyError struct {
	Status int   // that the proxy answered; 0 when it did not answer
	Err    error // why there is no answer
}

// Error gives the answer, or why there is none.
func (e *ProxyError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("the egress proxy cannot be used: %v", e.Err)
	}
	return fmt.Sprintf("the egress proxy answered %d %s", e.Status, http.StatusText(e.Status))
}

// Unwrap gives why there is no answer.
func (e *ProxyError) Unwrap() error { return e.Err }

// Blocks reports whether the proxy's policy forbids the target.
func (e *ProxyError) Blocks() bool { return e.Status == http.StatusForbidden }

// Unavailable reports whether the fault is the proxy's own, and its operator's to mend: it cannot be reached, wants other
// credentials, or does not do CONNECT. Otherwise it is about the target: policy forbids it, or the proxy cannot reach it.
func (e *ProxyError) Unavailable() bool { return !e.Blocks() && e.Status < 500 }

// unreached says whether it is the target that the proxy could not reach, so that another address of it may do.
func unreached(err error) bool {
	var refused *ProxyError
	return errors.As(err, &refused) && refused.Status >= 500
}

// proxy is an HTTP proxy that connections go through by CONNECT (RFC 9110, section 9.3.6), those to http:// URLs as well:
// forwarding a request instead would leave it to the proxy what the name in it leads to.
type proxy struct {
	address     string
	secured     string // the name that its certificate must be for; empty when it is spoken to in the clear
	credentials string // value of Proxy-Authorization, or empty
}

func newProxy(u *url.URL) *proxy {
	p := &proxy{address: u.Host}
	if u.Scheme == "https" {
		p.secured = u.Hostname()
	}
	if u.User != nil {
		password, _ := u.User.Password()
		p.credentials = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	return p
}

// String tells nothing: the credentials must not be printed with what holds them.
func (p *proxy) String() string { return "[proxy]" }

// GoString is String.
func (p *proxy) GoString() string { return p.String() }

// connect returns a connection to the target through the proxy. config returns the TLS configuration for a server name.
func (p *proxy) connect(ctx context.Context, target netip.AddrPort, config func(name string) *tls.Config) (*Conn, error) {
	c, err := p.dial(ctx, config)
	if err != nil {
		return nil, err
	}
	undisturbed := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	err = p.ask(c, target.String())
	if err == nil && !undisturbed() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = c.Close()
		return nil, timeoutOf(ctx, err)
	}
	return c, nil
}

// dial connects to the proxy. A timeout here is the proxy's fault: no receiver is involved yet.
func (p *proxy) dial(ctx context.Context, config func(name string) *tls.Config) (*Conn, error) {
	c, err := connect(ctx, new(net.Dialer), p.address)
	if err != nil {
		return nil, &ProxyError{Err: err}
	}
	if p.secured == "" {
		return c, nil
	}
	if err := c.Secure(ctx, config(p.secured)); err != nil {
		_ = c.Close()
		return nil, &ProxyError{Err: err}
	}
	return c, nil
}

// timeoutOf gives the context's error where it is why the other came about: a deadline of the past is not what to tell.
func timeoutOf(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return err
}

// maxProxyAnswer bounds what is read of the proxy's answer, in bytes.
const maxProxyAnswer = 16 << 10

var (
	errSpokeUnasked = errors.New("more came than an answer")
	errLongAnswer   = errors.New("its answer is too long")
)

// ask has the proxy connect to the target: from then on, c is a connection to it.
func (p *proxy) ask(c *Conn, target string) error {
	request := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if p.credentials != "" {
		request += "Proxy-Authorization: " + p.credentials + "\r\n"
	}
	if _, err := io.WriteString(c, request+"\r\n"); err != nil {
		return &ProxyError{Err: err}
	}
	limited := &io.LimitedReader{R: c, N: maxProxyAnswer}
	r := bufio.NewReader(limited)
	response, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // what follows is the tunnel
	switch {
	case err != nil && limited.N == 0:
		return &ProxyError{Err: errLongAnswer}
	case err != nil:
		return &ProxyError{Err: err}
	case response.StatusCode/100 != 2:
		return &ProxyError{Status: response.StatusCode}
	case r.Buffered() > 0: // nothing that we connect to speaks first
		return &ProxyError{Err: errSpokeUnasked}
	}
	return nil
}
