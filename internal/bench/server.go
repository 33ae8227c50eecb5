package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/carteiro/carteiro/internal/config"
)

// server is a Carteiro in a process of its own, so that its time and memory can be told from the benchmark's.
type server struct {
	binary   string
	database string
	settings []string // flags beside those that every benchmark sets
	command  *exec.Cmd
	url      string
}

// startServer starts the binary's own serve verb on a free port.
func startServer(ctx context.Context, database string, settings ...string) (*server, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{binary: binary, database: database, settings: settings}
	err = s.start(ctx)
	return s, err
}

func (s *server) start(ctx context.Context) error {
	// Not bound to ctx: whoever gives up a benchmark stops the server as one does.
	//nolint:gosec // it is this very program
	s.command = exec.CommandContext(context.WithoutCancel(ctx), s.binary, append([]string{"serve", "--listen=127.0.0.1:0",
		"--allow-private-networks", "--rate-limit=0", "--log-format=json", "--log-level=info", "--drain-timeout=5s"}, s.settings...)...)
	// Not a flag: the URL may hold a password, and flags are seen by everybody on the machine.
	s.command.Env = append(s.command.Environ(), config.EnvPrefix+"_DATABASE="+s.database)
	stderr, err := s.command.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.command.Start(); err != nil {
		return err
	}
	listening := make(chan string, 1)
	var last string
	go func() {
		defer close(listening)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			var line struct{ Msg, Address string }
			last = lines.Text()
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "carteiro serves" {
				listening <- line.Address
			}
		}
		_, _ = io.Copy(io.Discard, stderr) // a line too long for the scanner must not block the server
	}()
	select {
	case address, ok := <-listening:
		if !ok {
			return fmt.Errorf("the server did not start: %s", last)
		}
		s.url = address
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), s.kill())
	}
}

// stop asks the server to drain and waits for it.
func (s *server) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.command.Wait()
}

// kill ends the server as kill -9 does.
func (s *server) kill() error {
	err := s.command.Process.Kill()
	_ = s.command.Wait() // it was killed: that it says so is no news
	return err
}

// usage is what a process has used so far. It is zero where the system has no /proc.
type usage struct {
	cpu        time.Duration
	peakMemory int64 // bytes
}

func (s *server) usage() usage { return processUsage(s.command.Process.Pid) }

func processUsage(pid int) (u usage) {
	proc := "/proc/" + strconv.Itoa(pid)
	if stat, err := os.ReadFile(filepath.Join(proc, "stat")); err == nil { //nolint:gosec // a path made of a number
		// The fields behind the name, which may hold spaces; utime and stime are the 14th and 15th of all, in 1/100 s.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, _ := strconv.ParseInt(field, 10, 64)
			u.cpu += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	if status, err := os.ReadFile(filepath.Join(proc, "status")); err == nil { //nolint:gosec // likewise
		for line := range strings.Lines(string(status)) {
			if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kib), " kB"), 10, 64)
				u.peakMemory = n << 10
			}
		}
	}
	return u
}
