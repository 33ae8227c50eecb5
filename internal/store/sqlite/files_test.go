package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// BenchmarkCheckFiles is what a commit pays for the certainty that its files are still there.
func BenchmarkCheckFiles(b *testing.B) {
	s := openTemp(b)
	f := s.writer.files
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.check(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPing(b *testing.B) {
	s := openTemp(b)
	for b.Loop() {
		if err := s.Ping(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// place is a database in a directory of its own, and what was warned of.
type place struct {
	*testing.T
	dir, path string
	store     *Store
	webhook   carteiro.ID
	mu        sync.Mutex
	warnings  []string
}

func newPlace(t *testing.T) *place {
	p := &place{T: t, dir: filepath.Join(t.TempDir(), "data"), webhook: carteiro.ID{1}}
	must(t, os.Mkdir(p.dir, 0o700))
	p.path = filepath.Join(p.dir, "carteiro.db")
	s, err := Open(t.Context(), p.path, Options{Warn: func(message string, _ ...any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.warnings = append(p.warnings, message)
	}})
	must(t, err)
	p.store = s
	return p
}

var placeIDs carteiro.IDSource

func (p *place) accept() error {
	_, err := p.store.Accept(p.Context(), store.Accept{Now: start, Items: []store.AcceptItem{newItem(&placeIDs, p.webhook)}})
	return err
}

func (p *place) warned(want ...string) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.Join(p.warnings, "\n") != strings.Join(want, "\n") {
		p.Errorf("warnings %q, want %q", p.warnings, want)
	}
}

const (
	lostMessage = "database file lost; events are rejected with 503"
	backMessage = "database file is back; events are accepted"
)

func TestNothingIsAcceptedIntoFilesThatAreGone(t *testing.T) {
	for name, test := range map[string]struct {
		lose     func(p *place)
		restore  func(p *place) // nil: it cannot be undone
		survives bool           // what was accepted before is in the database after a restart
	}{
		"the database is deleted": {lose: func(p *place) { must(p, os.Remove(p.path)) }},
		"the database is moved and comes back": {
			lose:     func(p *place) { must(p, os.Rename(p.path, p.path+".old")) },
			restore:  func(p *place) { must(p, os.Rename(p.path+".old", p.path)) },
			survives: true,
		},
		"the database is replaced": {
			lose: func(p *place) {
				other := filepath.Join(p.TempDir(), "other.db")
				mustOpenAndClose(p, other)
				must(p, os.Rename(other, p.path))
			},
		},
		"the log is deleted":   {lose: func(p *place) { must(p, os.Remove(p.path+logSuffix)) }, survives: true},
		"the index is deleted": {lose: func(p *place) { must(p, os.Remove(p.path+indexSuffix)) }, survives: true},
		"all files are deleted": {lose: func(p *place) {
			for _, suffix := range []string{"", logSuffix, indexSuffix} {
				must(p, os.Remove(p.path+suffix))
			}
		}},
		"the directory is moved and comes back": {
			lose:     func(p *place) { must(p, os.Rename(p.dir, p.dir+".old")) },
			restore:  func(p *place) { must(p, os.Rename(p.dir+".old", p.dir)) },
			survives: true,
		},
		"the directory is deleted": {lose: func(p *place) { must(p, os.RemoveAll(p.dir)) }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			must(t, p.accept())
			test.lose(p)
			for what, call := range map[string]func() error{"accepting": p.accept, "readiness": func() error { return p.store.Ping(t.Context()) }} {
				if err := call(); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s: %v", what, err)
				}
			}
			p.warned(lostMessage)
			if test.restore != nil {
				test.restore(p)
				must(t, p.accept())
				p.warned(lostMessage, backMessage)
			}
			if err := p.store.Close(); (err == nil) != test.survives {
				t.Errorf("closing: %v", err)
			}
			if !test.survives {
				return
			}
			again := mustOpen(t, p.path, Options{})
			defer closeStore(t, again)
			if n := count(t, again, "SELECT count(*) FROM events"); n == 0 {
				t.Error("what was accepted is gone")
			}
		})
	}
}

func mustOpenAndClose(p *place, path string) {
	s, err := Open(p.Context(), path, Options{})
	must(p, err)
	must(p, s.Close())
}

// A server whose database was replaced must not touch what stands in its place when it ends.
func TestTheDatabaseThatReplacedAnotherIsLeftAloneWhenTheServerEnds(t *testing.T) {
	p := newPlace(t)
	must(t, p.accept())
	must(t, os.Rename(p.dir, p.dir+".old"))
	must(t, os.Mkdir(p.dir, 0o700))
	other := mustOpen(t, p.path, Options{})
	if _, err := other.Accept(t.Context(), store.Accept{Now: start, Items: []store.AcceptItem{newItem(&placeIDs, p.webhook)}}); err != nil {
		t.Fatal(err)
	}
	if err := p.store.Close(); err == nil {
		t.Error("closing says nothing")
	}
	for _, suffix := range []string{"", logSuffix, indexSuffix, lockSuffix} {
		if _, err := os.Stat(p.path + suffix); err != nil {
			t.Errorf("a file of the other database: %v", err)
		}
	}
	must(t, other.Ping(t.Context()))
	closeStore(t, other)
}

func TestFilesOfADatabaseAreForItsOwnerAlone(t *testing.T) {
	p := newPlace(t)
	must(t, p.accept())
	copied, restored := filepath.Join(p.dir, "copy.db"), filepath.Join(p.dir, "restored.db")
	must(t, Backup(t.Context(), p.path, copied))
	must(t, Restore(t.Context(), copied, restored))
	entries, err := os.ReadDir(p.dir)
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if len(entries) < 6 {
		t.Errorf("only %d files", len(entries))
	}
	p.warned()
	must(t, p.store.Close())
}

func TestADatabaseThatOthersCanReadIsWarnedOf(t *testing.T) {
	for mode, want := range map[os.FileMode]string{0o600: "", 0o640: "mode 0640", 0o604: "mode 0604", 0o666: "mode 0666"} {
		path := filepath.Join(t.TempDir(), "carteiro.db")
		must(t, mustOpen(t, path, Options{}).Close())
		must(t, os.Chmod(path, mode))
		var said []any
		s := mustOpen(t, path, Options{Warn: func(_ string, args ...any) { said = args }})
		closeStore(t, s)
		if got := len(said) > 0; got != (want != "") || got && !strings.Contains(said[1].(string), want) {
			t.Errorf("mode %v: %q, want %q", mode, said, want)
		}
	}
}

// overlap has somebody read a state of the database at every moment, until stop is closed: each reader ends when the next
// has begun and something was committed, or when the store waits for readers.
func overlap(t *testing.T, s *Store, committed, stop <-chan struct{}) (ended <-chan struct{}) {
	paused := watchPauses(s)
	done := make(chan struct{})
	var read func(began chan<- struct{})
	read = func(began chan<- struct{}) {
		err := s.readSnapshot(context.Background(), func(c *conn) error {
			waits := paused()
			_, err := c.execInt("SELECT n FROM ping")
			close(began)
			select {
			case <-stop:
				close(done)
				return err
			default:
			}
			next := make(chan struct{})
			go read(next)
			for _, until := range []<-chan struct{}{next, committed} {
				select {
				case <-until:
				case <-stop:
				case <-waits:
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	go read(make(chan struct{}))
	return done
}

// watchPauses returns a function that gives a channel, which is closed while the store waits for readers.
func watchPauses(s *Store) (paused func() <-chan struct{}) {
	var mu sync.Mutex
	waits := make(chan struct{})
	pause := s.checkpointer.pause
	s.checkpointer.pause = func(do func()) {
		mu.Lock()
		close(waits)
		mu.Unlock()
		pause(do)
		mu.Lock()
		waits = make(chan struct{})
		mu.Unlock()
	}
	return func() <-chan struct{} {
		mu.Lock()
		defer mu.Unlock()
		return waits
	}
}

// smallLog has the databases of a test keep a small log.
func smallLog(t *testing.T) {
	usual := logLimits
	logLimits = logSizes{kept: usual.kept / 16, most: usual.most / 16, step: usual.step / 16}
	t.Cleanup(func() { logLimits = usual })
}

// The log begins anew although there is always somebody who reads.
func TestTheLogIsBounded(t *testing.T) {
	smallLog(t)
	path := filepath.Join(t.TempDir(), "carteiro.db")
	s := reopen(t, path, Options{})
	committed, stop := make(chan struct{}, 1), make(chan struct{})
	ended := overlap(t, s, committed, stop)
	written, longest := int64(0), int64(0)
	const size = 64 << 10
	for written < 4*logLimits.most {
		item := newItem(&placeIDs, carteiro.ID{1})
		item.Event.Payload = make([]byte, size)
		if _, err := s.Accept(t.Context(), store.Accept{Now: start.Add(time.Duration(written)), Items: []store.AcceptItem{item}}); err != nil {
			t.Fatal(err)
		}
		select {
		case committed <- struct{}{}:
		default:
		}
		info, err := os.Stat(path + logSuffix)
		must(t, err)
		written, longest = written+size, max(longest, info.Size())
	}
	close(stop)
	<-ended
	if longest > logLimits.most+2*logLimits.step {
		t.Errorf("the log reached %d MiB", longest>>20)
	}
}

// Small commits write whole pages, so that they make much more log than large ones with the same content.
func TestTheLogIsBoundedAtSmallCommits(t *testing.T) {
	smallLog(t)
	path := filepath.Join(t.TempDir(), "carteiro.db")
	l := newLoad(t, reopen(t, path, Options{}), 24)
	before, err := os.Stat(path)
	must(t, err)
	longest, copied := int64(0), false
	for range 200 {
		l.deliver(1, func(int) bool { return false })
		info, err := os.Stat(path + logSuffix)
		must(t, err)
		longest = max(longest, info.Size())
		if database, err := os.Stat(path); err == nil && database.Size() > before.Size() {
			copied = true
		}
	}
	if longest > logLimits.most || !copied {
		t.Errorf("the log reached %d MiB; copied into the database: %v", longest>>20, copied)
	}
}
