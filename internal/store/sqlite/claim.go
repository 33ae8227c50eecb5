package sqlite

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const eventColumns = `e.id, e.environment_id, e.owner_kind, e.owner_id, e.owner_name, e.campaign_id, e.campaign_name, e.type, e.occurred_at, e.test, e.payload, e.trace_parent`

// eventWidth is how many columns that are.
const eventWidth = 12

var (
	nextWaiting = newQuery(`SELECT webhook_id, due_at FROM open INDEXED BY open_waiting
		WHERE lease IS NULL AND webhook_id > ? ORDER BY webhook_id, due_at LIMIT 1`)
	dueOpen = newQuery(`SELECT o.id, o.event_type, o.number, o.chain_start, o.trigger, o.previous_id, o.due_at, length(e.payload), ` + eventColumns + `
		FROM open o INDEXED BY open_waiting JOIN events e ON e.number = o.event
		WHERE o.lease IS NULL AND o.webhook_id = ? AND o.due_at <= ? ORDER BY o.due_at, o.id LIMIT ?`)
	nextDue = newQuery(`SELECT due_at FROM open INDEXED BY open_waiting WHERE lease IS NULL AND webhook_id = ? ORDER BY due_at LIMIT 1`)

	leaseOpen   = newQuery(`UPDATE open SET lease = ? WHERE webhook_id = ? AND id = ?`)
	releaseOpen = newQuery(`UPDATE open SET lease = NULL WHERE webhook_id = ? AND id = ? AND lease = ?`)
	listHeld    = newQuery(`SELECT webhook_id, id FROM open INDEXED BY open_held
		WHERE lease = ? AND (webhook_id, id) > (?, ?) ORDER BY webhook_id, id LIMIT ?`)
)

// Backlog implements [store.Queue].
func (s *Store) Backlog(ctx context.Context, p store.Backlog) (waiting []store.Waiting, err error) {
	err = s.readSnapshot(ctx, func(c *conn) error {
		after := p.After
		for len(waiting) < p.Limit {
			row := c.query(nextWaiting).id(after)
			found, err := row.one()
			if !found {
				return err
			}
			after = row.colID(0)
			waiting = append(waiting, store.Waiting{WebhookID: after, DueAt: row.colTime(1)})
			if err := row.end(); err != nil {
				return err
			}
		}
		return nil
	})
	return waiting, err
}

// Claim implements [store.Queue].
func (s *Store) Claim(ctx context.Context, p store.Claim) (claimed store.Claimed, err error) {
	err = s.writer.write(ctx, 2*p.Limit, func(t *tx) error {
		claimed, err = t.claim(&p)
		return err
	})
	if err != nil {
		return store.Claimed{}, err
	}
	return claimed, nil
}

func (t *tx) claim(p *store.Claim) (claimed store.Claimed, err error) {
	if err := t.mustLive(p.Session); err != nil {
		return claimed, err
	}
	gate, err := t.gate(p)
	if err != nil {
		return claimed, err
	}
	claimed.Version, claimed.CircuitOpen = gate.version, gate.circuit.Open()
	if claimed.Deliveries, err = t.due(p, &gate.Grant); err != nil {
		return claimed, err
	}
	for _, d := range claimed.Deliveries {
		if err := t.write(leaseOpen).int(p.Session.ID).id(d.WebhookID).id(d.ID).run(); err != nil {
			return claimed, err
		}
	}
	if claimed.HeldBack, err = t.pass(p, gate, claimed.Deliveries); err != nil {
		return claimed, err
	}
	row := t.query(nextDue).id(p.WebhookID)
	if found, err := row.one(); !found {
		return claimed, err
	}
	claimed.NextDue = row.colTime(0)
	return claimed, row.end()
}

// due reads the deliveries that a claim gets.
func (t *tx) due(p *store.Claim, grant *carteiro.Grant) (deliveries []*carteiro.Delivery, err error) {
	if grant.Limit == 0 {
		return nil, nil
	}
	left := int64(p.MaxBytes)
	rows := t.query(dueOpen).id(p.WebhookID).time(p.Now).int(int64(grant.Limit))
	for rows.next() {
		if left -= rows.colInt(7); left < 0 && len(deliveries) > 0 {
			break
		}
		event := readEvent(rows, 8)
		deliveries = append(deliveries, &carteiro.Delivery{Event: event, Probe: grant.Probe, Attempt: carteiro.Attempt{
			ID: rows.colID(0), WebhookID: p.WebhookID, EventID: event.ID, EventType: rows.colText(1),
			Number: int(rows.colInt(2)), ChainStart: int(rows.colInt(3)), Trigger: layout.TriggerOf(rows.colInt(4)),
			PreviousID: rows.colID(5), DueAt: rows.colTime(6), Status: carteiro.StatusPending,
		}})
	}
	return deliveries, rows.end()
}

// readEvent reads eventColumns from the column at.
func readEvent(row *stmt, at int) *carteiro.Event {
	return &carteiro.Event{
		ID:            row.colID(at),
		EnvironmentID: row.colID(at + 1),
		OwnerKind:     carteiro.OwnerKind(row.colInt(at + 2)), //nolint:gosec // 1 or 2
		OwnerID:       row.colID(at + 3),
		OwnerName:     row.colText(at + 4),
		CampaignID:    row.colID(at + 5),
		CampaignName:  row.colText(at + 6),
		Type:          row.colText(at + 7),
		OccurredAt:    row.colTime(at + 8),
		Test:          row.colBool(at + 9),
		Payload:       row.colBlob(at + 10),
		TraceParent:   row.colText(at + 11),
	}
}

// Release implements [store.Queue].
func (s *Store) Release(ctx context.Context, p store.Release) error {
	return s.writer.write(ctx, len(p.Attempts), func(t *tx) error {
		for _, ref := range p.Attempts {
			if err := t.write(releaseOpen).id(ref.WebhookID).id(ref.ID).int(p.Session.ID).run(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Held implements [store.Queue].
func (s *Store) Held(ctx context.Context, p store.Held) (refs []store.AttemptRef, err error) {
	err = s.read(ctx, func(c *conn) error {
		rows := c.query(listHeld).int(p.Session.ID).id(p.After.WebhookID).id(p.After.ID).int(int64(p.Limit))
		for rows.next() {
			refs = append(refs, store.AttemptRef{WebhookID: rows.colID(0), ID: rows.colID(1)})
		}
		return rows.end()
	})
	return refs, err
}
