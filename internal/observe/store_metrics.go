package observe

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// call is an operation of the store that is timed.
type call int

const (
	accept call = iota
	record
	claim
	retry
	renew
	endSessions
	backlog
	purge
	stepBulk
	listLogs
	getLog
	getLogs
	overview
	getWebhook
	listWebhooks
	findWebhooks
	createWebhook
	updateWebhook
	putOwner
	ping
	vitals
	disableFailing
	listNotices
	tellNotices
	callCount
)

var callNames = [callCount]string{
	accept: "accept", record: "record", claim: "claim", retry: "retry", renew: "renew", endSessions: "end_sessions",
	backlog: "backlog", purge: "purge", stepBulk: "step_bulk_retry", listLogs: "list_logs", getLog: "get_log", getLogs: "get_logs",
	overview: "overview", getWebhook: "get_webhook", listWebhooks: "list_webhooks", findWebhooks: "find_webhooks",
	createWebhook: "create_webhook", updateWebhook: "update_webhook", putOwner: "put_owner", ping: "ping", vitals: "vitals", disableFailing: "disable_failing",
	listNotices: "list_notices", tellNotices: "tell_notices",
}

type callMetrics struct {
	took   prometheus.Observer
	failed prometheus.Counter
}

// done counts an operation that began then. An error that the port names is an answer, and a caller who hung up no fault.
func (m *Metrics) done(v call, begun time.Time, err error) {
	m.verbs[v].took.Observe(time.Since(begun).Seconds())
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) &&
		!errors.Is(err, store.ErrLeaseLost) && !errors.Is(err, context.Canceled) {
		m.verbs[v].failed.Inc()
	}
}

// Committed is told of each transaction that was synced to disk: how many operations shared it, and how long it took.
func (m *Metrics) Committed(operations int, took time.Duration) {
	m.commitSize.Observe(float64(operations))
	m.commitTook.Observe(took.Seconds())
}

// Watch gives a store whose work is counted.
func (m *Metrics) Watch(s store.Store) store.Store { return instrumentedStore{s, m} }

type instrumentedStore struct {
	store.Store
	m *Metrics
}

// Accept implements store.Queue.
func (w instrumentedStore) Accept(ctx context.Context, p store.Accept) (store.AcceptResult, error) {
	begun := time.Now()
	result, err := w.Store.Accept(ctx, p)
	w.m.done(accept, begun, err)
	if err != nil || result.Replay != nil {
		return result, err
	}
	for i := range p.Items {
		if result.Items[i] != nil {
			continue // an answer given again
		}
		if !p.Items[i].Event.Test {
			w.m.accepted.Inc()
		}
		for j := range p.Items[i].Attempts {
			w.m.opened[p.Items[i].Attempts[j].Trigger].Inc()
		}
	}
	return result, nil
}

// Record implements store.Queue.
func (w instrumentedStore) Record(ctx context.Context, p store.Record) ([]store.Recorded, error) {
	begun := time.Now()
	recorded, err := w.Store.Record(ctx, p)
	w.m.done(record, begun, err)
	if err != nil {
		return recorded, err
	}
	w.m.recordSize.Observe(float64(len(p.Results)))
	for i := range p.Results {
		if recorded[i].Lost {
			w.m.lost.Inc()
			continue
		}
		w.m.attemptEnded(&p.Results[i])
		if recorded[i].Disabled {
			w.m.disabled[carteiro.DisabledByGone].Inc()
		}
		if change := recorded[i].Circuit; change != carteiro.CircuitUnchanged {
			w.m.circuits[change].Inc()
		}
	}
	return recorded, nil
}

func (m *Metrics) attemptEnded(r *store.Result) {
	o, end := r.Outcome, attemptLabels{outcomeFailed, r.Outcome.Reason}
	switch {
	case o.Success:
		end = attemptLabels{outcome: outcomeSuccess}
	case r.Next != nil:
		end.outcome = outcomeRetrying
		m.opened[carteiro.TriggerAutomatic].Inc()
	}
	if c := m.ended[end]; c != nil {
		c.Inc()
	}
	if r.Delivery.Probe && o.Success {
		m.probes[1].Inc()
	} else if r.Delivery.Probe {
		m.probes[0].Inc()
	}
	if o.Duration > 0 {
		m.attempt.Observe(o.Duration.Seconds())
		m.delay.Observe(max(0, o.FinishedAt.Sub(r.Delivery.DueAt)-o.Duration).Seconds())
	}
	if end.outcome == outcomeRetrying {
		return
	}
	took := max(0, o.FinishedAt.Sub(r.Delivery.Event.AcceptedAt())).Seconds()
	if o.Success {
		m.delivery[1].Observe(took)
	} else {
		m.delivery[0].Observe(took)
	}
}

// Claim implements store.Queue.
func (w instrumentedStore) Claim(ctx context.Context, p store.Claim) (store.Claimed, error) {
	begun := time.Now()
	claimed, err := w.Store.Claim(ctx, p)
	w.m.done(claim, begun, err)
	w.m.claimed.Add(float64(len(claimed.Deliveries)))
	return claimed, err
}

// DisableFailing implements store.Circuits.
func (w instrumentedStore) DisableFailing(ctx context.Context, p store.DisableFailing) ([]*carteiro.Webhook, error) {
	begun := time.Now()
	webhooks, err := w.Store.DisableFailing(ctx, p)
	w.m.done(disableFailing, begun, err)
	w.m.disabled[carteiro.DisabledByError].Add(float64(len(webhooks)))
	return webhooks, err
}

// ListNotices implements store.Notices.
func (w instrumentedStore) ListNotices(ctx context.Context, p store.ListNotices) ([]carteiro.Notification, error) {
	begun := time.Now()
	notices, err := w.Store.ListNotices(ctx, p)
	w.m.done(listNotices, begun, err)
	return notices, err
}

// TellNotices implements store.Notices.
func (w instrumentedStore) TellNotices(ctx context.Context, p store.TellNotices) ([]bool, error) {
	begun := time.Now()
	told, err := w.Store.TellNotices(ctx, p)
	w.m.done(tellNotices, begun, err)
	for i, was := range told {
		if item := p.Tidings[i].Item; was && item != nil {
			w.m.operatorEvents.WithLabelValues(item.Event.Type).Inc()
		}
	}
	return told, err
}

// Retry implements store.Queue.
func (w instrumentedStore) Retry(ctx context.Context, p store.Retry) (store.RetryResult, error) {
	begun := time.Now()
	result, err := w.Store.Retry(ctx, p)
	w.m.done(retry, begun, err)
	if result.Delivery != nil {
		w.m.opened[p.Trigger].Inc()
	}
	return result, err
}

// StepBulkRetry implements store.BulkRetries.
func (w instrumentedStore) StepBulkRetry(ctx context.Context, p store.StepBulkRetry) (store.BulkStep, error) {
	begun := time.Now()
	step, err := w.Store.StepBulkRetry(ctx, p)
	w.m.done(stepBulk, begun, err)
	w.m.opened[carteiro.TriggerBulk].Add(float64(step.Retried))
	return step, err
}

// Renew implements store.Queue.
func (w instrumentedStore) Renew(ctx context.Context, p store.Renew) error {
	begun := time.Now()
	err := w.Store.Renew(ctx, p)
	w.m.done(renew, begun, err)
	if errors.Is(err, store.ErrLeaseLost) {
		w.m.leasesLost.Inc()
	}
	return err
}

// EndSessions implements store.Queue.
func (w instrumentedStore) EndSessions(ctx context.Context, p store.EndSessions) (int, error) {
	begun := time.Now()
	freed, err := w.Store.EndSessions(ctx, p)
	w.m.done(endSessions, begun, err)
	if p.Session.ID == 0 { // otherwise this node gives back its own
		w.m.takenOver.Add(float64(freed))
	}
	return freed, err
}
