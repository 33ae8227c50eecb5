package layout

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Migrations reads the steps from an empty database to the present layout, in their order: the nth makes version n. They
// are the files migrations/0001_name.sql, 0002_name.sql and so on. It fails when a number is missing or there twice.
func Migrations(files fs.FS) ([]string, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, cmp.Compare[string])
	steps := make([]string, len(names))
	for i, name := range names {
		sql, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if want := fmt.Sprintf("migrations/%04d_", i+1); !strings.HasPrefix(name, want) {
			return nil, fmt.Errorf("migration %s should begin with %s", name, want)
		}
		steps[i] = string(sql)
	}
	return steps, nil
}
