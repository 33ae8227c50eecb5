package api

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	document "github.com/carteiro/carteiro/api"
)

// readyTimeout is how long the store may take to say that it is there.
const readyTimeout = 2 * time.Second

func (s *server) health(r *request) error {
	r.write(http.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

// readyMaxAge is how long an answer of the store is good for. A look at it is a write, and anyone may ask.
const readyMaxAge = time.Second

// readiness is what the store answered last. Whoever asks while it is asked waits for that answer.
type readiness struct {
	mu    sync.Mutex
	asked time.Time
	err   error
}

// ask asks the store, unless it has just been asked.
func (c *readiness) ask(ping func(context.Context) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.asked.IsZero() || now.Sub(c.asked) >= readyMaxAge {
		// Not with the request's own context: others go by the answer too.
		ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
		defer cancel()
		c.asked, c.err = now, ping(ctx)
	}
	return c.err
}

func (s *server) ready(r *request) error {
	err := s.readiness.ask(s.Store.Ping)
	if err == nil && s.Sending != nil {
		err = s.Sending()
	}
	if err != nil {
		s.Logger.LogAttrs(r.Context(), slog.LevelWarn, "not ready", append(r.attributes(), slog.Any("error", err))...)
		r.write(http.StatusServiceUnavailable, []byte(`{"status":"unavailable"}`))
		return nil
	}
	r.write(http.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

func (s *server) document(r *request) error {
	r.status = http.StatusOK
	header := r.w.Header()
	header["Content-Type"] = headerYAML
	header["X-Content-Type-Options"] = headerNoSniff
	header["Content-Length"] = []string{strconv.Itoa(len(document.OpenAPI))}
	_, _ = r.w.Write(document.OpenAPI)
	return nil
}
