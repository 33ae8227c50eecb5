package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// How a page of events is found: an index is gone along, of all events of an environment or of its undelivered ones, which
// are often asked for and of which that holds what they are filtered by. What matches little is looked for among so many
// events and no more.

// seenEvents gives events of an environment ($1) from an id ($2) up to, but without, another ($3), at most so many ($4), and
// whether each matches: owner ($5, $6), with calls ($7), types ($8), undelivered ($9).
func seenEvents(which, order string) string {
	return `(SELECT id, ` + eventMatches + ` AS matches FROM events WHERE environment_id = $1 AND id >= $2 AND id < $3
		AND ` + which + ` ORDER BY id ` + order + ` LIMIT $4) AS seen`
}

const eventMatches = `(($5::smallint = 0 OR (owner_kind = $5 AND owner_id = $6) OR ($7 AND owner_kind = 1 AND campaign_id = $6))
	AND (cardinality($8::text[]) = 0 OR type = ANY ($8)) AND ($9::integer < 0 OR undelivered = $9))`

// eventQueries are the queries that go along one index.
type eventQueries struct {
	newest, oldest string
	// How many newest or oldest are seen and match, and which is the last of so many.
	count, stride, last, strideLast string
}

func newEventQueries(which string) eventQueries {
	newest, oldest := seenEvents(which, "DESC"), seenEvents(which, "ASC")
	const looked = `SELECT count(*), count(*) FILTER (WHERE matches) FROM `
	return eventQueries{
		newest: `SELECT id FROM ` + newest + ` WHERE matches LIMIT $10 OFFSET $11`,
		oldest: `SELECT id FROM ` + oldest + ` WHERE matches LIMIT $10`,
		count:  looked + newest, stride: looked + oldest,
		last: `SELECT id FROM ` + newest + ` OFFSET $4 - 1`, strideLast: `SELECT id FROM ` + oldest + ` OFFSET $4 - 1`,
	}
}

var (
	allEvents         = newEventQueries("NOT test")
	undeliveredEvents = newEventQueries("undelivered > 0")
)

const (
	// Named events ($11), all of them or only undelivered ones ($12).
	namedEvents = `SELECT id FROM events WHERE id = ANY ($11) AND environment_id IS NOT DISTINCT FROM $1 AND id >= $2 AND id < $3 AND $4 > 0
		AND NOT test AND (NOT $12 OR undelivered > 0) AND ` + eventMatches
	oldestNamed = namedEvents + ` ORDER BY id LIMIT $10`

	eventSummaries = `SELECT id, environment_id, owner_kind, owner_id, owner_name, campaign_id, campaign_name, type, occurred_at, undelivered
		FROM events WHERE id = ANY ($1) ORDER BY id DESC`
	wholeEvent = `SELECT ` + eventColumns + `, e.undelivered FROM events e
		WHERE e.id = $1 AND e.environment_id IS NOT DISTINCT FROM $2 AND NOT e.test`
)

// undelivered reads the number that a reason is stored as; 0 for none.
type undelivered struct{ to *carteiro.Undelivered }

// Scan implements [sql.Scanner].
func (u undelivered) Scan(from any) error {
	number, ok := from.(int64)
	reason := layout.UndeliveredOf(number)
	if !ok || reason == "" && number != 0 {
		return fmt.Errorf("no such reason why an event is undelivered: %v", from)
	}
	*u.to = reason
	return nil
}

// eventSearch is what events are sought by.
type eventSearch struct {
	*tx
	p           *store.ListEvents
	all         layout.Span
	types       []string
	undelivered int32 // -1: any of the index
	look        int   // at so many
	queries     *eventQueries
}

func newEventSearch(t *tx, p *store.ListEvents) *eventSearch {
	number, only := layout.UndeliveredFilter(p)
	e := &eventSearch{
		tx: t, p: p, all: layout.SpanOf(p.From, p.To), types: []string{}, queries: &allEvents, look: cmp.Or(p.Look, store.MaxLooked),
		undelivered: int32(number), //nolint:gosec // one of a few
	}
	if only {
		e.queries = &undeliveredEvents
	}
	for _, eventType := range p.Types {
		if canBeText(eventType) {
			e.types = append(e.types, eventType)
		}
	}
	if len(p.Types) > 0 && len(e.types) == 0 {
		e.types = []string{""} // no event has such a type
	}
	return e
}

func (e *eventSearch) onlyUndelivered() bool { return e.queries == &undeliveredEvents }

// in are the parameters of seenEvents.
func (e *eventSearch) in(in layout.Span, looked int) []any {
	return []any{
		[16]byte(e.p.EnvironmentID), [16]byte(in.From), [16]byte(in.To), looked, int16(e.p.OwnerKind), [16]byte(e.p.OwnerID),
		e.p.CallEvents, e.types, e.undelivered,
	}
}

// found gives the ids that a query finds among so many.
func (e *eventSearch) found(sql string, in layout.Span, looked int, more ...any) ([]carteiro.ID, error) {
	return e.readIDs(sql, append(e.in(in, looked), more...)...)
}

// ListEvents implements [store.Events].
func (s *Store) ListEvents(ctx context.Context, p store.ListEvents) (page store.EventPage, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		page = store.EventPage{}
		found, err := newEventSearch(t, &p).page(&page)
		if err != nil || len(found) == 0 {
			return err
		}
		return t.each(func(scan func(...any) error) error {
			e := new(carteiro.Event)
			page.Events = append(page.Events, e)
			return scan(toID(&e.ID), toID(&e.EnvironmentID), &e.OwnerKind, toID(&e.OwnerID), octet{&e.OwnerName}, toID(&e.CampaignID),
				octet{&e.CampaignName}, &e.Type, toTime(&e.OccurredAt), undelivered{&e.Undelivered})
		}, eventSummaries, ids(found))
	})
	return page, err
}

// page gives the ids of the page, and fills in what else there is to say.
func (e *eventSearch) page(page *store.EventPage) (found []carteiro.ID, err error) {
	if len(e.p.IDs) > 0 {
		return e.pageOfIDs(page)
	}
	looked, err := e.newest(e.all, e.look)
	if err != nil || looked.n == 0 {
		return nil, err
	}
	page.Total = looked.matching
	behind, err := e.behind(e.all, looked)
	if err != nil {
		return nil, err
	}
	page.TotalIsLowerBound = !behind.IsZero()
	rest := e.all
	if !e.p.Before.IsZero() && layout.Less(e.p.Before, rest.To) {
		rest.To = e.p.Before
		if looked, err = e.newest(rest, e.look); err != nil {
			return nil, err
		}
		if behind, err = e.behind(rest, looked); err != nil {
			return nil, err
		}
	}
	if page.Next = behind; looked.matching == 0 {
		return nil, nil
	}
	found, err = e.found(e.queries.newest, rest, e.look, e.p.Limit+1, e.p.Offset)
	if err != nil {
		return nil, err
	}
	return layout.EndPage(found, e.p.Limit, page), nil
}

// looked is what was come by on the way along an index.
type looked struct {
	n, matching int
	last        carteiro.ID
}

// lookAt counts along an index, and finds the last when there are as many as may be looked at.
func (e *eventSearch) lookAt(count, last string, in layout.Span, most int) (l looked, err error) {
	args := e.in(in, most)
	if err = e.row(count, args...)(&l.n, &l.matching); err != nil || l.n < most {
		return l, err
	}
	err = e.row(last, args...)(toID(&l.last))
	return l, err
}

func (e *eventSearch) newest(in layout.Span, most int) (looked, error) {
	return e.lookAt(e.queries.count, e.queries.last, in, most)
}

// behind gives the last event that was looked at, from the newest, when there are older ones that were not.
func (e *eventSearch) behind(in layout.Span, l looked) (last carteiro.ID, err error) {
	if l.n < e.look {
		return last, nil
	}
	more, err := e.newest(layout.Span{From: in.From, To: l.last}, 1)
	if err == nil && more.n > 0 {
		last = l.last
	}
	return last, err
}

// pageOfIDs is page for events that are named.
func (e *eventSearch) pageOfIDs(page *store.EventPage) (found []carteiro.ID, err error) {
	found, err = e.found(oldestNamed, e.all, 1, len(e.p.IDs), ids(e.p.IDs), e.onlyUndelivered())
	if err != nil {
		return nil, err
	}
	return layout.NamedEvents(found, e.p, page), nil
}

// GetEvent implements [store.Events].
func (s *Store) GetEvent(ctx context.Context, ref store.EventRef) (stored store.StoredEvent, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		stored = store.StoredEvent{Event: new(carteiro.Event)}
		err := t.row(wholeEvent, id(ref.ID), id(ref.EnvironmentID))(append(eventFields(stored.Event), undelivered{&stored.Undelivered})...)
		if err != nil {
			return err
		}
		webhooks, err := sqlstore.WebhooksFor(t, stored.Event)
		if err != nil {
			return err
		}
		for _, w := range webhooks {
			d, err := t.eventDelivery(w, ref.ID)
			if err != nil {
				return err
			}
			if d.Attempts > 0 {
				stored.Deliveries = append(stored.Deliveries, d)
			}
		}
		return nil
	})
	if err != nil {
		return store.StoredEvent{}, err
	}
	return stored, nil
}

// eventDelivery says how an event stands at a webhook; without attempts when it did not go there.
func (t *tx) eventDelivery(w *carteiro.Webhook, event carteiro.ID) (store.EventDelivery, error) {
	d := store.EventDelivery{Webhook: w}
	var seen []carteiro.ID
	err := t.each(func(scan func(...any) error) error {
		var entry carteiro.ID
		var status, eventType string
		var httpStatus int
		if err := scan(toID(&entry), &status, &eventType, &httpStatus); err != nil || slices.Contains(seen, entry) {
			return err // a replay of the same instant is found in both ways
		}
		seen = append(seen, entry)
		if d.Attempts++; layout.Less(d.LogID, entry) {
			d.LogID, d.Status, d.HTTPStatus = entry, carteiro.Status(status), max(0, httpStatus)
		}
		return nil
	}, listEvent, append([]any{id(w.ID)}, attemptsOf(event)...)...)
	return d, err
}
