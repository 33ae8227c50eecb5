package rawserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
)

// Proxy is an HTTP proxy that opens tunnels.
type Proxy struct {
	URL *url.URL

	listener net.Listener
	secured  *tls.Config
	serving  sync.WaitGroup

	mu      sync.Mutex
	answer  string
	tunnels int
	open    []net.Conn
}

// StartProxy starts a proxy on a port of its own, to be spoken to in TLS if secured is not nil. The caller closes it.
func StartProxy(secured *tls.Config) (*Proxy, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{URL: &url.URL{Scheme: "http", Host: listener.Addr().String()}, listener: listener, secured: secured}
	if secured != nil {
		p.URL.Scheme = "https"
	}
	p.serving.Go(func() { accept(listener, p.serve) })
	return p, nil
}

// Answer has the proxy answer every request with these bytes and hang up; empty: open tunnels, as at first.
func (p *Proxy) Answer(bytes string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = bytes
}

// Tunnels returns how many tunnels were opened so far.
func (p *Proxy) Tunnels() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tunnels
}

// Close closes the listener and all tunnels, and waits for them.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for _, c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.serving.Wait()
}

func (p *Proxy) serve(c net.Conn, _ int) {
	client := c
	if p.secured != nil {
		client = tls.Server(c, p.secured)
	}
	request, err := http.ReadRequest(bufio.NewReader(client))
	if err != nil {
		return
	}
	p.mu.Lock()
	answer := p.answer
	p.open = append(p.open, c)
	p.mu.Unlock()
	if answer != "" {
		_, _ = io.WriteString(client, answer)
		return
	}
	target, err := new(net.Dialer).DialContext(request.Context(), "tcp", request.RequestURI)
	if err != nil {
		_, _ = io.WriteString(client, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		return
	}
	_ = target.(*net.TCPConn).SetWriteBuffer(window) //nolint:forcetypeassert // it was dialed over TCP
	p.mu.Lock()
	p.tunnels++
	p.open = append(p.open, target)
	p.mu.Unlock()
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	p.serving.Go(func() {
		_, _ = io.Copy(target, client)
		_ = target.Close()
	})
	_, _ = io.Copy(client, target)
}
