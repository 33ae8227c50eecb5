package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	bigendian "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts tells the stories of the command line that stand in testdata/script. Beside testscript's own commands
// they know those of scriptCommands.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv(raceSetting, raceOptions)
			e.Values[runningKey{}] = new(running)
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition == "root" { // who may write where others may not
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", condition)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":  exits,
			"serve":  serve,
			"stop":   stop,
			"hangup": hangup,
			"api":    callAPI,
			"take":   take,
			"hashed": hashed,
			"newer":  newer,
		},
	})
}

// running is the server of a script, if one runs.
type running struct{ *process }

type runningKey struct{}

// exits CODE PROGRAM ARGS… runs a program, which must exit with this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if want, err := strconv.Atoi(args[0]); err != nil || code != want {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// serve FLAGS… starts a server on a free port, with the script's environment, and sets $URL and $ADDRESS once it serves.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	r := ts.Value(runningKey{}).(*running)
	if neg || r.process != nil {
		ts.Fatalf("usage: serve FLAGS…, once until stop")
	}
	var environ []string
	for _, name := range append([]string{"PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", raceSetting}, settings...) {
		if value := ts.Getenv(name); value != "" {
			environ = append(environ, name+"="+value)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := launch(ctx, ts.MkAbs("."), environ, args...)
	ts.Check(err)
	r.process = p
	ts.Defer(func() {
		p.kill()
		<-p.exited
		ts.Logf("the server said:\n%s", p.log)
	})
	ts.Setenv("URL", p.url)
	ts.Setenv("ADDRESS", strings.TrimPrefix(p.url, "http://"))
}

// hangup TEXT sends the server SIGHUP and waits until its log says TEXT.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	r := ts.Value(runningKey{}).(*running)
	if neg || len(args) != 1 || r.process == nil {
		ts.Fatalf("usage: hangup TEXT, after serve")
	}
	r.signal(syscall.SIGHUP)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := r.log.await(ctx, regexp.MustCompile(args[0]))
	ts.Check(err)
}

// stop stops the server as an init system would. It must exit with code 0.
func stop(ts *testscript.TestScript, neg bool, args []string) {
	r := ts.Value(runningKey{}).(*running)
	if neg || len(args) > 0 || r.process == nil {
		ts.Fatalf("usage: stop, after serve")
	}
	r.signal(syscall.SIGTERM)
	select {
	case <-r.exited:
	case <-time.After(patience):
		ts.Fatalf("the server does not stop")
	}
	if r.code != 0 {
		ts.Fatalf("the server exited with code %d", r.code)
	}
	_, _ = io.WriteString(ts.Stderr(), r.log.String())
	r.process = nil
}

// api [STATUS] METHOD PATH TOKEN [BODY] calls the running server and prints its answer. With a status it calls again
// until that is the answer's.
func callAPI(ts *testscript.TestScript, neg bool, args []string) {
	want := ""
	if len(args) > 0 && args[0] != strings.ToUpper(args[0]) || len(args) < 3 || neg {
		ts.Fatalf("usage: api [STATUS] METHOD PATH TOKEN [BODY]")
	}
	if _, err := strconv.Atoi(args[0]); err == nil {
		want, args = args[0], args[1:]
	}
	body := ""
	if len(args) > 3 {
		body = args[3]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var (
		status int
		answer string
	)
	err := poll(ctx, func(ctx context.Context) bool {
		var err error
		status, answer, err = call(ctx, args[0], ts.Getenv("URL")+args[1], args[2], body)
		ts.Check(err)
		return want == "" || want == strconv.Itoa(status)
	})
	if err != nil {
		ts.Fatalf("status %d, not %s: %s", status, want, answer)
	}
	_, _ = io.WriteString(ts.Stdout(), strconv.Itoa(status)+" "+answer+"\n")
}

func call(ctx context.Context, method, url, token, body string) (status int, answer string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// take NAME MEMBER sets $NAME to a member of the JSON object that was printed last; its value must be a string.
func take(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: take NAME MEMBER")
	}
	_, rest, ok := strings.Cut(ts.ReadFile("stdout"), `"`+args[1]+`":"`)
	value, _, closed := strings.Cut(rest, `"`)
	if !ok || !closed {
		ts.Fatalf("no member %s", args[1])
	}
	ts.Setenv(args[0], value)
}

// hashed TOKEN FILES… finds the SHA-256 of a token in one of the files, and nothing of the token itself in any.
func hashed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: hashed TOKEN FILES…")
	}
	token, found := args[0], false
	sum := sha256.Sum256([]byte(token))
	for _, name := range args[1:] {
		text, err := os.ReadFile(ts.MkAbs(name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		ts.Check(err)
		found = found || bytes.Contains(text, sum[:])
		if bytes.Contains(text, []byte(strings.TrimPrefix(token, "talq_"))) {
			ts.Fatalf("%s holds the token", name)
		}
	}
	if !found {
		ts.Fatalf("no file holds the hash of the token")
	}
}

// newer FILE makes a database look as if a newer version had changed it: SQLite keeps the user_version of a file in the
// four bytes from 60.
func newer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: newer FILE")
	}
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0)
	ts.Check(err)
	defer file.Close()
	_, err = file.WriteAt(bigendian.BigEndian.AppendUint32(nil, 9999), 60)
	ts.Check(err)
}

// settings are the environment variables of all flags of serve.
var settings = []string{
	"CARTEIRO_DATABASE", "CARTEIRO_DATABASE_CONNECTIONS", "CARTEIRO_DATABASE_TIMEOUT", "CARTEIRO_LISTEN", "CARTEIRO_DRAIN_TIMEOUT",
	"CARTEIRO_TAKEOVER", "CARTEIRO_RETRY_SCHEDULE", "CARTEIRO_RETENTION",
	"CARTEIRO_ALLOW_PRIVATE_NETWORKS", "CARTEIRO_RATE_LIMIT", "CARTEIRO_MAX_PAYLOAD", "CARTEIRO_EVENTS_FILE",
	"CARTEIRO_LOG_LEVEL", "CARTEIRO_LOG_LEVEL_FILE", "CARTEIRO_LOG_FORMAT", "CARTEIRO_BULK_RETRY_RATE", "CARTEIRO_DISABLE_AFTER", "CARTEIRO_DASHBOARD",
	"CARTEIRO_SOURCES_FILE", "CARTEIRO_MAX_WEBHOOKS", "CARTEIRO_ENCRYPTION_KEY", "CARTEIRO_ENCRYPTION_KEY_FILE",
	"CARTEIRO_EGRESS_PROXY", "CARTEIRO_EGRESS_CA_FILE",
	"CARTEIRO_METRICS_LISTEN", "CARTEIRO_DEBUG_LISTEN",
	"CARTEIRO_ADMIN_TOKEN", "CARTEIRO_ADMIN_TOKEN_FILE", "CARTEIRO_AUDIT_RETENTION", "CARTEIRO_TRUSTED_PROXIES", "CARTEIRO_MEMORY_BUDGET",
}

// Whoever adds a setting says here that it can be set by a variable, and in testdata/script/variables.txtar that it is
// looked at.
func TestHelpNamesTheVariableOfEachSetting(t *testing.T) {
	t.Parallel()
	help, err := exec.Command(binary, "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	text := string(help)
	for _, name := range settings {
		if strings.Count(text, "$"+name+")") != 1 {
			t.Errorf("help does not name %s once", name)
		}
	}
	if n := strings.Count(text, "$CARTEIRO_"); n != len(settings) {
		t.Errorf("help names %d variables, this test knows %d", n, len(settings))
	}
}
