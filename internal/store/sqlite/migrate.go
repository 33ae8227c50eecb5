package sqlite

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// applicationID marks a file as Carteiro's; it spells "Crto".
const applicationID = 0x4372746f

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations gives the steps from an empty file to the present layout, in their order: the nth makes version n.
func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, cmp.Compare[string])
	steps := make([]string, len(names))
	for i, name := range names {
		sql, err := migrationFiles.ReadFile(name)
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

// identity is what a database file says of itself.
type identity struct {
	application, version int64
	objects              int64 // tables and the like
}

func (c *conn) identity() (id identity, err error) {
	if id.application, err = c.execInt("PRAGMA application_id"); err != nil {
		return id, err
	}
	if id.version, err = c.execInt("PRAGMA user_version"); err != nil {
		return id, err
	}
	id.objects, err = c.execInt("SELECT count(*) FROM sqlite_schema")
	return id, err
}

// check says what keeps a file with this identity from being used; nil when it is Carteiro's, or empty.
func (id identity) check(path string, latest int, shared bool) error {
	switch {
	case id == (identity{}):
		return nil
	case id.application != applicationID:
		return &Error{
			Code: CodeForeign, Path: path, Message: "the file is a database of another program",
			Hint: "name another file, or move this one away",
		}
	case id.version > int64(latest):
		return &Error{
			Code: CodeNewer, Path: path,
			Message: fmt.Sprintf("a newer Carteiro has changed it to layout %d, and this one knows layout %d", id.version, latest),
			Hint:    "run the newer version, or restore a backup from before the upgrade",
		}
	case shared && id.version < int64(latest):
		return &Error{
			Code: CodeOlder, Path: path,
			Message: fmt.Sprintf("it has layout %d, and this Carteiro works with layout %d", id.version, latest),
			Hint:    "start the server of this version once: it upgrades the database",
		}
	}
	return nil
}

// migrate brings the database to the present layout, in one transaction. It also finds out whether the database can be
// written to.
func (c *conn) migrate(path string, shared bool) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err = c.migrateInside(path, steps, shared); err == nil {
		err = c.exec("COMMIT")
	}
	if err != nil && !c.db.AutocommitEnabled() {
		_ = c.exec("ROLLBACK") // the error is told already
	}
	return err
}

func (c *conn) migrateInside(path string, steps []string, shared bool) error {
	id, err := c.identity()
	if err != nil {
		return err
	}
	if err := id.check(path, len(steps), shared); err != nil {
		return err
	}
	if id.version == int64(len(steps)) {
		return nil
	}
	for i, step := range steps[id.version:] {
		if err := c.script(step); err != nil {
			return fmt.Errorf("migration to layout %d: %w", id.version+int64(i)+1, err)
		}
	}
	if err := c.exec(fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	return c.exec(fmt.Sprintf("PRAGMA user_version = %d", len(steps)))
}

// script runs the statements of a text, one after the other.
func (c *conn) script(sql string) error {
	for strings.TrimSpace(sql) != "" {
		s, trailing, err := c.db.PrepareTransient(sql)
		if err != nil {
			return err
		}
		_, err = s.Step()
		_ = s.Finalize() // the error is that of the step
		if err != nil {
			return err
		}
		sql = sql[len(sql)-trailing:]
	}
	return nil
}
