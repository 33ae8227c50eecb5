package listen

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/carteiro/carteiro/client"
)

// The few commands of a terminal that are used: clear the line from its beginning, and colours.
const (
	clearLine = "\r\x1b[K"
	plain     = "\x1b[0m"
	bold      = "\x1b[1m"
	dim       = "\x1b[2m"
	red       = "\x1b[31m"
	green     = "\x1b[32m"
	yellow    = "\x1b[33m"
)

// view shows a line for each delivery. In a terminal a last line says how things are; it is written over.
type view struct {
	mu    sync.Mutex
	out   io.Writer
	width func() int // nil: plain lines
	color bool

	began                   time.Time
	state                   string // what the last line begins with
	accepted, refused       int    // answered 2xx, and otherwise
	unanswered, unforwarded int
	cuts                    int
	lost                    bool // deliveries, at some time
	total, slowest          time.Duration
}

func newView(c *Config) *view {
	return &view{out: c.Out, width: c.Width, color: c.Color && c.Width != nil, began: time.Now(), state: "connecting"}
}

// printHeader says what is listened to.
func (v *view) printHeader(c *Config) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.line(fmt.Sprintf("Deliveries of %s go to %s", v.paint(bold, printable(c.Webhook.Name)), v.paint(bold, c.Forward.Redacted())))
	if !c.Webhook.HasSecret {
		v.line(v.paint(yellow, "The webhook has no secret: what comes is not signed."))
	}
	if !c.Webhook.Enabled {
		v.line(v.paint(yellow, "The webhook is disabled: it gets no events until it is enabled."))
	}
	v.status()
}

func (v *view) open() { v.printf("listening", "") }

func (v *view) cut(err error, wait time.Duration) {
	v.mu.Lock()
	v.cuts++
	v.mu.Unlock()
	wait = wait.Round(100 * time.Millisecond)
	v.printf("cut off", fmt.Sprintf("%s  cut off: %s; trying again in %s", clock(), printable(err.Error()), wait))
}

func (v *view) missed() {
	v.mu.Lock()
	v.lost = true
	v.mu.Unlock()
	v.printf("listening", clock()+"  more happened than the stream could tell: some deliveries are left out; the log has them")
}

// printf changes the state and writes a line, if there is one to write. Without a terminal that it listens is a line.
func (v *view) printf(state, line string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.state = state
	if line == "" && v.width == nil {
		line = clock() + "  " + state
	}
	if line != "" {
		v.line(v.paint(yellow, line))
	}
	v.status()
}

// begin says that the local program has a delivery before it.
func (v *view) begin(d *client.Delivery) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.state = "forwarding " + printable(d.Event)
	v.status()
}

// end writes what became of a delivery.
func (v *view) end(d *client.Delivery, r result) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.state = "listening"
	if r.stopped {
		v.unforwarded++
		return
	}
	v.count(r)
	status, colour := "---", red
	if r.status != 0 {
		status = strconv.Itoa(r.status)
	}
	if r.ok() {
		colour = green
	}
	line := fmt.Sprintf("%s  %s %9s  %s  %s", v.paint(dim, clock()), v.paint(colour, status), brief(r.took),
		printable(d.Event), v.paint(dim, printable(d.EventID)))
	if d.Attempt > 1 || d.Trigger != "automatic" {
		line += v.paint(dim, fmt.Sprintf("  %s, attempt %d", printable(d.Trigger), d.Attempt))
	}
	if r.fault != "" {
		line += "  " + v.paint(colour, r.fault)
	}
	v.line(line)
	v.status()
}

func (v *view) count(r result) {
	switch {
	case r.ok():
		v.accepted++
	case r.status != 0:
		v.refused++
	default:
		v.unanswered++
	}
	v.total += r.took
	v.slowest = max(v.slowest, r.took)
}

// left counts a delivery that came too late to be forwarded.
func (v *view) left() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.unforwarded++
}

// printSummary says how it went.
func (v *view) printSummary() {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := v.accepted + v.refused + v.unanswered
	text := fmt.Sprintf("%s in %s", counted(all, "delivery", "deliveries"), time.Since(v.began).Round(time.Second))
	if all > 0 {
		text += fmt.Sprintf(": %d accepted, %d refused, %d unanswered; %s on average, %s at most",
			v.accepted, v.refused, v.unanswered, brief(v.total/time.Duration(all)), brief(v.slowest))
	}
	if v.unforwarded > 0 {
		text += fmt.Sprintf("; %d not forwarded any more", v.unforwarded)
	}
	if v.cuts > 0 {
		text += "; cut off " + counted(v.cuts, "time", "times")
	}
	if v.lost {
		text += "; some were left out"
	}
	v.line(text)
}

// line writes a whole line where the last one stands, which is written again by status.
func (v *view) line(text string) {
	if v.width != nil {
		text = clearLine + text
	}
	_, _ = io.WriteString(v.out, text+"\n") // there is nobody else to tell
}

// status writes the last line, as wide as there is room.
func (v *view) status() {
	if v.width == nil {
		return
	}
	text := fmt.Sprintf("%s · %d accepted · %d refused · %d unanswered · Ctrl-C ends", v.state, v.accepted, v.refused, v.unanswered)
	if room := v.width() - 1; room > 0 && utf8.RuneCountInString(text) > room {
		text = string([]rune(text)[:room])
	}
	_, _ = io.WriteString(v.out, clearLine+v.paint(dim, text)) // likewise
}

func (v *view) paint(colour, text string) string {
	if !v.color {
		return text
	}
	return colour + text + plain
}

func clock() string { return time.Now().Format("15:04:05.000") }

// brief gives a duration in three figures or so.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	}
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
