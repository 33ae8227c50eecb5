package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// The dashboard's page and session, as a browser meets them.
func TestTheDashboardIsServedUnlessItIsSwitchedOff(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{false, true} {
		flags := []string{"--allow-private-networks"}
		if off {
			flags = append(flags, "--no-dashboard")
		}
		h := newHouse(t, flags...).start()
		for _, path := range []string{"/", "/agents"} {
			status, kind := h.get(t, path)
			if want := map[bool]string{false: "200 text/html; charset=utf-8", true: "404 application/json"}[off]; fmt.Sprint(status, " ", kind) != want {
				t.Errorf("off %v: %s is answered %d %s", off, path, status, kind)
			}
		}
		if status, kind := h.get(t, "/api/v1/nothing"); status != http.StatusNotFound || kind != "application/json" {
			t.Errorf("off %v: the API answers %d %s", off, status, kind)
		}
		session, err := h.client().Session(within(t))
		if err != nil || session.Environment.Name != "test" || session.Version == "" {
			t.Errorf("off %v: %+v, %v", off, session, err)
		}
		h.stop()
	}
}

func (h *house) get(t *testing.T, path string) (status int, kind string) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), http.MethodGet, h.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Content-Type")
}

// An open stream must not hold up a server that stops.
func TestAServerWithStreamsStops(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, always(200))
	h := newHouse(t, "--allow-private-networks").start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	req, err := http.NewRequestWithContext(within(t), http.MethodGet, h.url+"/api/v1/agents/"+hook.AgentID+"/webhooks/"+hook.ID+"/logs/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	begun := time.Now()
	h.stop()
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
