package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

var (
	findKey = newQuery(`SELECT fingerprint, answer FROM idempotency WHERE environment_id = ? AND key = ? AND expires_at > ?`)
	putKey  = newQuery(`INSERT OR REPLACE INTO idempotency (environment_id, key, fingerprint, answer, expires_at) VALUES (?, ?, ?, ?, ?)`)
	dropKey = newQuery(`DELETE FROM idempotency WHERE environment_id = ? AND key = ?`)

	insertEvent = newQuery(`INSERT INTO events (id, attempts, environment_id, owner_kind, owner_id, owner_name, campaign_id, campaign_name,
		type, occurred_at, test, payload, trace_parent, undelivered) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	insertOpen = newQuery(`INSERT INTO open (webhook_id, id, event, event_type, number, chain_start, trigger, previous_id, due_at, environment_id, lease)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
)

// Accept implements [store.Queue].
func (s *Store) Accept(ctx context.Context, p store.Accept) (result store.AcceptResult, err error) {
	weight := 1
	for i := range p.Items {
		weight += 1 + len(p.Items[i].Attempts)
	}
	err = s.writer.write(ctx, weight, func(t *tx) error {
		result, err = t.accept(&p)
		return err
	})
	if err != nil {
		return store.AcceptResult{}, err
	}
	return result, nil
}

func (t *tx) accept(p *store.Accept) (result store.AcceptResult, err error) {
	if result.Replay, err = t.claimKey(p.Key, p.Now); err != nil || result.Replay != nil {
		return result, err
	}
	a := acceptance{tx: t, session: p.Session}
	result.Items = make([]*store.Replay, len(p.Items))
	for i := range p.Items {
		item := &p.Items[i]
		if result.Items[i], err = t.claimKey(item.Key, p.Now); err != nil {
			return result, err
		}
		if result.Items[i] != nil {
			continue
		}
		if err := a.add(item); err != nil {
			return result, err
		}
	}
	if answer, changed := p.AnswerAfter(result.Items); changed {
		err = t.replaceAnswer(p.Key, answer)
	}
	return result, err
}

// replaceAnswer replaces the answer of a key that this call has claimed; nil releases the key.
func (t *tx) replaceAnswer(key *store.Key, answer []byte) error {
	if answer == nil {
		return t.write(dropKey).id(key.EnvironmentID).text(key.Key).run()
	}
	return t.putKey(key, answer)
}

// claimKey takes an idempotency key, or gives what it gave before. A nil key asks for nothing.
func (t *tx) claimKey(key *store.Key, now time.Time) (*store.Replay, error) {
	replay, err := t.keyBefore(key, now)
	if err != nil || replay != nil || key == nil || key.Peek {
		return replay, err
	}
	return nil, t.putKey(key, key.Answer)
}

func (t *tx) putKey(key *store.Key, answer []byte) error {
	if answer == nil {
		answer = []byte{}
	}
	return t.write(putKey).id(key.EnvironmentID).text(key.Key).blob(key.Fingerprint[:]).blob(answer).time(key.ExpiresAt).run()
}

// keyBefore gives what a key gave before, nil when it is free.
func (t *tx) keyBefore(key *store.Key, now time.Time) (*store.Replay, error) {
	if key == nil {
		return nil, nil
	}
	row := t.query(findKey).id(key.EnvironmentID).text(key.Key).time(now)
	found, err := row.one()
	if !found {
		return nil, err
	}
	replay := &store.Replay{Answer: row.colBlob(1)}
	copy(replay.Fingerprint[:], row.colBlob(0))
	return replay, row.end()
}

// acceptance is one Accept, at the point where it stores items.
type acceptance struct {
	*tx
	session store.Session
	live    bool // the session was asked for
}

func (a *acceptance) add(item *store.AcceptItem) error {
	e := item.Event
	if len(item.Attempts) == 0 && e.Undelivered == "" && !e.Test {
		unexplained := *e
		unexplained.Undelivered = carteiro.UndeliveredUnknown
		e = &unexplained
	}
	number, err := a.insertEvent(e, len(item.Attempts))
	if err != nil {
		return fmt.Errorf("store event %s: %w", e.ID, err)
	}
	for i := range item.Attempts {
		first := &item.Attempts[i]
		lease := int64(0)
		if first.Held {
			if !a.live {
				if err := a.mustLive(a.session); err != nil {
					return err
				}
				a.live = true
			}
			lease = a.session.ID
		}
		err := a.insertOpen(&openRow{
			attempt: carteiro.Attempt{
				ID: first.ID, WebhookID: first.WebhookID, EventType: e.Type,
				Number: 1, ChainStart: 1, Trigger: first.Trigger, DueAt: e.AcceptedAt(),
			},
			event:       number,
			environment: e.EnvironmentID,
			lease:       lease,
		})
		if err != nil {
			return fmt.Errorf("open attempt %s: %w", first.ID, err)
		}
	}
	return nil
}

// insertEvent gives the number by which attempts know the event.
func (t *tx) insertEvent(e *carteiro.Event, attempts int) (int64, error) {
	payload := e.Payload
	if payload == nil {
		payload = []byte{}
	}
	err := t.write(insertEvent).id(e.ID).int(int64(attempts)).id(e.EnvironmentID).int(int64(e.OwnerKind)).id(e.OwnerID).
		text(e.OwnerName).maybeID(e.CampaignID).text(e.CampaignName).text(e.Type).time(e.OccurredAt).bool(e.Test).
		blob(payload).text(e.TraceParent).int(layout.UndeliveredNumber(e.Undelivered)).run()
	return t.db.LastInsertRowID(), err
}

// openRow is a row of the table open: an attempt, but for its event's id.
type openRow struct {
	attempt carteiro.Attempt
	event   int64
	// environment is the event's; zero when it was not asked for.
	environment carteiro.ID
	lease       int64 // 0: nobody holds it
	deleted     bool  // its webhook is; not always asked for
}

func (t *tx) insertOpen(o *openRow) error {
	a := &o.attempt
	trigger, err := layout.TriggerNumber(a.Trigger)
	if err != nil {
		return err
	}
	row := t.write(insertOpen).id(a.WebhookID).id(a.ID).int(o.event).text(a.EventType).
		int(int64(a.Number)).int(int64(a.ChainStart)).int(trigger).maybeID(a.PreviousID).time(a.DueAt).id(o.environment)
	if o.lease == 0 {
		row.null()
	} else {
		row.int(o.lease)
	}
	t.tally.Open(o.environment, o.attempt.WebhookID, o.attempt.EventType, 1)
	return row.run()
}
