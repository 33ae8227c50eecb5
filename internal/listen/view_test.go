package listen

import (
	"bytes"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
)

// shown tells a short story to a view and gives what it writes.
func shown(t *testing.T, width func() int, color bool) string {
	t.Helper()
	var out bytes.Buffer
	forward, err := url.Parse("http://u:secret@localhost:3000/hook")
	if err != nil {
		t.Fatal(err)
	}
	c := &Config{Webhook: client.Webhook{Name: "CRM\x1b[2J"}, Forward: forward, Out: &out, Width: width, Color: color}
	v := newView(c)
	v.printHeader(c)
	v.open()
	d := &client.Delivery{Event: "event_action", EventID: "e-1", Attempt: 2, Trigger: "manual"}
	v.begin(d)
	v.end(d, result{status: 204, took: 1234 * time.Microsecond})
	v.end(d, result{status: 500, fault: printable("no\nway\x1b[31m \xff!"), took: 2500 * time.Millisecond})
	v.end(d, result{fault: "connection refused"})
	v.cut(errors.New("reset"), 1234*time.Millisecond)
	v.missed()
	v.left()
	v.printSummary()
	return out.String()
}

func TestPlainLinesHoldEverything(t *testing.T) {
	got := regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{3}`).ReplaceAllString(shown(t, nil, true), "TIME")
	want := `Deliveries of CRM[2J go to http://u:xxxxx@localhost:3000/hook
The webhook has no secret: what comes is not signed.
The webhook is disabled: it gets no events until it is enabled.
TIME  listening
TIME  204    1.2 ms  event_action  e-1  manual, attempt 2
TIME  500     2.5 s  event_action  e-1  manual, attempt 2  no way[31m !
TIME  ---    0.0 ms  event_action  e-1  manual, attempt 2  connection refused
TIME  cut off: reset; trying again in 1.2s
TIME  more happened than the stream could tell: some deliveries are left out; the log has them
3 deliveries in 0s: 1 accepted, 1 refused, 1 unanswered; 833 ms on average, 2.5 s at most; 1 not forwarded any more; cut off 1 time; some were left out
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestATerminalHasALastLineThatFits(t *testing.T) {
	const width = 40
	got := shown(t, func() int { return width }, false)
	for _, line := range strings.Split(got, clearLine) {
		if !strings.HasSuffix(line, "\n") && len([]rune(line)) >= width {
			t.Errorf("the last line is wrapped: %q", line)
		}
	}
	if !strings.Contains(got, clearLine+"forwarding event_action · 0 accepted") || strings.Contains(got, red) {
		t.Errorf("got %q", got)
	}
	if got = shown(t, func() int { return 0 }, true); !strings.Contains(got, green+"204") || !strings.Contains(got, red+"500") {
		t.Errorf("got %q", got)
	}
}
