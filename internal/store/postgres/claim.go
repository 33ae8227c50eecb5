package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const eventColumns = `e.id, e.environment_id, e.owner_kind, e.owner_id, e.owner_name, e.campaign_id, e.campaign_name, e.type, e.occurred_at, e.test, e.payload, e.trace_parent`

const (
	// backlog goes from one webhook to the next by the index, whatever the number of attempts.
	backlog = `WITH RECURSIVE waiting AS (
			(SELECT webhook_id, due_at, 1 AS n FROM open WHERE lease IS NULL AND webhook_id > $1 ORDER BY webhook_id, due_at LIMIT 1)
			UNION ALL
			SELECT next.webhook_id, next.due_at, w.n + 1 FROM waiting w CROSS JOIN LATERAL (
				SELECT webhook_id, due_at FROM open WHERE lease IS NULL AND webhook_id > w.webhook_id ORDER BY webhook_id, due_at LIMIT 1) next
			WHERE w.n < $2)
		SELECT webhook_id, due_at FROM waiting ORDER BY webhook_id LIMIT $2`

	// claimDue leases what is due and locked by nobody else, at most so many and so much, and nothing when the session has
	// ended; otherwise it keeps that until the transaction is over. Who else claims for the webhook at the same moment gets
	// what comes after.
	claimDue  = claimLive + claimRest
	claimLive = `WITH live AS MATERIALIZED (SELECT id FROM sessions WHERE id = $1 FOR KEY SHARE),
		due AS MATERIALIZED (
			SELECT ctid AS place, id, event_id, due_at FROM open WHERE EXISTS (SELECT FROM live) AND lease IS NULL AND webhook_id = $2 AND due_at <= $3`
	claimRest = ` ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED),
		sized AS (
			SELECT d.place, row_number() OVER up_to AS n, sum(octet_length(e.payload)) OVER up_to AS bytes
			FROM due d JOIN events e ON e.id = d.event_id WINDOW up_to AS (ORDER BY d.due_at, d.id)),
		claimed AS (
			UPDATE open o SET lease = $1 FROM sized s WHERE o.ctid = s.place AND (s.n = 1 OR s.bytes <= $5)
			RETURNING o.id, o.event_id, o.event_type, o.number, o.chain_start, o.trigger, o.previous_id, o.due_at)
		SELECT c.id, c.event_type, c.number, c.chain_start, c.trigger, c.previous_id, c.due_at, ` + eventColumns + `
		FROM claimed c JOIN events e ON e.id = c.event_id ORDER BY c.due_at, c.id`
	releaseHeld = `UPDATE open o SET lease = NULL FROM unnest($1::uuid[], $2::uuid[]) AS u (webhook_id, id) ` + placeOf + `
		WHERE o.ctid = place.ctid AND o.lease IS NOT DISTINCT FROM $3 RETURNING o.webhook_id`
	listHeld = `SELECT webhook_id, id FROM open WHERE lease = $1 AND (webhook_id, id) > ($2, $3) ORDER BY webhook_id, id LIMIT $4`
)

var (
	// claimFree is claimDue for a webhook whose circuit holds nothing back; otherwise it claims nothing.
	claimFree = claimLive + ` AND NOT EXISTS (` + gateOf + `)` + claimRest
	// afterClaim sees the webhook as it is once the attempts are claimed, or later.
	afterClaim = `SELECT (SELECT due_at FROM open WHERE lease IS NULL AND webhook_id = $1 ORDER BY due_at LIMIT 1),
		coalesce((SELECT version FROM webhooks WHERE id = $1), 0),
		EXISTS (SELECT FROM webhooks WHERE id = $1 AND opened_at IS NOT NULL), EXISTS (SELECT FROM sessions WHERE id = $2),
		EXISTS (SELECT FROM webhooks WHERE id = $1 AND ` + heldBack + `)`
)

// placeOf finds the place in the table open of an attempt whose key is in u. The table is empty at one moment and full at the
// next, and a plan that was made when it was empty serves until it is vacuumed again. To such a plan any index is as good,
// and so is either side of a join to begin with. So what looks for single attempts leaves no choice: it goes by places,
// found one by one; only one index begins with what it asks for; and what is to be a filter is no equation.
const placeOf = `CROSS JOIN LATERAL (SELECT ctid FROM open WHERE webhook_id = u.webhook_id AND id = u.id LIMIT 1) AS place`

// Backlog implements [store.Queue].
func (s *Store) Backlog(ctx context.Context, p store.Backlog) (waiting []store.Waiting, err error) {
	err = s.read(ctx, func(t *tx) error {
		waiting = nil
		return t.each(func(scan func(...any) error) error {
			var w store.Waiting
			err := scan(toID(&w.WebhookID), toTime(&w.DueAt))
			waiting = append(waiting, w)
			return err
		}, backlog, [16]byte(p.After), p.Limit)
	})
	return waiting, err
}

// Claim implements [store.Queue].
func (s *Store) Claim(ctx context.Context, p store.Claim) (claimed store.Claimed, err error) {
	var live, gated bool
	err = s.read(ctx, func(t *tx) error {
		claimed = store.Claimed{}
		return t.batch(func(b *pgx.Batch) { // one trip, and one transaction
			b.Queue(claimFree, p.Session.ID, id(p.WebhookID), layout.Micros(p.Now), p.Limit, p.MaxBytes).Query(func(rows pgx.Rows) (err error) {
				claimed.Deliveries, err = readDeliveries(rows, p.WebhookID)
				return err
			})
			b.Queue(afterClaim, id(p.WebhookID), p.Session.ID, layout.Micros(p.Now)).QueryRow(func(row pgx.Row) error {
				return row.Scan(toTime(&claimed.NextDue), &claimed.Version, &claimed.CircuitOpen, &live, &gated)
			})
		})
	})
	switch {
	case err != nil:
	case !live:
		err = store.ErrLeaseLost
	case gated && len(claimed.Deliveries) == 0:
		claimed, err = s.claimGated(ctx, &p)
	case gated: // it has opened in between
		claimed.HeldBack = p.Now
	}
	if err != nil {
		return store.Claimed{}, err
	}
	return claimed, nil
}

func readDeliveries(rows pgx.Rows, webhook carteiro.ID) (deliveries []*carteiro.Delivery, err error) {
	for rows.Next() {
		d := &carteiro.Delivery{Event: new(carteiro.Event), Attempt: carteiro.Attempt{WebhookID: webhook, Status: carteiro.StatusPending}}
		a := &d.Attempt
		var trigger int64
		err := rows.Scan(append([]any{
			toID(&a.ID), &a.EventType, &a.Number, &a.ChainStart, &trigger, toID(&a.PreviousID), toTime(&a.DueAt),
		}, eventFields(d.Event)...)...)
		a.EventID, a.Trigger = d.Event.ID, layout.TriggerOf(trigger)
		if err != nil {
			return nil, err
		}
		deliveries = append(deliveries, d)
	}
	return deliveries, rows.Err()
}

// eventFields are where a scan of eventColumns puts them.
func eventFields(e *carteiro.Event) []any {
	return []any{
		toID(&e.ID), toID(&e.EnvironmentID), &e.OwnerKind, toID(&e.OwnerID), octet{&e.OwnerName}, toID(&e.CampaignID),
		octet{&e.CampaignName}, &e.Type, toTime(&e.OccurredAt), &e.Test, &e.Payload, &e.TraceParent,
	}
}

// Release implements [store.Queue].
func (s *Store) Release(ctx context.Context, p store.Release) error {
	var webhooks, attempts ids
	for _, ref := range p.Attempts {
		webhooks, attempts = append(webhooks, ref.WebhookID), append(attempts, ref.ID)
	}
	var released []carteiro.ID
	err := s.inTx(ctx, func(t *tx) error {
		released = nil
		return t.each(func(scan func(...any) error) error {
			var webhook carteiro.ID
			err := scan(toID(&webhook))
			released = append(released, webhook)
			return err
		}, releaseHeld, webhooks, attempts, p.Session.ID)
	})
	if err == nil {
		s.hints.waiting(released)
	}
	return err
}

// Held implements [store.Queue].
func (s *Store) Held(ctx context.Context, p store.Held) (refs []store.AttemptRef, err error) {
	err = s.read(ctx, func(t *tx) error {
		refs = nil
		return t.each(func(scan func(...any) error) error {
			var ref store.AttemptRef
			err := scan(toID(&ref.WebhookID), toID(&ref.ID))
			refs = append(refs, ref)
			return err
		}, listHeld, p.Session.ID, [16]byte(p.After.WebhookID), [16]byte(p.After.ID), p.Limit)
	})
	return refs, err
}
