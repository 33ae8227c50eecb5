package front_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro/internal/front"
)

// FuzzWhoAnswersMakesNoDifference: whatever bytes come, and however many requests are in them, the front answers as
// net/http does. Where the two took a request to end in different places, one could be smuggled past the other.
func FuzzWhoAnswersMakesNoDifference(f *testing.F) {
	for _, request := range wire {
		if len(request) < 8<<10 {
			f.Add([]byte(request))
		}
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		synctest.Test(t, func(t *testing.T) { // net/http waits a while before it closes some connections
			want := said(t, request, false)
			if got := said(t, request, true); got != want {
				t.Errorf("%q\nbehind the front:\n%s\nwithout it:\n%s", request, got, want)
			}
		})
	})
}

// said gives the answers to bytes, as answers does, over a connection in memory: nothing of it depends on time.
func said(t *testing.T, request []byte, behind bool) string {
	t.Helper()
	c := &script{unread: bytes.NewReader(request), closed: make(chan struct{})}
	once := make(pipes, 1)
	once <- c
	var l net.Listener = once
	if behind {
		l = front.New(once, front.Config{
			Handler: http.HandlerFunc(echo), Takes: takes, Logger: slog.New(slog.DiscardHandler),
			IdleTimeout: time.Hour, HeadTimeout: time.Hour, ReadTimeout: time.Hour, WriteTimeout: time.Hour,
		})
	}
	server := &http.Server{Handler: http.HandlerFunc(echo), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	<-c.closed
	_ = server.Close()
	<-served
	var all bytes.Buffer
	for r := bufio.NewReader(bytes.NewReader(c.said())); ; {
		response, err := http.ReadResponse(r, nil) //nolint:bodyclose // it ends with the connection
		if err != nil {
			return all.String()
		}
		body, err := io.ReadAll(response.Body)
		response.Header.Del("Date")
		response.Header.Del("Content-Type")
		_, _ = fmt.Fprintln(&all, response.Status, response.Header, response.ContentLength, response.Close, string(body), err)
	}
}

// script is a connection on which the client has said all that it will say.
type script struct {
	unread *bytes.Reader
	closed chan struct{}

	mu      sync.Mutex
	written bytes.Buffer
	ended   bool
}

func (s *script) said() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.written.Bytes())
}

func (s *script) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unread.Read(p)
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written.Write(p)
}

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		close(s.closed)
	}
	return nil
}

func (s *script) LocalAddr() net.Addr            { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr           { return &net.TCPAddr{} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }
