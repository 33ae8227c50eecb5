package carteiro_test

import (
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

// open is a circuit that opened at noon and whose next probe is due then.
func open(probeAt time.Time) carteiro.Circuit {
	return carteiro.Circuit{OpenedAt: noon, ProbeAt: probeAt}
}

func TestAClaimGetsWhatTheCircuitLetsThrough(t *testing.T) {
	const limit = 100
	closedAt := func(ago time.Duration, ramped int) carteiro.Circuit {
		return carteiro.Circuit{ClosedAt: noon.Add(-ago), Ramped: ramped}
	}
	after := noon.Add
	for name, test := range map[string]struct {
		circuit carteiro.Circuit
		limit   int
		last    carteiro.ProbeState
		want    carteiro.Grant
	}{
		"a circuit that never opened holds nothing back":   {carteiro.Circuit{}, limit, carteiro.ProbeEnded, carteiro.Grant{Limit: limit}},
		"a closed one asks for no probe":                   {carteiro.Circuit{}, limit, carteiro.ProbeHeld, carteiro.Grant{Limit: limit}},
		"an open one waits for its probe":                  {open(after(1)), limit, carteiro.ProbeEnded, carteiro.Grant{Again: after(1)}},
		"and sends one when it is due":                     {open(noon), limit, carteiro.ProbeEnded, carteiro.Grant{Limit: 1, Probe: true, Again: after(time.Second)}},
		"if the claim has room for one":                    {open(noon), 0, carteiro.ProbeEnded, carteiro.Grant{Probe: true, Again: after(time.Second)}},
		"the longest wait is obeyed":                       {open(after(carteiro.MaxProbeWait)), limit, carteiro.ProbeEnded, carteiro.Grant{Again: after(carteiro.MaxProbeWait)}},
		"a longer one is a clock's that was set back":      {open(after(carteiro.MaxProbeWait + 1)), limit, carteiro.ProbeEnded, carteiro.Grant{Limit: 1, Probe: true, Again: after(time.Second)}},
		"a probe under way is the only one":                {open(after(-time.Hour)), limit, carteiro.ProbeHeld, carteiro.Grant{Again: after(time.Second)}},
		"and the next is not due before its time":          {open(after(time.Minute)), limit, carteiro.ProbeHeld, carteiro.Grant{Again: after(time.Minute)}},
		"one that was returned is followed at once":        {open(after(time.Hour)), limit, carteiro.ProbeReturned, carteiro.Grant{Limit: 1, Probe: true, Turn: true, Again: after(time.Second)}},
		"if the claim has room for that":                   {open(after(time.Hour)), 0, carteiro.ProbeReturned, carteiro.Grant{Probe: true, Turn: true, Again: after(time.Second)}},
		"a closed one knows of no turns":                   {carteiro.Circuit{}, limit, carteiro.ProbeReturned, carteiro.Grant{Limit: limit}},
		"what waited begins with eight":                    {closedAt(0, 0), limit, carteiro.ProbeEnded, carteiro.Grant{Limit: 8, Again: after(100 * time.Millisecond)}},
		"and those that went count":                        {closedAt(0, 5), limit, carteiro.ProbeEnded, carteiro.Grant{Limit: 3, Again: after(100 * time.Millisecond)}},
		"never less than none":                             {closedAt(0, 9), limit, carteiro.ProbeEnded, carteiro.Grant{Again: after(100 * time.Millisecond)}},
		"they double every two seconds":                    {closedAt(4*time.Second, 8), limit, carteiro.ProbeEnded, carteiro.Grant{Limit: 24, Again: after(100 * time.Millisecond)}},
		"up to what the claim asks for":                    {closedAt(20*time.Second, 0), limit, carteiro.ProbeEnded, carteiro.Grant{Limit: limit, Again: after(100 * time.Millisecond)}},
		"until the ramp ends":                              {closedAt(carteiro.RampTime-1, 1<<20), limit, carteiro.ProbeEnded, carteiro.Grant{Again: after(100 * time.Millisecond)}},
		"then nothing is held back":                        {closedAt(carteiro.RampTime, 1<<20), limit, carteiro.ProbeEnded, carteiro.Grant{Limit: limit}},
		"one that was set back holds nothing back":         {closedAt(-carteiro.RampTime, 0), limit, carteiro.ProbeEnded, carteiro.Grant{Limit: limit}},
		"a clock that is a little behind ramps from eight": {closedAt(-time.Second, 0), limit, carteiro.ProbeEnded, carteiro.Grant{Limit: 8, Again: after(100 * time.Millisecond)}},
	} {
		c := test.circuit
		if got := c.Grant(noon, test.limit, test.last); got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}

func TestEachProbeDoublesTheWaitForTheNext(t *testing.T) {
	for probes, want := range map[int]time.Duration{
		0: 2 * time.Second, 1: 4 * time.Second, 10: 2048 * time.Second, 11: time.Hour, 12: time.Hour, 13: time.Hour, 100: time.Hour,
	} {
		for spread, share := range map[float64]float64{0: 1, 0.5: 0.95} {
			c := carteiro.Circuit{OpenedAt: noon, ProbeAt: noon, Probes: probes}
			first := new(carteiro.IDSource).New(noon)
			again := c.Granted(carteiro.Grant{Probe: true, Again: noon.Add(time.Minute)}, noon, 1, first, spread)
			due := noon.Add(time.Duration(float64(want) * share))
			if again != due || c != (carteiro.Circuit{OpenedAt: noon, ProbeAt: due, Probes: probes + 1, Probe: first}) {
				t.Errorf("after %d probes, at %v: the next is due after %v, want %v (%+v)", probes, spread, again.Sub(noon), want, c)
			}
		}
	}
}

func TestAProbeThatTakesAReturnedTurnLeavesTheWaitAsItWas(t *testing.T) {
	for before, want := range map[int]int{0: 1, 1: 1, 7: 7} {
		c := carteiro.Circuit{OpenedAt: noon, ProbeAt: noon, Probes: before}
		first := new(carteiro.IDSource).New(noon)
		again := c.Granted(carteiro.Grant{Probe: true, Turn: true}, noon, 1, first, 0)
		if due := noon.Add(carteiro.FirstProbeWait << want); again != due || c.Probes != want || c.Probe != first {
			t.Errorf("after %d probes: %+v, again at %v; want %d probes, again at %v", before, c, again, want, due)
		}
	}
}

func TestWhatAClaimHandsOutIsTakenDown(t *testing.T) {
	again := noon.Add(time.Minute)
	ramping := carteiro.Circuit{ClosedAt: noon.Add(-time.Second), Ramped: 3}
	ramped := ramping
	ramped.Ramped = 5
	for name, test := range map[string]struct {
		before carteiro.Circuit
		probe  bool
		n      int
		want   carteiro.Circuit
	}{
		"a probe that found nothing to send": {open(noon), true, 0, open(noon)},
		"a ramp that found nothing":          {ramping, false, 0, ramping},
		"two of a ramp":                      {ramping, false, 2, ramped},
		"two of a circuit that is well":      {carteiro.Circuit{}, false, 2, carteiro.Circuit{}},
	} {
		c := test.before
		if got := c.Granted(carteiro.Grant{Probe: test.probe, Again: again}, noon, test.n, carteiro.ID{}, 0); got != again || c != test.want {
			t.Errorf("%s: %+v, again at %v; want %+v", name, c, got, test.want)
		}
	}
}

func TestFiveFailuresInARowOpenTheCircuitOfAnEnabledWebhook(t *testing.T) {
	opened := carteiro.Circuit{OpenedAt: noon, ProbeAt: noon.Add(time.Second)}
	closedBefore := carteiro.Circuit{ClosedAt: noon.Add(-time.Second), Ramped: 7}
	again := opened
	again.ClosedAt, again.Ramped = closedBefore.ClosedAt, closedBefore.Ramped
	earlier := carteiro.Circuit{OpenedAt: noon.Add(-time.Hour), ProbeAt: noon, Probes: 4}
	for name, test := range map[string]struct {
		failures int
		enabled  bool
		before   carteiro.Circuit
		change   carteiro.CircuitChange
		after    carteiro.Circuit
	}{
		"four failures":                   {4, true, carteiro.Circuit{}, carteiro.CircuitUnchanged, carteiro.Circuit{}},
		"five failures":                   {5, true, carteiro.Circuit{}, carteiro.CircuitOpened, opened},
		"five failures within a ramp":     {5, true, closedBefore, carteiro.CircuitOpened, again},
		"five failures of a disabled one": {5, false, carteiro.Circuit{}, carteiro.CircuitUnchanged, carteiro.Circuit{}},
		"more failures of an open one":    {9, true, earlier, carteiro.CircuitUnchanged, earlier},
		"a success of an open one":        {0, true, earlier, carteiro.CircuitClosed, carteiro.Circuit{ClosedAt: noon}},
		"a success of an open and disabled one": {0, false, earlier, carteiro.CircuitClosed,
			carteiro.Circuit{ClosedAt: noon}},
		"a success of a closed one": {0, true, closedBefore, carteiro.CircuitUnchanged, closedBefore},
	} {
		w := carteiro.Webhook{FailuresInARow: test.failures, Enabled: test.enabled, Circuit: test.before}
		if change := w.Judge(noon); change != test.change || w.Circuit != test.after {
			t.Errorf("%s: change %d to %+v, want %d to %+v", name, change, w.Circuit, test.change, test.after)
		}
	}
}

func TestAChangeOfSettingsKeepsTheHealthUnlessItMayBeTheCure(t *testing.T) {
	stored := carteiro.Webhook{
		Enabled: true, FailuresInARow: 7, FailingSince: noon.Add(-time.Hour), LastError: "HTTP 500", LastFailedAt: noon.Add(-time.Minute),
		Circuit: carteiro.Circuit{OpenedAt: noon.Add(-time.Hour), ProbeAt: noon.Add(time.Hour), Probes: 9, Probe: new(carteiro.IDSource).New(noon)},
	}
	off := stored
	off.Enabled, off.DisabledBy, off.DisabledAt = false, carteiro.DisabledByGone, noon.Add(-time.Second)

	probed := stored
	probed.Circuit.ProbeAt, probed.Circuit.Probes = noon, 0
	closed := stored
	closed.Circuit = carteiro.Circuit{ClosedAt: noon.Add(-time.Second), Ramped: 3}
	turnedOff := stored
	turnedOff.Enabled, turnedOff.DisabledAt = false, noon
	turnedOn := carteiro.Webhook{Enabled: true, LastFailedAt: stored.LastFailedAt}

	for name, test := range map[string]struct {
		stored  carteiro.Webhook
		enabled bool
		want    carteiro.Webhook
	}{
		"another URL of a failing one is probed at once": {stored, true, probed},
		"one that is well stays as it is":                {closed, true, closed},
		"one that is turned off says who did it":         {stored, false, turnedOff},
		"one that was off keeps why":                     {off, false, off},
		"one that is turned on begins anew":              {off, true, turnedOn},
	} {
		w := carteiro.Webhook{Enabled: test.enabled}
		w.ChangedFrom(&test.stored, noon)
		if got, want := healthOf(w), healthOf(test.want); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// health is what of a webhook is no setting.
type health struct {
	enabled             bool
	failures            int
	since, failedAt, at time.Time
	error               string
	circuit             carteiro.Circuit
	by                  carteiro.DisabledBy
}

func healthOf(w carteiro.Webhook) health {
	return health{w.Enabled, w.FailuresInARow, w.FailingSince, w.LastFailedAt, w.DisabledAt, w.LastError, w.Circuit, w.DisabledBy}
}

func TestAWebhookThatFailsForTooLongIsDisabledAndChanged(t *testing.T) {
	w := carteiro.Webhook{Enabled: true, Version: 3, Circuit: open(noon), FailuresInARow: 9}
	w.DisableFailing(noon)
	if w.Enabled || w.DisabledBy != carteiro.DisabledByError || w.DisabledAt != noon || w.UpdatedAt != noon || w.Version != 4 {
		t.Errorf("got enabled %v, by %q at %v, updated %v, version %d", w.Enabled, w.DisabledBy, w.DisabledAt, w.UpdatedAt, w.Version)
	}
	if w.Circuit != open(noon) || w.FailuresInARow != 9 {
		t.Errorf("its health changed: %+v", healthOf(w))
	}
}
