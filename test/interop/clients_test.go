//go:build interop

package interop_test

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestEventsOfOthersClientsAreAcceptedOnce publishes with curl, Node's fetch and Python's http.client, directly and through
// nginx, with a small body and with one for which curl asks first (Expect: 100-continue).
func TestEventsOfOthersClientsAreAcceptedOnce(t *testing.T) {
	r := node("http")(t, on)
	s := carteiro(t, "--max-payload", "4194304")
	direct, err := url.Parse(s.url)
	must(t, err)
	port, err := strconv.Atoi(direct.Port())
	must(t, err)
	proxy := front(t, port, "keepalive_requests 5")
	for way, base := range map[string]string{
		"directly": s.url, "through nginx": address("http", proxy.plain, ""), "through nginx with TLS": address("https", proxy.tls, ""),
	} {
		for client, command := range map[string][]string{
			"curl": {"sh", "publish.sh"}, "fetch": {"node", "publish.mjs"}, "http.client": {"python3", "publish.py"},
		} {
			for size, filler := range map[string]int{"small": 10, "large": 2 << 20} {
				t.Run(client+" "+way+" "+size, func(t *testing.T) {
					path := "/" + strings.NewReplacer(" ", "-").Replace(client+" "+way+" "+size)
					h := s.hook(address("http", r.plain, path))
					h.t = t
					body := write(t, filepath.Join(workDir(t), "body.json"), `{"event":"`+callEnded+`","payload":{"n":1,"text":"`+strings.Repeat("ç", filler/2)+`"}}`, nil)
					args := []string{testdata(t, command[1]), "10", base + "/api/v1/agents/" + h.agent + "/events", h.token, secure.certificate, body}
					for range 2 { // the keys are the same: nothing is published again
						h.sent = accepted(t, command[0], args...)
					}
					if len(h.sent) != 10 {
						t.Fatalf("%d events are accepted", len(h.sent))
					}
					h.check(r.hits)
				})
			}
		}
	}
}

// accepted runs a client and returns the ids of the events, each line of its output being an answer.
func accepted(t *testing.T, program string, args ...string) (events []string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+secure.certificate)
	var fault strings.Builder
	cmd.Stderr = &fault
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", program, args, err, out, fault.String())
	}
	for line := range strings.Lines(string(out)) {
		var answer struct {
			Data struct {
				EventID string `json:"event_id"`
			} `json:"data"`
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		must(t, json.Unmarshal([]byte(line), &answer))
		events = append(events, answer.Data.EventID)
	}
	return events
}
