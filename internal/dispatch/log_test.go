package dispatch

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// logged is what a dispatcher logs of results, one map for each line.
func logged(t *testing.T, level slog.Level, do func(d *Dispatcher)) (lines []map[string]any) {
	t.Helper()
	var out bytes.Buffer
	do(New(Config{IDs: new(carteiro.IDSource), Logger: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level}))}))
	for line := range strings.Lines(out.String()) {
		fields := map[string]any{}
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fields)
	}
	return lines
}

func failed() *result {
	return &result{Result: store.Result{
		Delivery: &carteiro.Delivery{Attempt: carteiro.Attempt{ID: carteiro.ID{1}, WebhookID: carteiro.ID{2}, EventID: carteiro.ID{3}, Number: 4}},
		Outcome:  &carteiro.Outcome{HTTPStatus: 500, Duration: time.Second, Reason: carteiro.ReasonHTTPStatus, Error: "HTTP 500"},
	}}
}

func TestEachAttemptIsLoggedWithWhatCameOfIt(t *testing.T) {
	retried, delivered := failed(), failed()
	retried.Next = &carteiro.Attempt{DueAt: time.Now()}
	delivered.Outcome = &carteiro.Outcome{Success: true, HTTPStatus: 204}
	all := func(d *Dispatcher) {
		d.logEnded(failed())
		d.logEnded(retried)
		d.logEnded(delivered)
	}
	if lines := logged(t, slog.LevelInfo, all); len(lines) != 1 || lines[0]["level"] != "INFO" {
		t.Errorf("at info: %v", lines)
	}
	lines := logged(t, slog.LevelDebug, all)
	if len(lines) != 3 {
		t.Fatalf("at debug: %v", lines)
	}
	final, again, success := lines[0], lines[1], lines[2]
	for key, want := range map[string]any{
		"event_id": carteiro.ID{3}.String(), "log_id": carteiro.ID{1}.String(), "webhook_id": carteiro.ID{2}.String(), "attempt": 4.0,
		"http_status": 500.0, "took": float64(time.Second), "reason": string(carteiro.ReasonHTTPStatus), "error": "HTTP 500",
		"next_attempt_at": nil, "not_logged_before": nil,
	} {
		if final[key] != want {
			t.Errorf("%s of a final failure: %v, want %v", key, final[key], want)
		}
	}
	if again["level"] != "DEBUG" || again["next_attempt_at"] == nil || again["msg"] == final["msg"] || again["reason"] == nil {
		t.Errorf("a failure that is retried: %v", again)
	}
	if success["level"] != "DEBUG" || success["msg"] == again["msg"] || success["error"] != nil || success["http_status"] != 204.0 {
		t.Errorf("a success: %v", success)
	}
}

func TestMoreFailuresThanAnyoneReadsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := logged(t, slog.LevelInfo, func(d *Dispatcher) {
			for range maxFailureLines + 5 {
				d.logEnded(failed())
			}
			<-time.After(time.Second)
			for range 2 {
				d.logEnded(failed())
			}
		})
		if len(lines) != maxFailureLines+2 {
			t.Fatalf("%d lines", len(lines))
		}
		if next := lines[maxFailureLines:]; next[0]["not_logged_before"] != 5.0 || next[1]["not_logged_before"] != nil {
			t.Errorf("in the next second: %v", next)
		}
	})
}
