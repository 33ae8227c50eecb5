package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro/internal/jobs"
	"github.com/carteiro/carteiro/internal/store"
)

// fakePurge is a store that tells what was asked of it.
type fakePurge struct {
	store.Queue
	calls []store.Purge
	more  int // so many calls leave something to delete
	fails int // so many calls fail
}

func (p *fakePurge) Purge(_ context.Context, call store.Purge) (bool, error) {
	p.calls = append(p.calls, call)
	if p.fails > 0 {
		p.fails--
		return false, errors.New("the test took the store down")
	}
	p.more--
	return p.more >= 0, nil
}

func runPurger(t *testing.T, s *fakePurge, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	p := jobs.Purger{Store: s, Retention: 30 * 24 * time.Hour, Logger: slog.New(slog.DiscardHandler)}
	p.Run(ctx)
}

func TestWhatIsOlderThanTheRetentionIsPurgedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakePurge{}
		runPurger(t, s, time.Hour-time.Minute)
		if len(s.calls) != 6 {
			t.Errorf("%d purges in an hour", len(s.calls))
		}
		for _, c := range s.calls {
			if c.Now.Sub(c.Before) != 30*24*time.Hour || c.Limit <= 0 {
				t.Errorf("purge %+v", c)
			}
		}
	})
}

func TestAShortRetentionIsPurgedMoreOften(t *testing.T) {
	for _, test := range []struct {
		retention, audit, every time.Duration
	}{
		{30 * 24 * time.Hour, 0, 10 * time.Minute},
		{100 * time.Minute, 0, 10 * time.Minute},
		{30 * time.Minute, 0, 3 * time.Minute},
		{time.Minute, 0, 6 * time.Second},
		{time.Second, 0, time.Second},
		{30 * 24 * time.Hour, 10 * time.Minute, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &fakePurge{}
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			p := jobs.Purger{Store: s, Retention: test.retention, AuditRetention: test.audit, Logger: slog.New(slog.DiscardHandler)}
			p.Run(ctx)
			for i := 1; i < len(s.calls); i++ {
				if gap := s.calls[i].Now.Sub(s.calls[i-1].Now); gap != test.every {
					t.Fatalf("retention %s, audit %s: %s between two purges, want %s", test.retention, test.audit, gap, test.every)
				}
			}
			if len(s.calls) < 2 {
				t.Errorf("retention %s: %d purges in a day", test.retention, len(s.calls))
			}
		})
	}
}

func TestMuchIsPurgedInSmallStepsWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakePurge{more: 100}
		runPurger(t, s, 5*time.Minute)
		if len(s.calls) != 101 {
			t.Errorf("%d purges", len(s.calls))
		}
	})
}

func TestAFailedPurgeIsTriedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakePurge{fails: 2}
		runPurger(t, s, 25*time.Minute)
		if len(s.calls) != 3 {
			t.Errorf("%d purges", len(s.calls))
		}
	})
}
