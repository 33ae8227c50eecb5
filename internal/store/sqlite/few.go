package sqlite

import (
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// Lists of few entries, which are looked at one by one: the attempts of one event, and those whose ids are in a range.

const readStatus = `CASE WHEN status = 1 THEN 'success' WHEN EXISTS ` + retryOf + ` THEN 'retrying' ELSE 'failed' END`

var (
	eventNumber = newQuery(`SELECT number FROM events WHERE id = ?1 AND NOT (?2 AND test)`)
	// The attempts of an event at a webhook: the open one, the first, and the later ones.
	listEvent = newQuery(`SELECT id, 'pending', event_type, -1 FROM open INDEXED BY open_once WHERE webhook_id = ?1 AND event = ?2
		UNION ALL SELECT id, ` + readStatus + `, event_type, http_status FROM attempts a
			WHERE webhook_id = ?1 AND id BETWEEN ?3 AND ?4 AND event = ?2 AND number = 1
		UNION ALL SELECT id, ` + readStatus + `, event_type, http_status FROM attempts a INDEXED BY attempts_later
			WHERE webhook_id = ?1 AND event = ?2 AND (number > 1 OR trigger = 4)`)
	// The attempts at a webhook whose own ids are in a range.
	listRange = newQuery(`SELECT id, 'pending', event_type, -1 FROM open WHERE webhook_id = ?1 AND id BETWEEN ?2 AND ?3
		UNION ALL SELECT id, ` + readStatus + `, event_type, http_status FROM attempts a WHERE webhook_id = ?1 AND id BETWEEN ?2 AND ?3
		ORDER BY 1 LIMIT ?4`)
	eventsInRange = newQuery(`SELECT number, id FROM events WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?`)
)

// few is the entries that match, looked at one by one.
type few struct {
	*listing
	p   *store.ListLogs
	ids []carteiro.ID
}

// read takes the rows of listEvent or listRange that match.
func (f *few) read(rows *stmt) (looked int, err error) {
	for rows.next() {
		looked++
		id, status := rows.colID(0), carteiro.Status(rows.colText(1))
		if f.Matches(f.p.Status, status, id, rows.colText(2), int(rows.colInt(3))) {
			f.ids = append(f.ids, id)
		}
	}
	return looked, rows.end()
}

func (f *few) readEvent(number int64, id carteiro.ID) error {
	_, err := f.read(f.query(listEvent).id(f.Webhook).int(number).id(id.MinSibling()).id(id.MaxSibling()))
	return err
}

// findOfEvent is find for the attempts of one event.
func (l *listing) findOfEvent(p *store.ListLogs) (ids []carteiro.ID, total int, err error) {
	f := few{listing: l, p: p}
	number, err := l.eventNumber(p.EventID)
	if err != nil || number == 0 {
		return nil, 0, err
	}
	if err := f.readEvent(number, p.EventID); err != nil {
		return nil, 0, err
	}
	ids, total = layout.PageOf(f.ids, p)
	return ids, total, nil
}

// eventNumber returns 0 if the event does not exist, or if it is a test and the listing excludes tests.
func (l *listing) eventNumber(event carteiro.ID) (int64, error) {
	return l.query(eventNumber).id(event).bool(l.NoTests()).number()
}

// findInRange is find for entries whose ids, or whose events' ids, are in a range.
func (l *listing) findInRange(p *store.ListLogs, page *store.LogPage) (ids []carteiro.ID, err error) {
	f := few{listing: l, p: p}
	looked, err := f.read(l.query(listRange).id(l.Webhook).id(p.IDs.First).id(p.IDs.Last).int(store.MaxFound + 1))
	if err != nil {
		return nil, err
	}
	events, err := l.eventsIn(p.IDs)
	if err != nil {
		return nil, err
	}
	for i, e := range events {
		if i == store.MaxFound {
			break
		}
		if err := f.readEvent(e.number, e.id); err != nil {
			return nil, err
		}
	}
	if p.EventID != (carteiro.ID{}) {
		if err := f.keepOfEvent(p.EventID); err != nil {
			return nil, err
		}
	}
	ids, page.Total = layout.PageOf(f.ids, p)
	page.TotalIsLowerBound = looked > store.MaxFound || len(events) > store.MaxFound
	return ids, nil
}

// keepOfEvent leaves out the entries of other events.
func (f *few) keepOfEvent(event carteiro.ID) error {
	of, _, err := f.findOfEvent(&store.ListLogs{EventID: event, Status: f.p.Status, Limit: store.MaxFound})
	f.ids = slices.DeleteFunc(f.ids, func(id carteiro.ID) bool { return !slices.Contains(of, id) })
	return err
}

// numbered is an event's id with the number by which attempts know it.
type numbered struct {
	number int64
	id     carteiro.ID
}

func (l *listing) eventsIn(ids *store.IDRange) (events []numbered, err error) {
	rows := l.query(eventsInRange).id(ids.First).id(ids.Last).int(store.MaxFound + 1)
	for rows.next() {
		events = append(events, numbered{rows.colInt(0), rows.colID(1)})
	}
	return events, rows.end()
}
