package dispatch

import (
	"context"
	"log/slog"
	"time"
)

// Failures for good are logged one by one, as many a second as somebody could read; those beyond are counted, in the
// first line after them. A receiver that is down must not fill the disk.
const maxFailureLines = 10

// failureLog is the recorder's alone.
type failureLog struct {
	second  int64
	lines   int
	skipped int
}

// logEnded tells of attempts that failed: that another follows at debug, that none does at info.
func (d *Dispatcher) logEnded(r *result) {
	o := r.Outcome
	level, text := slog.LevelInfo, "delivery failed for good"
	switch {
	case o.Success:
		level, text = slog.LevelDebug, "delivered"
	case r.Next != nil:
		level, text = slog.LevelDebug, "attempt failed; another follows"
	}
	if !d.Logger.Enabled(context.Background(), level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("event_id", r.Delivery.EventID.String()), slog.String("log_id", r.Delivery.ID.String()),
		slog.String("webhook_id", r.Delivery.WebhookID.String()), slog.Int("attempt", r.Delivery.Number),
		slog.Int("http_status", o.HTTPStatus), slog.Duration("took", o.Duration),
	}
	if !o.Success {
		attributes = append(attributes, slog.String("reason", string(o.Reason)), slog.String("error", o.Error))
	}
	if r.Next != nil {
		attributes = append(attributes, slog.Time("next_attempt_at", r.Next.DueAt))
	}
	if level == slog.LevelInfo {
		skipped, ok := d.failures.admit(time.Now())
		if !ok {
			return
		}
		if skipped > 0 {
			attributes = append(attributes, slog.Int("not_logged_before", skipped))
		}
	}
	d.Logger.LogAttrs(context.Background(), level, text, attributes...)
}

// admit says whether a line may be written, and how many were not since the last one.
func (f *failureLog) admit(now time.Time) (skipped int, ok bool) {
	if second := now.Unix(); second != f.second {
		f.second, f.lines = second, 0
	}
	if f.lines >= maxFailureLines {
		f.skipped++
		return 0, false
	}
	f.lines++
	skipped, f.skipped = f.skipped, 0
	return skipped, true
}
