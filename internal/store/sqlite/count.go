package sqlite

import (
	"github.com/carteiro/carteiro/internal/store/layout"
)

// listKind knows the SQL of a kind.
type listKind layout.Kind

// The queries of each combination of status, event type and range of HTTP statuses, whose parameters come in this order.
var (
	listFinished  = kindQueries(func(k listKind) string { return "SELECT id FROM" + k.source() + " ORDER BY id DESC LIMIT ? OFFSET ?" })
	countFinished = kindQueries(func(k listKind) string { return "SELECT count(*) FROM" + k.source() })
	countTests    = kindQueries(func(k listKind) string {
		return "SELECT count(*) FROM" + listKind{layout.WantFailed, k.Typed, k.HTTP}.source() + " AND " + ofTest
	})
	// Hours are read from the newest, those with a match only.
	matchingHours = kindQueries(func(k listKind) string {
		return "SELECT hour, sum(" + k.sum() + ") AS n FROM counts WHERE webhook_id = ? AND hour >= ? AND hour <= ?" + k.filter() +
			" GROUP BY hour HAVING n > 0 ORDER BY hour DESC"
	})
	sumHours = kindQueries(func(k listKind) string {
		return "SELECT sum(" + k.sum() + ") FROM counts WHERE webhook_id = ? AND hour >= ? AND hour < ?" + k.filter()
	})
	// Totals are not kept by HTTP status: there are few enough hours.
	sumTotals = kindQueries(func(k listKind) string {
		table := "totals"
		if k.HTTP == 1 {
			table = "counts"
		}
		return "SELECT sum(" + k.sum() + ") FROM " + table + " WHERE webhook_id = ?" + k.filter()
	})

	listOpen = [2]*query{
		newQuery(`SELECT id FROM open WHERE webhook_id = ? AND id >= ? AND id < ? ORDER BY id DESC LIMIT ? OFFSET ?`),
		newQuery(`SELECT id FROM open WHERE webhook_id = ? AND id >= ? AND id < ? AND event_type = ? ORDER BY id DESC LIMIT ? OFFSET ?`),
	}
	countOpen = [2]*query{
		newQuery(`SELECT count(*) FROM open WHERE webhook_id = ? AND id >= ? AND id < ?`),
		newQuery(`SELECT count(*) FROM open WHERE webhook_id = ? AND id >= ? AND id < ? AND event_type = ?`),
	}
	sumOpen = [2]*query{
		newQuery(`SELECT sum(open) FROM totals WHERE webhook_id = ?`),
		newQuery(`SELECT sum(open) FROM totals WHERE webhook_id = ? AND event_type = ?`),
	}
)

const (
	retryOf = `(SELECT 1 FROM open o INDEXED BY open_retries
		WHERE o.webhook_id = a.webhook_id AND o.previous_id = a.id AND o.number > o.chain_start)`
	// ofTest selects attempts of test events. A scalar subquery, so that the planner reads an event by its key.
	ofTest = `coalesce((SELECT e.test FROM events e WHERE e.number = a.event), 0)`
)

func kindQueries(sql func(listKind) string) layout.Queries[*query] {
	return layout.NewQueries(func(k layout.Kind) *query { return newQuery(sql(listKind(k))) })
}

// source is the table, the index and the conditions that give what matches in a span.
func (k listKind) source() string {
	const in = " WHERE a.webhook_id = ? AND a.id >= ? AND a.id < ?"
	switch k.Status {
	case layout.WantSuccess:
		return " attempts a" + in + k.filter() + " AND a.status = 1"
	case layout.WantFailed:
		return " attempts a INDEXED BY attempts_failed" + in + k.filter() + " AND a.status = 2 AND NOT EXISTS " + retryOf
	case layout.WantFailedEvents:
		return listKind{layout.WantFailed, k.Typed, k.HTTP}.source() + " AND NOT (" + ofTest + ")"
	case layout.WantFailures:
		return " attempts a INDEXED BY attempts_failed" + in + k.filter() + " AND a.status = 2"
	case layout.WantRetrying:
		// From the retries to what they retry, if that is still there.
		return ` (SELECT o.previous_id AS id FROM open o INDEXED BY open_retries CROSS JOIN attempts a ON a.webhook_id = o.webhook_id AND a.id = o.previous_id
			WHERE o.webhook_id = ? AND o.previous_id >= ? AND o.previous_id < ? AND o.number > o.chain_start` +
			k.filterIn("a.") + ` AND a.status = 2)`
	default:
		return " attempts a" + in + k.filter()
	}
}

// sum is the columns of counts and totals that count what matches.
func (k listKind) sum() string {
	return [...]string{"success + failed", "success", "failed - retrying", "retrying", "failed", "failed - retrying"}[k.Status]
}

func (k listKind) filter() string { return k.filterIn("") }

func (k listKind) filterIn(table string) (sql string) {
	if k.Typed == 1 {
		sql = " AND " + table + "event_type = ?"
	}
	if k.HTTP == 1 {
		sql += " AND " + table + "http_status BETWEEN ? AND ?"
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
	if l.All.Unbounded() {
		n, err := l.ofType(l.query(sumOpen[l.Kind.Typed]).id(l.Webhook)).number()
		return int(n), err
	}
	return l.countOpen(l.All)
}

func (l *listing) totalFinished() (int, error) {
	if l.All.Empty() {
		return 0, nil
	}
	if l.NoTests() {
		return l.totalWithoutTests()
	}
	if l.All.Unbounded() {
		n, err := l.filter(l.query(sumTotals.Of(l.Kind)).id(l.Webhook)).number()
		return int(n), err
	}
	// The whole hours of the span are those from first up to, but without, last.
	first, last := layout.HourOf(l.All.From), layout.HourOf(l.All.To)
	if layout.Less(layout.StartOfHour(first), l.All.From) {
		first++
	}
	if first >= last {
		return l.count(l.All)
	}
	n, err := l.filter(l.query(sumHours.Of(l.Kind)).id(l.Webhook).int(first).int(last)).number()
	if err != nil {
		return 0, err
	}
	before, err := l.count(layout.Span{From: l.All.From, To: layout.StartOfHour(first)})
	if err != nil {
		return 0, err
	}
	after, err := l.count(layout.Span{From: layout.StartOfHour(last), To: l.All.To})
	return int(n) + before + after, err
}

// totalWithoutTests subtracts the test entries, which the hourly counts include.
func (l *listing) totalWithoutTests() (int, error) {
	all := *l
	all.Kind.Status = layout.WantFailed
	total, err := all.totalFinished()
	if err != nil || total == 0 {
		return 0, err
	}
	tests, err := l.filter(l.in(l.query(countTests.Of(l.Kind)), l.All)).number()
	return total - int(tests), err
}

func (l *listing) ofType(rows *stmt) *stmt {
	if l.EventType != "" {
		rows.text(l.EventType)
	}
	return rows
}

// filter binds what listKind.filter asks for.
func (l *listing) filter(rows *stmt) *stmt {
	l.ofType(rows)
	if l.HTTP != nil {
		rows.int(int64(l.HTTP.Min)).int(int64(l.HTTP.Max))
	}
	return rows
}

// count says how many finished attempts match in a span, one by one.
func (l *listing) count(in layout.Span) (int, error) {
	if in.Empty() {
		return 0, nil
	}
	n, err := l.filter(l.in(l.query(countFinished.Of(l.Kind)), in)).number()
	return int(n), err
}

func (l *listing) countOpen(in layout.Span) (int, error) {
	if in.Empty() {
		return 0, nil
	}
	n, err := l.ofType(l.in(l.query(countOpen[l.Kind.Typed]), in)).number()
	return int(n), err
}

// eachHour calls do with each hour of a span in which finished attempts match, the newest first, and with how many
// match in the whole of it, until do says to stop.
func (l *listing) eachHour(in layout.Span, do func(hour int64, count int) (more bool, err error)) error {
	rows := l.filter(l.query(matchingHours.Of(l.Kind)).id(l.Webhook).int(layout.HourOf(in.From)).int(layout.HourOf(in.To)))
	for rows.next() {
		if more, err := do(rows.colInt(0), int(rows.colInt(1))); err != nil || !more {
			_ = rows.end() // stopped half way
			return err
		}
	}
	return rows.end()
}
