//go:build interop

package interop_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/carteiro/carteiro/client"
)

// server is a carteiro that runs.
type server struct {
	t   *testing.T
	dir string
	url string
	*program
}

var serves = regexp.MustCompile(`(http://127\.0\.0\.1:\d+)`)

const adminToken = "an admin token of more than 32 characters"

// carteiro starts the server under test.
func carteiro(t *testing.T, flags ...string) *server {
	t.Helper()
	s := &server{t: t, dir: workDir(t)}
	s.program = start(t, s.dir, binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--rate-limit", "0",
		"--allow-private-networks", "--egress-ca-file", secure.certificate, "--admin-token", adminToken}, flags...)...)
	eventually(t, "carteiro to serve", func() bool {
		select {
		case <-s.exited:
			t.Fatalf("carteiro has ended:\n%s", s.output)
		default:
		}
		for line := range strings.Lines(s.output.String()) {
			if strings.Contains(line, "carteiro serves") {
				s.url = serves.FindString(line)
			}
		}
		return s.url != ""
	})
	return s
}

// hook is a webhook in an environment of its own.
type hook struct {
	t     *testing.T
	api   *client.Client
	token string
	agent string // id
	owner client.Owner
	id    string
	path  string // of its URL
	sent  []string
}

const callEnded = "event_phone_call_ended"

// hook registers a webhook for a URL in a new environment. It has no retries: what goes wrong once stays wrong.
func (s *server) hook(url string) *hook {
	s.t.Helper()
	environment, err := client.NewAdmin(s.url, adminToken).CreateEnvironment(s.t.Context(), client.NewID())
	must(s.t, err)
	agent := client.NewID()
	h := &hook{t: s.t, token: environment.Token.Secret, agent: agent, owner: client.AgentOwner(agent)}
	h.api = client.New(s.url, h.token)
	_, err = h.api.PutAgent(s.t.Context(), agent, "Ana")
	must(s.t, err)
	w, err := h.api.CreateWebhook(s.t.Context(), h.owner, client.WebhookSettings{
		Name: "interop", URL: url, Events: []string{callEnded}, MaxRetries: new(0), Timeout: 60, GenerateSecret: true,
	})
	must(s.t, err)
	h.id = w.ID
	h.path = url[strings.LastIndex(url, "/"):]
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// publish accepts n events, one by one from several callers and in batches.
func (h *hook) publish(n int) {
	h.t.Helper()
	event := client.Event{Owner: h.owner, Type: callEnded, Payload: json.RawMessage(`{"call_id":"c-1042","text":"ção \u0000 \"<>","n":1152921506151679043}`)}
	var mu sync.Mutex
	var publishing sync.WaitGroup
	for range 4 {
		publishing.Go(func() {
			for range n / 8 {
				accepted, err := h.api.Publish(h.t.Context(), event)
				if err != nil {
					h.t.Error(err)
					return
				}
				mu.Lock()
				h.sent = append(h.sent, accepted.EventID)
				mu.Unlock()
			}
		})
	}
	publishing.Wait()
	results, err := h.api.PublishBatch(h.t.Context(), slices.Repeat([]client.Event{event}, n-n/8*4))
	must(h.t, err)
	for _, r := range results {
		h.sent = append(h.sent, r.EventID)
	}
}

// one publishes an event and waits until it is delivered or has failed.
func (h *hook) one() {
	h.t.Helper()
	accepted, err := h.api.Publish(h.t.Context(), client.Event{Owner: h.owner, Type: callEnded, Payload: json.RawMessage(`{"n":1}`)})
	must(h.t, err)
	h.sent = append(h.sent, accepted.EventID)
	h.delivered()
}

// delivered waits until nothing is pending and returns the log.
func (h *hook) delivered() (logs []client.Log) {
	h.t.Helper()
	eventually(h.t, "deliveries to "+h.path, func() bool {
		_, page, err := h.api.ListLogs(h.t.Context(), h.owner, h.id, client.LogFilter{Status: client.StatusPending, PerPage: 1})
		must(h.t, err)
		return page.Total == 0
	})
	for log, err := range h.api.Logs(h.t.Context(), h.owner, h.id, client.LogFilter{}) {
		must(h.t, err)
		logs = append(logs, log)
	}
	return logs
}

// check requires that every event arrived once and that its response was recorded for it. arrived returns the requests that
// the receiver counted, each as "event-id path".
func (h *hook) check(arrived func() []string) {
	h.t.Helper()
	logs := h.delivered()
	if len(logs) != len(h.sent) {
		h.t.Errorf("%s: %d log entries for %d events", h.path, len(logs), len(h.sent))
	}
	for _, log := range logs {
		if want := log.EventID + " " + h.path; log.Status != client.StatusSuccess || strings.TrimSpace(log.ResponseBody) != want {
			h.t.Errorf("%s: %s, HTTP %d, %s (%s), response %q, want %q", h.path, log.Status, log.HTTPStatus, log.Error, log.ErrorDetail, log.ResponseBody, want)
		}
	}
	count := make(map[string]int)
	eventually(h.t, "the receiver's log of "+h.path, func() bool { // some write it after they have responded
		clear(count)
		n := 0
		for _, line := range arrived() {
			if id, path, ok := strings.Cut(line, " "); ok && path == h.path {
				count[id]++
				n++
			}
		}
		return n >= len(h.sent)
	})
	for _, id := range h.sent {
		if count[id] != 1 {
			h.t.Errorf("%s: event %s arrived %d times", h.path, id, count[id])
		}
		delete(count, id)
	}
	if len(count) > 0 {
		h.t.Errorf("%s: requests that nobody sent: %v", h.path, count)
	}
}

// linesOf returns a function that reads the lines of a receiver's log that begin with HIT.
func linesOf(t *testing.T, path string) func() []string {
	return func() (lines []string) {
		for line := range strings.Lines(read(t, path)) {
			if hit, ok := strings.CutPrefix(strings.TrimSpace(line), "HIT "); ok {
				lines = append(lines, hit)
			}
		}
		return lines
	}
}

// hits returns what a program has written about requests.
func (p *program) hits() (lines []string) {
	for line := range strings.Lines(p.output.String()) {
		if _, hit, ok := strings.Cut(strings.TrimSpace(line), "HIT "); ok {
			lines = append(lines, hit)
		}
	}
	return lines
}

// address returns the URL of a server on this machine.
func address(scheme string, port int, path string) string {
	return fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, port, path)
}

// testdata returns the absolute path of a file of testdata.
func testdata(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	must(t, err)
	return path
}
