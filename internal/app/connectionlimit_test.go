package app

import "testing"

func TestConnectionsAreLimitedByMemoryAndDescriptors(t *testing.T) {
	for _, c := range []struct{ descriptors, budget, want int }{
		{1 << 20, 256, 4096}, // memory is scarcer
		{1 << 20, 128, 2048},
		{1024, 256, 512}, // descriptors are scarcer
		{1024, 0, 512},
		{1, 256, 1},
		{0, 256, 4096},
		{0, 0, 0},
	} {
		if got := connectionLimit(c.descriptors, c.budget); got != c.want {
			t.Errorf("%d descriptors and %d MiB allow %d connections, want %d", c.descriptors, c.budget, got, c.want)
		}
	}
}
