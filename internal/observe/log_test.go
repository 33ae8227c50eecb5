package observe_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro/internal/observe"
	"github.com/carteiro/carteiro/internal/store"
)

func TestATroubleThatLastsIsToldOnceAMinute(t *testing.T) {
	full := fmt.Errorf("accept: %w", fmt.Errorf("%w: database or disk is full", store.ErrUnavailable))
	noFile := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		logger := slog.New(observe.NewLogHandler(slog.NewTextHandler(&text, nil)))
		lines := func(what string) int { return strings.Count(text.String(), what) }
		for range 1000 {
			logger.Error("request failed", "error", full)
			logger.With("node", 1).WithGroup("g").Error("request failed", "error", full)
			logger.Warn("cannot accept", "error", noFile)
			time.Sleep(100 * time.Millisecond) // 100 s in all
		}
		if failed, accept := lines("request failed"), lines("cannot accept"); failed != 2 || accept != 2 {
			t.Errorf("%d lines of 2000 and %d of 1000 about troubles that lasted 100 s, want 2 and 2:\n%s", failed, accept, &text)
		}
		if lines("not_logged_before=1199") != 1 || lines("not_logged_before=599") != 1 {
			t.Errorf("it is not told how many were left out:\n%s", &text)
		}
		text.Reset()
		// What says more than that the trouble lasts is written each time.
		for range 10 {
			logger.Error("request failed", "error", errors.New("a fault of ours"))
			logger.Error("request panicked", "panic", "oh no")
			logger.Info("request failed", "error", full)
		}
		if n := lines("\n"); n != 30 {
			t.Errorf("%d lines of 30 about other faults:\n%s", n, &text)
		}
	})
}
