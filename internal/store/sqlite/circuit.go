package sqlite

import (
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// circuitColumns are the fields of a carteiro.Circuit, in order.
const circuitColumns = sqlstore.CircuitColumns

var (
	gateOf     = newQuery(`SELECT version, enabled AND deleted_at IS NULL, ` + circuitColumns + ` FROM webhooks WHERE id = ?`)
	probeLease = newQuery(`SELECT lease IS NOT NULL FROM open WHERE webhook_id = ? AND id = ?`)
	setCircuit = newQuery(`UPDATE webhooks SET (` + circuitColumns + `) = (?2, ?3, ?4, ?5, ?6, ?7) WHERE id = ?1`)

	switchOff = newQuery(`UPDATE webhooks SET enabled = 0, version = version + 1, updated_at = ?1, disabled_by = ?3, disabled_at = ?1
		WHERE id = ?2 AND enabled = 1 AND version = coalesce(?4, version)`)

	judgedOf = newQuery(`SELECT failures_in_a_row, enabled, failing_since, last_error, ` + circuitColumns + ` FROM webhooks WHERE id = ?`)
)

func readCircuit(row *stmt, at int) carteiro.Circuit {
	return carteiro.Circuit{
		OpenedAt: row.colTime(at), ProbeAt: row.colTime(at + 1), Probes: int(row.colInt(at + 2)), Probe: row.colID(at + 3),
		ClosedAt: row.colTime(at + 4), Ramped: int(row.colInt(at + 5)),
	}
}

// circuit binds circuitColumns.
func (s *stmt) circuit(c *carteiro.Circuit) *stmt {
	return s.time(c.OpenedAt).time(c.ProbeAt).int(int64(c.Probes)).maybeID(c.Probe).time(c.ClosedAt).int(int64(c.Ramped))
}

func (c *conn) putCircuit(webhook carteiro.ID, circuit *carteiro.Circuit) error {
	return c.write(setCircuit).id(webhook).circuit(circuit).run()
}

// gate is what a webhook's circuit lets a claim have.
type gate struct {
	carteiro.Grant
	circuit carteiro.Circuit
	version int64
}

func (t *tx) gate(p *store.Claim) (g gate, err error) {
	g.Limit = p.Limit
	row := t.query(gateOf).id(p.WebhookID)
	found, err := row.one()
	if !found {
		return g, err
	}
	live := row.colBool(1)
	g.version, g.circuit = row.colInt(0), readCircuit(row, 2)
	if err := row.end(); err != nil || !live {
		return g, err
	}
	last, err := t.lastProbe(p.WebhookID, &g.circuit)
	if err == nil {
		g.Grant = g.circuit.Grant(p.Now, p.Limit, last)
	}
	return g, err
}

// lastProbe returns what became of the last probe of a webhook's circuit.
func (t *tx) lastProbe(webhook carteiro.ID, c *carteiro.Circuit) (carteiro.ProbeState, error) {
	if !c.Open() || c.Probe.IsZero() {
		return carteiro.ProbeEnded, nil
	}
	row := t.query(probeLease).id(webhook).id(c.Probe)
	found, err := row.one()
	if !found {
		return carteiro.ProbeEnded, err
	}
	last := carteiro.ProbeReturned
	if row.colBool(0) {
		last = carteiro.ProbeHeld
	}
	return last, row.end()
}

// pass takes down what a claim was given, and says when there may be more.
func (t *tx) pass(p *store.Claim, g gate, given []*carteiro.Delivery) (again time.Time, err error) {
	if g.Again.IsZero() || len(given) == 0 {
		return g.Again, nil
	}
	again = g.circuit.Granted(g.Grant, p.Now, len(given), given[0].ID, p.Spread)
	return again, t.putCircuit(p.WebhookID, &g.circuit)
}

// judge opens or closes a webhook's circuit by its failures, which have just been written.
func (c *conn) judge(webhook carteiro.ID, h *layout.Health) error {
	row := c.query(judgedOf).id(webhook)
	if found, err := row.one(); !found {
		return err
	}
	w := carteiro.Webhook{
		ID: webhook, FailuresInARow: int(row.colInt(0)), Enabled: row.colBool(1), FailingSince: row.colTime(2), LastError: row.colText(3),
		Circuit: readCircuit(row, 4),
	}
	if err := row.end(); err != nil {
		return err
	}
	before := w.Circuit
	h.First.Circuit = w.Judge(h.Now)
	if h.First.Circuit == carteiro.CircuitUnchanged {
		return nil
	}
	if err := c.putCircuit(webhook, &w.Circuit); err != nil {
		return err
	}
	return c.notice(w.CircuitNotification(h.First.Circuit, before, h.Now))
}
