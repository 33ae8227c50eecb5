package postgres

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// Whatever is asked of the log goes by an index, in the days that it is asked of and no others; and what is read of very
// many entries, to find a page or to count, is in the index itself.
func TestEveryListGoesByAnIndexAndByNoOtherDay(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	l := newLoad(t, s, 3)
	l.history(10_000, 10*24*time.Hour)
	for _, table := range []string{"events", "attempts", "open", "counts", "totals", "activity", "queues"} {
		_, err := s.pool.Exec(t.Context(), `VACUUM ANALYZE `+table)
		l.ok(err)
	}
	hook := [16]byte(l.webhooks[0])
	noon := start.Add(5*24*time.Hour + 12*time.Hour)
	span := []any{hook, [16]byte(carteiro.MinID(noon)), [16]byte(carteiro.MinID(noon.Add(3 * time.Hour)))}
	hours := []any{hook, layout.HourOf(carteiro.MinID(noon.Add(-48 * time.Hour))), layout.HourOf(carteiro.MinID(noon))}
	event := carteiro.MinID(noon)
	siblings := []any{[16]byte(event.MinSibling()), [16]byte(event.MaxSibling()), [16]byte(beforeRetries(event))}
	type question struct {
		name, sql string
		args      []any
		days      int  // at most
		only      bool // in the index itself
	}
	questions := []question{
		{"entries by their ids", sqlstore.GetAttempts.Postgres, []any{hook, ids{event}}, 1, false},
		{"open ones by their ids", sqlstore.GetOpen.Postgres, []any{hook, ids{event}}, 0, false},
		{"payloads", sqlstore.GetPayloads.Postgres, []any{ids{event}}, 1, false},
		{"an event's attempts", listEvent, append([]any{hook, [16]byte(event)}, siblings...), 7, false},
		{"what has become of an event", finishedOf, append([]any{hook, [16]byte(event)}, siblings...), 7, false},
		{"entries by the beginning of their ids", listRange, []any{hook, [16]byte(event), [16]byte(event.MaxSibling()), 1001}, 1, false},
		{"events by the beginning of their ids", eventsInRange, []any{[16]byte(event), [16]byte(event.MaxSibling()), 1001}, 1, true},
		{"the attempts of these", listEvents, append([]any{hook}, attemptsOfAll([]carteiro.ID{event})...), 14, false},
		{"what becomes of the events of a bulk retry", finishedOfAll, append([]any{hook}, attemptsOfAll([]carteiro.ID{event})...), 14, false},
		{"the events of entries", eventsOfLogs, []any{hook, ids{event}}, 1, false},
		{"their locks", lockEvents, []any{ids{event}}, 1, false},
		{"what is open of them", openNumbers, []any{ids{event}, hook}, 0, false},
		{"the bulk retry that is due", sqlstore.DueBulk.Postgres, []any{noon}, 0, false},
		{"the next one", sqlstore.NextBulk.Postgres, nil, 0, false},
		{"bulk retries of a webhook", sqlstore.ListBulk.Postgres, []any{hook, 25, 0}, 0, false},
		{"bulk retries that have ended", sqlstore.PurgeBulk.Postgres, []any{noon, 500}, 0, false},
		{"sessions that have ended", purgeSessions, []any{noon, 500}, 0, false},
		{"activity that has been kept", purgeActivity, []any{1, 1, 500}, 0, false},
		{"activity", listActivity, []any{hook, 1, layout.HourOf(event)}, 0, false},
		{"what is open in an environment", sqlstore.OpenIn.Postgres, []any{hook}, 0, false},
		{"what is held there", sqlstore.CountHeld.Postgres, []any{hook, 10_000}, 0, false},
		{"the first that waits anywhere", sqlstore.FirstWaiting.Postgres, nil, 0, false},
		{"what is due there", sqlstore.CountDue.Postgres, []any{hook, noon, 10_000}, 0, true},
		{"what is scheduled there", sqlstore.CountScheduled.Postgres, []any{hook, noon, 10_000}, 0, true},
		{"who has failed last", sqlstore.FailedLast.Postgres, []any{hook, noon, 256}, 0, false},
		{"and how often", sqlstore.OutcomesSince.Postgres, []any{ids{l.webhooks[0]}, layout.HourOf(event)}, 0, false},
		{"webhooks by name", sqlstore.FindWebhooks.Postgres, []any{hook, []byte("crm"), 25, 0}, 0, false},
		{"how many these are", sqlstore.CountWebhooks.Postgres, []any{hook, []byte("crm")}, 0, false},
		{"the event of an entry", eventOfLog, []any{hook, [16]byte(event)}, 1, false},
		{"a claim", claimFree, []any{int64(1), hook, noon, 512, 1 << 20}, 14, false},
		{"a record", takeHeld, []any{ids{l.webhooks[0]}, ids{event}, ints{1}}, 0, false},
		{"what a retry has retried", findFailed, []any{ids{l.webhooks[0]}, ids{event}}, 14, false},
		{"what a dead node held", freeHeld, []any{[]int64{1}}, 0, false},
		{"webhooks that wait", backlog, []any{hook, 100}, 0, true},
	}
	seen := append(append([]any{}, span[:1]...), span[1], span[2], 1000, int16(1), hook, true, []string{"event_action"}, int32(-1))
	for _, q := range []struct {
		name    string
		queries eventQueries
		only    bool
	}{{"events", allEvents, false}, {"undelivered events", undeliveredEvents, true}} {
		questions = append(questions,
			question{"a page of " + q.name, q.queries.newest, append(seen[:9:9], 26, 0), 1, q.only},
			question{"a step along " + q.name, q.queries.oldest, append(seen[:9:9], 500), 1, q.only},
			question{"how many " + q.name, q.queries.count, seen, 1, q.only},
			question{"how many of the oldest " + q.name, q.queries.stride, seen, 1, q.only},
			question{"the last of " + q.name, q.queries.last, seen, 1, q.only},
			question{"the last of the oldest " + q.name, q.queries.strideLast, seen, 1, q.only},
		)
	}
	questions = append(questions,
		question{"named events", oldestNamed, append(seen[:9:9], 26, ids{event}, true), 1, false},
		question{"a page's events", eventSummaries, []any{ids{event}}, 1, false},
		question{"a whole event", wholeEvent, []any{[16]byte(event), hook}, 1, false},
		question{"whose webhooks", sqlstore.WebhooksEverOf.Postgres, []any{hook, int16(1), hook}, 0, false},
		question{"what is delivered now", notUndelivered, []any{ids{event}}, 1, false},
	)
	for status := range layout.WantKinds {
		for typed := range 2 {
			for http := range 2 {
				k := layout.Kind{Status: status, Typed: typed, HTTP: http}
				with := func(args []any, more ...any) []any {
					args = append([]any{}, args...)
					if typed == 1 {
						args = append(args, "event_action")
					}
					if http == 1 {
						args = append(args, 500, 599)
					}
					return append(args, more...)
				}
				name := fmt.Sprintf(", status %d, type %d, HTTP status %d", status, typed, http)
				days, only := 1, true
				if status == layout.WantFailedEvents { // the executor prunes the days of the events, which the plan still lists
					days, only = 14, false
				}
				questions = append(questions,
					question{"page" + name, listFinished.Of(k), with(span, 26, 0), days, only},
					question{"oldest" + name, oldestFirst.Of(k), with(span, 500), days, only},
					question{"count" + name, countFinished.Of(k), with(span), days, only},
					question{"hours" + name, hoursWith.Of(k), with(hours, 28), 0, false},
					question{"oldest hours" + name, hoursOldest.Of(k), with(hours, 502), 0, false},
					question{"sum of hours" + name, sumHours.Of(k), with(hours), 0, false},
					question{"total" + name, sumTotals.Of(k), with([]any{hook}), 0, false},
				)
				if status == layout.WantAll && http == 0 {
					questions = append(questions,
						question{"open page" + name, listOpen[typed], with(span, 26, 0), 0, true},
						question{"open count" + name, countOpen[typed], with(span), 0, true},
						question{"open total" + name, sumOpen[typed], with([]any{hook}), 0, false},
						question{"page of both" + name, listBoth[typed], with(span, 26, 0), 1, true},
					)
				}
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

// A plan that is made at a moment when nothing is open serves until the queue is vacuumed again, and by then it may be long:
// whatever looks for single attempts in it must go by their keys, though any index is as good for an empty table.
func TestPlansForAnEmptyQueueServeAFullOne(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	l := newLoad(t, s, 1)
	l.history(2000, time.Hour)
	_, err := s.pool.Exec(t.Context(), `DELETE FROM open`)
	l.ok(err)
	for _, table := range []string{"open", "attempts", "events"} {
		_, err := s.pool.Exec(t.Context(), `VACUUM ANALYZE `+table)
		l.ok(err)
	}
	keys := map[string]string{
		"open_pkey": "(id = ", "open_once": "event_id", "open_retries": "previous_id", "open_waiting": "webhook_id", "open_held": "lease",
	}
	event := carteiro.MinID(start)
	hook, span := [16]byte(l.webhooks[0]), []any{[16]byte(l.webhooks[0]), [16]byte(event), [16]byte(l.ids.New(l.now))}
	failed, byIndex := layout.Kind{Status: layout.WantFailed}, regexp.MustCompile(`using (open_\w+) on open`)
	for _, q := range []struct {
		name, sql string
		args      []any
	}{
		{"a claim", claimFree, []any{int64(1), hook, start, 512, 1 << 20}},
		{"after it", afterClaim, []any{hook, int64(1), start}},
		{"a record", takeHeld, []any{ids{l.webhooks[0]}, ids{event}, ints{1}}},
		{"a release", releaseHeld, []any{ids{l.webhooks[0]}, ids{event}, int64(1)}},
		{"what a dead node held", freeHeld, []any{[]int64{1}}},
		{"open ones by their ids", sqlstore.GetOpen.Postgres, []any{hook, ids{event}}},
		{"entries by their ids", sqlstore.GetAttempts.Postgres, []any{hook, ids{event}}},
		{"the event of an entry", eventOfLog, []any{hook, [16]byte(event)}},
		{"what is open of an event", openNumber, []any{[16]byte(event), hook}},
		{"what is open of some", openNumbers, []any{ids{event}, hook}},
		{"an event's attempts", listEvent, append([]any{hook}, attemptsOf(event)...)},
		{"a page of failures", listFinished.Of(failed), append(span, 26, 0)},
		{"their number", countFinished.Of(failed), span},
	} {
		plan := strings.Split(explain(t, s, q.sql, q.args), "\n")
		for i, line := range plan {
			if m := byIndex.FindStringSubmatch(line); len(m) == 2 {
				if cond := strings.TrimSpace(plan[i+1]); !strings.HasPrefix(cond, "Index Cond: ") || !strings.Contains(cond, keys[m[1]]) {
					t.Errorf("%s reads through %s:\n%s", q.name, m[1], strings.Join(plan, "\n"))
				}
			}
		}
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
