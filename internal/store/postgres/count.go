package postgres

import (
	"fmt"

	"github.com/carteiro/carteiro/internal/store/layout"
)

// listKind knows the SQL of a kind.
type listKind layout.Kind

// The queries of each combination of status, event type and range of HTTP statuses. Their first parameters are the
// webhook, the span, and what listKind.filter asks for.
var (
	listFinished  = kindQueries(func(k listKind) string { return "SELECT id FROM" + k.source() + k.page() })
	oldestFirst   = kindQueries(func(k listKind) string { return "SELECT id FROM" + k.source() + k.oldest("id") })
	countFinished = kindQueries(func(k listKind) string { return "SELECT count(*) FROM" + k.source() })
	countTests    = kindQueries(func(k listKind) string {
		return "SELECT count(*) FROM" + listKind{layout.WantFailed, k.Typed, k.HTTP}.source() + " AND " + ofTest
	})
	// Hours are read from the newest or the oldest, those with a match only; no more of them than are needed.
	hoursWith   = kindQueries(func(k listKind) string { return k.hours() + k.newest("hour") })
	hoursOldest = kindQueries(func(k listKind) string { return k.hours() + k.oldest("hour") })
	sumHours    = kindQueries(func(k listKind) string {
		return "SELECT coalesce(sum(" + k.sum() + "), 0)::bigint FROM counts WHERE webhook_id = $1 AND hour >= $2 AND hour < $3" + k.filter(4, "")
	})
	// Totals are not kept by HTTP status: there are few enough hours.
	sumTotals = kindQueries(func(k listKind) string {
		table := "totals"
		if k.HTTP == 1 {
			table = "counts"
		}
		return "SELECT coalesce(sum(" + k.sum() + "), 0)::bigint FROM " + table + " WHERE webhook_id = $1" + k.filter(2, "")
	})

	listOpen  = typedQueries(func(k listKind) string { return "SELECT id FROM open" + k.in("") + k.page() })
	countOpen = typedQueries(func(k listKind) string { return "SELECT count(*) FROM open" + k.in("") })
	sumOpen   = typedQueries(func(k listKind) string {
		return "SELECT coalesce(sum(open), 0)::bigint FROM totals WHERE webhook_id = $1" + k.filter(2, "")
	})
	listBoth = typedQueries(func(k listKind) string {
		return "SELECT id FROM (SELECT id FROM open" + k.in("") + " UNION ALL SELECT id FROM attempts" + k.in("") + ") both_tables" + k.page()
	})
)

// ofTest selects attempts of test events. A scalar subquery, so that the planner reads an event by its key.
const ofTest = `coalesce((SELECT e.test FROM events e WHERE e.id = a.event_id), false)`

func kindQueries(sql func(listKind) string) layout.Queries[string] {
	return layout.NewQueries(func(k layout.Kind) string { return sql(listKind(k)) })
}

func typedQueries(sql func(listKind) string) [2]string {
	return [2]string{sql(listKind{}), sql(listKind{Typed: 1})}
}

// source is the table and the conditions that give what matches in a span.
func (k listKind) source() string {
	switch k.Status {
	case layout.WantSuccess:
		return " attempts a" + k.in("a.") + " AND a.status = 1"
	case layout.WantFailed:
		return " attempts a" + k.in("a.") + " AND a.status = 2 AND NOT EXISTS " + retryOf
	case layout.WantFailedEvents:
		return listKind{layout.WantFailed, k.Typed, k.HTTP}.source() + " AND NOT (" + ofTest + ")"
	case layout.WantFailures:
		return " attempts a" + k.in("a.") + " AND a.status = 2"
	case layout.WantRetrying:
		// From the retries to what they retry, if that is still there.
		return ` (SELECT o.previous_id AS id FROM open o JOIN attempts a ON a.webhook_id = o.webhook_id AND a.id = o.previous_id
			WHERE o.webhook_id = $1 AND o.previous_id >= $2 AND o.previous_id < $3 AND o.number > o.chain_start
			AND a.id >= $2 AND a.id < $3` + k.filter(4, "a.") + ` AND a.status = 2) retried`
	default:
		return " attempts a" + k.in("a.")
	}
}

// in is the condition of being in the span.
func (k listKind) in(table string) string {
	return fmt.Sprintf(" WHERE %swebhook_id = $1 AND %[1]sid >= $2 AND %[1]sid < $3", table) + k.filter(4, table)
}

// next is the number of the parameter behind those of the filter.
func (k listKind) next() int { return 4 + k.Typed + 2*k.HTTP }

// page is the order and the bounds of a page.
func (k listKind) page() string { return fmt.Sprintf("%s OFFSET $%d", k.newest("id"), k.next()+1) }

func (k listKind) newest(column string) string {
	return fmt.Sprintf(" ORDER BY %s DESC LIMIT $%d", column, k.next())
}

func (k listKind) oldest(column string) string {
	return fmt.Sprintf(" ORDER BY %s LIMIT $%d", column, k.next())
}

// hours are those of a span in which there is a match, with how many there are.
func (k listKind) hours() string {
	return fmt.Sprintf("SELECT hour, sum(%s)::bigint FROM counts WHERE webhook_id = $1 AND hour >= $2 AND hour <= $3%s GROUP BY hour HAVING sum(%[1]s) > 0",
		k.sum(), k.filter(4, ""))
}

// sum is the columns of counts and totals that count what matches.
func (k listKind) sum() string {
	return [...]string{"success + failed", "success", "failed - retrying", "retrying", "failed", "failed - retrying"}[k.Status]
}

// filter is the conditions on event type and HTTP status, whose parameters are numbered from n on.
func (k listKind) filter(n int, table string) (sql string) {
	if k.Typed == 1 {
		sql = fmt.Sprintf(" AND %sevent_type = $%d", table, n)
		n++
	}
	if k.HTTP == 1 {
		sql += fmt.Sprintf(" AND %shttp_status BETWEEN $%d AND $%d", table, n, n+1)
	}
	return sql
}

// total says how many entries match between From and To.
func (l *listing) total() (total int, err error) {
	if l.Open {
		if l.openTotal, err = l.totalOpen(); err != nil {
			return 0, err
		}
	}
	if l.Finished {
		total, err = l.totalFinished()
	}
	return total + l.openTotal, err
}

func (l *listing) totalOpen() (int, error) {
	switch {
	case l.All.Unbounded():
		return l.number(sumOpen[l.Kind.Typed], l.filtered([]any{[16]byte(l.Webhook)}))
	case l.All.Empty():
		return 0, nil
	default:
		return l.number(countOpen[l.Kind.Typed], l.args(l.All))
	}
}

func (l *listing) totalFinished() (int, error) {
	if l.All.Empty() {
		return 0, nil
	}
	if l.NoTests() {
		return l.totalWithoutTests()
	}
	if l.All.Unbounded() {
		return l.number(sumTotals.Of(l.Kind), l.filtered([]any{[16]byte(l.Webhook)}))
	}
	// The whole hours of the span are those from first up to, but without, last.
	first, last := layout.HourOf(l.All.From), layout.HourOf(l.All.To)
	if layout.Less(layout.StartOfHour(first), l.All.From) {
		first++
	}
	if first >= last {
		return l.count(l.All)
	}
	n, err := l.number(sumHours.Of(l.Kind), l.filtered([]any{[16]byte(l.Webhook), first, last}))
	if err != nil {
		return 0, err
	}
	before, err := l.count(layout.Span{From: l.All.From, To: layout.StartOfHour(first)})
	if err != nil {
		return 0, err
	}
	after, err := l.count(layout.Span{From: layout.StartOfHour(last), To: l.All.To})
	return n + before + after, err
}

// totalWithoutTests subtracts the test entries, which the hourly counts include.
func (l *listing) totalWithoutTests() (int, error) {
	all := *l
	all.Kind.Status = layout.WantFailed
	total, err := all.totalFinished()
	if err != nil || total == 0 {
		return 0, err
	}
	tests, err := l.number(countTests.Of(l.Kind), l.args(l.All))
	return total - tests, err
}

// number runs a query that answers with one.
func (l *listing) number(sql string, args []any) (n int, err error) {
	err = l.row(sql, args...)(&n)
	return n, err
}

// count says how many finished attempts match in a span, one by one.
func (l *listing) count(in layout.Span) (int, error) {
	if in.Empty() {
		return 0, nil
	}
	return l.number(countFinished.Of(l.Kind), l.args(in))
}

// matching is an hour, and how many finished attempts match in the whole of it.
type matching struct {
	hour  int64
	count int
}

// matchingHours gives the hours of a span in which finished attempts match, the newest first, as far as the first reach
// of them can go.
func (l *listing) matchingHours(in layout.Span, reach int) ([]matching, error) {
	return l.hours(&hoursWith, in, reach)
}

func (l *listing) hours(sql *layout.Queries[string], in layout.Span, reach int) (hours []matching, err error) {
	// Two of the hours may be cut off by the span, so that nothing in them matches.
	args := append(l.filtered([]any{[16]byte(l.Webhook), layout.HourOf(in.From), layout.HourOf(in.To)}), reach+2)
	err = l.each(func(scan func(...any) error) error {
		var h matching
		err := scan(&h.hour, &h.count)
		hours = append(hours, h)
		return err
	}, sql.Of(l.Kind), args...)
	return hours, err
}
