package layout

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestMigrationsAreReadInTheirOrder(t *testing.T) {
	files := fstest.MapFS{
		"migrations/0002_second.sql": {Data: []byte("two")},
		"migrations/0001_first.sql":  {Data: []byte("one")},
		"migrations/README":          {Data: []byte("none")},
	}
	steps, err := Migrations(files)
	if err != nil || !slices.Equal(steps, []string{"one", "two"}) {
		t.Errorf("%q, %v", steps, err)
	}
}

// Two branches may each have added a migration with the same number, or one may have been left out in a merge.
func TestMigrationsThatAreNotCountedOnAreRefused(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"a number that is missing":     {"migrations/0001_first.sql": {}, "migrations/0003_third.sql": {}},
		"a number that is there twice": {"migrations/0001_first.sql": {}, "migrations/0001_other.sql": {}},
	} {
		t.Run(name, func(t *testing.T) {
			if steps, err := Migrations(files); err == nil || !strings.Contains(err.Error(), "should begin with migrations/0002_") {
				t.Errorf("%q, %v", steps, err)
			}
		})
	}
}
