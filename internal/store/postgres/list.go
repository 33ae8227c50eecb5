package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"carteiro"
	"carteiro/internal/store"
)

// How a page is found. Entries come from two tables, open and attempts, and are put in order by their ids. The table
// counts says in which hours how many match: from it comes the total, to the ragged hours at its edges; from it is known
// which hours a later page skips, and in which the page lies, so that only their days are looked into.

// endOfTime is greater than every id that a source makes.
var endOfTime = carteiro.ID(bytes.Repeat([]byte{0xff}, 16))

// span is the ids from one up to, but without, another.
type span struct{ from, to carteiro.ID }

func (s span) empty() bool { return !lessID(s.from, s.to) }

// cut gives the part of the span that lies in an hour, and whether that is the whole hour.
func (s span) cut(hour int64) (part span, whole bool) {
	part = span{startOfHour(hour), startOfHour(hour + 1)}
	whole = !lessID(part.from, s.from) && !lessID(s.to, part.to)
	if lessID(part.from, s.from) {
		part.from = s.from
	}
	if lessID(s.to, part.to) {
		part.to = s.to
	}
	return part, whole
}

func lessID(a, b carteiro.ID) bool { return compareIDs(a, b) < 0 }

// startOfHour is the least id of an hour since 1970.
func startOfHour(hour int64) carteiro.ID { return carteiro.MinID(time.UnixMilli(hour * 3_600_000)) }

// ListLogs implements [store.Logs].
func (s *Store) ListLogs(ctx context.Context, p store.ListLogs) (page store.LogPage, err error) {
	if !utf8.ValidString(p.EventType) || bytes.IndexByte([]byte(p.EventType), 0) >= 0 {
		return page, nil // no event has a type that the database cannot hold
	}
	err = s.inSnapshot(ctx, func(t *tx) error {
		page, err = newListing(t, &p).page(&p)
		return err
	})
	return page, err
}

// listing is one call of ListLogs.
type listing struct {
	*tx
	webhook   carteiro.ID
	eventType string
	all       span // between From and To
	open      bool // whether open attempts may match
	finished  bool // whether finished ones may
	kind      listKind
	openTotal int // how many open attempts match, once total has asked
}

func newListing(t *tx, p *store.ListLogs) *listing {
	l := &listing{
		tx: t, webhook: p.WebhookID, eventType: p.EventType,
		all:      span{to: endOfTime},
		open:     p.Status == "" || p.Status == carteiro.StatusPending,
		finished: p.Status != carteiro.StatusPending,
		kind:     listKind{status: statusIndex(p.Status)},
	}
	if !p.From.IsZero() {
		l.all.from = carteiro.MinID(p.From)
	}
	if !p.To.IsZero() {
		l.all.to = carteiro.MinID(p.To)
	}
	if p.EventType != "" {
		l.kind.typed = 1
	}
	return l
}

func (l *listing) page(p *store.ListLogs) (page store.LogPage, err error) {
	var found []carteiro.ID
	if p.EventID.IsZero() {
		found, page.Total, err = l.find(p)
	} else {
		found, page.Total, err = l.findOfEvent(p)
	}
	if err != nil {
		return page, err
	}
	if page.More = len(found) > p.Limit; page.More {
		found = found[:p.Limit]
	}
	if len(found) == 0 {
		return page, nil
	}
	entries, err := l.logs(l.webhook, found)
	if err != nil {
		return page, err
	}
	page.Attempts = make([]*carteiro.Attempt, len(found))
	for i, id := range found {
		page.Attempts[i] = entries[id]
	}
	return page, nil
}

// find gives the ids of a page, and one more if there are more, and how many match in all.
func (l *listing) find(p *store.ListLogs) (found []carteiro.ID, total int, err error) {
	if total, err = l.total(); err != nil {
		return nil, 0, err
	}
	rest := l.all
	if !p.Before.IsZero() && lessID(p.Before, rest.to) {
		rest.to = p.Before
	}
	if rest.empty() || total == 0 {
		return nil, total, nil
	}
	found, err = l.take(rest, p.Offset, p.Limit+1)
	return found, total, err
}

// manyOpen is how many open attempts are too many to be put in order here; less in tests.
var manyOpen = 5000

// take gives up to n ids of a span, the newest first, behind the first few that are skipped.
func (l *listing) take(in span, skip, n int) (found []carteiro.ID, err error) {
	switch {
	case !l.finished:
		return l.ids(listOpen[l.kind.typed], in, n, skip)
	case !l.open || l.openTotal == 0:
		in, skip, err = l.narrow(in, skip, n, nil)
		if err != nil || in.empty() {
			return nil, err
		}
		return l.ids(l.kind.list(), in, n, skip)
	case l.openTotal > manyOpen:
		return l.ids(listBoth[l.kind.typed], in, n, skip)
	}
	open, err := l.ids(listOpen[l.kind.typed], in, min(skip+n, l.openTotal), 0)
	if err != nil {
		return nil, err
	}
	narrow, skip, err := l.narrow(in, skip, n, open)
	if err != nil {
		return nil, err
	}
	if !narrow.empty() {
		if found, err = l.ids(l.kind.list(), narrow, skip+n, 0); err != nil {
			return nil, err
		}
	}
	open = slices.DeleteFunc(open, func(id carteiro.ID) bool { return !lessID(id, narrow.to) })
	found = append(found, open...)
	slices.SortFunc(found, func(a, b carteiro.ID) int { return compareIDs(b, a) })
	return found[min(skip, len(found)):min(skip+n, len(found))], nil
}

// narrow leaves out the hours at the end of a span of which all is to be skipped, and those at its beginning that the
// page does not reach. open are ids that are not counted by the hour, the newest first: as many as the page may need.
// It gives what is left of the span, and how much is still to be skipped in it. Empty means that nothing finished matches.
func (l *listing) narrow(in span, skip, n int, open []carteiro.ID) (rest span, left int, err error) {
	hours, err := l.matchingHours(in, skip+n)
	if err != nil || len(hours) == 0 {
		return span{in.to, in.to}, skip, err
	}
	rest, left = in, skip
	for left > 0 && len(hours) > 0 {
		part, whole := in.cut(hours[0].hour)
		count := hours[0].count
		if !whole {
			if count, err = l.count(part); err != nil {
				return span{}, 0, err
			}
		}
		if count += countIn(open, span{part.from, rest.to}); count > left {
			break
		}
		rest.to, left, hours = part.from, left-count, hours[1:]
	}
	reached := 0
	for _, h := range hours {
		part, whole := in.cut(h.hour)
		if whole {
			reached += h.count
		}
		if reached >= left+n {
			rest.from = part.from
			break
		}
	}
	return rest, left, nil
}

// countIn counts those of some ids that are in a span.
func countIn(all []carteiro.ID, in span) (n int) {
	for _, id := range all {
		if !lessID(id, in.from) && lessID(id, in.to) {
			n++
		}
	}
	return n
}

// ids reads the ids that a query gives for a span.
func (l *listing) ids(sql string, in span, limit, offset int) (found []carteiro.ID, err error) {
	err = l.each(func(scan func(...any) error) error {
		var id carteiro.ID
		err := scan(toID(&id))
		found = append(found, id)
		return err
	}, sql, append(l.args(in), limit, offset)...)
	return found, err
}

// args are the parameters with which queries of a span begin.
func (l *listing) args(in span) []any {
	args := []any{[16]byte(l.webhook), [16]byte(in.from), [16]byte(in.to)}
	return l.ofType(args)
}

func (l *listing) ofType(args []any) []any {
	if l.eventType != "" {
		args = append(args, l.eventType)
	}
	return args
}

// findOfEvent is find for the attempts of one event, which are few.
func (l *listing) findOfEvent(p *store.ListLogs) (found []carteiro.ID, total int, err error) {
	event := p.EventID
	err = l.each(func(scan func(...any) error) error {
		var entry carteiro.ID
		var status, eventType string
		if err := scan(toID(&entry), &status, &eventType); err != nil {
			return err
		}
		switch {
		case p.Status != "" && carteiro.Status(status) != p.Status, p.EventType != "" && eventType != p.EventType,
			lessID(entry, l.all.from), !lessID(entry, l.all.to):
			return nil
		}
		total++
		if p.Before.IsZero() || lessID(entry, p.Before) {
			found = append(found, entry)
		}
		return nil
	}, listEvent, id(l.webhook), id(event), [16]byte(event.MinSibling()), [16]byte(event.MaxSibling()), [16]byte(beforeRetries(event)))
	if err != nil {
		return nil, 0, err
	}
	found = found[min(p.Offset, len(found)):]
	return found[:min(p.Limit+1, len(found))], total, nil
}
