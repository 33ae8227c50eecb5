package carteiro

import (
	"math"
	"time"
)

// The rules by which a webhook's circuit opens and closes. docs/circuits.md gives the reasons.
const (
	// FailuresForError is how many failures in a row open the circuit and turn the webhook's status to "error".
	FailuresForError = 5
	// FirstProbeWait is left between the opening of a circuit and the first probe. Each probe doubles the wait for the
	// next, up to MaxProbeWait.
	FirstProbeWait = time.Second
	MaxProbeWait   = time.Hour
	// RampTime is how long the backlog of a receiver that is well again is held back after its circuit has closed.
	// RampFirst deliveries may go at once, and how many may have gone in all doubles every RampDouble.
	RampTime   = 30 * time.Second
	RampFirst  = 8
	RampDouble = 2 * time.Second
	// rampStep is left between two claims while the backlog ramps up, so that each is worth its transaction.
	rampStep = 100 * time.Millisecond
	// probeJitter is by how much of it a wait may be shortened, so that the webhooks of one dead host are not probed together.
	probeJitter = 0.1
)

// Circuit keeps the deliveries of a webhook from a receiver that fails. While it is closed they flow. When too many have
// failed in a row it opens: they wait, which costs them nothing, and one at a time goes out as a probe, at growing
// intervals. A success of whatever attempt closes it, and what has waited ramps up.
//
// It is kept with the webhook, so that all nodes share it and a restart finds it. The zero value is closed.
type Circuit struct {
	OpenedAt time.Time // zero: it is closed
	ProbeAt  time.Time // no probe is handed out before; zero when closed
	Probes   int       // handed out since it opened
	Probe    ID        // the attempt that was the last of them; zero when there was none
	ClosedAt time.Time // when it closed last; zero when it never did
	Ramped   int       // deliveries handed out since, while they ramped up
}

// Open says whether the receiver is taken to be down.
func (c *Circuit) Open() bool { return !c.OpenedAt.IsZero() }

// Ramping reports whether deliveries are held back because the receiver has just recovered. The clock of the node that closed
// the circuit may be ahead of now by up to RampTime. If it is ahead by more, the clock was set back, and nothing is held back.
func (c *Circuit) Ramping(now time.Time) bool {
	since := now.Sub(c.ClosedAt)
	return !c.Open() && !c.ClosedAt.IsZero() && since > -RampTime && since < RampTime
}

// ProbeState is what became of the last probe of an open circuit.
type ProbeState uint8

// The states of a probe.
const (
	ProbeEnded    ProbeState = iota // it was recorded, or there was none
	ProbeHeld                       // a session holds it
	ProbeReturned                   // it was released without a result: its turn was not used
)

// Grant is what one claim may hand out of a webhook's deliveries.
type Grant struct {
	Limit int
	Probe bool // the one that it may be is a probe
	Turn  bool // it takes the turn of a probe that was returned, so that the wait for the next one does not grow
	// Again is when there may be more; zero when the circuit holds nothing back.
	Again time.Time
}

// Grant returns what a claim of at most limit deliveries gets. While the last probe is held there is no second one. One that
// was returned is followed by another at once.
func (c *Circuit) Grant(now time.Time, limit int, last ProbeState) Grant {
	switch {
	case c.Open() && last == ProbeHeld:
		return Grant{Again: later(c.ProbeAt, now.Add(FirstProbeWait))}
	case c.Open() && last == ProbeReturned:
		return Grant{Limit: min(1, limit), Probe: true, Turn: true, Again: now.Add(FirstProbeWait)}
	// A wait that is longer than the longest is a clock's that was set back.
	case c.Open() && now.Before(c.ProbeAt) && c.ProbeAt.Sub(now) <= MaxProbeWait:
		return Grant{Again: c.ProbeAt}
	case c.Open():
		return Grant{Limit: min(1, limit), Probe: true, Again: now.Add(FirstProbeWait)}
	case c.Ramping(now):
		return Grant{
			Limit: max(0, min(limit, rampedBy(now.Sub(c.ClosedAt))-c.Ramped)),
			Again: now.Add(rampStep),
		}
	default:
		return Grant{Limit: limit}
	}
}

// Granted takes down what a claim has handed out: n deliveries, the first of them being first. spread, in [0,1), places the
// next probe within the jitter. It gives the time at which there may be more.
func (c *Circuit) Granted(g Grant, now time.Time, n int, first ID, spread float64) (again time.Time) {
	switch {
	case n == 0:
	case g.Probe:
		c.Probe = first
		if !g.Turn || c.Probes == 0 {
			c.Probes++
		}
		wait := float64(probeWait(c.Probes)) * (1 - probeJitter*spread)
		c.ProbeAt = now.Add(time.Duration(wait)).Truncate(time.Microsecond)
		return c.ProbeAt
	case c.Ramping(now):
		c.Ramped += n
	}
	return g.Again
}

// probeWait is the wait after the nth probe; the 0th is the opening.
func probeWait(n int) time.Duration {
	return min(FirstProbeWait<<min(n, 12), MaxProbeWait)
}

// rampedBy is how many deliveries may have gone out in all, so long after the circuit closed.
func rampedBy(since time.Duration) int {
	return int(RampFirst * math.Exp2(max(0, since).Seconds()/RampDouble.Seconds()))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// CircuitChange is what a transaction has done to a webhook's circuit.
type CircuitChange uint8

// The changes of a circuit.
const (
	CircuitUnchanged CircuitChange = iota
	CircuitOpened
	CircuitClosed
)

// Judge opens or closes the circuit by the webhook's failures as they are now. Only an enabled webhook's opens.
func (w *Webhook) Judge(now time.Time) CircuitChange {
	failing := w.FailuresInARow >= FailuresForError
	switch c := &w.Circuit; {
	case failing && !c.Open() && w.Enabled:
		*c = Circuit{OpenedAt: now, ProbeAt: now.Add(FirstProbeWait), ClosedAt: c.ClosedAt, Ramped: c.Ramped}
		return CircuitOpened
	case !failing && c.Open():
		*c = Circuit{ClosedAt: now}
		return CircuitClosed
	default:
		return CircuitUnchanged
	}
}

// ChangedFrom takes over from the stored webhook what is no setting of it: its health and its circuit. One that is enabled
// again begins with both anew. Any other change of one whose circuit is open may be the cure, and has it probed at once.
// A deleted one loses its secrets. now is when it was changed.
func (w *Webhook) ChangedFrom(stored *Webhook, now time.Time) {
	w.FailuresInARow, w.FailingSince, w.LastError, w.LastFailedAt = stored.FailuresInARow, stored.FailingSince, stored.LastError, stored.LastFailedAt
	w.Circuit, w.DisabledBy, w.DisabledAt = stored.Circuit, stored.DisabledBy, stored.DisabledAt
	if w.Deleted() {
		w.EraseSecrets()
	}
	switch {
	case w.Enabled && !stored.Enabled:
		w.FailuresInARow, w.FailingSince, w.LastError, w.Circuit = 0, time.Time{}, "", Circuit{}
		w.DisabledBy, w.DisabledAt = DisabledByUser, time.Time{}
	case stored.Enabled && !w.Enabled:
		w.DisabledBy, w.DisabledAt = DisabledByUser, now
	case w.Enabled && w.Circuit.Open():
		w.Circuit.ProbeAt, w.Circuit.Probes = now, 0
	}
}

// DisableFailing disables a webhook that has been failing for too long.
func (w *Webhook) DisableFailing(now time.Time) {
	w.Enabled, w.UpdatedAt, w.DisabledBy, w.DisabledAt = false, now, DisabledByError, now
	w.Version++
}

// DisabledBy says what has disabled a webhook.
type DisabledBy string

// What disables a webhook.
const (
	DisabledByUser  DisabledBy = ""                  // someone who called the API
	DisabledByGone  DisabledBy = "gone"              // the receiver, by answering 410 Gone
	DisabledByError DisabledBy = "too_long_in_error" // having been in status "error" for too long
)

// DefaultDisableAfter is how long a webhook may be in status "error" before it is disabled.
const DefaultDisableAfter = 5 * 24 * time.Hour
