package e2e_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/carteiro/carteiro/client"
)

// process is a carteiro that runs.
type process struct {
	cmd    *exec.Cmd
	log    *transcript // standard error
	out    *transcript // standard output
	url    string
	exited chan struct{} // closed when it has, after which code is set
	code   int
}

// serving is how a server says where it listens.
var serving = regexp.MustCompile(`"?carteiro serves"?.*address["=:]+(http://[^\s"]+)`)

// launch runs "carteiro serve" on a free port of the loopback, and gives it once it serves. A process that ends before
// that is given too, with an error.
func launch(ctx context.Context, dir string, environ []string, args ...string) (*process, error) {
	return launchUnder(ctx, []string{binary}, dir, environ, args...)
}

// launchUnder is launch with the beginning of a command line: the binary, behind another program that is to start it, if any.
func launchUnder(ctx context.Context, under []string, dir string, environ []string, args ...string) (*process, error) {
	command := append(slices.Clone(under), "serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
	command = append(command, args...)
	p := &process{cmd: exec.Command(command[0], command[1:]...), log: newTranscript(), out: newTranscript(), exited: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = environ
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	read := make(chan struct{})
	go func() {
		p.out.follow(stdout)
		close(read)
	}()
	go func() {
		p.log.follow(stderr)
		<-read
		_ = p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		close(p.exited)
	}()
	line, err := p.log.await(ctx, serving)
	if err != nil {
		p.kill()
		<-p.exited
		return p, fmt.Errorf("%w; exit code %d; it said:\n%s", err, p.code, p.log)
	}
	p.url = serving.FindStringSubmatch(line)[1]
	return p, nil
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process as a power cut would, as far as it can tell.
func (p *process) kill() { p.signal(syscall.SIGKILL) }

// wait gives the exit code, -1 when a signal has ended the process.
func (p *process) wait(t testing.TB) int {
	t.Helper()
	next(t, p.exited, "the process to end, which said:\n"+p.log.String())
	return p.code
}

// transcript is the lines that a process has written so far.
type transcript struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed when there is more, and made anew
	ended bool
}

func newTranscript() *transcript { return &transcript{more: make(chan struct{})} }

func (t *transcript) follow(r io.Reader) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		t.add(scanner.Text(), false)
	}
	t.add("", true)
}

func (t *transcript) add(line string, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended = ended; !ended {
		t.lines = append(t.lines, line)
	}
	close(t.more)
	t.more = make(chan struct{})
}

var errEnded = errors.New("the process has ended")

// await gives the first line that matches, written already or later.
func (t *transcript) await(ctx context.Context, what *regexp.Regexp) (string, error) {
	seen := 0
	for {
		t.mu.Lock()
		lines, more, ended := t.lines[seen:], t.more, t.ended
		seen = len(t.lines)
		t.mu.Unlock()
		for _, line := range lines {
			if what.MatchString(line) {
				return line, nil
			}
		}
		if ended {
			return "", errEnded
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

// cleanEnviron is that of a fresh shell, without settings of Carteiro. The last one of a name counts.
func cleanEnviron(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TMPDIR=" + os.TempDir(), raceSetting + "=" + raceOptions,
	}, more...)
}

// The race detector holds a process up for a second before it ends, unless told not to.
const (
	raceSetting = "GORACE"
	raceOptions = "atexit_sleep_ms=0"
)

// house is a directory with a database file, or a place beside a database elsewhere, its environment, and the servers that
// run on it one after another.
type house struct {
	t       testing.TB
	dir     string
	token   string
	flags   []string
	environ []string // variables of its own
	under   []string // the program that its servers are launched by, if any
	program string   // the carteiro that its servers run; empty: binary
	*process
}

// newHouse makes a database with an environment. The flags are those that each of its servers gets.
func newHouse(t testing.TB, flags ...string) *house {
	t.Helper()
	return newHouseIn(t, nil, flags...)
}

// newHouseIn is newHouse with variables that all of its processes get.
func newHouseIn(t testing.TB, environ []string, flags ...string) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), flags: flags, environ: environ}
	h.token = h.environment("test")
	return h
}

// command runs another command of the binary in the directory and gives what it printed.
func (h *house) command(args ...string) (stdout string, err error) {
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = h.dir, cleanEnviron(h.environ...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("carteiro %s: %w: %s", strings.Join(args, " "), err, &said)
	}
	return string(out), err
}

// environment makes one and gives its token.
func (h *house) environment(name string) string {
	h.t.Helper()
	out, err := h.command("environment", "create", name, "--json")
	var made struct{ Token string }
	if err == nil {
		err = json.Unmarshal([]byte(out), &made)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return made.Token
}

// start starts a server that is killed at the end of the test, should it still run.
func (h *house) start() *house {
	h.t.Helper()
	p, err := launchUnder(within(h.t), append(slices.Clone(h.under), cmp.Or(h.program, binary)), h.dir, cleanEnviron(h.environ...), h.flags...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.process = p
	h.t.Cleanup(func() {
		p.kill()
		<-p.exited
		if strings.Contains(p.log.String(), "DATA RACE") {
			h.t.Errorf("the server has a data race:\n%s", p.log)
		}
		if h.t.Failed() {
			h.t.Logf("the server said:\n%s", p.log)
		}
	})
	return h
}

// stop stops the server as an init system would, and fails the test unless it drained.
func (h *house) stop() {
	h.t.Helper()
	h.signal(syscall.SIGTERM)
	if code := h.wait(h.t); code != 0 {
		h.t.Errorf("exit code %d, want 0", code)
	}
}

func (h *house) client() *client.Client { return client.New(h.url, h.token) }
