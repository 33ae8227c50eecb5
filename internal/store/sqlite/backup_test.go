package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
)

// environments opens the database in a file, as a server does, and gives the names that it holds.
func environments(t *testing.T, file string) map[string]bool {
	t.Helper()
	s, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	found, err := s.ListEnvironments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range found {
		names[e.Name] = true
	}
	return names
}

func create(ctx context.Context, s store.Store, ids *carteiro.IDSource, name string) error {
	now := time.Now()
	e := carteiro.Environment{ID: ids.New(now), Name: name, CreatedAt: now}
	return s.CreateEnvironment(ctx, store.CreateEnvironment{Environment: e, Token: carteiro.Token{
		ID: ids.New(now), EnvironmentID: e.ID, Hash: carteiro.HashToken(carteiro.NewTokenSecret()), CreatedAt: now,
	}})
}

func TestABackupUnderLoadHoldsWhatWasCommittedBeforeIt(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "carteiro.db")
	s, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ids := new(carteiro.IDSource)
	if err := create(t.Context(), s, ids, "before"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	written := make(chan error, 1)
	go func() {
		for {
			if err := create(ctx, s, ids, "meanwhile"); err != nil {
				written <- err
				return
			}
		}
	}()
	for _, name := range []string{"one.db", "two.db", "three.db"} {
		if err := sqlite.Backup(t.Context(), file, filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if err := <-written; !errors.Is(err, context.Canceled) {
		t.Error("writing beside the backup: ", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(dir, "restored.db")
	if err := sqlite.Restore(t.Context(), filepath.Join(dir, "two.db"), restored); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.db", "three.db", "restored.db"} {
		if !environments(t, filepath.Join(dir, name))["before"] {
			t.Errorf("%s does not hold what was there before it", name)
		}
	}
	if info, err := os.Stat(restored); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others can read it: %v, %v", info.Mode(), err)
	}
}

func TestACopyThatFailsLeavesNothingAndOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	file, to := filepath.Join(dir, "carteiro.db"), filepath.Join(dir, "copy.db")
	environments(t, file)
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"a database that is not there":  sqlite.Backup(t.Context(), filepath.Join(dir, "nothing.db"), to),
		"no database":                   sqlite.Backup(t.Context(), write("text", "a text that is longer than any header of a database must be, which is a hundred bytes, as SQLite has it"), to),
		"called off":                    sqlite.Backup(ended, file, to),
		"a directory that is not there": sqlite.Backup(t.Context(), file, filepath.Join(dir, "no", "copy.db")),
	} {
		if err == nil {
			t.Error(name, " passes")
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := sqlite.Backup(t.Context(), file, write("copy.db", "mine")); !errors.Is(err, sqlite.ErrExists) {
		t.Error(err)
	}
	write("other.db-wal", "someone's log")
	if err := sqlite.Restore(t.Context(), file, filepath.Join(dir, "other.db")); !errors.Is(err, sqlite.ErrExists) {
		t.Error(err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != "mine" {
		t.Errorf("overwritten: %q, %v", text, err)
	}
}

func TestNothingIsRestoredUnderARunningServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "carteiro.db")
	s, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var e *sqlite.Error
	if err := sqlite.Restore(t.Context(), file, file); !errors.As(err, &e) || e.Code != sqlite.CodeLocked {
		t.Error(err)
	}
}
