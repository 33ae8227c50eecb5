package layout

import (
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// List is how a page of attempts is found, as far as it is the same in each database.
type List struct {
	Webhook   carteiro.ID
	EventType string                // "" for all
	HTTP      *carteiro.StatusRange // nil for all
	All       Span                  // between From and To
	Open      bool                  // whether open attempts may match
	Finished  bool                  // whether finished ones may
	Kind      Kind                  // of the queries for finished ones
}

// NewList reads the filters of a page.
func NewList(p *store.ListLogs) List {
	l := List{
		Webhook: p.WebhookID, EventType: p.EventType, HTTP: p.HTTP,
		All:      SpanOf(p.From, p.To),
		Open:     (p.Status == "" || p.Status == carteiro.StatusPending) && p.HTTP == nil,
		Finished: p.Status != carteiro.StatusPending,
		Kind:     Kind{Status: statusIndex(p.Status)},
	}
	if p.NoTests && p.Status == carteiro.StatusFailed {
		l.Kind.Status = WantFailedEvents
	}
	if p.EventType != "" {
		l.Kind.Typed = 1
	}
	if p.HTTP != nil {
		l.Kind.HTTP = 1
		if onlyFailures(*p.HTTP) && p.Status == "" {
			l.Kind.Status = WantFailures
		}
	}
	return l
}

// Matches says whether an attempt, open or finished, is one of those that are asked for. An open one has HTTP status -1.
func (l *List) Matches(want, status carteiro.Status, id carteiro.ID, eventType string, httpStatus int) bool {
	return (want == "" || status == want) && (l.EventType == "" || eventType == l.EventType) &&
		(l.HTTP == nil || l.HTTP.Has(httpStatus)) && !Less(id, l.All.From) && Less(id, l.All.To)
}

// onlyFailures says whether no success can have a status of the range.
func onlyFailures(r carteiro.StatusRange) bool { return r.Max < 200 || r.Min > 299 }

// NoTests reports whether entries of test events are excluded.
func (l *List) NoTests() bool { return l.Kind.Status == WantFailedEvents }

// PageOf gives the ids of a page, the newest first, and one more if there are more, and how many match in all. It uses the
// room of all, which are the ids that match, in any order and possibly more than once.
func PageOf(all []carteiro.ID, p *store.ListLogs) (page []carteiro.ID, total int) {
	slices.SortFunc(all, func(a, b carteiro.ID) int { return CompareIDs(b, a) })
	page = slices.Compact(all)
	total = len(page)
	if !p.Before.IsZero() {
		page = slices.DeleteFunc(page, func(id carteiro.ID) bool { return !Less(id, p.Before) })
	}
	page = page[min(p.Offset, len(page)):]
	return page[:min(p.Limit+1, len(page))], total
}

// Kind is a combination of filters that has queries of its own.
type Kind struct {
	Status int // one of WantAll and so on
	Typed  int // 1: of an event type
	HTTP   int // 1: of a range of HTTP statuses
}

// The statuses of finished attempts that can be asked for, and how many there are.
const (
	WantAll = iota
	WantSuccess
	WantFailed
	WantRetrying
	WantFailures     // failed or retrying: what a range of HTTP statuses comes to that holds no success
	WantFailedEvents // failed, without entries of test events
	WantKinds
)

func statusIndex(status carteiro.Status) int {
	switch status {
	case carteiro.StatusSuccess:
		return WantSuccess
	case carteiro.StatusFailed:
		return WantFailed
	case carteiro.StatusRetrying:
		return WantRetrying
	default:
		return WantAll
	}
}

// Queries holds the query of each kind.
type Queries[Q any] [WantKinds][2][2]Q

// NewQueries makes the query of each kind.
func NewQueries[Q any](query func(Kind) Q) (all Queries[Q]) {
	for status := range all {
		for typed := range all[status] {
			for http := range all[status][typed] {
				all[status][typed][http] = query(Kind{status, typed, http})
			}
		}
	}
	return all
}

// Of gives the query of a kind.
func (q *Queries[Q]) Of(k Kind) Q { return q[k.Status][k.Typed][k.HTTP] }
