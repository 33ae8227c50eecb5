package send_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/test/interop/rawserver"
)

// A receiver sees the end of each connection whose TLS handshake fails: the sender must not keep such a connection open.
func TestAFailedHandshakeLeavesNoConnection(t *testing.T) {
	secured, _, err := rawserver.Secured()
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]func(c net.Conn){
		"untrusted certificate": func(c net.Conn) { _ = tls.Server(c, secured).HandshakeContext(t.Context()) },
		"no TLS":                func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			ended := make(chan error, 1)
			go func() {
				c, err := listener.Accept()
				if err != nil {
					ended <- err
					return
				}
				defer c.Close()
				answer(c)
				_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
				_, err = io.Copy(io.Discard, c)
				ended <- err
			}()
			s := send.New(egress.New(true), "1.2.3")
			defer s.Close()
			w := webhook("https://" + listener.Addr().String())
			if o := s.Send(t.Context(), send.Compile(w), delivery(w, `{}`)); o.Success || o.Reason != carteiro.ReasonTLS {
				t.Errorf("the outcome is %q (%s), want a TLS failure", o.Error, o.Detail)
			}
			if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open 30 s later")
			}
		})
	}
}
