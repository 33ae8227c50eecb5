package postgres

import (
	"fmt"

	"carteiro"
)

// listKind is a combination of filters that has queries of its own.
type listKind struct{ status, typed int }

// statuses of finished attempts that can be asked for; 0 stands for all.
const (
	wantAll = iota
	wantSuccess
	wantFailed
	wantRetrying
	wantKinds
)

func statusIndex(status carteiro.Status) int {
	switch status {
	case carteiro.StatusSuccess:
		return wantSuccess
	case carteiro.StatusFailed:
		return wantFailed
	case carteiro.StatusRetrying:
		return wantRetrying
	default:
		return wantAll
	}
}

// The queries of each combination of status and event type. Their first parameters are the webhook, the span, and the
// type if there is one.
var (
	listFinished  = kindQueries(func(k listKind) string { return "SELECT id FROM" + k.source() + k.page() })
	countFinished = kindQueries(func(k listKind) string { return "SELECT count(*) FROM" + k.source() })
	// Hours are read from the newest, those with a match only; no more of them than a page can reach.
	hoursWith = kindQueries(func(k listKind) string {
		return fmt.Sprintf(`SELECT hour, sum(%s)::bigint FROM counts WHERE webhook_id = $1 AND hour >= $2 AND hour <= $3%s
			GROUP BY hour HAVING sum(%[1]s) > 0 ORDER BY hour DESC LIMIT $%[3]d`, k.sum(), k.ofType(""), 4+k.typed)
	})
	sumHours = kindQueries(func(k listKind) string {
		return "SELECT coalesce(sum(" + k.sum() + "), 0)::bigint FROM counts WHERE webhook_id = $1 AND hour >= $2 AND hour < $3" + k.ofType("")
	})
	sumTotals = kindQueries(func(k listKind) string {
		return "SELECT coalesce(sum(" + k.sum() + "), 0)::bigint FROM totals WHERE webhook_id = $1" + k.onlyType()
	})

	listOpen  = typedQueries(func(k listKind) string { return "SELECT id FROM open" + k.in("") + k.page() })
	countOpen = typedQueries(func(k listKind) string { return "SELECT count(*) FROM open" + k.in("") })
	sumOpen   = typedQueries(func(k listKind) string {
		return "SELECT coalesce(sum(open), 0)::bigint FROM totals WHERE webhook_id = $1" + k.onlyType()
	})
	listBoth = typedQueries(func(k listKind) string {
		return "SELECT id FROM (SELECT id FROM open" + k.in("") + " UNION ALL SELECT id FROM attempts" + k.in("") + ") both_tables" + k.page()
	})
)

// listEvent gives the attempts of an event at a webhook: the open one, the first, and the later ones.
const (
	listEvent = `SELECT id, 'pending', event_type FROM open WHERE webhook_id = $1 AND event_id = $2
		UNION ALL SELECT id, ` + readStatus + `, event_type FROM attempts a
			WHERE webhook_id = $1 AND id BETWEEN $3 AND $4 AND event_id = $2 AND number = 1
		UNION ALL SELECT id, ` + readStatus + `, event_type FROM attempts a WHERE webhook_id = $1 AND event_id = $2 AND number > 1 AND id >= $5
		ORDER BY 1 DESC`
	readStatus = `CASE WHEN status = 1 THEN 'success' WHEN EXISTS ` + retryOf + ` THEN 'retrying' ELSE 'failed' END`
)

func kindQueries(sql func(listKind) string) (all [wantKinds][2]string) {
	for status := range all {
		for typed := range all[status] {
			all[status][typed] = sql(listKind{status, typed})
		}
	}
	return all
}

func typedQueries(sql func(listKind) string) [2]string {
	return [2]string{sql(listKind{}), sql(listKind{typed: 1})}
}

// source is the table and the conditions that give what matches in a span.
func (k listKind) source() string {
	switch k.status {
	case wantSuccess:
		return " attempts a" + k.in("a.") + " AND a.status = 1"
	case wantFailed:
		return " attempts a" + k.in("a.") + " AND a.status = 2 AND NOT EXISTS " + retryOf
	case wantRetrying:
		// From the retries to what they retry, if that is still there.
		return ` (SELECT o.previous_id AS id FROM open o JOIN attempts a ON a.webhook_id = o.webhook_id AND a.id = o.previous_id
			WHERE o.webhook_id = $1 AND o.previous_id >= $2 AND o.previous_id < $3 AND o.number > o.chain_start
			AND a.id >= $2 AND a.id < $3` + k.ofType("a.") + ` AND a.status = 2) retried`
	default:
		return " attempts a" + k.in("a.")
	}
}

// in is the condition of being in the span.
func (k listKind) in(table string) string {
	return fmt.Sprintf(" WHERE %swebhook_id = $1 AND %[1]sid >= $2 AND %[1]sid < $3", table) + k.ofType(table)
}

// page is the order and the bounds of a page.
func (k listKind) page() string {
	return fmt.Sprintf(" ORDER BY id DESC LIMIT $%d OFFSET $%d", 4+k.typed, 5+k.typed)
}

// sum is the columns of counts and totals that count what matches.
func (k listKind) sum() string {
	return [...]string{"success + failed", "success", "failed - retrying", "retrying"}[k.status]
}

func (k listKind) ofType(table string) string {
	if k.typed == 0 {
		return ""
	}
	return " AND " + table + "event_type = $4"
}

// onlyType is ofType where the type is the only parameter beside the webhook.
func (k listKind) onlyType() string {
	if k.typed == 0 {
		return ""
	}
	return " AND event_type = $2"
}

func (k listKind) list() string { return listFinished[k.status][k.typed] }

// total says how many entries match between From and To.
func (l *listing) total() (total int, err error) {
	if l.open {
		if l.openTotal, err = l.totalOpen(); err != nil {
			return 0, err
		}
	}
	if l.finished {
		total, err = l.totalFinished()
	}
	return total + l.openTotal, err
}

func (l *listing) totalOpen() (int, error) {
	switch {
	case l.all == (span{to: endOfTime}):
		return l.number(sumOpen[l.kind.typed], l.ofType([]any{[16]byte(l.webhook)}))
	case l.all.empty():
		return 0, nil
	default:
		return l.number(countOpen[l.kind.typed], l.args(l.all))
	}
}

func (l *listing) totalFinished() (int, error) {
	if l.all.empty() {
		return 0, nil
	}
	if l.all == (span{to: endOfTime}) {
		return l.number(sumTotals[l.kind.status][l.kind.typed], l.ofType([]any{[16]byte(l.webhook)}))
	}
	// The whole hours of the span are those from first up to, but without, last.
	first, last := hourOf(l.all.from), hourOf(l.all.to)
	if lessID(startOfHour(first), l.all.from) {
		first++
	}
	if first >= last {
		return l.count(l.all)
	}
	n, err := l.number(sumHours[l.kind.status][l.kind.typed], l.ofType([]any{[16]byte(l.webhook), first, last}))
	if err != nil {
		return 0, err
	}
	before, err := l.count(span{l.all.from, startOfHour(first)})
	if err != nil {
		return 0, err
	}
	after, err := l.count(span{startOfHour(last), l.all.to})
	return n + before + after, err
}

// number runs a query that answers with one.
func (l *listing) number(sql string, args []any) (n int, err error) {
	err = l.row(sql, args...)(&n)
	return n, err
}

// count says how many finished attempts match in a span, one by one.
func (l *listing) count(in span) (int, error) {
	if in.empty() {
		return 0, nil
	}
	return l.number(countFinished[l.kind.status][l.kind.typed], l.args(in))
}

// matching is an hour, and how many finished attempts match in the whole of it.
type matching struct {
	hour  int64
	count int
}

// matchingHours gives the hours of a span in which finished attempts match, the newest first, as far as the first reach
// of them can go.
func (l *listing) matchingHours(in span, reach int) (hours []matching, err error) {
	// Two of the hours may be cut off by the span, so that nothing in them matches.
	args := append(l.ofType([]any{[16]byte(l.webhook), hourOf(in.from), hourOf(in.to)}), reach+2)
	err = l.each(func(scan func(...any) error) error {
		var h matching
		err := scan(&h.hour, &h.count)
		hours = append(hours, h)
		return err
	}, hoursWith[l.kind.status][l.kind.typed], args...)
	return hours, err
}
