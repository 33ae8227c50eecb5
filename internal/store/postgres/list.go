package postgres

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// How a page is found. Entries come from two tables, open and attempts, and are put in order by their ids. The table
// counts says in which hours how many match: from it comes the total, to the ragged hours at its edges; from it is known
// which hours a later page skips, and in which the page lies, so that only their days are looked into.

// ListLogs implements [store.Logs].
func (s *Store) ListLogs(ctx context.Context, p store.ListLogs) (page store.LogPage, err error) {
	if !canBeText(p.EventType) {
		return page, nil // no event has such a type
	}
	err = s.inSnapshot(ctx, func(t *tx) error {
		page, err = newListing(t, &p).page(&p)
		return err
	})
	return page, err
}

// canBeText says whether the database can hold a string as text.
func canBeText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// listing is one call of ListLogs.
type listing struct {
	*tx
	layout.List
	openTotal int // how many open attempts match, once total has asked
}

func newListing(t *tx, p *store.ListLogs) *listing { return &listing{tx: t, List: layout.NewList(p)} }

func (l *listing) page(p *store.ListLogs) (page store.LogPage, err error) {
	var found []carteiro.ID
	switch {
	case p.IDs != nil:
		found, err = l.findInRange(p, &page)
	case p.EventID.IsZero():
		found, page.Total, err = l.find(p)
	default:
		found, page.Total, err = l.findOfEvent(p)
	}
	if err != nil {
		return page, err
	}
	if page.More = len(found) > p.Limit; page.More {
		found = found[:p.Limit]
	}
	err = sqlstore.FillPage(l.tx, &page, p, found)
	return page, err
}

// find gives the ids of a page, and one more if there are more, and how many match in all.
func (l *listing) find(p *store.ListLogs) (found []carteiro.ID, total int, err error) {
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
	found, err = l.take(rest, p.Offset, p.Limit+1)
	return found, total, err
}

// manyOpen is how many open attempts are too many to be put in order here; less in tests.
var manyOpen = 5000

// take gives up to n ids of a span, the newest first, behind the first few that are skipped.
func (l *listing) take(in layout.Span, skip, n int) (found []carteiro.ID, err error) {
	switch {
	case !l.Finished:
		return l.ids(listOpen[l.Kind.Typed], in, n, skip)
	case l.NoTests(): // the hourly counts include tests, so they cannot narrow the span
		return l.ids(listFinished.Of(l.Kind), in, n, skip)
	case !l.Open || l.openTotal == 0:
		in, skip, err = l.narrow(in, skip, n, nil)
		if err != nil || in.Empty() {
			return nil, err
		}
		return l.ids(listFinished.Of(l.Kind), in, n, skip)
	case l.openTotal > manyOpen:
		return l.ids(listBoth[l.Kind.Typed], in, n, skip)
	}
	open, err := l.ids(listOpen[l.Kind.Typed], in, min(skip+n, l.openTotal), 0)
	if err != nil {
		return nil, err
	}
	narrow, skip, err := l.narrow(in, skip, n, open)
	if err != nil {
		return nil, err
	}
	if !narrow.Empty() {
		if found, err = l.ids(listFinished.Of(l.Kind), narrow, skip+n, 0); err != nil {
			return nil, err
		}
	}
	open = slices.DeleteFunc(open, func(id carteiro.ID) bool { return !layout.Less(id, narrow.To) })
	found = append(found, open...)
	slices.SortFunc(found, func(a, b carteiro.ID) int { return layout.CompareIDs(b, a) })
	return found[min(skip, len(found)):min(skip+n, len(found))], nil
}

// narrow leaves out the hours at the end of a span of which all is to be skipped, and those at its beginning that the
// page does not reach. open are ids that are not counted by the hour, the newest first: as many as the page may need.
// It gives what is left of the span, and how much is still to be skipped in it. Empty means that nothing finished matches.
func (l *listing) narrow(in layout.Span, skip, n int, open []carteiro.ID) (rest layout.Span, left int, err error) {
	hours, err := l.matchingHours(in, skip+n)
	if err != nil || len(hours) == 0 {
		return layout.Span{From: in.To, To: in.To}, skip, err
	}
	rest, left = in, skip
	for left > 0 && len(hours) > 0 {
		part, whole := in.Cut(hours[0].hour)
		count := hours[0].count
		if !whole {
			if count, err = l.count(part); err != nil {
				return layout.Span{}, 0, err
			}
		}
		if count += countIn(open, layout.Span{From: part.From, To: rest.To}); count > left {
			break
		}
		rest.To, left, hours = part.From, left-count, hours[1:]
	}
	reached := 0
	for _, h := range hours {
		part, whole := in.Cut(h.hour)
		if whole {
			reached += h.count
		}
		if reached >= left+n {
			rest.From = part.From
			break
		}
	}
	return rest, left, nil
}

// countIn counts those of some ids that are in a span.
func countIn(all []carteiro.ID, in layout.Span) (n int) {
	for _, id := range all {
		if !layout.Less(id, in.From) && layout.Less(id, in.To) {
			n++
		}
	}
	return n
}

// ids reads the ids that a query gives for a span.
func (l *listing) ids(sql string, in layout.Span, limit, offset int) ([]carteiro.ID, error) {
	return l.readIDs(sql, append(l.args(in), limit, offset)...)
}

// args are the parameters with which queries of a span begin.
func (l *listing) args(in layout.Span) []any {
	return l.filtered([]any{[16]byte(l.Webhook), [16]byte(in.From), [16]byte(in.To)})
}

// filtered adds the parameters that listKind.filter asks for.
func (l *listing) filtered(args []any) []any {
	if l.EventType != "" {
		args = append(args, l.EventType)
	}
	if l.HTTP != nil {
		args = append(args, l.HTTP.Min, l.HTTP.Max)
	}
	return args
}
