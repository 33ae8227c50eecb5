package sqlite

import (
	"context"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// How a page is found. Entries come from two tables, open and attempts, and are put in order by their ids. Whole hours
// are taken from the table counts: to sum up the total, to skip to a later page, and to leave out hours in which nothing
// matches; only what is left at the edges is looked at one by one. Each status that can be asked for has an index, or is
// frequent.

// ListLogs implements [store.Logs].
func (s *Store) ListLogs(ctx context.Context, p store.ListLogs) (page store.LogPage, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		page, err = newListing(c, &p).page(&p)
		return err
	})
	return page, err
}

// listing is one call of ListLogs.
type listing struct {
	*conn
	layout.List
	openTotal int // how many open attempts match, once total has asked
}

func newListing(c *conn, p *store.ListLogs) *listing {
	return &listing{conn: c, List: layout.NewList(p)}
}

func (l *listing) page(p *store.ListLogs) (page store.LogPage, err error) {
	var ids []carteiro.ID
	switch {
	case p.IDs != nil:
		ids, err = l.findInRange(p, &page)
	case p.EventID.IsZero():
		ids, page.Total, err = l.find(p)
	default:
		ids, page.Total, err = l.findOfEvent(p)
	}
	if err != nil {
		return page, err
	}
	if page.More = len(ids) > p.Limit; page.More {
		ids = ids[:p.Limit]
	}
	err = sqlstore.FillPage(&tx{conn: l.conn}, &page, p, ids)
	return page, err
}

// find gives the ids of a page, and one more if there are more, and how many match in all.
func (l *listing) find(p *store.ListLogs) (ids []carteiro.ID, total int, err error) {
	if total, err = l.total(); err != nil {
		return nil, 0, err
	}
	rest := l.All
	if !p.Before.IsZero() && layout.Less(p.Before, rest.To) {
		rest.To = p.Before
	}
	if rest.Empty() || total == 0 {
		return nil, total, nil
	}
	skip := p.Offset
	if skip > 0 {
		if rest, skip, err = l.skipHours(rest, skip); err != nil {
			return nil, 0, err
		}
	}
	ids, err = l.take(rest, skip, p.Limit+1)
	return ids, total, err
}

// take gives up to n ids of a span, the newest first, behind the first few that are skipped.
func (l *listing) take(in layout.Span, skip, n int) (ids []carteiro.ID, err error) {
	var open []carteiro.ID
	if l.Open && l.openTotal > 0 {
		// It ends with the last that matches: there may be very many others behind it.
		if open, err = l.ids(l.ofType(l.in(l.query(listOpen[l.Kind.Typed]), in)), min(skip+n, l.openTotal), 0); err != nil {
			return nil, err
		}
	}
	switch {
	case !l.Finished:
		return open[min(skip, len(open)):], nil
	case len(open) == 0:
		return l.takeFinished(in, skip, n)
	}
	finished, err := l.takeFinished(in, 0, skip+n)
	if err != nil {
		return nil, err
	}
	ids = slices.Concat(open, finished)
	slices.SortFunc(ids, func(a, b carteiro.ID) int { return layout.CompareIDs(b, a) })
	return ids[min(skip, len(ids)):min(skip+n, len(ids))], nil
}

// takeFinished is take for finished attempts: hour by hour, leaving out those in which none matches.
func (l *listing) takeFinished(in layout.Span, skip, n int) (ids []carteiro.ID, err error) {
	err = l.eachHour(in, func(hour int64, count int) (bool, error) {
		part, whole := in.Cut(hour)
		if skip > 0 && !whole {
			if count, err = l.count(part); err != nil {
				return false, err
			}
		}
		if skip > 0 && count <= skip {
			skip -= count
			return true, nil
		}
		found, err := l.ids(l.filter(l.in(l.query(listFinished.Of(l.Kind)), part)), n-len(ids), skip)
		ids, skip = append(ids, found...), 0
		return len(ids) < n, err
	})
	return ids, err
}

// skipHours leaves out hours at the end of a span as long as all that is in them is to be skipped. It gives the rest of
// the span, and how much is still to be skipped in it.
func (l *listing) skipHours(in layout.Span, skip int) (rest layout.Span, left int, err error) {
	rest, left = in, skip
	if !l.Open {
		return rest, left, nil // takeFinished does as much
	}
	if !l.Finished {
		return rest, left, nil
	}
	err = l.eachHour(in, func(hour int64, count int) (bool, error) {
		part, whole := in.Cut(hour)
		if !whole {
			if count, err = l.count(part); err != nil {
				return false, err
			}
		}
		// What is open since then, whether anything has finished in the hours between or not.
		open, err := l.countOpen(layout.Span{From: part.From, To: rest.To})
		if err != nil || count+open > left {
			return false, err
		}
		rest.To, left = part.From, left-count-open
		return true, nil
	})
	return rest, left, err
}

// ids reads the ids that a query gives.
func (l *listing) ids(rows *stmt, limit, offset int) ([]carteiro.ID, error) {
	return rows.int(int64(limit)).int(int64(offset)).ids()
}

// in binds the webhook and a span.
func (l *listing) in(rows *stmt, in layout.Span) *stmt {
	return rows.id(l.Webhook).id(in.From).id(in.To)
}
