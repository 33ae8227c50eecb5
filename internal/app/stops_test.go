package app

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Parts stop in reverse order of their start, once each, and every error is reported.
func TestPartsStopInReverseOrder(t *testing.T) {
	var s stops
	var order []string
	broken := errors.New("broken")
	for _, part := range []string{"store", "dispatcher", "server"} {
		s.push(part, func(context.Context) error {
			order = append(order, part)
			if part == "dispatcher" {
				return broken
			}
			return nil
		})
	}
	if err := s.run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("error: %v", err)
	}
	if err := s.run(t.Context()); err != nil {
		t.Errorf("second run: %v", err)
	}
	if want := []string{"server", "dispatcher", "store"}; !slices.Equal(order, want) {
		t.Errorf("stopped %v, want %v", order, want)
	}
}

// A part that hangs is abandoned some time after the drain has ended, and the others still stop.
func TestAHangingPartDoesNotKeepOthersFromStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s stops
		stopped, release := false, make(chan struct{})
		s.push("store", func(context.Context) error {
			stopped = true
			return nil
		})
		s.push("dispatcher", func(context.Context) error {
			<-release
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		if err := s.run(ctx); !errors.Is(err, errStopTimeout) {
			t.Errorf("error: %v", err)
		}
		if took := time.Since(begun); took != time.Minute+stopGrace || !stopped {
			t.Errorf("after %s, the store is stopped: %v", took, stopped)
		}
		close(release)
	})
}
