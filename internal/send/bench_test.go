package send_test

import (
	"bufio"
	"bytes"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/send"
)

// sink is a receiver that allocates nothing, so that what is counted is the sender's.
func sink(tb testing.TB) (url string) {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go swallow(c)
		}
	}()
	return "http://" + listener.Addr().String() + "/hooks"
}

// swallow answers requests until the connection is closed.
func swallow(c net.Conn) {
	defer func() { _ = c.Close() }()
	answer := []byte("HTTP/1.1 200 OK\r\nDate: Wed, 03 Sep 2025 23:19:51 GMT\r\nContent-Length: 0\r\n\r\n")
	r := bufio.NewReader(c)
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length = 0
			for _, digit := range bytes.TrimSpace(value) {
				length = 10*length + int(digit-'0')
			}
		}
		if len(line) > len("\r\n") {
			continue
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// signed is a webhook as most are.
func signed(url string) *carteiro.Webhook {
	w := webhook(url)
	w.Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	w.CustomHeaders = []carteiro.Header{{Key: "X-Tenant", Value: "t-1042"}}
	return w
}

const smallPayload = `{"call":{"id":"call_00000001","from":"+5511987654321","duration_seconds":42}}`

// One exchange over a connection that is kept: envelope, headers, signature, request, answer.
func BenchmarkSend(b *testing.B) {
	for _, size := range []int{512, 32 << 10, 256 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			w := signed(sink(b))
			target, d := send.Compile(w), delivery(w, `{"data":"`+strings.Repeat("x", size-11)+`"}`)
			s := send.New(egress.New(true), "1.2.3")
			defer s.Close()
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if o := s.Send(b.Context(), target, d); !o.Success {
					b.Fatal(o.Error, o.Detail)
				}
			}
		})
	}
}

// Making a webhook ready, once a version.
func BenchmarkCompileTarget(b *testing.B) {
	w := signed("https://crm.example.com/hooks?tenant=1042")
	b.ReportAllocs()
	for b.Loop() {
		send.Compile(w)
	}
}
