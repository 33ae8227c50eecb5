package app

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stopGrace is how long each part has left to stop once the drain has ended. It covers the dispatcher's last recordings.
const stopGrace = 5 * time.Second

// stops is a stack of the functions that stop the parts of a server. Each part is pushed when it starts.
type stops []stop

type stop struct {
	part string
	run  func(context.Context) error
}

func (s *stops) push(part string, run func(context.Context) error) {
	*s = append(*s, stop{part, run})
}

// run stops all parts, the last started first, and empties the stack. A part that does not return within [stopGrace] of the
// end of ctx, or of the part before it if that is later, is abandoned.
func (s *stops) run(ctx context.Context) error {
	var errs []error
	for len(*s) > 0 {
		last := (*s)[len(*s)-1]
		*s = (*s)[:len(*s)-1]
		if err := last.within(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping the %s: %w", last.part, err))
		}
	}
	return errors.Join(errs...)
}

var errStopTimeout = errors.New("timed out")

func (s stop) within(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case err := <-done:
		return err
	case <-grace.C:
		return errStopTimeout
	}
}
