// Package e2e_test drives the real binary over real HTTP, as its users do: stories of the command line in
// testdata/script, and Go tests for what takes a receiver, a crash or many callers. Nothing here knows the inside.
package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// binary is the carteiro under test, built once: with the race detector when the tests run under it.
var binary string

// testVersion is what the binary is stamped with.
const testVersion = "v0.0.0-e2e"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "carteiro-e2e-")
	if err == nil {
		binary = filepath.Join(dir, "carteiro")
		err = build(binary, underRace)
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func build(to string, race bool) error {
	args := []string{"build", "-buildvcs=false", "-ldflags", "-X main.version=" + testVersion, "-o", to}
	if race {
		args = append(args, "-race", "-gcflags=modernc.org/...=-race=false") // as in the Makefile
	}
	out, err := exec.Command("go", append(args, "github.com/carteiro/carteiro/cmd/carteiro")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// patience is how long anything here may take that has to happen. It is only ever waited out by a test that fails.
const patience = 30 * time.Second

// within gives a context for what has to happen soon.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// next waits for what comes out of a channel.
func next[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-within(t).Done():
		t.Fatalf("waited %s in vain for %s", patience, what)
		panic("unreachable")
	}
}

// eventually waits until ok says that it is so.
func eventually(t testing.TB, what string, ok func(ctx context.Context) bool) {
	t.Helper()
	if err := poll(within(t), ok); err != nil {
		t.Fatalf("waited %s in vain: %s", patience, what)
	}
}

// poll asks again and again until ok says that it is so. The API has no call that waits for a delivery to be recorded, or
// for a rotated token to be noticed, and a receiver hears of a request before that: there is no signal to wait for.
func poll(ctx context.Context, ok func(ctx context.Context) bool) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !ok(ctx) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
