package postgres

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
	"github.com/carteiro/carteiro/internal/store/sqlite"
	"github.com/carteiro/carteiro/internal/store/storetest"
)

// Nodes count in shards of their own, and pages may end anywhere: a slot is told once all the same.
func TestTheShardsOfActivityAreExportedAsOneSlot(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	err := s.inTx(t.Context(), func(t *tx) error {
		_, err := t.run(`INSERT INTO activity (environment_id, grain, slot, shard, success, failed, latencies)
			SELECT '00000000-0000-0000-0000-000000000001', grain, slot, shard, shard, 1, ARRAY[1, shard]
			FROM generate_series(1, 2) grain, generate_series(100, 102) slot, generate_series(1, 3) shard`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	counts, err := s.Count(t.Context())
	if err != nil || counts[store.SectionActivity] != 6 {
		t.Errorf("%d slots, %v", counts[store.SectionActivity], err)
	}
	for _, limit := range []int{1, 4, 6, 100} {
		var got []store.Slot
		for from := (store.Cursor{Section: store.SectionActivity}); !from.Done(); {
			page, err := s.Export(t.Context(), store.Export{From: from, Limit: limit, MaxBytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			got, from = append(got, page.Activity...), page.Next
		}
		var want []store.Slot
		for _, grain := range []int64{layout.GrainMinute, layout.GrainHour} {
			for slot := int64(100); slot < 103; slot++ {
				want = append(want, store.Slot{
					EnvironmentID: carteiro.ID{15: 1}, Hourly: grain == layout.GrainHour,
					Activity: store.Activity{At: layout.StartOfSlot(grain, slot), Success: 6, Failed: 3, Latencies: carteiro.Latencies{3, 6}},
				})
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("in pages of %d:\n%v\nwant\n%v", limit, got, want)
		}
	}
}

func TestEverythingCanBeMovedFromOneDatabaseToTheOther(t *testing.T) {
	template := emptyTemplate(t)
	database := func(t *testing.T) store.Movable {
		s := openURL(t, postgrestest.Database(t, template))
		t.Cleanup(func() { wantConsistent(t, s) })
		return s
	}
	file := func(t *testing.T) store.Movable {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	t.Run("from SQLite", func(t *testing.T) { storetest.Move(t, file, database) })
	t.Run("to SQLite", func(t *testing.T) { storetest.Move(t, database, file) })
}
