package postgres

import (
	"path/filepath"
	"testing"

	"carteiro/internal/store"
	"carteiro/internal/store/postgres/postgrestest"
	"carteiro/internal/store/sqlite"
	"carteiro/internal/store/storetest"
)

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
