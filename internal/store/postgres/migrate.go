package postgres

import (
	"context"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carteiro/carteiro/internal/store/layout"
)

// schema is where everything is; the search path of every connection.
const schema = "carteiro"

// Numbers of the advisory locks that nodes take, in the space of two integers. The space of one is idempotency keys'.
const (
	lockSpace = 0x4372746f // spells "Crto"
	lockSetUp = 1          // making and upgrading the layout
	lockDays  = 2          // making and dropping partitions
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrate brings the database to the present layout, in one transaction. Nodes that start together wait for the one
// that comes first.
func (s *Store) migrate(ctx context.Context, opts Options) error {
	steps, err := layout.Migrations(migrationFiles)
	if err != nil {
		return err
	}
	return s.withConn(ctx, func(c *pgx.Conn) error {
		return pgx.BeginFunc(ctx, c, func(began pgx.Tx) error {
			return (&tx{querier: began, ctx: ctx}).migrate(c.PgConn(), steps, opts)
		})
	})
}

func (t *tx) migrate(c *pgconn.PgConn, steps []string, opts Options) error {
	// A migration may take longer than any call, and those who wait for it as long.
	if _, err := t.run(`SET LOCAL statement_timeout = 0`); err != nil {
		return err
	}
	if _, err := t.run(`SET LOCAL lock_timeout = 0`); err != nil {
		return err
	}
	if _, err := t.run(`SELECT pg_advisory_xact_lock($1::integer, $2::integer)`, lockSpace, lockSetUp); err != nil {
		return err
	}
	version, err := t.layout()
	if err != nil {
		return err
	}
	if version == 0 && opts.Existing {
		return &Error{Code: CodeForeign, Message: "there is nothing of Carteiro's in it", Hint: "is it the right database?"}
	}
	if err := checkLayout(version, len(steps), opts.Shared); err != nil {
		return err
	}
	for i := version; i < len(steps); i++ {
		// Below pgx, which would prepare the text: that may be one statement only.
		if _, err := c.Exec(t.ctx, steps[i]).ReadAll(); err != nil {
			return fmt.Errorf("migration to layout %d: %w", i+1, err)
		}
	}
	if version == len(steps) {
		return nil
	}
	_, err = t.run(`UPDATE layout SET version = $1`, len(steps))
	return err
}

// checkLayout says what keeps a database of this layout from being used. Version 0 is yet to be made.
func checkLayout(version, latest int, shared bool) error {
	switch {
	case version > latest:
		return &Error{
			Code:    CodeNewer,
			Message: fmt.Sprintf("a newer Carteiro has changed it to layout %d, and this one knows layout %d", version, latest),
			Hint:    "run the newer version, or restore a backup from before the upgrade",
		}
	case shared && version > 0 && version < latest:
		return &Error{
			Code:    CodeOlder,
			Message: fmt.Sprintf("it has layout %d, and this Carteiro works with layout %d", version, latest),
			Hint:    "start a server of this version once: it upgrades the database",
		}
	}
	return nil
}

// layout gives the version of the layout that the schema has, and makes the schema when it is not there.
func (t *tx) layout() (version int, err error) {
	var there, ours bool
	err = t.row(`SELECT to_regnamespace($1) IS NOT NULL, to_regclass($1 || '.layout') IS NOT NULL`, schema)(&there, &ours)
	if err != nil {
		return 0, err
	}
	if ours {
		err := t.row(`SELECT version FROM layout`)(&version)
		return version, err
	}
	if there {
		var foreign bool
		err := t.row(`SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace($1))`, schema)(&foreign)
		if err != nil {
			return 0, err
		}
		if foreign {
			return 0, &Error{
				Code: CodeForeign, Message: "its schema " + schema + " holds tables of another program",
				Hint: "give Carteiro a database of its own",
			}
		}
	} else if _, err := t.run(`CREATE SCHEMA ` + schema); err != nil {
		return 0, err
	}
	if _, err := t.run(`CREATE TABLE layout (version integer NOT NULL)`); err != nil {
		return 0, err
	}
	_, err = t.run(`INSERT INTO layout VALUES (0)`)
	return 0, err
}
