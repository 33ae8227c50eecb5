// Package simulation_test runs publishing, dispatching, the store and receivers against each other in simulated time, under
// whatever a seed has decided to go wrong, and sees what must stay true (docs/reliability.md). docs/decisions/0048-simulation.md
// says what is real in it and what is not.
package simulation_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"carteiro/internal/store"
	"carteiro/internal/store/sqlite"
	"carteiro/internal/store/storetest"
)

var (
	seeds   = flag.Int("seeds", defaultSeeds, "how many seeds run against the store's model; a tenth of a tenth of them on SQLite too")
	theSeed = flag.Uint64("seed", 0, "run this seed alone, again and again, and show what happened in it")
)

// The first seeds are the same at every run, the others follow a random one, which is printed.
const fixedShare = 2

func TestWhatMustStayTrueUnderFaults(t *testing.T) { simulate(t, *seeds, onModel) }

// The same on the real store, at whose end the doctor looks through the tables.
func TestWhatMustStayTrueUnderFaultsOnSQLite(t *testing.T) { simulate(t, *seeds/100, onSQLite) }

func onModel(*testing.T) (store.Store, func() error) {
	return storetest.NewModel(), func() error { return nil }
}

func onSQLite(t *testing.T) (store.Store, func() error) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s, s.Close
}

func simulate(t *testing.T, n int, open func(*testing.T) (store.Store, func() error)) {
	if *theSeed != 0 {
		for range 20 {
			simulateOne(t, *theSeed, open)
		}
		return
	}
	random := rand.Uint64()>>16 + 1
	t.Logf("seeds 1 to %d, and %d to %d", n/fixedShare, random, random+uint64(n-n/fixedShare)-1)
	share := 2 * runtime.GOMAXPROCS(0)
	for part := range share {
		t.Run(fmt.Sprint("part ", part), func(t *testing.T) {
			t.Parallel()
			for i := part; i < n && !t.Failed(); i += share {
				seed := uint64(i) + 1
				if i >= n/fixedShare {
					seed = random + uint64(i-n/fixedShare)
				}
				simulateOne(t, seed, open)
			}
		})
	}
}

func simulateOne(t *testing.T, seed uint64, open func(*testing.T) (store.Store, func() error)) {
	synctest.Test(t, func(t *testing.T) {
		truth, closeTruth := open(t)
		faults, trace := run(t, newPlan(seed), truth)
		if err := closeTruth(); err != nil {
			t.Error(err)
		}
		if len(faults) == 0 {
			return
		}
		t.Errorf("seed %d: go test ./test/simulation -seed %d\n%s", seed, seed, strings.Join(faults, "\n"))
		if *theSeed != 0 {
			t.Log("\n" + strings.Join(trace, "\n"))
		}
	})
}
