// Package rawserver is an HTTP/1.1 server that misbehaves exactly as it is told, and a proxy to put in front of it. It writes
// bytes, not responses: tests use it to send what no HTTP library would.
package rawserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// Request is one that arrived complete with its head.
type Request struct {
	Connection int // number of the connection, from 1
	Path       string
	Header     http.Header
}

// Server answers requests for /bad as its case says. It answers every other one with 200 and the request's X-Webhook-Log-Id as
// the body, so that a client can tell whose response it got.
type Server struct {
	URL string

	bad      Case
	listener net.Listener
	secured  *tls.Config

	mu       sync.Mutex
	requests []Request
	open     []net.Conn
	serving  sync.WaitGroup
	closing  chan struct{}
}

// Start starts a server on a port of its own, with TLS if secured is not nil. The caller closes it.
func Start(bad Case, secured *tls.Config) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + listener.Addr().String(), bad: bad, listener: listener, secured: secured, closing: make(chan struct{})}
	if secured != nil {
		s.URL = "https://" + listener.Addr().String()
	}
	s.serving.Go(func() { accept(listener, s.serve) })
	return s, nil
}

// window bounds what the kernel takes of a request that is not read. Its own bound grows with the connection, to 16 MiB and more on the way
// through a proxy, and then a request whose body is not read looks as if it had been.
const window = 64 << 10

// accept serves connections until the listener is closed.
func accept(listener net.Listener, serve func(c net.Conn, number int)) {
	var serving sync.WaitGroup
	defer serving.Wait()
	for number := 1; ; number++ {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		_ = c.(*net.TCPConn).SetReadBuffer(window) //nolint:forcetypeassert // the listener is a TCP listener
		serving.Go(func() {
			defer func() { _ = c.Close() }()
			serve(c, number)
		})
	}
}

// Close closes the listener and all connections, and waits for them.
func (s *Server) Close() {
	close(s.closing)
	_ = s.listener.Close()
	s.mu.Lock()
	for _, c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// Requests returns what has arrived so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

func (s *Server) serve(c net.Conn, number int) {
	s.mu.Lock()
	s.open = append(s.open, c)
	s.mu.Unlock()
	corked := &cork{Conn: c}
	client := net.Conn(corked)
	if s.secured != nil {
		client = tls.Server(corked, s.secured)
	}
	r := bufio.NewReader(client)
	for count := 1; ; count++ {
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.requests = append(s.requests, Request{Connection: number, Path: request.URL.Path, Header: request.Header})
		s.mu.Unlock()
		bad := request.URL.Path == "/bad" || s.bad.Stale && count > 1
		if !bad || !s.bad.Early {
			if _, err := io.Copy(io.Discard, request.Body); err != nil {
				return
			}
		}
		if !bad {
			corked.write(client, Response("200 OK", request.Header.Get("X-Webhook-Log-Id")))
			continue
		}
		if s.bad.Bytewise {
			for part := range strings.SplitSeq(strings.Join(s.bad.Parts, ""), "") {
				corked.write(client, part)
			}
		} else {
			corked.write(client, s.bad.Parts...)
		}
		switch s.bad.End {
		case Keep:
		case Close:
			_ = client.Close()
			return
		case Reset:
			_ = c.(*net.TCPConn).SetLinger(0)
			return
		}
		if s.bad.Early {
			<-s.closing // whatever is left of the request is not read
			return
		}
	}
}

// cork holds writes back, so that several TLS records leave in one segment.
type cork struct {
	net.Conn
	corked bool
	held   []byte
}

// Write implements [io.Writer].
func (c *cork) Write(p []byte) (int, error) {
	if !c.corked {
		return c.Conn.Write(p)
	}
	c.held = append(c.held, p...)
	return len(p), nil
}

// write writes parts to w, which is c or a TLS session over it: a record each, in one segment.
func (c *cork) write(w io.Writer, parts ...string) {
	c.corked = true
	for _, part := range parts {
		_, _ = io.WriteString(w, part)
	}
	c.corked = false
	_, _ = c.Conn.Write(c.held)
	c.held = c.held[:0]
}
