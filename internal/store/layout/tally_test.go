package layout

import (
	"maps"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var (
	noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	hook = carteiro.ID{1}
)

// An attempt that is opened, fails, is retried and succeeds leaves a success and a failure, and nothing open.
func TestATallySumsUpWhatBecomesOfAnAttempt(t *testing.T) {
	first, second, environment := carteiro.MinID(noon), carteiro.MinID(noon.Add(time.Hour)), carteiro.ID{2}
	tally := NewTally()
	tally.Open(environment, hook, "order", 1)
	tally.Open(environment, hook, "order", -1)
	tally.Finished(hook, first, "order", 500, StatusFailed, 1)
	tally.Open(environment, hook, "order", 1)
	tally.Retrying(hook, first, "order", 500, 1)
	if got, want := tally.Totals[TotalKey{hook, "order"}], (Total{Sum: Sum{Failed: 1, Retrying: 1}, Open: 1}); got != want || tally.Queues[environment] != 1 {
		t.Errorf("while the retry is open: %+v, %d in the queue", got, tally.Queues[environment])
	}
	tally.Open(environment, hook, "order", -1)
	tally.Finished(hook, second, "order", 200, StatusSuccess, 1)
	tally.Retrying(hook, first, "order", 500, -1)

	key, hour := TotalKey{hook, "order"}, HourOf(first)
	if want := map[TotalKey]Total{key: {Sum: Sum{Success: 1, Failed: 1}}}; !maps.Equal(tally.Totals, want) {
		t.Errorf("totals %+v", tally.Totals)
	}
	if want := map[HourKey]Sum{{key, hour, 500}: {Failed: 1}, {key, hour + 1, 200}: {Success: 1}}; !maps.Equal(tally.Hours, want) {
		t.Errorf("hours %+v", tally.Hours)
	}
	if tally.Queues[environment] != 0 {
		t.Errorf("%d are open", tally.Queues[environment])
	}
	tally.Sent(HealthKey{hook, 1}, new(carteiro.Outcome))
	tally.Clear()
	if len(tally.Totals)+len(tally.Hours)+len(tally.Queues)+len(tally.Health) != 0 {
		t.Errorf("after it was cleared: %+v", tally)
	}
}

func TestAReceiversHealthIsItsFailuresSinceTheLastSuccess(t *testing.T) {
	failed := func(minute int) *carteiro.Outcome {
		return &carteiro.Outcome{FinishedAt: noon.Add(time.Duration(minute) * time.Minute), Error: "refused"}
	}
	tally, key := NewTally(), HealthKey{hook, 3}
	tally.Sent(key, failed(1))
	tally.Sent(key, &carteiro.Outcome{Success: true, FinishedAt: noon.Add(2 * time.Minute)})
	if h := tally.Health[key]; !h.Succeeded || h.Failures != 0 || !h.Since.IsZero() || h.LastError != "" || h.FailedAt != noon.Add(time.Minute) {
		t.Errorf("after a success: %+v", h)
	}
	tally.Sent(key, failed(3))
	tally.Sent(key, failed(4))
	want := Health{Noted: true, Succeeded: true, Failures: 2, Since: noon.Add(3 * time.Minute), FailedAt: noon.Add(4 * time.Minute), LastError: "refused"}
	if h := tally.Health[key]; h != want {
		t.Errorf("%+v, want %+v", h, want)
	}
}

// The first answer is the one that says that the circuit has changed, at the time of the last.
func TestTheFirstAnswerIsToldOfTheCircuit(t *testing.T) {
	first, second := new(store.Recorded), new(store.Recorded)
	tally, key := NewTally(), HealthKey{hook, 3}
	tally.Tell(key, noon, first)
	tally.Tell(key, noon.Add(time.Second), second)
	tally.Off(key, noon.Add(time.Minute))
	if h := tally.Health[key]; h.Noted || h.OffAt != noon.Add(time.Minute) || h.First != first || h.Now != noon.Add(time.Second) {
		t.Errorf("%+v", h)
	}
}

func TestActivityIsCountedByTheSlot(t *testing.T) {
	at := noon.Add(61*time.Minute + 30*time.Second)
	if GrainOf(false) != GrainMinute || GrainOf(true) != GrainHour {
		t.Errorf("grains are %d and %d", GrainOf(false), GrainOf(true))
	}
	for grain, want := range map[int64]time.Time{GrainOf(false): noon.Add(61 * time.Minute), GrainOf(true): noon.Add(time.Hour)} {
		if start := StartOfSlot(grain, SlotOf(grain, at)); start != want {
			t.Errorf("the slot of grain %d that %v lies in begins at %v, not %v", grain, at, start, want)
		}
	}
	var sum, want Outcomes
	sum.Count(&carteiro.Outcome{Success: true, Duration: time.Second})
	sum.Count(&carteiro.Outcome{})
	want.Success, want.Failed, want.Latencies[carteiro.LatencyBucket(time.Second)] = 1, 1, 1
	if sum != want {
		t.Errorf("%+v, want %+v", sum, want)
	}
}
