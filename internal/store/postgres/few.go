package postgres

import (
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// Lists of few entries, which are looked at one by one: the attempts of some events, and those whose ids are in a range.

// retryOf is the open automatic retry of an attempt a.
const retryOf = sqlstore.PostgresRetryOf

const (
	openEntry     = `id, 'pending' AS status, event_type, -1 AS http_status`
	finishedEntry = `id, CASE WHEN status = 1 THEN 'success' WHEN EXISTS ` + retryOf + ` THEN 'retrying' ELSE 'failed' END, event_type, http_status`

	// listRange gives the attempts at a webhook whose own ids are in a range.
	listRange = `SELECT ` + openEntry + ` FROM open WHERE webhook_id = $1 AND id BETWEEN $2 AND $3
		UNION ALL SELECT ` + finishedEntry + ` FROM attempts a WHERE webhook_id = $1 AND id BETWEEN $2 AND $3
		ORDER BY 1 LIMIT $4`
	isTest        = `SELECT test FROM events WHERE id = $1`
	eventsInRange = `SELECT id FROM events WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3`
)

// The attempts of an event at a webhook, or of several: the open one, the first, and the later ones.
var (
	listEvent  = eventEntries("$2", "$3", "$4", "$5")
	listEvents = `SELECT entries.* FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[]) AS u (event_id, first, last, since)
		CROSS JOIN LATERAL (` + eventEntries("u.event_id", "u.first", "u.last", "u.since") + `) AS entries`
)

func eventEntries(event, first, last, since string) string {
	return `SELECT ` + openEntry + ` FROM open WHERE webhook_id IS NOT DISTINCT FROM $1 AND event_id = ` + event + `
		UNION ALL ` + finishedAttempts(finishedEntry, event, first, last, since)
}

// attemptsOfAll are the parameters of attemptsOf for several events.
func attemptsOfAll(events []carteiro.ID) []any {
	var firsts, lasts, sinces ids
	for _, event := range events {
		firsts, lasts = append(firsts, event.MinSibling()), append(lasts, event.MaxSibling())
		sinces = append(sinces, beforeRetries(event))
	}
	return []any{ids(events), firsts, lasts, sinces}
}

// few is the entries that match, looked at one by one.
type few struct {
	*listing
	p      *store.ListLogs
	found  []carteiro.ID
	looked int
}

// look takes those rows of a query of entries that match.
func (f *few) look(sql string, args ...any) error {
	return f.each(func(scan func(...any) error) error {
		var entry carteiro.ID
		var status, eventType string
		var httpStatus int
		if err := scan(toID(&entry), &status, &eventType, &httpStatus); err != nil {
			return err
		}
		f.looked++
		if f.Matches(f.p.Status, carteiro.Status(status), entry, eventType, httpStatus) {
			f.found = append(f.found, entry)
		}
		return nil
	}, sql, append([]any{id(f.Webhook)}, args...)...)
}

// findOfEvent is find for the attempts of one event.
func (l *listing) findOfEvent(p *store.ListLogs) (found []carteiro.ID, total int, err error) {
	if excluded, err := l.excludesEvent(p.EventID); err != nil || excluded {
		return nil, 0, err
	}
	f := few{listing: l, p: p}
	if err := f.look(listEvent, attemptsOf(p.EventID)...); err != nil {
		return nil, 0, err
	}
	found, total = layout.PageOf(f.found, p)
	return found, total, nil
}

// excludesEvent reports whether the event is a test and the listing excludes tests.
func (l *listing) excludesEvent(event carteiro.ID) (excluded bool, err error) {
	if l.NoTests() {
		_, err = l.found(isTest, id(event))(&excluded)
	}
	return excluded, err
}

// findInRange is find for entries whose ids, or whose events' ids, are in a range.
func (l *listing) findInRange(p *store.ListLogs, page *store.LogPage) (found []carteiro.ID, err error) {
	f := few{listing: l, p: p}
	if err := f.look(listRange, [16]byte(p.IDs.First), [16]byte(p.IDs.Last), store.MaxFound+1); err != nil {
		return nil, err
	}
	page.TotalIsLowerBound = f.looked > store.MaxFound
	events, err := l.eventsIn(p.IDs)
	if err != nil {
		return nil, err
	}
	if len(events) > store.MaxFound {
		events, page.TotalIsLowerBound = events[:store.MaxFound], true
	}
	if err := f.look(listEvents, attemptsOfAll(events)...); err != nil {
		return nil, err
	}
	if !p.EventID.IsZero() {
		if err := f.keepOfEvent(p.EventID); err != nil {
			return nil, err
		}
	}
	found, page.Total = layout.PageOf(f.found, p)
	return found, nil
}

// keepOfEvent leaves out the entries of other events.
func (f *few) keepOfEvent(event carteiro.ID) error {
	of, _, err := f.findOfEvent(&store.ListLogs{EventID: event, Status: f.p.Status, Limit: store.MaxFound})
	f.found = slices.DeleteFunc(f.found, func(id carteiro.ID) bool { return !slices.Contains(of, id) })
	return err
}

func (l *listing) eventsIn(in *store.IDRange) (events []carteiro.ID, err error) {
	err = l.each(func(scan func(...any) error) error {
		var event carteiro.ID
		err := scan(toID(&event))
		events = append(events, event)
		return err
	}, eventsInRange, [16]byte(in.First), [16]byte(in.Last), store.MaxFound+1)
	return events, err
}
