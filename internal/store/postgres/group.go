package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// group is the transaction of a writer's group. It takes two trips to the server: one that begins it, locks, and reads
// what must be known; and one that writes and commits. Between them nothing is locked that others wait for in turn,
// but the sessions and idempotency keys of the calls.
type group struct {
	tx
	conn  *pgx.Conn
	begun bool
	tally tally
}

// inGroup runs do in a group's transaction, and again when it got into another's way. It counts in the writer's shard.
// do ends with [group.commit].
func (s *Store) inGroup(shard shard, do func(*group) error) error {
	return bounded(context.Background(), s.timeout, func(ctx context.Context) error {
		return again(ctx, func() error {
			return s.withWriter(ctx, func(c *pgx.Conn) error {
				g := &group{tx: *s.tx(ctx, c), conn: c, tally: newTally(shard)}
				err := do(g)
				if err != nil && g.begun && !c.IsClosed() {
					_, _ = c.Exec(ctx, "ROLLBACK") // if that fails, too, the connection is thrown away as it is
				}
				return err
			})
		})
	})
}

// begin runs the queries of b as the first of the transaction.
func (g *group) begin(b *pgx.Batch) error {
	begun := &pgx.Batch{}
	begun.Queue("BEGIN")
	begun.QueuedQueries = append(begun.QueuedQueries, b.QueuedQueries...)
	g.begun = true
	return g.conn.SendBatch(g.ctx, begun).Close()
}

// commit runs the queries of b and those of the tally, and commits. Without a beginning they are the whole transaction.
func (g *group) commit(b *pgx.Batch) error {
	g.tally.queue(b)
	if b.Len() == 0 && !g.begun {
		return nil
	}
	if g.begun {
		b.Queue("COMMIT")
	}
	return g.conn.SendBatch(g.ctx, b).Close()
}

// keep queues the locking of sessions; those that are there are put into live.
func keep(b *pgx.Batch, sessions map[int64]bool, live map[int64]bool) {
	if len(sessions) == 0 {
		return
	}
	all := make([]int64, 0, len(sessions))
	for session := range sessions {
		all = append(all, session)
	}
	b.Queue(keepSessions, all).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var session int64
			if err := rows.Scan(&session); err != nil {
				return err
			}
			live[session] = true
		}
		return rows.Err()
	})
}

// openRows are rows of the table open on their way there.
type openRows struct {
	webhooks, ids, events, environments    ids
	previous                               maybeIDs
	types                                  texts
	numbers, chainStarts, triggers, leases ints
	due                                    times
}

const insertOpen = `INSERT INTO open (webhook_id, id, event_id, event_type, number, chain_start, trigger, previous_id, due_at, environment_id, lease)
	SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::uuid[],
		$9::timestamptz[], $10::uuid[], $11::bigint[])`

// add takes an attempt in, with the environment of its event; a lease of 0 is nobody's.
func (o *openRows) add(a *carteiro.Attempt, environment carteiro.ID, lease int64) error {
	trigger, err := layout.TriggerNumber(a.Trigger)
	if err != nil {
		return err
	}
	o.webhooks, o.ids, o.events = append(o.webhooks, a.WebhookID), append(o.ids, a.ID), append(o.events, a.EventID)
	o.environments = append(o.environments, environment)
	o.previous, o.types, o.due = append(o.previous, a.PreviousID), append(o.types, a.EventType), append(o.due, a.DueAt)
	o.numbers, o.chainStarts = append(o.numbers, int64(a.Number)), append(o.chainStarts, int64(a.ChainStart))
	o.triggers, o.leases = append(o.triggers, trigger), append(o.leases, lease)
	return nil
}

func (o *openRows) queue(b *pgx.Batch) {
	if len(o.ids) > 0 {
		b.Queue(insertOpen, o.webhooks, o.ids, o.events, o.types, o.numbers, o.chainStarts, o.triggers, o.previous, o.due,
			o.environments, leases(o.leases))
	}
}

// waitingOf gives the webhooks of rows that nobody holds.
func (o *openRows) waitingOf() (webhooks []carteiro.ID) {
	for i, lease := range o.leases {
		if lease == 0 && (len(webhooks) == 0 || webhooks[len(webhooks)-1] != o.webhooks[i]) {
			webhooks = append(webhooks, o.webhooks[i])
		}
	}
	return webhooks
}
