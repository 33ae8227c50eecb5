package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// What cannot be opened is told with its reason and a hint, and stays as it was to the byte, as does all beside it.
func TestWhatCannotBeOpenedIsLeftUntouched(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(t *testing.T, path string)
		shared  bool
		want    Code
	}{
		"not a database": {
			prepare: func(t *testing.T, path string) { writeFile(t, path, strings.Repeat("all work and no play ", 1000)) },
			want:    CodeForeign,
		},
		"not a database, and short": {
			prepare: func(t *testing.T, path string) { writeFile(t, path, "x") },
			want:    CodeForeign,
		},
		"a database of another program": {
			prepare: func(t *testing.T, path string) {
				foreign(t, path, "CREATE TABLE notes (text)", "INSERT INTO notes VALUES ('x')")
			},
			want: CodeForeign,
		},
		"a database of another program that names itself": {
			prepare: func(t *testing.T, path string) {
				foreign(t, path, "PRAGMA application_id = 1", "CREATE TABLE notes (text)")
			},
			want: CodeForeign,
		},
		"a database of another program, in WAL mode": {
			prepare: func(t *testing.T, path string) {
				foreign(t, path, "PRAGMA journal_mode = WAL", "CREATE TABLE notes (text)")
			},
			want: CodeForeign,
		},
		"of a newer Carteiro": {
			prepare: func(t *testing.T, path string) { ours(t, path, "PRAGMA user_version = 1000") },
			want:    CodeNewer,
		},
		"of a newer Carteiro, for a command": {
			prepare: func(t *testing.T, path string) { ours(t, path, "PRAGMA user_version = 1000") },
			shared:  true,
			want:    CodeNewer,
		},
		"of a newer Carteiro, with a log that a crash has left": {
			prepare: func(t *testing.T, path string) {
				ours(t, path, "PRAGMA user_version = 1000")
				writeFile(t, path+"-wal", "left behind")
			},
			want: CodeNewer,
		},
		"a database of another program, with its log": {
			prepare: func(t *testing.T, path string) {
				foreign(t, path, "CREATE TABLE notes (text)")
				writeFile(t, path+"-wal", "left behind")
			},
			want: CodeForeign,
		},
		"of an older Carteiro, for a command": {
			prepare: func(t *testing.T, path string) { ours(t, path, "PRAGMA user_version = 0") },
			shared:  true,
			want:    CodeOlder,
		},
		"a directory": {
			prepare: func(t *testing.T, path string) { makeDir(t, path) },
			want:    CodeUnreachable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "carteiro.db")
			test.prepare(t, path)
			wantRefused(t, dir, path, Options{Shared: test.shared}, test.want)
		})
	}
}

// A copy can be made of an older database, but only of Carteiro's.
func TestOnlyOwnDatabasesAreCopied(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, path string)
		want    Code
	}{
		"of an older Carteiro": {func(t *testing.T, path string) { ours(t, path, "PRAGMA user_version = 0") }, ""},
		"of a newer Carteiro":  {func(t *testing.T, path string) { ours(t, path, "PRAGMA user_version = 1000") }, CodeNewer},
		"of another program":   {func(t *testing.T, path string) { foreign(t, path, "CREATE TABLE notes (text)") }, CodeForeign},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "carteiro.db")
			c.prepare(t, path)
			err := Backup(t.Context(), path, path+".copy")
			if c.want != "" {
				wantCode(t, err, c.want)
			} else if err != nil {
				t.Error(err)
			}
			if _, missing := os.Stat(path + ".copy"); (missing == nil) != (c.want == "") {
				t.Errorf("whether there is a copy: %v", missing)
			}
		})
	}
}

func TestWhatCannotBeMadeLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), "x")
	for name, test := range map[string]struct {
		path string
		want Code
	}{
		"in a directory that is missing": {"missing/carteiro.db", CodeUnreachable},
		"below a file":                   {"file/carteiro.db", CodeReadOnly},
	} {
		for _, shared := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, shared %v", name, shared), func(t *testing.T) {
				wantRefused(t, dir, filepath.Join(dir, test.path), Options{Shared: shared}, test.want)
			})
		}
	}
}

func TestAServerHasItsDatabaseForItself(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "carteiro.db")
	first := reopen(t, path, Options{})
	_, err := Open(t.Context(), path, Options{})
	wantCode(t, err, CodeLocked)
	if err := first.Ping(t.Context()); err != nil {
		t.Errorf("the first server was disturbed: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := reopen(t, path, Options{})
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if left := snapshot(t, dir); len(left) != 1 {
		t.Errorf("after a clean end there is %v, want the database alone", maps.Keys(left))
	}
}

func TestALockFileThatWasLeftBehindLocksNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carteiro.db")
	writeFile(t, path+"-lock", "")
	reopen(t, path, Options{})
}

func TestACommandWorksBesideAServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carteiro.db")
	for _, serverFirst := range []bool{false, true} {
		var server *Store
		if serverFirst {
			server = reopen(t, path, Options{})
		}
		command, err := Open(t.Context(), path, Options{Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		e := carteiro.Environment{ID: new(carteiro.IDSource).New(start), Name: "x", CreatedAt: start}
		token := carteiro.Token{ID: e.ID, EnvironmentID: e.ID, Hash: carteiro.HashToken(e.ID.String()), CreatedAt: start}
		if err := command.CreateEnvironment(t.Context(), store.CreateEnvironment{Environment: e, Token: token}); err != nil {
			t.Fatal(err)
		}
		closeStore(t, command)
		if !serverFirst {
			continue
		}
		if _, err := server.FindToken(t.Context(), token.Hash); err != nil {
			t.Errorf("the server does not see the new token: %v", err)
		}
		if err := server.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestACommandLeavesTheSessionsOfTheServerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carteiro.db")
	server := reopen(t, path, Options{})
	session := join(t, server)
	closeStore(t, mustOpen(t, path, Options{Shared: true}))
	if err := server.Renew(t.Context(), store.Renew{Session: session, Now: start, Until: start.Add(time.Hour)}); err != nil {
		t.Error(err)
	}
}

func TestWhatAnEarlierServerHeldIsFree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carteiro.db")
	first := mustOpen(t, path, Options{})
	session := join(t, first)
	item := newItem(new(carteiro.IDSource), carteiro.ID{1})
	item.Attempts[0].Held = true
	if _, err := first.Accept(t.Context(), store.Accept{Now: start, Session: session, Items: []store.AcceptItem{item}}); err != nil {
		t.Fatal(err)
	}
	closeStore(t, first)
	second := reopen(t, path, Options{})
	if err := second.Renew(t.Context(), store.Renew{Session: session, Now: start, Until: start}); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("the session of an earlier server is answered %v", err)
	}
	claimed, err := second.Claim(t.Context(), store.Claim{Session: join(t, second), WebhookID: carteiro.ID{1}, Now: start, Limit: 9, MaxBytes: 1 << 20})
	if err != nil || len(claimed.Deliveries) != 1 {
		t.Errorf("claimed %v, %v", claimed.Deliveries, err)
	}
	wantConsistent(t, second)
}

func TestAnEmptyFileIsMadeADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name?#%20.db")
	writeFile(t, path, "")
	s := reopen(t, path, Options{})
	steps, err := layout.Migrations(migrationFiles)
	must(t, err)
	err = s.read(t.Context(), func(c *conn) error {
		for pragma, want := range map[string]int64{"application_id": applicationID, "user_version": int64(len(steps)), "page_size": 8192, "query_only": 1} {
			if got, err := c.execInt("PRAGMA " + pragma); err != nil || got != want {
				t.Errorf("%s is %d, %v, want %d", pragma, got, err, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	closeStore(t, mustOpen(t, path, Options{Shared: true}))
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the name was not taken as it is: %v", err)
	}
}

var start = time.Date(2025, 9, 3, 23, 19, 51, 0, time.UTC)

func join(t testing.TB, s *Store) store.Session {
	t.Helper()
	session, err := s.Join(t.Context(), store.Join{Node: "node", Now: start, Until: start.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func newItem(ids *carteiro.IDSource, webhook carteiro.ID) store.AcceptItem {
	event := &carteiro.Event{ID: ids.New(start), OwnerKind: carteiro.OwnerAgent, Type: "event_action", Payload: []byte(`{"a":1}`)}
	return store.AcceptItem{Event: event, Attempts: []store.AcceptAttempt{{
		ID: ids.Sibling(event.ID), WebhookID: webhook, Trigger: carteiro.TriggerAutomatic,
	}}}
}

func mustOpen(t *testing.T, path string, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantRefused checks that opening fails as it should and changes nothing in the directory.
func wantRefused(t *testing.T, dir, path string, opts Options, want Code) {
	t.Helper()
	before := snapshot(t, dir)
	s, err := Open(context.Background(), path, opts)
	if err == nil {
		_ = s.Close()
	}
	wantCode(t, err, want)
	var e *Error
	if errors.As(err, &e) && e.Path != path {
		t.Errorf("the error is about %q", e.Path)
	}
	after := snapshot(t, dir)
	for name, content := range before {
		if after[name] != content {
			t.Errorf("%s was changed", name)
		}
	}
	for name := range after {
		if _, there := before[name]; !there {
			t.Errorf("%s was made", name)
		}
	}
}

func wantCode(t *testing.T, err error, want Code) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want code %s", err, want)
	}
	if e.Code != want {
		t.Errorf("code is %s, want %s: %v", e.Code, want, err)
	}
	if e.Hint == "" || !strings.Contains(e.Error(), e.Path) || !strings.Contains(e.Error(), e.Hint) {
		t.Errorf("%q does not say what to do, or where", e.Error())
	}
}

// snapshot is the files below a directory with their contents.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func makeDir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// foreign makes a database with other means.
func foreign(t *testing.T, path string, statements ...string) {
	t.Helper()
	c, err := openConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range statements {
		if err := c.exec(sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
}

// ours makes a database of Carteiro's and then changes it.
func ours(t *testing.T, path string, statements ...string) {
	t.Helper()
	closeStore(t, mustOpen(t, path, Options{}))
	foreign(t, path, statements...)
}
