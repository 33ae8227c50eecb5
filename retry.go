package carteiro

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// RetryPolicy says when a failed attempt is followed by another.
type RetryPolicy struct {
	// Schedule holds the waits before the first, second, … automatic retry; the last one repeats.
	Schedule []time.Duration
	// Jitter spreads each wait by up to this share of it, to both sides, so that what failed together does not come
	// back together. Range 0 to 1.
	Jitter float64
}

// DefaultRetryPolicy is the contract's: ten waits from 5 s to 24 h, ± 10 %.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{
		Schedule: []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
			10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour, 24 * time.Hour,
		},
		Jitter: 0.1,
	}
}

// ErrRetrySchedule says that a text is no retry schedule.
var ErrRetrySchedule = errors.New("a retry schedule is one or more waits from 0s to 720h, such as 5s,5m,30m")

// maxRetryWait bounds each wait of a schedule and what a receiver's Retry-After can ask for.
const maxRetryWait = 720 * time.Hour

// maxRetryAfter is the longest that a receiver's Retry-After is obeyed: longer ones wait this long.
const maxRetryAfter = 24 * time.Hour

// ParseRetrySchedule reads waits separated by commas, as "5s,5m,30m". It fails with [ErrRetrySchedule].
func ParseRetrySchedule(s string) ([]time.Duration, error) {
	var schedule []time.Duration
	for part := range strings.SplitSeq(s, ",") {
		wait, err := time.ParseDuration(strings.TrimSpace(part))
		if err != nil || wait < 0 || wait > maxRetryWait {
			return nil, fmt.Errorf("%w: %q is not a wait", ErrRetrySchedule, part)
		}
		schedule = append(schedule, wait)
	}
	return schedule, nil
}

// Delay is the wait before the nth automatic retry (from 1). spread, in [0,1), places it within the jitter.
func (p RetryPolicy) Delay(n int, spread float64) time.Duration {
	if len(p.Schedule) == 0 {
		return 0
	}
	wait := p.Schedule[min(n, len(p.Schedule))-1]
	return time.Duration(float64(wait) * (1 + p.Jitter*(2*spread-1)))
}

// Verdict is what follows from an outcome.
type Verdict struct {
	Retry          bool
	RetryAt        time.Time // when Retry
	DisableWebhook bool
	Exhausted      bool // it failed, and was the last attempt that the webhook grants
}

// Decide turns an outcome into what follows. maxRetries is the webhook's as it is now. 410 Gone asks for the webhook to
// be disabled and is not retried; neither is an attempt that was not sent because its webhook is off or gone, nor a
// test. A Retry-After is obeyed: the retry waits for it or for the schedule, whichever is later, and 24 h at most.
func (p RetryPolicy) Decide(d *Delivery, o *Outcome, maxRetries int, now time.Time, spread float64) Verdict {
	if !o.Success && o.HTTPStatus == http.StatusGone {
		return Verdict{DisableWebhook: true}
	}
	return p.DecideReplaced(d, o, maxRetries, now, spread)
}

// DecideReplaced is [RetryPolicy.Decide] for an outcome of settings that have been replaced since. A 410 then says nothing of the present
// receiver, and is a failure like any other.
func (p RetryPolicy) DecideReplaced(d *Delivery, o *Outcome, maxRetries int, now time.Time, spread float64) Verdict {
	switch {
	case o.Success:
		return Verdict{}
	case o.Reason == ReasonWebhookDisabled, o.Reason == ReasonWebhookDeleted, d.Event.Test:
		return Verdict{}
	}
	retry := d.Number - d.ChainStart + 1
	if retry > maxRetries {
		return Verdict{Exhausted: true}
	}
	wait := max(p.Delay(retry, spread), min(o.RetryAfter, maxRetryAfter))
	return Verdict{Retry: true, RetryAt: now.Add(wait)}
}
