package carteiro

import (
	"math"
	"sort"
	"time"
)

// LatencyBuckets is how many buckets [Latencies] has.
const LatencyBuckets = 48

// Latencies counts durations in buckets that grow by [latencyStep] each: the first takes all up to a millisecond, the
// last all beyond. What is read off it is right to within a quarter, mostly much closer, and adding two of them up is
// adding their buckets, so that a store can keep one a minute.
type Latencies [LatencyBuckets]int64

// latencyStep is the ratio of two bounds that follow one another: 47 steps reach from 1 ms to over two minutes, the
// longest timeout.
const latencyStep = 1.29

// latencyBounds are the upper bounds of all buckets but the last.
var latencyBounds = func() (bounds [LatencyBuckets - 1]time.Duration) {
	for i := range bounds {
		bounds[i] = time.Duration(math.Round(float64(time.Millisecond) * math.Pow(latencyStep, float64(i))))
	}
	return bounds
}()

// LatencyBucket says which bucket counts a duration.
func LatencyBucket(d time.Duration) int {
	return sort.Search(len(latencyBounds), func(i int) bool { return d <= latencyBounds[i] })
}

// Add adds the counts of another.
func (l *Latencies) Add(other *Latencies) {
	for i, n := range other {
		l[i] += n
	}
}

// Quantile gives the duration that a share q of those counted, 0 to 1, did not exceed: within its bucket by
// proportion. It gives 0 when nothing was counted.
func (l *Latencies) Quantile(q float64) time.Duration {
	var total int64
	for _, n := range l {
		total += n
	}
	rank := q * float64(total)
	for i, n := range l {
		if n == 0 {
			continue
		}
		if rank -= float64(n); rank > 0 {
			continue
		}
		low, high := latencyRange(i)
		return high + time.Duration(rank/float64(n)*float64(high-low))
	}
	return 0
}

func latencyRange(bucket int) (low, high time.Duration) {
	if bucket > 0 {
		low = latencyBounds[bucket-1]
	}
	if bucket == len(latencyBounds) {
		return low, 2 * low
	}
	return low, latencyBounds[bucket]
}
