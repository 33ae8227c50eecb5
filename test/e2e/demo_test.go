package e2e_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// What somebody sees who has just cloned the project and typed "make run": every line to paste works as it is pasted.
func TestDemoShowsLinesThatWork(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is not installed: scripts/need-curl does that")
	}
	temporary := t.TempDir()
	p, err := launch(within(t), t.TempDir(), cleanEnviron("TMPDIR="+temporary), "--demo", "--retry-schedule", "100ms")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		<-p.exited
	})
	paste := func(line string) string {
		t.Helper()
		out, err := exec.Command("sh", "-c", line).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
	shown := func(pattern string) string {
		t.Helper()
		line, err := p.out.await(within(t), regexp.MustCompile(pattern))
		if err != nil {
			t.Fatalf("%s: %v\n%s\n%s", pattern, err, p.out, p.log)
		}
		return strings.TrimSpace(line)
	}

	shown(`^  token    talq_`)
	shown(`^  secret   whsec_`)
	publish := shown(`^  curl .*/events'$`)
	if answer := paste(publish); !strings.Contains(answer, `"message":"Event accepted"`) || !strings.Contains(answer, `"deliveries":1`) {
		t.Errorf("%s: %s", publish, answer)
	}
	shown(`^\d\d:\d\d:\d\d  event_phone_call_ended +attempt 1  `)
	list := shown(`^  curl .*logs\?per_page=5'$`)
	if answer := paste(list); !strings.Contains(answer, `"success":true`) || !strings.Contains(answer, `"event":"event_phone_call_ended"`) {
		t.Errorf("%s: %s", list, answer)
	}
	retry := shown(`^  curl .*/retry'$`)
	failed := shown(`^  curl .*logs\?status=failed&per_page=5'$`)
	if answer := paste(failed); !strings.Contains(answer, `"status":"failed"`) {
		t.Errorf("%s: %s", failed, answer)
	}
	if answer := paste(retry); !strings.Contains(answer, `"message":"Webhook retry queued successfully"`) {
		t.Errorf("%s: %s", retry, answer)
	}
	shown(`attempt 3  200 OK`)

	p.signal(syscall.SIGINT)
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
