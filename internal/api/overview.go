package api

import (
	"math"
	"net/http"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// maxFailingShown is how many failing webhooks an overview shows.
const maxFailingShown = 10

// period is a time up to now, with the buckets that it is shown in.
type period struct {
	name   string
	bucket time.Duration
	count  int
}

// Buckets are multiples of what activity is kept by: of minutes up to a day, of hours beyond.
var periods = []period{
	{"hour", time.Minute, 60},
	{"day", 15 * time.Minute, 96},
	{"week", time.Hour, 7 * 24},
	{"month", 6 * time.Hour, 30 * 4},
}

const defaultPeriod = "day"

func (p period) byMinute() bool { return p.bucket < time.Hour }

type overviewJSON struct {
	Period        string        `json:"period"`
	From          timestamp     `json:"from"`
	To            timestamp     `json:"to"`
	BucketSeconds int           `json:"bucket_seconds"`
	Buckets       []bucketJSON  `json:"buckets"`
	Totals        totalsJSON    `json:"totals"`
	Latency       latencyJSON   `json:"latency_ms"`
	Queue         queueJSON     `json:"queue"`
	FailingFrom   timestamp     `json:"failing_from"`
	Failing       []failingJSON `json:"failing"`
}

type bucketJSON struct {
	At      timestamp `json:"at"`
	Success int       `json:"success"`
	Failed  int       `json:"failed"`
}

type totalsJSON struct {
	Success     int      `json:"success"`
	Failed      int      `json:"failed"`
	SuccessRate *float64 `json:"success_rate,omitempty"`
}

type latencyJSON struct {
	P50 *float64 `json:"p50,omitempty"`
	P95 *float64 `json:"p95,omitempty"`
}

type queueJSON struct {
	Open         int       `json:"open"`
	InFlight     int       `json:"in_flight"`
	Due          int       `json:"due"`
	Scheduled    int       `json:"scheduled"`
	IsLowerBound bool      `json:"is_lower_bound,omitempty"`
	OldestDueAt  timestamp `json:"oldest_due_at,omitzero"`
	NextDueAt    timestamp `json:"next_due_at,omitzero"`
}

type failingJSON struct {
	WebhookID    carteiro.ID            `json:"webhook_id"`
	WebhookName  string                 `json:"webhook_name"`
	Kind         string                 `json:"kind"`
	OwnerID      carteiro.ID            `json:"owner_id"`
	OwnerName    string                 `json:"owner_name"`
	Failed       int                    `json:"failed"`
	Success      int                    `json:"success"`
	LastFailedAt timestamp              `json:"last_failed_at"`
	Status       carteiro.WebhookStatus `json:"status"`
	StatusReason *statusReason          `json:"status_reason,omitempty"`
}

func (s *server) overview(r *request) error {
	q := r.query()
	p := q.period()
	if err := q.faults.err(); err != nil {
		return err
	}
	// The last bucket is the one that is filling.
	to := r.begun.UTC().Truncate(p.bucket).Add(p.bucket)
	from := to.Add(-time.Duration(p.count) * p.bucket)
	o, err := s.Store.Overview(r.Context(), store.Overview{
		EnvironmentID: r.environment, Now: r.begun, From: from, ByMinute: p.byMinute(), Failing: maxFailingShown,
	})
	if err != nil {
		return err
	}
	shown := overviewJSON{
		Period: p.name, From: timestamp(from), To: timestamp(to), BucketSeconds: int(p.bucket / time.Second),
		Queue: showQueue(o.Queue), FailingFrom: timestamp(from.Truncate(time.Hour)), Failing: make([]failingJSON, len(o.Failing)),
	}
	shown.count(p, from, o.Activity)
	for i := range o.Failing {
		shown.Failing[i] = showFailing(&o.Failing[i])
	}
	return r.respond(http.StatusOK, answer{Data: shown})
}

// period reads the query's; the default stands where there is none.
func (q *query) period() period {
	name := q.values.Get(fieldPeriod)
	if name == "" {
		name = defaultPeriod
	}
	for _, p := range periods {
		if p.name == name {
			return p
		}
	}
	q.faults.add(fieldPeriod, isNotAmongTheSelection)
	return period{}
}

// count puts what was recorded into the buckets, and sums it up.
func (o *overviewJSON) count(p period, from time.Time, activity []store.Activity) {
	o.Buckets = make([]bucketJSON, p.count)
	for i := range o.Buckets {
		o.Buckets[i].At = timestamp(from.Add(time.Duration(i) * p.bucket))
	}
	var latencies carteiro.Latencies
	for i := range activity {
		a := &activity[i]
		n := int(a.At.Sub(from) / p.bucket)
		if n < 0 || n >= p.count {
			continue // a node whose clock is ahead
		}
		o.Buckets[n].Success += a.Success
		o.Buckets[n].Failed += a.Failed
		o.Totals.Success += a.Success
		o.Totals.Failed += a.Failed
		latencies.Add(&a.Latencies)
	}
	if all := o.Totals.Success + o.Totals.Failed; all > 0 {
		rate := float64(o.Totals.Success) / float64(all)
		o.Totals.SuccessRate = &rate
	}
	o.Latency = latencyJSON{quantile(&latencies, 0.5), quantile(&latencies, 0.95)}
}

// quantile gives milliseconds, to a tenth.
func quantile(l *carteiro.Latencies, q float64) *float64 {
	d := l.Quantile(q)
	if d == 0 {
		return nil
	}
	ms := math.Round(d.Seconds()*10_000) / 10
	return &ms
}

func showQueue(q store.QueueState) queueJSON {
	return queueJSON{
		Open: q.Open, InFlight: q.Held, Due: q.Due, Scheduled: q.Scheduled, IsLowerBound: q.More,
		OldestDueAt: timestamp(q.OldestDue), NextDueAt: timestamp(q.NextDue),
	}
}

func showFailing(f *store.FailingWebhook) failingJSON {
	return failingJSON{
		WebhookID: f.ID, WebhookName: f.Name, Kind: f.OwnerKind.String(), OwnerID: f.OwnerID, OwnerName: f.OwnerName,
		Failed: f.Failed, Success: f.Success, LastFailedAt: timestamp(f.LastFailedAt),
		Status: f.Status(), StatusReason: showStatusReason(f.Webhook),
	}
}
