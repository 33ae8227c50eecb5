// Package outage keeps a trouble that lasts from filling the log. While the database is away or descriptors are used up
// every request, lane and loop meets the same fault, thousands of times a second, on a disk that may be full already: each
// message about it is written once a minute, with how many were left out.
package outage

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/carteiro/carteiro/internal/store"
)

// every is how often a message about a trouble is written.
const every = time.Minute

// Exhausted says whether an error is that this machine has not what it takes: descriptors, or memory in the system.
func Exhausted(err error) bool {
	for _, lacking := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lacking) {
			return true
		}
	}
	return false
}

// lasting says whether an error is one that everybody meets until its cause goes.
func lasting(err error) bool { return errors.Is(err, store.ErrUnavailable) || Exhausted(err) }

// Handler passes records on to another, but of those with an error that lasts one of each message a minute.
func Handler(to slog.Handler) slog.Handler { return &handler{Handler: to, told: newTold()} }

type handler struct {
	slog.Handler
	told *told
}

// told is what was written about troubles.
type told struct {
	mu       sync.Mutex
	messages map[string]*message // there are as many as calls in the source that write one
}

type message struct {
	written time.Time
	skipped int
}

func newTold() *told { return &told{messages: make(map[string]*message)} }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if !aboutTrouble(&r) {
		return h.Handler.Handle(ctx, r)
	}
	skipped, ok := h.told.admit(r.Message, r.Time)
	if !ok {
		return nil
	}
	if skipped > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("not_logged_before", skipped))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{Handler: h.Handler.WithAttrs(attrs), told: h.told}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{Handler: h.Handler.WithGroup(name), told: h.told}
}

func aboutTrouble(r *slog.Record) (found bool) {
	if r.Level < slog.LevelWarn {
		return false
	}
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		found = ok && lasting(err)
		return !found
	})
	return found
}

// admit says whether a message may be written, and how many like it were not since the last one. A clock that was set back
// begins a new minute.
func (t *told) admit(text string, now time.Time) (skipped int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.messages[text]
	if m == nil {
		m = new(message)
		t.messages[text] = m
	} else if now.Sub(m.written).Abs() < every {
		m.skipped++
		return 0, false
	}
	skipped, m.written, m.skipped = m.skipped, now, 0
	return skipped, true
}
