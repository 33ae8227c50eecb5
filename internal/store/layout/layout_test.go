package layout

import (
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

// What is stored stays: a number that came to mean something else would change every history there is.
func TestNumbersStayWhatTheyAre(t *testing.T) {
	for number, trigger := range map[int64]carteiro.Trigger{
		1: carteiro.TriggerAutomatic, 2: carteiro.TriggerManual, 3: carteiro.TriggerTest, 4: carteiro.TriggerBulk,
	} {
		if n, err := TriggerNumber(trigger); n != number || err != nil || TriggerOf(number) != trigger {
			t.Errorf("trigger %q is %d (%v), and %d is %q", trigger, n, err, number, TriggerOf(number))
		}
	}
	for number, status := range map[int64]carteiro.BulkStatus{
		1: carteiro.BulkQueued, 2: carteiro.BulkRunning, 3: carteiro.BulkPaused, 4: carteiro.BulkCancelled, 5: carteiro.BulkDone,
	} {
		n, err := BulkNumber(status)
		if back, unread := BulkStatusOf(number); n != number || err != nil || back != status || unread != nil {
			t.Errorf("status %q is %d (%v), and %d is %q (%v)", status, n, err, number, back, unread)
		}
	}
	for i, reason := range carteiro.UndeliveredReasons {
		if n := UndeliveredNumber(reason); n != int64(i+1) || UndeliveredOf(n) != reason {
			t.Errorf("reason %q is %d, which is %q", reason, n, UndeliveredOf(n))
		}
	}
}

func TestWhatHasNoNumberIsTold(t *testing.T) {
	if n, err := TriggerNumber("by_chance"); err == nil {
		t.Errorf("a trigger that is not there is %d", n)
	}
	if n, err := BulkNumber("undecided"); err == nil {
		t.Errorf("a status that is not there is %d", n)
	}
	if n := UndeliveredNumber(""); n != 0 || UndeliveredOf(n) != "" {
		t.Errorf("no reason is %d, which is %q", n, UndeliveredOf(n))
	}
	if trigger := TriggerOf(int64(len(triggers))); trigger != "" {
		t.Errorf("the number behind the last trigger is %q", trigger)
	}
	for _, number := range []int64{-1, 0, int64(len(bulkStatuses)), 100} {
		if status, err := BulkStatusOf(number); err == nil {
			t.Errorf("status %d is %q", number, status)
		}
		if trigger, reason := TriggerOf(number), UndeliveredOf(number); trigger != "" || reason != "" {
			t.Errorf("%d is the trigger %q and the reason %q", number, trigger, reason)
		}
	}
}

func TestTimesAreStoredToTheMicrosecond(t *testing.T) {
	exact := noon.Add(1234567 * time.Nanosecond).In(time.FixedZone("", 3600))
	if got, want := Micros(exact), noon.Add(1234*time.Microsecond); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got := Micros(time.Time{}); got != (time.Time{}) {
		t.Errorf("no time is %v", got)
	}
	token := TokenAtMicros(carteiro.Token{CreatedAt: exact, ExpiresAt: exact.Add(time.Hour)})
	if token.CreatedAt != Micros(exact) || token.ExpiresAt != Micros(exact.Add(time.Hour)) || !token.LastUsedAt.IsZero() {
		t.Errorf("a token's times are %v, %v and %v", token.CreatedAt, token.ExpiresAt, token.LastUsedAt)
	}
}
