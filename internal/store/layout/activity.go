package layout

import (
	"time"

	"github.com/carteiro/carteiro"
)

// The grains of the table activity.
const (
	GrainMinute int64 = 1
	GrainHour   int64 = 2
)

// grainSeconds is how long a slot of each grain is.
var grainSeconds = [...]int64{GrainMinute: 60, GrainHour: 3600}

// GrainOf gives the grain of slots of an hour or of a minute.
func GrainOf(hourly bool) int64 {
	if hourly {
		return GrainHour
	}
	return GrainMinute
}

// SlotOf is the slot of a grain that a time lies in.
func SlotOf(grain int64, at time.Time) int64 { return at.Unix() / grainSeconds[grain] }

// StartOfSlot is the time that a slot of a grain begins at.
func StartOfSlot(grain, slot int64) time.Time { return time.Unix(slot*grainSeconds[grain], 0).UTC() }

// Outcomes is a change of a row of activity.
type Outcomes struct {
	Success, Failed int64
	Latencies       carteiro.Latencies
}

// Count counts one more. What took no time was not sent, and has no latency.
func (c *Outcomes) Count(o *carteiro.Outcome) {
	if o.Success {
		c.Success++
	} else {
		c.Failed++
	}
	if o.Duration > 0 {
		c.Latencies[carteiro.LatencyBucket(o.Duration)]++
	}
}
