package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/store/sqlite"
)

type backupCommand struct {
	config.Database
	To string `help:"File to create; it must not exist." required:"" type:"path" placeholder:"FILE" env:"-"`
}

// Help says more than fits a line.
func (*backupCommand) Help() string {
	return `Copies the SQLite database into a file, also while a server runs on it. The copy holds every event that was accepted
before it began, is checked and on disk before the file gets its name, and replaces nothing. It holds the webhooks'
secrets, as the database does: only its owner can read it.

	carteiro backup --to /var/backups/carteiro-2026-11-24.db`
}

// Run makes the backup.
func (c *backupCommand) Run(ctx context.Context) error {
	file, err := embeddedFile(c.Database)
	if err != nil {
		return err
	}
	if err := sqlite.Backup(ctx, file, c.To); err != nil {
		return err
	}
	return told(c.To)
}

type restoreCommand struct {
	config.Database
	From string `help:"Backup to restore; it is not modified." required:"" type:"existingfile" placeholder:"FILE" env:"-"`
}

// Help says more than fits a line.
func (*restoreCommand) Help() string {
	return `Makes the SQLite database from a backup. No server may run there, and the file must not exist: move the old one away
first, with its -wal and -shm. What was still open when the backup was made is sent again after the next start.

	carteiro restore --from /var/backups/carteiro-2026-11-24.db --database sqlite:/var/lib/carteiro/carteiro.db`
}

// Run restores the backup.
func (c *restoreCommand) Run(ctx context.Context) error {
	file, err := embeddedFile(c.Database)
	if err != nil {
		return err
	}
	if err := sqlite.Restore(ctx, c.From, file); err != nil {
		return err
	}
	return told(file)
}

func embeddedFile(d config.Database) (string, error) {
	file, err := d.SQLiteFile()
	if err != nil {
		return "", errors.Join(err, errors.New("backup and restore are for SQLite; PostgreSQL has pg_dump and pg_restore"))
	}
	return file, nil
}

func told(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s: %d bytes, checked\n", file, info.Size())
	return err
}
