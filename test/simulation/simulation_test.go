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
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
	"github.com/carteiro/carteiro/internal/store/storetest"
)

var (
	seeds   = flag.Int("seeds", defaultSeeds, "how many seeds run against the store's model; a hundredth of them on SQLite too")
	from    = flag.Uint64("from", 0, "run the seeds from this one on, and none at random")
	goOn    = flag.Bool("goon", false, "go on after a seed that fails")
	theSeed = flag.Uint64("seed", 0, "run this seed alone, again and again, and show what happened in it")
)

// One in so many seeds is the same at every run. The others follow a random one, which is printed.
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
	first, random, fixed := uint64(1), rand.Uint64()>>16+1, n/fixedShare
	if *from != 0 {
		first, fixed = *from, n
	}
	t.Logf("seeds %d to %d, and %d from %d on", first, first+uint64(fixed)-1, n-fixed, random)
	share := 2 * runtime.GOMAXPROCS(0)
	var failed atomic.Int64 // of those that failed, the first; n: none
	failed.Store(int64(n))
	for part := range share {
		t.Run(fmt.Sprint("part ", part), func(t *testing.T) {
			t.Parallel()
			i := part
			defer func() {
				if t.Failed() && int64(i) < failed.Load() {
					failed.Store(int64(i))
				}
			}()
			for ; i < n && (*goOn || int64(i) < failed.Load()); i += share {
				seed := first + uint64(i)
				if i >= fixed {
					seed = random + uint64(i-fixed)
				}
				if *goOn {
					t.Run(fmt.Sprint(seed), func(t *testing.T) { simulateOne(t, seed, open) })
				} else {
					simulateOne(t, seed, open)
				}
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
