package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestCallsAreToldInOrderAndAsJSON(t *testing.T) {
	catalogue := carteiro.NewCatalogue(nil, nil)
	random := rand.New(rand.NewPCG(1, 1))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	told := make(map[string]bool)
	for range 200 {
		call := newCall(random)
		for i := 0; !call.done(); i++ {
			e := call.next(now)
			told[e.event] = true
			if (i == 0) != (e.event == "event_phone_call_started") || e.at != now {
				t.Errorf("event %d is %s at %s", i, e.event, e.at)
			}
			if !catalogue.Has(carteiro.OwnerAgent, e.event) {
				t.Errorf("%s is no event type of agents", e.event)
			}
			text, err := json.Marshal(e.payload)
			if err != nil || !strings.Contains(string(text), `"id":"`+call.id+`"`) {
				t.Errorf("%s: %s %v", e.event, text, err)
			}
			if number := e.payload["call"].(map[string]any)["to"].(string); !regexp.MustCompile(`^\+[1-9]\d{6,14}$`).MatchString(number) {
				t.Errorf("%s is not E.164", number)
			}
		}
	}
	for _, event := range eventTypes() {
		if !told[event] {
			t.Errorf("%s was never told", event)
		}
	}
}

func TestReceiverFailsOneInFiveAndSeldomTwice(t *testing.T) {
	r := newReceiver(1, &lines{w: new(bytes.Buffer)})
	const events = 4000
	var first, second, third int
	for i := range events {
		id := fmt.Sprint(i)
		for attempt, failures := range []*int{1: &first, 2: &second, 3: &third} {
			if attempt == 0 {
				continue
			}
			a := r.decide(id, attempt)
			if a.wait < 20*time.Millisecond || a.wait > 200*time.Millisecond {
				t.Fatal(a.wait)
			}
			if a.status == http.StatusOK {
				break
			}
			*failures++
		}
	}
	if share := first * 100 / events; share < 15 || share > 25 {
		t.Errorf("%d %% of first attempts failed", share)
	}
	if share := second * 100 / first; share < 15 || share > 35 {
		t.Errorf("%d %% of second attempts failed", share)
	}
	if third > 0 {
		t.Errorf("%d third attempts failed", third)
	}
}

func TestTheFourthEventFailsForGood(t *testing.T) {
	for seed := range uint64(20) {
		r := newReceiver(seed, &lines{w: new(bytes.Buffer)})
		for _, id := range []string{"a", "b", "c"} {
			r.decide(id, 1)
		}
		if one, two, three := r.decide("d", 1), r.decide("d", 2), r.decide("d", 3); one.status != 500 || two.status != 500 || three.status != 200 {
			t.Error(one, two, three)
		}
	}
}

// server is what a demo needs of Carteiro: it delivers an event at once, twice when the first try failed.
type server struct {
	t        *testing.T
	receiver string
	mu       sync.Mutex
	attempts int
}

const (
	agentID   = "01990e54-9d6b-7f00-8f63-3c1f0a5d7b21"
	webhookID = "01990e60-0c2b-7d11-9c7e-5a4b3c2d1e0f"
)

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Name, Event string
		WebhookURL  string `json:"webhook_url"`
		Secret      string `json:"webhook_secret"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	answer := `{}`
	switch path := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v1/agents/"), "/"); {
	case r.Method == http.MethodPut:
		answer = `{"id":"` + agentID + `","name":"` + body.Name + `"}`
	case path[1] == "webhooks" && r.Method == http.MethodPost:
		s.receiver = body.WebhookURL
		answer = `{"id":"` + webhookID + `","webhook_url":"` + body.WebhookURL + `"}`
		if !strings.HasPrefix(body.Secret, "whsec_") {
			s.t.Errorf("secret %q", body.Secret)
		}
	case path[1] == "events":
		go s.deliver(body.Event)
	case r.Method == http.MethodGet:
		answer = `{"id":"` + path[4] + `","status":"failed","error":"HTTP 500 Internal Server Error"}`
	}
	_, _ = fmt.Fprintf(w, `{"success":true,"data":%s}`, answer)
}

func (s *server) deliver(event string) {
	s.mu.Lock()
	s.attempts++
	id := fmt.Sprintf("event-%d", s.attempts)
	s.mu.Unlock()
	for attempt := 1; attempt <= 2; attempt++ {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.receiver, strings.NewReader(`{}`))
		if err != nil {
			s.t.Error(err)
			return
		}
		req.Header.Set("webhook-id", id)
		req.Header.Set("X-Webhook-Event", event)
		req.Header.Set("X-Webhook-Attempt", fmt.Sprint(attempt))
		req.Header.Set("X-Webhook-Log-Id", fmt.Sprintf("log-of-%s-%d", id, attempt))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return // the demo has ended
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
}

// screen is a terminal that says when it shows what is wanted.
type screen struct {
	mu    sync.Mutex
	text  strings.Builder
	wants *regexp.Regexp
	shown chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	if s.wants != nil && s.wants.MatchString(s.text.String()) {
		s.wants = nil
		close(s.shown)
	}
	return len(p), nil
}

func TestDemoSaysHowToRetryWhatHasFailedForGood(t *testing.T) {
	api := httptest.NewServer(&server{t: t})
	defer api.Close()
	ctx, cancel := context.WithCancel(t.Context())
	terminal := &screen{wants: regexp.MustCompile(`/logs/log-of-event-\d+-2/retry'`), shown: make(chan struct{})}
	ended := make(chan error)
	go func() {
		ended <- Run(ctx, Config{BaseURL: api.URL, Token: "talq_x", Out: terminal, Every: 10 * time.Millisecond, Seed: 3})
	}()
	select {
	case <-terminal.shown:
	case err := <-ended:
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	text := terminal.text.String()
	for _, line := range []string{
		"  token    talq_x",
		"  agent    " + agentID,
		"  webhook  " + webhookID,
		"curl -s -H 'Authorization: Bearer talq_x' '" + api.URL + "/api/v1/agents/" + agentID + "/webhooks/" + webhookID + "/logs?per_page=5'",
		"event_phone_call_started           attempt 1  ",
		"curl -s -X POST -H 'Authorization: Bearer talq_x' '",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("not shown: %s", line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	if n := strings.Count(text, "Retry it by hand"); n != 1 {
		t.Errorf("told %d times how to retry", n)
	}
}

func TestDemoFailsWhenTheServerRefuses(t *testing.T) {
	api := httptest.NewServer(http.NotFoundHandler())
	defer api.Close()
	if err := Run(t.Context(), Config{BaseURL: api.URL, Out: new(bytes.Buffer)}); err == nil {
		t.Error("no error")
	}
}
