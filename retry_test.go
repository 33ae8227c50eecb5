package carteiro_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestTheDefaultScheduleIsTheContracts(t *testing.T) {
	policy := carteiro.DefaultRetryPolicy()
	want, err := carteiro.ParseRetrySchedule("5s,5m,30m,2h,5h,10h,14h,20h,24h,24h")
	if err != nil || !slices.Equal(policy.Schedule, want) || policy.Jitter != 0.1 {
		t.Errorf("schedule %v with jitter %v, want %v with 0.1 (%v)", policy.Schedule, policy.Jitter, want, err)
	}
}

func TestDelaysFollowTheScheduleWithinTheJitter(t *testing.T) {
	policy := carteiro.RetryPolicy{Schedule: []time.Duration{10 * time.Second, time.Minute}, Jitter: 0.1}
	for _, c := range []struct {
		retry    int
		spread   float64
		want     time.Duration
		whatHold string
	}{
		{1, 0.5, 10 * time.Second, "the middle of the jitter is the wait itself"},
		{1, 0, 9 * time.Second, "the least is a tenth less"},
		{2, 0.5, time.Minute, "the second retry waits the second wait"},
		{9, 0.5, time.Minute, "the last wait repeats"},
	} {
		if got := policy.Delay(c.retry, c.spread); got != c.want {
			t.Errorf("%s: Delay(%d, %v) = %v, want %v", c.whatHold, c.retry, c.spread, got, c.want)
		}
	}
	if got := policy.Delay(1, 0.999999); got <= 10*time.Second || got > 11*time.Second {
		t.Errorf("the most is a tenth more, not %v", got)
	}
}

func TestWhatFollowsFromAnOutcome(t *testing.T) {
	policy := carteiro.RetryPolicy{Schedule: []time.Duration{5 * time.Second, time.Minute}}
	failed := func(status int, retryAfter time.Duration) carteiro.Outcome {
		return carteiro.Outcome{HTTPStatus: status, Reason: carteiro.ReasonHTTPStatus, RetryAfter: retryAfter}
	}
	retryIn := func(wait time.Duration) carteiro.Verdict {
		return carteiro.Verdict{Retry: true, RetryAt: noon.Add(wait)}
	}
	for name, c := range map[string]struct {
		number, chainStart, maxRetries int
		test                           bool
		outcome                        carteiro.Outcome
		want                           carteiro.Verdict
	}{
		"a success is the end":                            {1, 1, 3, false, carteiro.Outcome{Success: true, HTTPStatus: 204}, carteiro.Verdict{}},
		"a first failure is retried":                      {1, 1, 3, false, failed(500, 0), retryIn(5 * time.Second)},
		"a redirect is a failure":                         {1, 1, 3, false, failed(302, 0), retryIn(5 * time.Second)},
		"a timeout is retried":                            {2, 1, 3, false, carteiro.Outcome{Reason: carteiro.ReasonTimeout}, retryIn(time.Minute)},
		"the last retry is granted":                       {3, 1, 3, false, failed(500, 0), retryIn(time.Minute)},
		"the last retry is the last":                      {4, 1, 3, false, failed(500, 0), carteiro.Verdict{Exhausted: true}},
		"no retries means one attempt":                    {1, 1, 0, false, failed(500, 0), carteiro.Verdict{Exhausted: true}},
		"a manual retry has retries of its own":           {5, 5, 3, false, failed(500, 0), retryIn(5 * time.Second)},
		"and they end":                                    {8, 5, 3, false, failed(500, 0), carteiro.Verdict{Exhausted: true}},
		"today's max_retries counts, lowered":             {3, 1, 1, false, failed(500, 0), carteiro.Verdict{Exhausted: true}},
		"410 disables the webhook and is not retried":     {1, 1, 3, false, failed(410, 0), carteiro.Verdict{DisableWebhook: true}},
		"Retry-After is waited for":                       {1, 1, 3, false, failed(429, time.Hour), retryIn(time.Hour)},
		"but never shortens the schedule":                 {2, 1, 3, false, failed(503, time.Second), retryIn(time.Minute)},
		"and is bounded to a day":                         {1, 1, 3, false, failed(503, 1000*time.Hour), retryIn(24 * time.Hour)},
		"a test is never retried by itself":               {1, 1, 3, true, failed(500, 0), carteiro.Verdict{}},
		"what was not sent to a disabled webhook ends":    {1, 1, 3, false, carteiro.Outcome{Reason: carteiro.ReasonWebhookDisabled}, carteiro.Verdict{}},
		"what was not sent to a deleted webhook ends":     {1, 1, 3, false, carteiro.Outcome{Reason: carteiro.ReasonWebhookDeleted}, carteiro.Verdict{}},
		"a blocked address is retried: DNS may be mended": {1, 1, 3, false, carteiro.Outcome{Reason: carteiro.ReasonBlocked}, retryIn(5 * time.Second)},
	} {
		d := &carteiro.Delivery{
			Attempt: carteiro.Attempt{Number: c.number, ChainStart: c.chainStart},
			Event:   &carteiro.Event{Test: c.test},
		}
		if got := policy.Decide(d, &c.outcome, c.maxRetries, noon, 0.5); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
		want := c.want
		if c.want.DisableWebhook {
			want = retryIn(5 * time.Second)
		}
		if got := policy.DecideReplaced(d, &c.outcome, c.maxRetries, noon, 0.5); got != want {
			t.Errorf("%s, of replaced settings: got %+v, want %+v", name, got, want)
		}
	}
}

func TestRetrySchedulesAreReadOrRefused(t *testing.T) {
	got, err := carteiro.ParseRetrySchedule("5s, 5m,0s")
	if err != nil || !slices.Equal(got, []time.Duration{5 * time.Second, 5 * time.Minute, 0}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "5", "5s,", "-1s", "721h", "5s;5m", "soon"} {
		if _, err := carteiro.ParseRetrySchedule(bad); !errors.Is(err, carteiro.ErrRetrySchedule) {
			t.Errorf("ParseRetrySchedule(%q) = %v", bad, err)
		}
	}
}
