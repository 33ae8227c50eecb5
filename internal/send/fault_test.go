package send

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
)

// Every fault of a handshake is told as a TLS failure, however deep crypto/tls wraps it.
func TestEveryFaultOfAHandshakeIsATLSFailure(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"no TLS record":           {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, true},
		"an alert":                {tls.AlertError(40), true},
		"a failed verification":   {&tls.CertificateVerificationError{Err: errors.New("refused")}, true},
		"another name":            {x509.HostnameError{Certificate: new(x509.Certificate), Host: "crm.example"}, true},
		"an unknown authority":    {x509.UnknownAuthorityError{}, true},
		"an expired certificate":  {x509.CertificateInvalidError{Cert: new(x509.Certificate), Reason: x509.Expired}, true},
		"a fault found here":      {&net.OpError{Op: "local error", Err: errors.New("bad record MAC")}, true},
		"a fault found there":     {&net.OpError{Op: "remote error", Err: errors.New("handshake failure")}, true},
		"a reset":                 {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false},
		"something else entirely": {errors.New("tls is not to blame"), false},
	} {
		if got := isTLS(fmt.Errorf("dial: %w", c.err)); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
