package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const insertEvents = `INSERT INTO events (id, environment_id, owner_kind, owner_id, owner_name, campaign_id, campaign_name, type, occurred_at, test, payload, trace_parent, undelivered)
	SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::bytea[], $6::uuid[], $7::bytea[], $8::text[],
		$9::timestamptz[], $10::boolean[], $11::bytea[], $12::text[], $13::bigint[])`

// acceptOp is a call of Accept.
type acceptOp struct {
	store.Accept
	result store.AcceptResult
}

// Accept implements [store.Queue].
func (s *Store) Accept(ctx context.Context, p store.Accept) (store.AcceptResult, error) {
	weight := 1
	for i := range p.Items {
		weight += 1 + len(p.Items[i].Attempts)
	}
	call, err := s.accepts.write(ctx, weight, acceptOp{Accept: p})
	if err != nil {
		return store.AcceptResult{}, err
	}
	return call.result, nil
}

// holding says whether an attempt that the call stores is to be held by its session.
func (c *acceptOp) holding() bool {
	for i := range c.Items {
		if i < len(c.result.Items) && c.result.Items[i] != nil {
			continue
		}
		for j := range c.Items[i].Attempts {
			if c.Items[i].Attempts[j].Held {
				return true
			}
		}
	}
	return false
}

func (s *Store) commitAccepts(ops []*op[acceptOp]) error {
	s.makeDaysOf(ops)
	var waiting []carteiro.ID
	err := s.inGroup(s.shards.accepts, func(g *group) error {
		live, keys, err := g.beginAccepts(ops)
		if err != nil {
			return err
		}
		a := acceptance{group: g, keys: keys, live: live}
		for _, o := range ops {
			if o.err = a.accept(&o.call); o.err != nil && !isAnswer(o.err) {
				return o.err
			}
		}
		waiting = a.open.waitingOf()
		if err := a.sendLarge(); err != nil {
			return err
		}
		b := new(pgx.Batch)
		a.queue(b)
		return g.commit(b)
	})
	if err == nil {
		s.hints.waiting(waiting)
	}
	return err
}

// beginAccepts locks the sessions and the idempotency keys that the calls present.
func (g *group) beginAccepts(ops []*op[acceptOp]) (live map[int64]bool, keys *keyring, err error) {
	sessions, b := make(map[int64]bool), new(pgx.Batch)
	live, keys = make(map[int64]bool), newKeyring()
	for _, o := range ops {
		o.call.result = store.AcceptResult{}
		if o.call.holding() {
			sessions[o.call.Session.ID] = true
		}
		keys.want(o.call.Key)
		for i := range o.call.Items {
			keys.want(o.call.Items[i].Key)
		}
	}
	keep(b, sessions, live)
	keys.queueLookUp(b)
	if b.Len() == 0 {
		return live, keys, nil
	}
	return live, keys, g.begin(b)
}

// acceptance is what a group of calls stores.
type acceptance struct {
	*group
	keys *keyring
	live map[int64]bool // sessions
	open openRows
	sent int // events

	ids, environments, owners ids
	campaigns                 maybeIDs
	kinds, undelivered        ints
	ownerNames, campaignNames octets
	types, traces             texts
	occurredAt                times
	test                      bools
	payloads                  blobs
}

// accept adds what a call stores. It fails with store.ErrLeaseLost, and has added nothing then.
func (a *acceptance) accept(c *acceptOp) error {
	before := len(a.keys.journal)
	c.result = store.AcceptResult{Replay: a.keys.claim(c.Key, c.Now)}
	if c.result.Replay != nil {
		return nil
	}
	c.result.Items = make([]*store.Replay, len(c.Items))
	for i := range c.Items {
		c.result.Items[i] = a.keys.claim(c.Items[i].Key, c.Now)
	}
	if c.holding() && !a.live[c.Session.ID] {
		a.keys.undo(before)
		return store.ErrLeaseLost
	}
	if answer, changed := c.AnswerAfter(c.result.Items); changed {
		a.keys.replaceAnswer(before, c.Key, answer)
	}
	for i := range c.Items {
		if c.result.Items[i] != nil {
			continue
		}
		if err := a.add(&c.Items[i], c.Session); err != nil {
			return err
		}
	}
	return nil
}

func (a *acceptance) add(item *store.AcceptItem, session store.Session) error {
	e := item.Event
	if len(item.Attempts) == 0 && e.Undelivered == "" && !e.Test {
		unexplained := *e
		unexplained.Undelivered = carteiro.UndeliveredUnknown
		e = &unexplained
	}
	a.addEvent(e)
	for i := range item.Attempts {
		first := &item.Attempts[i]
		lease := int64(0)
		if first.Held {
			lease = session.ID
		}
		err := a.open.add(&carteiro.Attempt{
			ID: first.ID, WebhookID: first.WebhookID, EventID: e.ID, EventType: e.Type,
			Number: 1, ChainStart: 1, Trigger: first.Trigger, DueAt: e.AcceptedAt(),
		}, e.EnvironmentID, lease)
		if err != nil {
			return err
		}
		a.tally.Open(e.EnvironmentID, first.WebhookID, e.Type, 1)
	}
	return nil
}

func (a *acceptance) addEvent(e *carteiro.Event) {
	payload := e.Payload
	if payload == nil {
		payload = []byte{}
	}
	a.ids, a.environments, a.owners = append(a.ids, e.ID), append(a.environments, e.EnvironmentID), append(a.owners, e.OwnerID)
	a.kinds, a.campaigns = append(a.kinds, int64(e.OwnerKind)), append(a.campaigns, e.CampaignID)
	a.ownerNames, a.campaignNames = append(a.ownerNames, e.OwnerName), append(a.campaignNames, e.CampaignName)
	a.types, a.occurredAt = append(a.types, e.Type), append(a.occurredAt, e.OccurredAt)
	a.test, a.payloads, a.traces = append(a.test, e.Test), append(a.payloads, payload), append(a.traces, e.TraceParent)
	a.undelivered = append(a.undelivered, layout.UndeliveredNumber(e.Undelivered))
}

// queue queues everything that is not sent.
func (a *acceptance) queue(b *pgx.Batch) {
	a.keys.queueStore(b)
	a.queueEvents(b, a.sent, len(a.ids))
	a.open.queue(b)
}

// queueEvents queues the events from first up to but not including end.
func (a *acceptance) queueEvents(b *pgx.Batch, first, end int) {
	if first == end {
		return
	}
	b.Queue(insertEvents, a.ids[first:end], a.environments[first:end], a.kinds[first:end], a.owners[first:end], a.ownerNames[first:end],
		a.campaigns[first:end], a.campaignNames[first:end], a.types[first:end], a.occurredAt[first:end], a.test[first:end],
		a.payloads[first:end], a.traces[first:end], a.undelivered[first:end])
}

// payloadsAtOnce is about how many bytes of payloads are sent to the server at once.
const payloadsAtOnce = 4 << 20

// sendLarge sends events in parts while more than payloadsAtOnce are left: the driver holds several copies of what it sends.
func (a *acceptance) sendLarge() (err error) {
	size := 0
	for i := range a.payloads {
		if size += len(a.payloads[i]); size <= payloadsAtOnce {
			continue
		}
		b := new(pgx.Batch)
		a.queueEvents(b, a.sent, i+1)
		if a.begun {
			err = a.conn.SendBatch(a.ctx, b).Close()
		} else {
			err = a.begin(b)
		}
		if err != nil {
			return err
		}
		a.sent, size = i+1, 0
	}
	return nil
}

// makeDaysOf makes the partitions that a group needs and that this node does not know to be there.
func (s *Store) makeDaysOf(ops []*op[acceptOp]) {
	for _, o := range ops {
		for i := range o.call.Items {
			s.makeDay(o.call.Items[i].Event.ID, o.call.Now)
		}
	}
}
