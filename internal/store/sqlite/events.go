package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
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

// seenEvents gives events of an environment (?1) from an id (?2) up to, but without, another (?3), at most so many (?4), and
// whether each matches: owner (?5, ?6), with calls (?7), types (?8, a list in JSON), undelivered (?9).
func seenEvents(index, which, order string) string {
	return `(SELECT id, ` + eventMatches + ` AS matches FROM events INDEXED BY ` + index + ` WHERE environment_id = ?1 AND id >= ?2 AND id < ?3
		AND ` + which + ` ORDER BY id ` + order + ` LIMIT ?4)`
}

const eventMatches = `((?5 = 0 OR (owner_kind = ?5 AND owner_id = ?6) OR (?7 AND owner_kind = 1 AND campaign_id = ?6))
	AND (?8 IS NULL OR type IN (SELECT value FROM json_each(?8))) AND (?9 < 0 OR undelivered = ?9))`

// eventQueries are the queries that go along one index.
type eventQueries struct{ count, newest, oldest, stride *query }

func newEventQueries(index, which string) eventQueries {
	newest, oldest := seenEvents(index, which, "DESC"), seenEvents(index, which, "ASC")
	return eventQueries{
		count:  newQuery(`SELECT count(*), min(id), coalesce(sum(matches), 0) FROM ` + newest),
		newest: newQuery(`SELECT id FROM ` + newest + ` WHERE matches LIMIT ?10 OFFSET ?11`),
		oldest: newQuery(`SELECT id FROM ` + oldest + ` WHERE matches LIMIT ?10`),
		stride: newQuery(`SELECT count(*), max(id), coalesce(sum(matches), 0) FROM ` + oldest),
	}
}

var (
	allEvents         = newEventQueries("events_of", "test = 0")
	undeliveredEvents = newEventQueries("events_undelivered", "undelivered > 0")

	eventMatch = newQuery(`SELECT ` + eventMatches + ` FROM events WHERE environment_id = ?1 AND id >= ?2 AND id < ?3 AND ?4 > 0
		AND id = ?10 AND test = 0 AND (?11 = 0 OR undelivered > 0)`)
	eventSummary = newQuery(`SELECT environment_id, owner_kind, owner_id, owner_name, campaign_id, campaign_name, type, occurred_at, undelivered
		FROM events WHERE id = ?`)
	wholeEvent = newQuery(`SELECT ` + eventColumns + `, e.undelivered, e.number FROM events e WHERE e.id = ? AND e.environment_id = ? AND e.test = 0`)
)

// eventSearch is what events are sought by.
type eventSearch struct {
	*conn
	p           *store.ListEvents
	all         layout.Span
	types       []byte // JSON; nil: any
	undelivered int64  // -1: any of the index
	look        int    // at so many
	queries     *eventQueries
}

func newEventSearch(c *conn, p *store.ListEvents) (*eventSearch, error) {
	number, only := layout.UndeliveredFilter(p)
	e := &eventSearch{conn: c, p: p, all: layout.SpanOf(p.From, p.To), undelivered: number, queries: &allEvents, look: cmp.Or(p.Look, store.MaxLooked)}
	if only {
		e.queries = &undeliveredEvents
	}
	if len(p.Types) == 0 {
		return e, nil
	}
	var err error
	e.types, err = json.Marshal(p.Types)
	return e, err
}

// in binds the parameters of seenEvents.
func (e *eventSearch) in(q *query, in layout.Span, looked int) *stmt {
	row := e.query(q).id(e.p.EnvironmentID).id(in.From).id(in.To).int(int64(looked)).
		int(int64(e.p.OwnerKind)).id(e.p.OwnerID).bool(e.p.CallEvents)
	if e.types == nil {
		row.null()
	} else {
		row.text(string(e.types))
	}
	return row.int(e.undelivered)
}

// ListEvents implements [store.Events].
func (s *Store) ListEvents(ctx context.Context, p store.ListEvents) (page store.EventPage, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		e, err := newEventSearch(c, &p)
		if err != nil {
			return err
		}
		ids, err := e.page(&page)
		if err != nil {
			return err
		}
		page.Events = make([]*carteiro.Event, len(ids))
		for i, id := range ids {
			if page.Events[i], err = c.eventSummary(id); err != nil {
				return err
			}
		}
		return nil
	})
	return page, err
}

// page gives the ids of the page, and fills in what else there is to say.
func (e *eventSearch) page(page *store.EventPage) (ids []carteiro.ID, err error) {
	if len(e.p.IDs) > 0 {
		return e.pageOfIDs(page)
	}
	looked, err := e.lookAt(e.queries.count, e.all, e.look)
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
		if looked, err = e.lookAt(e.queries.count, rest, e.look); err != nil {
			return nil, err
		}
		if behind, err = e.behind(rest, looked); err != nil {
			return nil, err
		}
	}
	if page.Next = behind; looked.matching == 0 {
		return nil, nil
	}
	ids, err = e.in(e.queries.newest, rest, e.look).int(int64(e.p.Limit + 1)).int(int64(e.p.Offset)).ids()
	if err != nil {
		return nil, err
	}
	return layout.EndPage(ids, e.p.Limit, page), nil
}

// looked is what was come by on the way along an index.
type looked struct {
	n, matching int
	last        carteiro.ID
}

func (e *eventSearch) lookAt(q *query, in layout.Span, most int) (l looked, err error) {
	row := e.in(q, in, most)
	if _, err := row.one(); err != nil {
		return l, err
	}
	l = looked{n: int(row.colInt(0)), last: row.colID(1), matching: int(row.colInt(2))}
	return l, row.end()
}

// behind gives the last event that was looked at, from the newest, when there are older ones that were not.
func (e *eventSearch) behind(in layout.Span, l looked) (last carteiro.ID, err error) {
	if l.n < e.look {
		return last, nil
	}
	more, err := e.lookAt(e.queries.count, layout.Span{From: in.From, To: l.last}, 1)
	if err == nil && more.n > 0 {
		last = l.last
	}
	return last, err
}

// pageOfIDs is page for events that are named.
func (e *eventSearch) pageOfIDs(page *store.EventPage) (ids []carteiro.ID, err error) {
	if ids, err = e.matching(e.p.IDs); err != nil {
		return nil, err
	}
	return layout.NamedEvents(ids, e.p, page), nil
}

// matching gives those of some events that match.
func (e *eventSearch) matching(named []carteiro.ID) (ids []carteiro.ID, err error) {
	for _, id := range named {
		matches, err := e.in(eventMatch, e.all, 1).id(id).bool(e.queries == &undeliveredEvents).number()
		if err != nil {
			return nil, err
		}
		if matches == 1 {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// eventSummary gives an event without its payload and trace.
func (c *conn) eventSummary(id carteiro.ID) (*carteiro.Event, error) {
	row := c.query(eventSummary).id(id)
	if found, err := row.one(); !found {
		return nil, orNotFound(err)
	}
	e := &carteiro.Event{
		ID: id, EnvironmentID: row.colID(0), OwnerKind: carteiro.OwnerKind(row.colInt(1)), OwnerID: row.colID(2), //nolint:gosec // 1 or 2
		OwnerName: row.colText(3), CampaignID: row.colID(4), CampaignName: row.colText(5), Type: row.colText(6),
		OccurredAt: row.colTime(7), Undelivered: layout.UndeliveredOf(row.colInt(8)),
	}
	return e, row.end()
}

// GetEvent implements [store.Events].
func (s *Store) GetEvent(ctx context.Context, ref store.EventRef) (stored store.StoredEvent, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		row := c.query(wholeEvent).id(ref.ID).id(ref.EnvironmentID)
		if found, err := row.one(); !found {
			return orNotFound(err)
		}
		stored.Event = readEvent(row, 0)
		stored.Undelivered = layout.UndeliveredOf(row.colInt(eventWidth))
		number := row.colInt(eventWidth + 1)
		if err := row.end(); err != nil {
			return err
		}
		webhooks, err := sqlstore.WebhooksFor(&tx{conn: c}, stored.Event)
		if err != nil {
			return err
		}
		for _, w := range webhooks {
			d, err := c.eventDelivery(w, number, ref.ID)
			if err != nil {
				return err
			}
			if d.Attempts > 0 {
				stored.Deliveries = append(stored.Deliveries, d)
			}
		}
		return nil
	})
	return stored, err
}

// eventDelivery says how an event stands at a webhook; without attempts when it did not go there.
func (c *conn) eventDelivery(w *carteiro.Webhook, number int64, event carteiro.ID) (store.EventDelivery, error) {
	d := store.EventDelivery{Webhook: w}
	var seen []carteiro.ID
	rows := c.query(listEvent).id(w.ID).int(number).id(event.MinSibling()).id(event.MaxSibling())
	for rows.next() {
		id := rows.colID(0)
		if slices.Contains(seen, id) {
			continue // a replay of the same instant is found in both ways
		}
		seen = append(seen, id)
		if d.Attempts++; layout.Less(d.LogID, id) {
			d.LogID, d.Status, d.HTTPStatus = id, carteiro.Status(rows.colText(1)), max(0, int(rows.colInt(3)))
		}
	}
	if err := rows.end(); err != nil {
		return d, fmt.Errorf("deliveries of event %s: %w", event, err)
	}
	return d, nil
}
