package sqlite

import (
	"embed"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// applicationID marks a file as Carteiro's; it spells "Crto".
const applicationID = 0x4372746f

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrate brings the database to the present layout, in one transaction. It also finds out whether the database can be
// written to.
func (c *conn) migrate(path string, shared bool) error {
	steps, err := layout.Migrations(migrationFiles)
	if err != nil {
		return err
	}
	if err := c.defineFunctions(); err != nil {
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
	empty, err := c.isEmpty()
	if err != nil {
		return err
	}
	if empty {
		id = identity{}
	} else if err := id.check(path, len(steps), shared); err != nil {
		return err
	}
	if id.version == int64(len(steps)) {
		// Beginning to write is no proof: SQLite begins a transaction on a file that can only be read, too.
		return c.exec("UPDATE ping SET n = n")
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

// defineFunctions makes known to SQL what migrations need of this package: layout.HourOf and fold.
func (c *conn) defineFunctions() error {
	err := c.db.CreateFunction("hour", &sqlite.FunctionImpl{
		NArgs: 1, Deterministic: true,
		Scalar: func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
			return sqlite.IntegerValue(layout.HourOf(carteiro.ID(args[0].Blob()))), nil
		},
	})
	if err != nil {
		return err
	}
	return c.db.CreateFunction("fold", &sqlite.FunctionImpl{
		NArgs: 1, Deterministic: true,
		Scalar: func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
			return sqlite.TextValue(string(sqlstore.Fold(args[0].Text()))), nil
		},
	})
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
