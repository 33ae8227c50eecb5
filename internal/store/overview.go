package store

import (
	"time"

	"github.com/carteiro/carteiro"
)

// How long activity is kept.
const (
	MinutesKept = 26 * time.Hour      // minute by minute
	HoursKept   = 32 * 24 * time.Hour // hour by hour
)

// MaxQueueCount bounds how many open attempts of each kind an overview counts.
const MaxQueueCount = 10_000

// MaxFailing bounds among how many webhooks an overview looks for those that fail most: those that failed last.
const MaxFailing = 256

// Overview is the parameter of [Logs.Overview].
type Overview struct {
	EnvironmentID carteiro.ID
	Now           time.Time
	From          time.Time // whole minutes or hours of activity from then on
	ByMinute      bool      // otherwise by the hour
	Failing       int       // how many of the failing webhooks
}

// OverviewResult is how an environment's deliveries are doing.
type OverviewResult struct {
	// Activity is what was recorded since From, oldest first, leaving out minutes or hours without any.
	Activity []Activity
	Queue    QueueState
	// Failing are the webhooks with the most failed attempts that were created since the hour of From began, most first
	// and then by id, deleted ones left out.
	Failing []FailingWebhook
}

// Activity is what was recorded in one minute or hour. A store whose nodes would meet at one row may keep several, and sum
// them on reading; so with what is open in an environment.
type Activity struct {
	At              time.Time // when it begins
	Success, Failed int
	// Latencies are how long attempts took, of those that were sent.
	Latencies carteiro.Latencies
}

// Add counts what another says of the same slot, too.
func (a *Activity) Add(other *Activity) {
	a.Success, a.Failed = a.Success+other.Success, a.Failed+other.Failed
	a.Latencies.Add(&other.Latencies)
}

// QueueState is what is open in an environment. The counts by kind end at [MaxQueueCount]; More says that one has.
type QueueState struct {
	Open      int // all of it, exactly
	Held      int // by some session
	Due       int // waiting, and due
	Scheduled int // waiting, and due later
	More      bool
	OldestDue time.Time // of those due, and of those held as far as they are counted; zero when there are none
	NextDue   time.Time // of those scheduled; zero when there are none
}

// FailingWebhook is a webhook with its attempts by outcome.
type FailingWebhook struct {
	FoundWebhook
	Success, Failed int
}

// Vitals is how a whole database is doing.
type Vitals struct {
	Open int // attempts that are open
	// OldestWaiting is when the first attempt that nobody holds falls due, past or future; zero when there is none. Those that
	// wait for a circuit to close do not count.
	OldestWaiting time.Time
	// Webhooks by status, deleted ones left out.
	Active, Disabled, Failing int
	Probing                   int   // of those failing, with a probe under way
	Bytes                     int64 // that the database takes
}
