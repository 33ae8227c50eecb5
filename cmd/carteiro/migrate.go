package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/move"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
)

type migrateCommand struct {
	From string `help:"Source database, as for serve; it is not modified." placeholder:"URL" required:"" env:"CARTEIRO_MIGRATE_FROM"`
	To   string `help:"Target database, as for serve; it must be empty." placeholder:"URL" required:"" env:"CARTEIRO_MIGRATE_TO"`
	config.Encryption
	JSON  bool `help:"Print the comparison of both databases as JSON." env:"-"`
	Quiet bool `help:"Print no progress, and a report only with --json." env:"-"`
}

// Help says more than fits a line.
func (*migrateCommand) Help() string {
	return `Copies environments, tokens, agents, campaigns, webhooks, idempotency keys, events, the queue and the delivery log.
Stop the server first: no server may run on either database. Stopped or killed, the same command goes on where it was.
At the end both sides are read and compared; until then no server starts on the target.

	carteiro migrate --from sqlite:carteiro.db --to postgres://carteiro:PASSWORD@db.internal/carteiro

Secrets that are encrypted in the source are decrypted with the keys that are set, and encrypted in the target with the
first of them. The target never holds them open, which a database that got its key later may, in the gaps of its file.

Passwords are seen by others in the list of processes; CARTEIRO_MIGRATE_FROM and CARTEIRO_MIGRATE_TO hide them.`
}

// Run copies, and prints what was copied.
func (c *migrateCommand) Run(ctx context.Context) (err error) {
	from, to := config.Database{Database: c.From}, config.Database{Database: c.To}
	name := databaseName(from)
	if name == databaseName(to) {
		return fmt.Errorf("source and target are the same database, %s", name)
	}
	keys, err := c.Keys()
	if err != nil {
		return err
	}
	origin, err := openMovable(ctx, from, app.MoveSource, keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, origin.Close()) }()
	target, err := openMovable(ctx, to, app.MoveTarget, keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	progress := &moveProgress{quiet: c.Quiet, terminal: term.IsTerminal(int(os.Stderr.Fd()))}
	report, err := move.Move{From: origin, To: target, Source: name, Progress: progress.tell}.Run(ctx)
	progress.end()
	if err != nil {
		return explainMove(app.DatabaseName(to), err)
	}
	return c.print(report)
}

// explainMove says what an operator can do about it.
func explainMove(target string, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("stopped; the same command goes on where it was")
	case errors.Is(err, move.ErrDiffer):
		return fmt.Errorf("%w; something has changed one of them meanwhile: empty %s and begin anew, with no server on either", err, target)
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("cannot copy into %s: %w; name an empty database, or go on with the copy that was begun there", target, err)
	default:
		return fmt.Errorf("%w; what was copied stays: the same command goes on where it was", err)
	}
}

// openMovable opens a database of which everything can be read, the secrets included.
func openMovable(ctx context.Context, d config.Database, use app.Use, keys *seal.Keyring) (store.Movable, error) {
	s, err := app.OpenStore(ctx, d, use, keys)
	if err != nil {
		return nil, err
	}
	if err := app.CheckKeys(ctx, s, keys); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s.(store.Movable), nil //nolint:forcetypeassert // both databases are
}

// databaseName tells databases apart: a file by where it is, whatever the working directory.
func databaseName(d config.Database) string {
	file, err := d.SQLiteFile()
	if err != nil {
		return app.DatabaseName(d)
	}
	if full, err := filepath.Abs(file); err == nil {
		file = full
	}
	return "sqlite:" + file
}

func (c *migrateCommand) print(report *move.Report) error {
	if c.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	if c.Quiet {
		return nil
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "COPIED\tCOUNT\tSHA-256, THE SAME ON BOTH SIDES")
	for _, s := range report.Sections {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%s\n", s.Name, s.Count, s.Checksum)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Printf("\nIt took %s. Start the server with the new database; keep the old one until you are content.\n", report.Took.Round(time.Second/10))
	return err
}

// moveProgress shows how far a copy has come: as a bar on a terminal, else as a line for each tenth.
type moveProgress struct {
	quiet    bool
	terminal bool
	stage    move.Stage
	tenth    int
	bar      *progressbar.ProgressBar
}

func (p *moveProgress) tell(stage move.Stage, done, total int) {
	if p.quiet {
		return
	}
	if stage != p.stage {
		p.end()
		p.stage, p.tenth = stage, -1
		if p.terminal {
			p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(string(stage)),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30))
		}
	}
	if p.bar != nil {
		_ = p.bar.Set(done) // what cannot be shown need not stop a copy
		return
	}
	if tenth := 10 * done / max(1, total); tenth > p.tenth {
		p.tenth = tenth
		fmt.Fprintf(os.Stderr, "%s: %d of %d\n", stage, done, total)
	}
}

// end leaves the line of a bar.
func (p *moveProgress) end() {
	if p.bar != nil {
		p.bar = nil
		fmt.Fprintln(os.Stderr)
	}
}
