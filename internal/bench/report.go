// Package bench measures a Carteiro server against what the machine can do: every figure that matters is a ratio of two
// things measured in one run, in alternation, because machines differ and are shared.
package bench

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Machine is where figures were taken.
type Machine struct {
	Cores    int    `json:"cores"`
	System   string `json:"system"`
	Go       string `json:"go"`
	Database string `json:"database"` // the kind
}

func thisMachine(database string) Machine {
	kind, _, _ := strings.Cut(database, ":")
	return Machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Database: kind}
}

// String says it in a few words.
func (m Machine) String() string {
	return fmt.Sprintf("%d cores, %s, %s, %s", m.Cores, m.System, m.Go, m.Database)
}

// Figure is a median over the rounds, with its spread.
type Figure struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	all    []float64
}

func (f *Figure) add(value float64) {
	f.all = append(f.all, value)
	sorted := slices.Sorted(slices.Values(f.all))
	f.Median, f.Min, f.Max = sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1]
	if n := len(sorted); n%2 == 0 {
		f.Median = (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

func (f Figure) write(unit string) string {
	return fmt.Sprintf("%s%s (%s to %s)", number(f.Median), unit, number(f.Min), number(f.Max))
}

// number writes three significant digits, and all that stand before the point.
func number(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return count(int(math.Round(v)))
}

// count writes a whole number.
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// size writes a number of bytes.
func size(n int64) string {
	unit, v := "B", float64(n)
	for _, larger := range []string{"KiB", "MiB", "GiB"} {
		if v < 1<<10 {
			break
		}
		unit, v = larger, v/(1<<10)
	}
	if v == math.Trunc(v) {
		return count(int(v)) + " " + unit
	}
	return number(v) + " " + unit
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// inMilliseconds writes a duration.
func inMilliseconds(d time.Duration) string { return number(milliseconds(d)) + " ms" }

// Latency is the time from publishing an event to its first arrival.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
}

func latency(all []time.Duration) Latency {
	slices.Sort(all)
	return Latency{P50: all[len(all)/2], P99: all[len(all)*99/100]}
}

// table writes rows as a table of Markdown, so that what is seen in a terminal can be put into a document. The first row
// is the head.
func table(w io.Writer, rows [][]string) error {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	line := func(row []string, pad string) {
		for i, cell := range row {
			out.WriteString("| " + cell + strings.Repeat(pad, widths[i]-utf8.RuneCountInString(cell)) + " ")
		}
		out.WriteString("|\n")
	}
	line(rows[0], " ")
	line(make([]string, len(widths)), "-")
	for _, row := range rows[1:] {
		line(row, " ")
	}
	_, err := io.WriteString(w, out.String())
	return err
}
