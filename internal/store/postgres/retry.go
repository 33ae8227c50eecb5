package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

const (
	eventOfLog = `SELECT event_id FROM open WHERE webhook_id = $1 AND id = $2
		UNION ALL SELECT event_id FROM attempts WHERE webhook_id = $1 AND id = $2`
	getEvent = `SELECT ` + eventColumns + ` FROM events e WHERE e.id = $1`
	// The event's row is the lock of its retries: whoever has it finds the event as all others have left it.
	lockEvent  = getEvent + ` FOR UPDATE`
	openNumber = `SELECT number FROM open WHERE event_id = $1 AND webhook_id IS NOT DISTINCT FROM $2` // see placeOf
)

// finishedOf gives the finished attempts of an event.
var finishedOf = finishedAttempts("id, number, status", "$2", "$3", "$4", "$5")

// finishedAttempts gives columns of the finished attempts of an event at webhook $1. The first is found by its id, which is
// a sibling of the event's: from first to last. Later ones, and those of replays, have ids from since on.
func finishedAttempts(columns, event, first, last, since string) string {
	return fmt.Sprintf(`SELECT %s FROM attempts a WHERE webhook_id = $1 AND id BETWEEN %s AND %s AND event_id = %s AND number = 1
		UNION ALL SELECT %[1]s FROM attempts a WHERE webhook_id = $1 AND event_id = %[4]s AND (number > 1 OR trigger = 4) AND id >= %[5]s`,
		columns, first, last, event, since)
}

// attemptsOf are the parameters by which finishedAttempts finds those of an event.
func attemptsOf(event carteiro.ID) []any {
	return []any{id(event), id(event.MinSibling()), id(event.MaxSibling()), id(beforeRetries(event))}
}

// Retry implements [store.Queue].
func (s *Store) Retry(ctx context.Context, p store.Retry) (result store.RetryResult, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		result, err = t.retry(&p, s.shards.others)
		return err
	})
	if err != nil {
		return store.RetryResult{}, err
	}
	if result.Delivery != nil && !p.Held {
		s.hints.waiting([]carteiro.ID{p.WebhookID})
	}
	return result, nil
}

func (t *tx) retry(p *store.Retry, shard shard) (result store.RetryResult, err error) {
	keys := newKeyring()
	if p.Key != nil {
		keys.want(p.Key)
		if err := t.batch(keys.queueLookUp); err != nil {
			return result, err
		}
	}
	if result.Replay = keys.before(p.Key, p.Now); result.Replay != nil {
		return result, nil
	}
	enabled, err := sqlstore.OwnWebhook(t, &p.LogRef)
	if err != nil {
		return result, err
	}
	e, err := t.eventOf(&p.LogRef, lockEvent)
	if err != nil {
		return result, err
	}
	if result.Refused = e.refused(p.LogID, carteiro.MinID(p.NotBefore), enabled); result.Refused == "" {
		if result.Delivery, err = t.reopen(p, &e, keys, shard); err == nil {
			err = sqlstore.AddAudit(t, p.Audit)
		}
	}
	return result, err
}

// PreviewRetry implements [store.Queue].
func (s *Store) PreviewRetry(ctx context.Context, p store.PreviewRetry) (preview store.RetryPreview, err error) {
	err = s.inSnapshot(ctx, func(t *tx) error {
		enabled, err := sqlstore.OwnWebhook(t, &p.LogRef)
		if err != nil {
			return err
		}
		e, err := t.eventOf(&p.LogRef, getEvent)
		if err != nil {
			return err
		}
		logs, err := sqlstore.Logs(t, p.WebhookID, []carteiro.ID{p.LogID})
		if err != nil {
			return err
		}
		preview = store.RetryPreview{
			Log: logs[p.LogID], Refused: e.refused(p.LogID, carteiro.MinID(p.NotBefore), enabled),
			Delivery: &carteiro.Delivery{Event: e.event, Attempt: e.next(p.WebhookID, p.LogID, p.NewID, carteiro.TriggerManual, p.Now)},
		}
		return nil
	})
	return preview, err
}

// batch sends queries together.
func (t *tx) batch(queue ...func(*pgx.Batch)) error {
	b := new(pgx.Batch)
	for _, queue := range queue {
		queue(b)
	}
	return t.SendBatch(t.ctx, b).Close()
}

// eventState is how an event stands at a webhook.
type eventState struct {
	event     *carteiro.Event
	open      bool        // one of the attempts is
	delivered bool        // one of the attempts has succeeded
	highest   int         // number of an attempt
	latest    carteiro.ID // of the finished attempts; zero when there is none
	// blockedThen says whether an attempt was open or had succeeded when the bulk retry under way was created.
	blockedThen bool
}

// refused says why a log entry of the event cannot be retried, if it cannot.
func (e *eventState) refused(log, notBefore carteiro.ID, enabled bool) carteiro.NotRetriable {
	switch {
	case e.delivered:
		return carteiro.AlreadySucceeded
	case e.open:
		return carteiro.InProgress
	case layout.Less(log, notBefore):
		return carteiro.TooOld
	case !enabled:
		return carteiro.WebhookOff
	default:
		return ""
	}
}

// isOpen takes an open attempt into account.
func (e *eventState) isOpen(number int) { e.open, e.highest = true, max(e.highest, number) }

// finished takes a finished attempt into account.
func (e *eventState) finished(attempt carteiro.ID, number int, status int64) {
	e.highest, e.delivered = max(e.highest, number), e.delivered || status == layout.StatusSuccess
	if layout.Less(e.latest, attempt) {
		e.latest = attempt
	}
}

// next is the attempt that a retry of a log entry makes.
func (e *eventState) next(webhook, log, attempt carteiro.ID, trigger carteiro.Trigger, now time.Time) carteiro.Attempt {
	return carteiro.Attempt{
		ID: attempt, WebhookID: webhook, EventID: e.event.ID, EventType: e.event.Type,
		Number: e.highest + 1, ChainStart: e.highest + 1, Trigger: trigger, PreviousID: log,
		DueAt: layout.Micros(now), Status: carteiro.StatusPending,
	}
}

// eventOf reads the event of a log entry by getEvent, or locks it by lockEvent, and fails with pgx.ErrNoRows when there is
// no such entry. It looks at the open attempts first: what was open then and is finished by the time it looks at those
// is found, what was not open is not opened by anybody else as long as the event is locked.
func (t *tx) eventOf(ref *store.LogRef, getOrLock string) (e eventState, err error) {
	var event carteiro.ID
	if err := t.row(eventOfLog, id(ref.WebhookID), id(ref.LogID))(toID(&event)); err != nil {
		return e, err
	}
	e.event = new(carteiro.Event)
	found, err := t.found(getOrLock, id(event))(eventFields(e.event)...)
	if !found {
		return e, eventGone(err)
	}
	var number int
	open, err := t.found(openNumber, id(event), id(ref.WebhookID))(&number)
	if err != nil {
		return e, err
	}
	if open {
		e.isOpen(number)
	}
	err = t.each(func(scan func(...any) error) error {
		var attempt carteiro.ID
		var status int64
		if err := scan(toID(&attempt), &number, &status); err != nil {
			return err
		}
		e.finished(attempt, number, status)
		return nil
	}, finishedOf, append([]any{id(ref.WebhookID)}, attemptsOf(event)...)...)
	return e, err
}

// eventGone is the fault of an attempt without its event, which is not that there is no such entry.
func eventGone(err error) error {
	if err == nil {
		err = errors.New("an attempt's event is gone")
	}
	return err
}

// beforeRetries is less than the ids of an event's later attempts, which other nodes may have made, by clocks of their
// own: the days before need not be looked into.
func beforeRetries(event carteiro.ID) carteiro.ID {
	return carteiro.MinID(event.Time().Add(-time.Hour))
}

// reopen makes the new attempt.
func (t *tx) reopen(p *store.Retry, e *eventState, keys *keyring, shard shard) (*carteiro.Delivery, error) {
	keys.claim(p.Key, p.Now)
	d := &carteiro.Delivery{Event: e.event, Attempt: e.next(p.WebhookID, p.LogID, p.NewID, p.Trigger, p.Now)}
	lease := int64(0)
	if p.Held {
		if err := t.mustLive(p.Session); err != nil {
			return nil, err
		}
		lease = p.Session.ID
	}
	var open openRows
	if err := open.add(&d.Attempt, e.event.EnvironmentID, lease); err != nil {
		return nil, err
	}
	count := newTally(shard)
	count.Open(e.event.EnvironmentID, p.WebhookID, e.event.Type, 1)
	return d, t.batch(keys.queueStore, open.queue, count.queue)
}
