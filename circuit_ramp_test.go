package carteiro_test

import (
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestARampHoldsOnANodeWhoseClockIsBehind(t *testing.T) {
	closed := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	c := carteiro.Circuit{ClosedAt: closed}
	for behind, want := range map[time.Duration]int{
		0:                          carteiro.RampFirst,
		60 * time.Millisecond:      carteiro.RampFirst,
		carteiro.RampTime - 1:      carteiro.RampFirst,
		carteiro.RampTime:          512, // the clock was set back
		-carteiro.RampDouble:       2 * carteiro.RampFirst,
		-carteiro.RampTime:         512,
		24 * 365 * 100 * time.Hour: 512,
	} {
		if got := c.Grant(closed.Add(-behind), 512, carteiro.ProbeEnded).Limit; got != want {
			t.Errorf("a clock that is %v behind: a claim gets %d deliveries, want %d", behind, got, want)
		}
	}
	c.Ramped = carteiro.RampFirst
	if got := c.Grant(closed.Add(-time.Second), 512, carteiro.ProbeEnded); got.Limit != 0 || got.Again.IsZero() {
		t.Errorf("with the first deliveries gone: %+v", got)
	}
}
