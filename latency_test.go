package carteiro_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestEveryDurationIsCountedOnce(t *testing.T) {
	last := 0
	for d := time.Duration(0); d < 5*time.Minute; d += 10*time.Microsecond + d/10 {
		bucket := carteiro.LatencyBucket(d)
		if bucket < last || bucket > last+1 {
			t.Fatalf("%s is in bucket %d, behind bucket %d", d, bucket, last)
		}
		last = bucket
	}
	if last != carteiro.LatencyBuckets-1 {
		t.Errorf("five minutes are in bucket %d, not in the last", last)
	}
}

func TestQuantilesAreRightToWithinAQuarter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var l carteiro.Latencies
		all := make([]time.Duration, 1+r.IntN(2000))
		scale := float64(time.Millisecond) * math.Exp(r.Float64()*8)
		for i := range all {
			all[i] = min(time.Duration(scale*(1+r.ExpFloat64())), carteiro.MaxTimeout)
			l[carteiro.LatencyBucket(all[i])]++
		}
		slices.Sort(all)
		for _, q := range []float64{0.5, 0.95, 1} {
			want := all[max(0, int(math.Ceil(q*float64(len(all))))-1)]
			got := l.Quantile(q)
			if ratio := float64(got) / float64(want); ratio < 0.75 || ratio > 1.29 {
				t.Errorf("of %d, quantile %v is %s, want about %s", len(all), q, got, want)
			}
		}
	}
}

func TestOfNothingQuantilesAreZero(t *testing.T) {
	var l carteiro.Latencies
	if got := l.Quantile(0.5); got != 0 {
		t.Errorf("got %s", got)
	}
}

func TestLatenciesAddUp(t *testing.T) {
	var a, b carteiro.Latencies
	a[3], b[3], b[7] = 1, 2, 3
	if a.Add(&b); a[3] != 3 || a[7] != 3 {
		t.Errorf("got %v", a)
	}
}
