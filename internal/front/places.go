package front

import (
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"
)

// Each connection takes a descriptor, and what was accepted is to be delivered and recorded with descriptors too. So clients
// have a share of them; who comes beyond it is told so and may come again, rather than left hanging.

// tooMany is the answer to a connection that finds no place.
const tooMany = `{"success":false,"message":"Too many connections are open. Please try again later.","code":"TOO_MANY_CONNECTIONS"}`

// refusal is that answer, under a name that is in the log.
func refusal(id string) []byte {
	return []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nX-Request-Id: " + id +
		"\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: " + strconv.Itoa(len(tooMany)) + "\r\n\r\n" + tooMany)
}

// lingering is how long a client that was refused may take to read that: a connection that is closed while something of the
// client's is unread takes the answer with it.
const lingering = 2 * time.Second

// places bounds how many connections there are.
type places struct {
	most   int // 0: any number
	name   func() string
	logger *slog.Logger

	mu      sync.Mutex
	taken   int
	refused int // that are being told
}

// take takes a place, if there is one.
func (p *places) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.most > 0 && p.taken >= p.most {
		return false
	}
	p.taken++
	return true
}

func (p *places) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
}

// refuse tells a client that there is no place, and closes its connection. When many are being told, others are just closed.
func (p *places) refuse(c net.Conn) {
	p.mu.Lock()
	many := p.refused > p.most/8
	if !many {
		p.refused++
	}
	p.mu.Unlock()
	if many {
		_ = c.Close()
		return
	}
	go func() {
		defer func() {
			_ = c.Close()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.refused--
		}()
		_ = c.SetDeadline(time.Now().Add(lingering)) // fails for connections that are closed, which writing tells
		id := p.name()
		p.logger.Debug("too many connections: one is refused", "request_id", id, "address", c.RemoteAddr().String())
		if _, err := c.Write(refusal(id)); err != nil {
			return
		}
		if half, ok := c.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
			return
		}
		var unread [1 << 10]byte
		for range 64 {
			if _, err := c.Read(unread[:]); err != nil {
				return
			}
		}
	}()
}

// placed is a connection that has a place until it is closed.
type placed struct {
	net.Conn
	free func()
}

// Close implements net.Conn.
func (c *placed) Close() error {
	c.free()
	return c.Conn.Close()
}

// CloseWrite lets net/http close one way first, so that an answer arrives whole where a request was not read to its end.
func (c *placed) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
