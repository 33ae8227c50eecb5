package e2e_test

import (
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
		page := h.get(t, "/agents")
		if want := map[bool]int{false: 200, true: 404}[off]; page.StatusCode != want {
			t.Errorf("off %v: the page is answered %d", off, page.StatusCode)
		}
		if api := h.get(t, "/api/v1/nothing"); api.StatusCode != http.StatusNotFound || api.Header.Get("Content-Type") != "application/json" {
			t.Errorf("off %v: the API answers %d %s", off, api.StatusCode, api.Header.Get("Content-Type"))
		}
		session, err := h.client().Session(within(t))
		if err != nil || session.Environment.Name != "test" || session.Version == "" {
			t.Errorf("off %v: %+v, %v", off, session, err)
		}
		h.stop()
	}
}

func (h *house) get(t *testing.T, path string) *http.Response {
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
	return resp
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
