package api

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	document "carteiro/api"
)

// readyWithin is how long the store may take to say that it is there.
const readyWithin = 2 * time.Second

func (s *server) health(r *request) error {
	r.write(http.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

func (s *server) ready(r *request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		s.Logger.LogAttrs(ctx, slog.LevelWarn, "not ready", append(r.attributes(), slog.Any("error", err))...)
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
