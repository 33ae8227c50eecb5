package send

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
)

// errBrokenBody says that the answer's body ended before it was whole.
var errBrokenBody = errors.New("the answer broke off")

// fail puts the cause of a failed exchange into the outcome.
func fail(o *carteiro.Outcome, err error) {
	o.Reason, o.Error = cause(err)
	o.Detail = detail(o.Reason, err)
}

// resourceExhaustion gives what this machine lacked to make a connection, descriptors or memory in the system; nil when a fault is of
// another kind. The receiver has no part in it.
func resourceExhaustion(err error) error {
	var dns *net.DNSError
	for _, lacking := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		// A fault of the resolver keeps the cause as text alone.
		if errors.Is(err, lacking) || errors.As(err, &dns) && strings.Contains(dns.Err, lacking.Error()) {
			return lacking
		}
	}
	return nil
}

// maxDetail bounds a detail, which may quote the receiver, in bytes.
const maxDetail = 500

// notSent returns why an attempt counts for nothing, if it does: this host lacked something, or the egress proxy was
// unavailable. The receiver has no part in either.
func notSent(err error) error {
	if lacking := resourceExhaustion(err); lacking != nil {
		return lacking
	}
	var proxy *egress.ProxyError
	if errors.As(err, &proxy) && proxy.Unavailable() {
		return fmt.Errorf("%w: %w", carteiro.ErrProxy, err)
	}
	return nil
}

// detail returns what else there is to say about a fault. Network errors contain addresses of this machine, its resolver and
// its internal network. These are the operator's, and customers read the log.
func detail(reason carteiro.Reason, err error) string {
	var network *net.OpError
	var proxy *egress.ProxyError
	switch {
	case errors.As(err, &proxy) && proxy.Status == 0:
		return ""
	case proxy != nil:
		return proxy.Error()
	case reason == carteiro.ReasonTLS:
	case reason != carteiro.ReasonConnection, errors.As(err, &network):
		return ""
	}
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxDetail)], "")
}

// cause names what went wrong, as a word to count and in words to read.
func cause(err error) (carteiro.Reason, string) {
	var dns *net.DNSError
	var proxy *egress.ProxyError
	switch {
	case errors.Is(err, egress.ErrBlocked):
		return carteiro.ReasonBlocked, "Blocked address"
	case errors.As(err, &proxy) && proxy.Blocks():
		return carteiro.ReasonBlocked, "Blocked address"
	case errors.As(err, &proxy) && !proxy.Unavailable():
		return carteiro.ReasonConnection, "Host unreachable"
	case errors.As(err, &proxy):
		return carteiro.ReasonConnection, "Proxy failure"
	case errors.As(err, &dns):
		return carteiro.ReasonDNS, "DNS failure"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), timedOut(err):
		return carteiro.ReasonTimeout, "Connection timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return carteiro.ReasonRefused, "Connection refused"
	case isTLS(err):
		return carteiro.ReasonTLS, "TLS failure"
	case errors.Is(err, errInvalidResponse):
		return carteiro.ReasonConnection, "Invalid response"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return carteiro.ReasonConnection, "Connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errBrokenBody), errors.Is(err, errAborted):
		return carteiro.ReasonConnection, "Connection closed"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return carteiro.ReasonConnection, "Host unreachable"
	default:
		return carteiro.ReasonConnection, "Connection failed"
	}
}

func timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func isTLS(err error) bool {
	var (
		record       tls.RecordHeaderError
		alert        tls.AlertError
		verification *tls.CertificateVerificationError
		hostname     x509.HostnameError
		authority    x509.UnknownAuthorityError
		invalid      x509.CertificateInvalidError
	)
	if errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &verification) ||
		errors.As(err, &hostname) || errors.As(err, &authority) || errors.As(err, &invalid) {
		return true
	}
	// crypto/tls has no types for the other faults of a handshake, but names the operation.
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "local error" || op.Op == "remote error")
}

// statusError is an HTTP status in words, as "HTTP 500 Internal Server Error".
func statusError(status int) string {
	words := "HTTP " + strconv.Itoa(status)
	if text := http.StatusText(status); text != "" {
		words += " " + text
	}
	return words
}
