package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// circuitColumns are the fields of a carteiro.Circuit, in order.
const circuitColumns = sqlstore.CircuitColumns

// heldBack is true of webhooks whose circuit may hold something back at $3; carteiro.Circuit.Grant says what.
var heldBack = fmt.Sprintf(`enabled AND deleted_at IS NULL AND (opened_at IS NOT NULL OR closed_at > $3::timestamptz - interval '%d seconds')`,
	int(carteiro.RampTime.Seconds()))

var (
	gateOf = `SELECT FROM webhooks WHERE id = $2 AND ` + heldBack
	// keepCircuit has whoever else claims for the webhook wait, so that no two are given a probe.
	keepCircuit = `SELECT enabled AND deleted_at IS NULL, ` + circuitColumns + ` FROM webhooks WHERE id = $1 FOR NO KEY UPDATE`
	probeLease  = `SELECT lease IS NOT NULL FROM open WHERE webhook_id = $1 AND id = $2`
	setCircuit  = `UPDATE webhooks SET (` + circuitColumns + `) = ($2, $3, $4, $5, $6, $7) WHERE id = $1`
)

// circuitFields are where a scan of circuitColumns puts them.
func circuitFields(c *carteiro.Circuit) []any {
	return []any{toTime(&c.OpenedAt), toTime(&c.ProbeAt), &c.Probes, toID(&c.Probe), toTime(&c.ClosedAt), &c.Ramped}
}

func circuitValues(c *carteiro.Circuit) []any {
	return []any{moment(c.OpenedAt), moment(c.ProbeAt), c.Probes, id(c.Probe), moment(c.ClosedAt), c.Ramped}
}

// claimGated is Claim for a webhook whose circuit holds something back: one claim at a time, over all nodes. It locks the
// session first, as whoever records does.
func (s *Store) claimGated(ctx context.Context, p *store.Claim) (claimed store.Claimed, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		claimed = store.Claimed{}
		if live, err := t.found(keepSessions, []int64{p.Session.ID})(new(int64)); err != nil || !live {
			return orLeaseLost(err)
		}
		var live, gated bool
		var c carteiro.Circuit
		found, err := t.found(keepCircuit, id(p.WebhookID))(append([]any{&live}, circuitFields(&c)...)...)
		if err != nil {
			return err
		}
		last, err := t.lastProbe(p.WebhookID, &c)
		if err != nil {
			return err
		}
		grant := carteiro.Grant{Limit: p.Limit}
		if found && live {
			grant = c.Grant(p.Now, p.Limit, last)
		}
		if err := t.claimGranted(p, grant, &claimed); err != nil {
			return err
		}
		if claimed.HeldBack = grant.Again; !grant.Again.IsZero() && len(claimed.Deliveries) > 0 {
			claimed.HeldBack = c.Granted(grant, p.Now, len(claimed.Deliveries), claimed.Deliveries[0].ID, p.Spread)
			if _, err := t.run(setCircuit, append([]any{id(p.WebhookID)}, circuitValues(&c)...)...); err != nil {
				return err
			}
		}
		return t.row(afterClaim, id(p.WebhookID), p.Session.ID, layout.Micros(p.Now))(toTime(&claimed.NextDue), &claimed.Version, &claimed.CircuitOpen, &live, &gated)
	})
	return claimed, err
}

// lastProbe returns what became of the last probe of a webhook's circuit.
func (t *tx) lastProbe(webhook carteiro.ID, c *carteiro.Circuit) (carteiro.ProbeState, error) {
	if !c.Open() || c.Probe.IsZero() {
		return carteiro.ProbeEnded, nil
	}
	var held bool
	switch found, err := t.found(probeLease, id(webhook), id(c.Probe))(&held); {
	case err != nil || !found:
		return carteiro.ProbeEnded, err
	case held:
		return carteiro.ProbeHeld, nil
	default:
		return carteiro.ProbeReturned, nil
	}
}

func orLeaseLost(err error) error {
	if err == nil {
		err = store.ErrLeaseLost
	}
	return err
}

func (t *tx) claimGranted(p *store.Claim, grant carteiro.Grant, claimed *store.Claimed) error {
	if grant.Limit == 0 {
		return nil
	}
	rows, err := t.Query(t.ctx, claimDue, p.Session.ID, id(p.WebhookID), layout.Micros(p.Now), grant.Limit, p.MaxBytes)
	if err != nil {
		return err
	}
	defer rows.Close()
	claimed.Deliveries, err = readDeliveries(rows, p.WebhookID)
	for _, d := range claimed.Deliveries {
		d.Probe = grant.Probe
	}
	return err
}

// noteHealth writes what a group has learnt of receivers, and opens and closes their circuits by carteiro.Webhook.Judge.
// After a success what went before counts for nothing but last_failed_at. Rows that stay as they are, as those of well
// receivers do, are not locked. What was learnt of another version than the stored one counts for nothing; u.off is set where the
// group has raised the version by switching the webhook off. Environments are told of changes as carteiro.Webhook.CircuitNotice says. It gives the webhooks whose circuits have changed, and how.
var noteHealth = fmt.Sprintf(`WITH seen AS (
		SELECT w.id, u.version, w.environment_id, w.owner_kind, w.deleted_at, u.now, w.enabled, w.opened_at,
			u.failures + CASE WHEN u.succeeded THEN 0 ELSE w.failures_in_a_row END AS failures,
			CASE WHEN u.succeeded OR w.failures_in_a_row = 0 THEN u.since ELSE w.failing_since END AS since,
			coalesce(u.failed_at, w.last_failed_at) AS failed_at, u.last_error
		FROM unnest($1::uuid[], $2::boolean[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::bytea[], $7::timestamptz[],
			$8::bigint[], $9::timestamptz[])
			AS u (id, succeeded, failures, since, failed_at, last_error, now, version, off) JOIN webhooks w ON w.id = u.id
		WHERE w.deleted_at IS NULL AND (NOT u.succeeded OR w.failures_in_a_row <> u.failures OR u.failed_at IS NOT NULL)
			AND (w.version = u.version OR w.version = u.version + 1 AND NOT w.enabled AND w.disabled_at = u.off)
		ORDER BY w.id FOR NO KEY UPDATE OF w),
	judged AS (
		SELECT *, CASE WHEN failures >= %[1]d AND opened_at IS NULL AND enabled THEN %[3]d
			WHEN failures < %[1]d AND opened_at IS NOT NULL THEN %[4]d ELSE 0 END AS change FROM seen),
	noted AS (
		UPDATE webhooks w SET failures_in_a_row = j.failures, failing_since = j.since, last_failed_at = j.failed_at, last_error = j.last_error,
			opened_at = CASE j.change WHEN %[3]d THEN j.now WHEN %[4]d THEN NULL ELSE w.opened_at END,
			probe_at = CASE j.change WHEN %[3]d THEN j.now + interval '%[2]d seconds' WHEN %[4]d THEN NULL ELSE w.probe_at END,
			probes = CASE j.change WHEN 0 THEN w.probes ELSE 0 END,
			probe = CASE j.change WHEN 0 THEN w.probe END,
			closed_at = CASE j.change WHEN %[4]d THEN j.now ELSE w.closed_at END,
			ramped = CASE j.change WHEN %[4]d THEN 0 ELSE w.ramped END
		FROM judged j WHERE w.id = j.id
		RETURNING w.id, j.version, j.change),
	told AS (
		INSERT INTO notices (at, environment_id, type, webhook_id, since, failures, error)
		SELECT now, environment_id, CASE change WHEN %[3]d THEN '%[5]s' ELSE '%[6]s' END, id, CASE change WHEN %[3]d THEN since ELSE opened_at END,
			CASE change WHEN %[3]d THEN failures ELSE 0 END, CASE change WHEN %[3]d THEN last_error ELSE '' END
		FROM judged w WHERE change <> 0 AND %[7]s ORDER BY id)
	SELECT id, version, change FROM noted WHERE change <> 0`,
	carteiro.FailuresForError, int(carteiro.FirstProbeWait.Seconds()), carteiro.CircuitOpened, carteiro.CircuitClosed,
	carteiro.WebhookErrorEvent, carteiro.WebhookRecoveredEvent, isHeard)

func (t *tally) queueHealth(b *pgx.Batch) {
	maps.DeleteFunc(t.Health, func(_ layout.HealthKey, h layout.Health) bool { return !h.Noted })
	if len(t.Health) == 0 {
		return
	}
	var (
		webhooks             ids
		versions             ints
		succeeded            bools
		failures             ints
		since, failedAt, now times
		off                  times
		lastErrors           octets
	)
	for _, key := range slices.SortedFunc(maps.Keys(t.Health), layout.HealthKey.Compare) {
		h := t.Health[key]
		webhooks, versions, off = append(webhooks, key.Webhook), append(versions, key.Version), append(off, h.OffAt)
		succeeded, failures = append(succeeded, h.Succeeded), append(failures, h.Failures)
		since, failedAt, lastErrors = append(since, h.Since), append(failedAt, h.FailedAt), append(lastErrors, h.LastError)
		now = append(now, h.Now)
	}
	b.Queue(noteHealth, webhooks, succeeded, failures, since, failedAt, lastErrors, now, versions, off).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var key layout.HealthKey
			var change carteiro.CircuitChange
			if err := rows.Scan(toID(&key.Webhook), &key.Version, &change); err != nil {
				return err
			}
			t.Health[key].First.Circuit = change
		}
		return rows.Err()
	})
}

// changed gives the webhooks whose circuits the group has opened or closed.
func (t *tally) changed() (webhooks []carteiro.ID) {
	for key, h := range t.Health {
		if h.First != nil && h.First.Circuit != carteiro.CircuitUnchanged {
			webhooks = append(webhooks, key.Webhook)
		}
	}
	return webhooks
}
