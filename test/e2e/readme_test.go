package e2e_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The commands of the README and of the quick start work as they stand: all of a page's, in their order, in one shell, but on
// ports that are free.
func TestCommandsOfThePagesWork(t *testing.T) {
	t.Parallel()
	for page, signs := range map[string][]string{
		"README.md":                 {`"message":"Event accepted"`, `"error":"Connection refused"`, `attempt 3: {`, `"trigger":"manual"`},
		"docs/quick-start.md":       quickStart,
		"docs/pt-BR/quick-start.md": quickStart,
	} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			testCommands(t, "../../"+page, signs)
		})
	}
}

// quickStart is what is seen in the quick start, in every language.
var quickStart = []string{
	`"message":"Event accepted"`, `attempt 1 of `, `"call_id":"c-1042"`, `"error":"Connection refused"`, `attempt 3 of `, `"trigger":"manual"`,
}

// testCommands runs the commands of a page, and looks for signs in what they print.
func testCommands(t *testing.T, page string, signs []string) {
	t.Helper()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatal(tool + " is not installed: make test does that for curl")
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(dir, "bin", "carteiro")); err != nil {
		t.Fatal(err)
	}
	blocks := bashBlocks(string(text))
	if len(blocks) < 6 {
		t.Fatalf("%d blocks to run", len(blocks))
	}
	server, receiver := freeAddress(t), freeAddress(t)
	story := strings.NewReplacer("127.0.0.1:8080", server, "127.0.0.1:9000", receiver).Replace(
		"set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n" + strings.Join(blocks, "\n") + "\necho the end\n")

	cmd := exec.CommandContext(within(t), "bash", "-c", story)
	cmd.Dir = dir
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = cleanEnviron("CARTEIRO_LISTEN="+server, "GOCACHE="+strings.TrimSpace(string(cache)), "GOTOOLCHAIN=local")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// Should it not end, then what it has started must end all the same: all of it is one group of processes.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "the end") {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, sign := range signs {
		if !strings.Contains(out.String(), sign) {
			t.Errorf("%s was not seen in\n%s", sign, &out)
		}
	}
}

// bashBlocks gives the bash blocks of a page but those that follow a comment that begins with "not run".
func bashBlocks(page string) (blocks []string) {
	parts := strings.Split(page, "```bash\n")
	for i, part := range parts[1:] {
		lines := strings.Split(strings.TrimSpace(parts[i]), "\n")
		if strings.HasPrefix(lines[len(lines)-1], "<!-- not run") {
			continue
		}
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	return blocks
}

// freeAddress gives an address of the loopback that nothing listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
