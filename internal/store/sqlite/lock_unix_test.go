//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqlite

import (
	"os"
	"path/filepath"
	"testing"
)

// A server that opens the lock file just before its holder removes it must not take its lock on the removed file: the
// next server would create the file again and lock that one too.
func TestALockOnARemovedFileIsNotTheServersLock(t *testing.T) {
	for name, then := range map[string]func(t *testing.T, path string){
		"removed": func(*testing.T, string) {},
		"replaced": func(t *testing.T, path string) {
			t.Helper()
			writeFile(t, path, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "carteiro.db-lock")
			file, err := os.Create(path)
			must(t, err)
			must(t, os.Remove(path))
			then(t, path)
			lock, held, err := lockFile(path, file)
			if lock != nil || !held || err != nil {
				t.Fatalf("lock %v, held %v, %v; want no lock and another try", lock, held, err)
			}
			if err := file.Close(); err == nil {
				t.Error("the removed file was left open")
			}
			lock, held, err = lockServer(path)
			if lock == nil || !held || err != nil {
				t.Fatalf("lock %v, held %v, %v; want the lock", lock, held, err)
			}
			must(t, lock.release())
		})
	}
}

func TestReleasingALockLeavesTheFileOfAnotherServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carteiro.db-lock")
	first, _, err := lockServer(path)
	must(t, err)
	must(t, os.Remove(path))
	second, held, err := lockServer(path)
	if second == nil || !held || err != nil {
		t.Fatalf("lock %v, held %v, %v; want the lock", second, held, err)
	}
	must(t, first.release())
	if third, held, err := lockServer(path); third != nil || held || err != nil {
		t.Errorf("lock %v, held %v, %v; want the lock to be taken", third, held, err)
	}
	must(t, second.release())
	if _, err := os.Stat(path); err == nil {
		t.Error("the file was left behind")
	}
}
