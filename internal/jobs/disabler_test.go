package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// failing is webhooks, by when they began to fail.
type failing struct {
	mu     sync.Mutex
	opened []time.Time
	asked  int
	fault  error
}

func (f *failing) DisableFailing(_ context.Context, p store.DisableFailing) (disabled []*carteiro.Webhook, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.fault != nil {
		err, f.fault = f.fault, nil
		return nil, err
	}
	var left []time.Time
	for _, at := range f.opened {
		if at.Before(p.OpenedBefore) && len(disabled) < p.Limit {
			disabled = append(disabled, &carteiro.Webhook{})
			continue
		}
		left = append(left, at)
	}
	f.opened = left
	return disabled, nil
}

func (f *failing) left() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.opened)
}

func TestWebhooksAreDisabledOnceTheyHaveFailedForLongEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{opened: []time.Time{time.Now(), time.Now().Add(time.Hour)}, fault: errors.New("once")}
		for range 3 * disableLimit {
			f.opened = append(f.opened, time.Now())
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go (&Disabler{Webhooks: f, IDs: new(carteiro.IDSource), After: 10 * time.Hour, Logger: slog.New(slog.DiscardHandler)}).Run(ctx)
		for _, c := range []struct {
			after time.Duration
			left  int
		}{{10*time.Hour - time.Second, 3*disableLimit + 2}, {disableInterval + time.Second, 1}, {time.Hour, 0}} {
			<-time.After(c.after)
			synctest.Wait()
			if left := f.left(); left != c.left {
				t.Errorf("%d are left, want %d", left, c.left)
			}
		}
	})
}

func TestWithoutATimeNoneIsDisabled(t *testing.T) {
	f := new(failing)
	(&Disabler{Webhooks: f}).Run(t.Context())
	if f.asked != 0 {
		t.Errorf("asked %d times", f.asked)
	}
}
