package sqlite

import (
	"errors"
	"testing"

	"github.com/carteiro/carteiro"
)

func TestLatenciesAreReadAsWritten(t *testing.T) {
	var first, last carteiro.Latencies
	first[0], last[len(last)-1] = 7, 1<<40
	for _, want := range []carteiro.Latencies{{}, first, last} {
		got := first
		must(t, addLatencies(&got, appendLatencies(nil, &want)))
		sum := first
		for i, n := range want {
			sum[i] += n
		}
		if got != sum {
			t.Errorf("got %v, want %v", got, sum)
		}
	}
	if b := appendLatencies(nil, &first); len(b) != 1 {
		t.Errorf("%d bytes for one bucket, want the empty ones left out", len(b))
	}
}

func TestDamagedLatenciesAreAnError(t *testing.T) {
	for name, b := range map[string][]byte{
		"more buckets than there are": make([]byte, carteiro.LatencyBuckets+1),
		"a count cut off":             {1, 0x80},
	} {
		if err := addLatencies(new(carteiro.Latencies), b); !errors.Is(err, errLatencies) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}
