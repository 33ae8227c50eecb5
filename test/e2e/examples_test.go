package e2e_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The receivers of examples/ take what a real server delivers, and refuse what is forged or old.
func TestExamplesVerifyWhatIsSent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, quick...).start()
	for name, command := range map[string]func(t *testing.T) *exec.Cmd{
		"go": func(t *testing.T) *exec.Cmd {
			program := filepath.Join(t.TempDir(), "receiver")
			build := exec.CommandContext(within(t), "go", "build", "-o", program, ".")
			build.Dir = "../../examples/go"
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return exec.Command(program)
		},
		"typescript": func(t *testing.T) *exec.Cmd {
			return exec.Command("node", prepared(t, "typescript/dist/receiver.js"))
		},
		"python": func(t *testing.T) *exec.Cmd {
			if _, err := os.Stat("../../examples/python/.venv/unreachable"); err == nil {
				t.Log("NOT TESTED: the registry of Python's packages cannot be reached")
				return nil
			}
			return exec.Command(prepared(t, "python/.venv/bin/python"), "../../examples/python/receiver.py")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if cmd := command(t); cmd != nil {
				testExample(t, h, cmd)
			}
		})
	}
}

// prepared is a file that scripts/need-examples makes.
func prepared(t *testing.T, file string) string {
	t.Helper()
	file = filepath.Join("..", "..", "examples", file)
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("%v: make test-examples makes it ready", err)
	}
	return file
}

func testExample(t *testing.T, h *house, cmd *exec.Cmd) {
	address := freeAddress(t)
	said := newTranscript()
	cmd.Env = cleanEnviron("WEBHOOK_SECRET="+secret, "ADDRESS="+address)
	out, err := cmd.StdoutPipe()
	if err == nil {
		if cmd.Stderr == nil {
			cmd.Stderr = cmd.Stdout
		}
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	go said.follow(out)
	sees := func(what string) {
		t.Helper()
		if _, err := said.await(within(t), regexp.MustCompile(what)); err != nil {
			t.Fatalf("waited for %q: %v; it said:\n%s", what, err, said)
		}
	}
	sees("receiving at http://" + address + "/hook")

	agent := h.agent()
	hook := h.webhook(agent, "http://"+address+"/hook", 0)
	event := h.publish(agent)
	h.statuses(hook, event.EventID, "success")
	sees("accepted: " + callEnded + " " + event.EventID)

	r := exampleReceiver{t: t, url: "http://" + address + "/hook"}
	now, body := time.Now(), []byte(`{"event":"x"}`)
	r.answers(http.StatusNoContent, r.signed("msg_1", now, body), body)
	sees("accepted: x msg_1")
	r.answers(http.StatusNoContent, r.signed("msg_1", now, body), body)
	sees("known: msg_1")
	r.answers(http.StatusUnauthorized, r.signed("msg_2", now, body), []byte(`{"event":"y"}`))
	r.answers(http.StatusUnauthorized, r.signed("msg_3", now.Add(-6*time.Minute), body), body)
	r.answers(http.StatusUnauthorized, http.Header{}, body)
	forged := r.signed("msg_4", now, body)
	forged.Set("webhook-id", "msg_5")
	r.answers(http.StatusUnauthorized, forged, body)
	forged.Set("webhook-signature", "v1,")
	r.answers(http.StatusUnauthorized, forged, body)
}

// exampleReceiver is called as a sender would.
type exampleReceiver struct {
	t   *testing.T
	url string
}

func (r exampleReceiver) signed(id string, at time.Time, body []byte) http.Header {
	r.t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		r.t.Fatal(err)
	}
	signature, err := hook.Sign(id, at, body)
	if err != nil {
		r.t.Fatal(err)
	}
	return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Webhook-Signature": {signature}}
}

func (r exampleReceiver) answers(status int, header http.Header, body []byte) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.t.Context(), patience)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != status {
		r.t.Errorf("%v %s is answered %d, want %d", header, body, resp.StatusCode, status)
	}
}
