package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// Root may write everywhere: the thread that opens is made a nobody as far as files go. It ends with its goroutine.
func TestWhatMayNotBeWrittenIsLeftUntouched(t *testing.T) {
	for name, mode := range map[string]struct{ dir, file os.FileMode }{
		"a file that may only be read":      {0o777, 0o444},
		"a file that may not be read":       {0o777, 0o000},
		"a directory that may only be read": {0o555, 0o666},
		"both":                              {0o555, 0o444},
	} {
		for _, shared := range []bool{false, true} {
			for _, made := range []bool{false, true} {
				if !made && mode.dir == 0o777 {
					continue // there is no file, and one may be made
				}
				t.Run(name, func(t *testing.T) {
					dir := t.TempDir()
					t.Cleanup(func() { chmod(t, dir, 0o700) }) // so that it can be removed
					path := filepath.Join(dir, "carteiro.db")
					if made {
						closeStore(t, mustOpen(t, path, Options{}))
						chmod(t, path, mode.file)
					}
					chmod(t, dir, mode.dir)
					done := make(chan struct{})
					go func() {
						defer close(done)
						runtime.LockOSThread()
						if os.Geteuid() == 0 {
							if err := syscall.Setfsuid(65534); err != nil {
								t.Error(err)
							}
						}
						s, err := Open(t.Context(), path, Options{Shared: shared})
						if err == nil {
							_ = s.Close()
						}
						var e *Error
						if !errors.As(err, &e) {
							t.Errorf("error is %v", err)
						} else if e.Code != CodeReadOnly && e.Code != CodeUnreachable || e.Hint == "" {
							t.Errorf("code %s: %v", e.Code, err)
						}
					}()
					<-done
					want := 0
					if made {
						want = 1
					}
					if left := snapshot(t, dir); len(left) != want {
						t.Errorf("there are %d files, want %d", len(left), want)
					}
				})
			}
		}
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
