//go:build interop

// Package interop runs the real binary against software of others: web servers and frameworks that receive webhooks,
// proxies between them, and HTTP clients that publish. Every test counts requests where they arrive: none may be lost, none
// may arrive twice, and no response may be recorded for another request. make interop installs what the tests need.
package interop_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/carteiro/carteiro/test/interop/rawserver"
)

// patience bounds every wait. It is long because machines differ in speed; nothing waits for it unless it fails.
const patience = 3 * time.Minute

var (
	binary  string // the carteiro under test
	shared  string // a directory for what all tests share
	secure  keys
	secured *tls.Config // of servers with that certificate
)

// keys are the files of a certificate for 127.0.0.1 and localhost, which is its own authority.
type keys struct{ certificate, key, both string }

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if shared, err = os.MkdirTemp("", "carteiro-interop-"); err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(shared) }()
	if err := os.Chmod(shared, 0o755); err != nil { // servers that drop root read their files here
		return 1, err
	}
	binary = filepath.Join(shared, "carteiro")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "../../cmd/carteiro")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w\n%s", err, out)
	}
	if secure, err = writeKeys(shared); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func writeKeys(dir string) (k keys, err error) {
	config, _, err := rawserver.Secured()
	if err != nil {
		return k, err
	}
	secured = config
	pair := config.Certificates[0]
	der, err := x509.MarshalECPrivateKey(pair.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		return k, err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	key := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	k = keys{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "both.pem")}
	for path, text := range map[string][]byte{k.certificate: certificate, k.key: key, k.both: append(bytes.Clone(certificate), key...)} {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return k, err
		}
	}
	return k, nil
}

// program is a process of somebody else's software.
type program struct {
	t      *testing.T
	dir    string
	args   []string
	cmd    *exec.Cmd
	output *output
	exited chan struct{}
	port   int // that it listens on, once listens was called
}

// start runs a program until the test ends. Its output is kept.
func start(t *testing.T, dir, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, dir: dir, args: append([]string{name}, args...), output: new(output)}
	p.begin()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.output.tail())
		}
	})
	return p
}

func (p *program) begin() {
	p.t.Helper()
	p.cmd, p.exited = exec.Command(p.args[0], p.args[1:]...), make(chan struct{})
	p.cmd.Dir = p.dir
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // workers end with it
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait()
		close(exited)
	}(p.cmd, p.exited)
}

// stop kills the program.
func (p *program) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// restart starts a stopped program again, on the same port.
func (p *program) restart() {
	p.t.Helper()
	p.begin()
	p.listens(p.port)
}

// listens waits until the program accepts connections on a port.
func (p *program) listens(port int) {
	p.t.Helper()
	p.port = port
	eventually(p.t, fmt.Sprintf("%s to listen on port %d", p.cmd.Path, port), func() bool {
		select {
		case <-p.exited:
			p.t.Fatalf("%s has ended:\n%s", p.cmd.Path, p.output.tail())
		default:
		}
		c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

// output is what a program has written.
type output struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// tail returns the end of it, for a failed test's log.
func (o *output) tail() string {
	const most = 4000
	text := o.String()
	return text[max(0, len(text)-most):]
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// freePort returns a port that nothing listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// write writes a file that others can read, with values in the place of NAME.
func write(t *testing.T, path, text string, values map[string]string) string {
	t.Helper()
	for name, value := range values {
		text = strings.ReplaceAll(text, name, value)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// workDir returns a directory that any user can read and write.
func workDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared, "test-") //nolint:usetesting // only root can enter the parents of t.TempDir
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
