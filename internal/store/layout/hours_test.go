package layout

import (
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestAnHourHasTheIDsThatWereMadeInIt(t *testing.T) {
	start := time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC)
	hour := start.Unix() / 3600
	for at, want := range map[time.Time]int64{
		start.Add(-time.Millisecond):            hour - 1,
		start:                                   hour,
		start.Add(time.Hour - time.Millisecond): hour,
		start.Add(time.Hour):                    hour + 1,
	} {
		if got := HourOf(carteiro.MinID(at)); got != want {
			t.Errorf("what was made at %v lies in hour %d, not %d", at, got, want)
		}
	}
	if first := StartOfHour(hour); first != carteiro.MinID(start) || HourOf(first) != hour {
		t.Errorf("hour %d begins with %s", hour, first)
	}
}

func TestASpanIsCutByTheHour(t *testing.T) {
	start := time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC)
	hour := start.Unix() / 3600
	after := func(d time.Duration) carteiro.ID { return carteiro.MinID(start.Add(d)) }
	span := SpanOf(start.Add(30*time.Minute), start.Add(2*time.Hour+15*time.Minute))
	for name, test := range map[string]struct {
		hour  int64
		want  Span
		whole bool
	}{
		"its first hour": {hour, Span{after(30 * time.Minute), after(time.Hour)}, false},
		"one within":     {hour + 1, Span{after(time.Hour), after(2 * time.Hour)}, true},
		"its last hour":  {hour + 2, Span{after(2 * time.Hour), after(2*time.Hour + 15*time.Minute)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if part, whole := span.Cut(test.hour); part != test.want || whole != test.whole {
				t.Errorf("%v, whole: %v; want %v, %v", part, whole, test.want, test.whole)
			}
		})
	}
	if part, _ := span.Cut(hour - 1); !part.Empty() {
		t.Errorf("of an hour before it there is %v", part)
	}
}

func TestASpanWithoutBoundsHasEverything(t *testing.T) {
	now := time.Now()
	all := SpanOf(time.Time{}, time.Time{})
	if !all.Unbounded() || all.Empty() || Less(all.To, carteiro.MinID(now.AddDate(1000, 0, 0))) {
		t.Errorf("%v", all)
	}
	for _, bounded := range []Span{SpanOf(now, time.Time{}), SpanOf(time.Time{}, now)} {
		if bounded.Unbounded() || bounded.Empty() {
			t.Errorf("%v", bounded)
		}
	}
	if !SpanOf(now, now).Empty() {
		t.Error("from a time up to itself there is something")
	}
}
