package postgres

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"carteiro"
	"carteiro/internal/store/postgres/postgrestest"
)

// Whatever is asked of the log goes by an index, in the days that it is asked of and no others; and what is read of very
// many entries, to find a page or to count, is in the index itself.
func TestEveryListGoesByAnIndexAndByNoOtherDay(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	l := newLoad(t, s, 3)
	l.history(10_000, 10*24*time.Hour)
	for _, table := range []string{"events", "attempts", "open", "counts", "totals"} {
		_, err := s.pool.Exec(t.Context(), `VACUUM ANALYZE `+table)
		l.ok(err)
	}
	hook := [16]byte(l.webhooks[0])
	noon := start.Add(5*24*time.Hour + 12*time.Hour)
	span := []any{hook, [16]byte(carteiro.MinID(noon)), [16]byte(carteiro.MinID(noon.Add(3 * time.Hour)))}
	hours := []any{hook, hourOf(carteiro.MinID(noon.Add(-48 * time.Hour))), hourOf(carteiro.MinID(noon))}
	event := carteiro.MinID(noon)
	siblings := []any{[16]byte(event.MinSibling()), [16]byte(event.MaxSibling()), [16]byte(beforeRetries(event))}
	type question struct {
		name, sql string
		args      []any
		days      int  // at most
		only      bool // in the index itself
	}
	questions := []question{
		{"entries by their ids", getAttempts, []any{hook, ids{event}}, 1, false},
		{"open ones by their ids", getOpen, []any{hook, ids{event}}, 0, false},
		{"payloads", getPayloads, []any{ids{event}}, 1, false},
		{"an event's attempts", listEvent, append([]any{hook, [16]byte(event)}, siblings...), 7, false},
		{"what has become of an event", finishedOf, append([]any{[16]byte(event), hook}, siblings...), 7, false},
		{"the event of an entry", eventOfLog, []any{hook, [16]byte(event)}, 1, false},
		{"a claim", claimDue, []any{int64(1), hook, noon, 512, 1 << 20}, 14, false},
		{"a record", takeHeld, []any{ids{l.webhooks[0]}, ids{event}, ints{1}}, 0, false},
		{"what a retry has retried", findFailed, []any{ids{l.webhooks[0]}, ids{event}}, 14, false},
		{"what a dead node held", freeHeld, []any{[]int64{1}}, 0, false},
		{"webhooks that wait", backlog, []any{hook, 100}, 0, true},
	}
	for status := range wantKinds {
		for typed := range 2 {
			with := func(args []any, more ...any) []any {
				args = append([]any{}, args...)
				if typed == 1 {
					args = append(args, "event_action")
				}
				return append(args, more...)
			}
			name := fmt.Sprintf(", status %d, type %d", status, typed)
			questions = append(questions,
				question{"page" + name, listFinished[status][typed], with(span, 26, 0), 1, true},
				question{"count" + name, countFinished[status][typed], with(span), 1, true},
				question{"hours" + name, hoursWith[status][typed], with(hours, 28), 0, false},
				question{"sum of hours" + name, sumHours[status][typed], with(hours), 0, false},
				question{"total" + name, sumTotals[status][typed], with([]any{hook}), 0, false},
			)
			if status == wantAll {
				questions = append(questions,
					question{"open page" + name, listOpen[typed], with(span, 26, 0), 0, true},
					question{"open count" + name, countOpen[typed], with(span), 0, true},
					question{"open total" + name, sumOpen[typed], with([]any{hook}), 0, false},
					question{"page of both" + name, listBoth[typed], with(span, 26, 0), 1, true},
				)
			}
		}
	}
	for _, q := range questions {
		t.Run(q.name, func(t *testing.T) {
			plan := explain(t, s, q.sql, q.args)
			if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Bitmap") {
				t.Errorf("it reads a table through:\n%s", plan)
			}
			if q.only && regexp.MustCompile(`Index Scan`).MatchString(plan) {
				t.Errorf("it leaves the index:\n%s", plan)
			}
			if days := countDays(plan); days > q.days {
				t.Errorf("it looks into %d days:\n%s", days, plan)
			}
		})
	}
}

// explain gives the plan of a query as the store's own connections make it.
func explain(t *testing.T, s *Store, sql string, args []any) string {
	t.Helper()
	var plan strings.Builder
	err := s.inTx(t.Context(), func(t *tx) error {
		return t.each(func(scan func(...any) error) error {
			var line string
			err := scan(&line)
			plan.WriteString(line + "\n")
			return err
		}, "EXPLAIN "+sql, args...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

// countDays counts the partitions that a plan looks into.
func countDays(plan string) int {
	seen := make(map[string]bool)
	for _, name := range regexp.MustCompile(` on (?:events|attempts)_(\d{8}|rest)`).FindAllStringSubmatch(plan, -1) {
		seen[name[1]] = true
	}
	return len(seen)
}
