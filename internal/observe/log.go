package observe

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/carteiro/carteiro/internal/store"
)

// outageLogInterval is how often a message about a trouble is written.
const outageLogInterval = time.Minute

// IsResourceExhaustion says whether an error is that this machine has not what it takes: descriptors, or memory in the system.
func IsResourceExhaustion(err error) bool {
	for _, lacking := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lacking) {
			return true
		}
	}
	return false
}

// isOutage says whether an error is one that everybody meets until its cause goes.
func isOutage(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || IsResourceExhaustion(err)
}

// NewLogHandler passes records on to another, but of those with an error that lasts one of each message a minute.
func NewLogHandler(to slog.Handler) slog.Handler {
	return &logHandler{Handler: to, outages: newOutageLog()}
}

type logHandler struct {
	slog.Handler
	outages *outageLog
}

// outages is what was written about troubles.
type outageLog struct {
	mu       sync.Mutex
	messages map[string]*outageMessage // there are as many as calls in the source that write one
}

type outageMessage struct {
	written time.Time
	skipped int
}

func newOutageLog() *outageLog { return &outageLog{messages: make(map[string]*outageMessage)} }

// Handle implements slog.NewLogHandler.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	if !reportsOutage(&r) {
		return h.Handler.Handle(ctx, r)
	}
	skipped, ok := h.outages.admit(r.Message, r.Time)
	if !ok {
		return nil
	}
	if skipped > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("not_logged_before", skipped))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.NewLogHandler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{Handler: h.Handler.WithAttrs(attrs), outages: h.outages}
}

// WithGroup implements slog.NewLogHandler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{Handler: h.Handler.WithGroup(name), outages: h.outages}
}

func reportsOutage(r *slog.Record) (found bool) {
	if r.Level < slog.LevelWarn {
		return false
	}
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		found = ok && isOutage(err)
		return !found
	})
	return found
}

// admit says whether a message may be written, and how many like it were not since the last one. A clock that was set back
// begins a new minute.
func (t *outageLog) admit(text string, now time.Time) (skipped int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.messages[text]
	if m == nil {
		m = new(outageMessage)
		t.messages[text] = m
	} else if now.Sub(m.written).Abs() < outageLogInterval {
		m.skipped++
		return 0, false
	}
	skipped, m.written, m.skipped = m.skipped, now, 0
	return skipped, true
}
