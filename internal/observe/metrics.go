package observe

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/carteiro/carteiro"
)

// Buckets in seconds: of what the store and the API do, of an attempt, and of all the way with its retries.
var (
	shortBuckets   = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}
	attemptBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}
	longBuckets    = []float64{.01, .05, .1, .5, 1, 5, 30, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600, 72 * 3600}
	countBuckets   = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
)

// Metrics are a server's. Make them with [NewMetrics]; all methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	accepted prometheus.Counter
	rejected map[int]prometheus.Counter // by status; 0 is any other
	opened   map[carteiro.Trigger]prometheus.Counter
	ended    map[attemptLabels]prometheus.Counter
	attempt  prometheus.Observer
	delay    prometheus.Observer
	delivery [2]prometheus.Observer // failed, success
	claimed  prometheus.Counter

	operatorEvents, operatorDropped *prometheus.CounterVec // by event type

	recordSize prometheus.Observer

	circuits   map[carteiro.CircuitChange]prometheus.Counter
	probes     [2]prometheus.Counter // failed, success
	disabled   map[carteiro.DisabledBy]prometheus.Counter
	leasesLost prometheus.Counter
	lost       prometheus.Counter
	takenOver  prometheus.Counter

	verbs       [callCount]callMetrics
	commitSize  prometheus.Observer
	commitTook  prometheus.Observer
	answers     *prometheus.CounterVec
	answerTook  *prometheus.HistogramVec
	rateLimited prometheus.Counter
}

// attemptLabels is how an attempt ended.
type attemptLabels struct {
	outcome string
	reason  carteiro.Reason
}

// The outcomes of an attempt: delivered, failed with another attempt to follow, failed for good.
const (
	outcomeSuccess  = "success"
	outcomeRetrying = "retrying"
	outcomeFailed   = "failed"
)

var reasons = []carteiro.Reason{
	carteiro.ReasonHTTPStatus, carteiro.ReasonTimeout, carteiro.ReasonRefused, carteiro.ReasonDNS, carteiro.ReasonTLS,
	carteiro.ReasonBlocked, carteiro.ReasonConnection, carteiro.ReasonInvalidRequest, carteiro.ReasonWebhookDisabled,
	carteiro.ReasonWebhookDeleted,
}

var triggers = []carteiro.Trigger{
	carteiro.TriggerAutomatic, carteiro.TriggerManual, carteiro.TriggerTest, carteiro.TriggerBulk,
}

// rejections are the statuses with which an event can be refused.
var rejections = map[int]string{
	http.StatusBadRequest: "400", http.StatusUnauthorized: "401", http.StatusNotFound: "404", http.StatusConflict: "409",
	http.StatusRequestEntityTooLarge: "413", http.StatusUnprocessableEntity: "422", http.StatusTooManyRequests: "429",
	http.StatusInternalServerError: "500", http.StatusServiceUnavailable: "503", 0: "other",
}

// NewMetrics makes the metrics of a server of this version, all at zero.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	build := m.gauges("carteiro_build_info", "Always 1; the labels say which build runs.", "version", "goversion")
	build.WithLabelValues(version, runtime.Version()).Set(1)
	m.declareEvents()
	m.declareStore()
	m.declareAPI()
	return m
}

func (m *Metrics) declareEvents() {
	m.accepted = m.counter("carteiro_events_accepted_total", "Events that are durable.")
	rejected := m.counters("carteiro_events_rejected_total", "Events that were refused, by the status they were answered with.", "status")
	m.rejected = make(map[int]prometheus.Counter, len(rejections))
	for status, text := range rejections {
		m.rejected[status] = rejected.WithLabelValues(text)
	}
	opened := m.counters("carteiro_attempts_opened_total", "Attempts that were queued or scheduled, by what brought them about.", "trigger")
	m.opened = make(map[carteiro.Trigger]prometheus.Counter, len(triggers))
	for _, trigger := range triggers {
		m.opened[trigger] = opened.WithLabelValues(string(trigger))
	}
	ended := m.counters("carteiro_attempts_total", "Attempts that ended: delivered, failed with a retry to follow, or failed for good.", "outcome", "reason")
	m.ended = map[attemptLabels]prometheus.Counter{{outcomeSuccess, ""}: ended.WithLabelValues(outcomeSuccess, "none")}
	for _, reason := range reasons {
		for _, outcome := range []string{outcomeRetrying, outcomeFailed} {
			m.ended[attemptLabels{outcome, reason}] = ended.WithLabelValues(outcome, string(reason))
		}
	}
	m.attempt = m.histogram("carteiro_attempt_duration_seconds", "How long the exchange of an attempt took.", attemptBuckets)
	m.delay = m.histogram("carteiro_attempt_delay_seconds", "From when an attempt was due until it was begun.", attemptBuckets)
	delivery := m.histograms("carteiro_delivery_seconds", "From accepting an event until it was delivered, or failed for good.", longBuckets, "outcome")
	m.delivery = [...]prometheus.Observer{delivery.WithLabelValues(outcomeFailed), delivery.WithLabelValues(outcomeSuccess)}
	m.claimed = m.counter("carteiro_attempts_claimed_total", "Attempts that were read from the store to be sent: retries that came due, and what did not fit into memory.")
	m.recordSize = m.histogram("carteiro_record_batch_size", "Outcomes that were recorded in one transaction.", countBuckets)
	circuits := m.counters("carteiro_circuit_changes_total", "Circuits that opened (status error) or closed again.", "change")
	m.circuits = map[carteiro.CircuitChange]prometheus.Counter{
		carteiro.CircuitOpened: circuits.WithLabelValues("opened"), carteiro.CircuitClosed: circuits.WithLabelValues("closed"),
	}
	probes := m.counters("carteiro_probes_total", "Deliveries that were sent as probes of a webhook in status error.", "outcome")
	m.probes = [...]prometheus.Counter{probes.WithLabelValues(outcomeFailed), probes.WithLabelValues(outcomeSuccess)}
	disabled := m.counters("carteiro_webhooks_disabled_total", "Webhooks that no caller has disabled: the receiver is gone, or failed for too long.", "rule")
	m.disabled = make(map[carteiro.DisabledBy]prometheus.Counter)
	for _, by := range []carteiro.DisabledBy{carteiro.DisabledByGone, carteiro.DisabledByError} {
		m.disabled[by] = disabled.WithLabelValues(string(by))
	}
	m.operatorDropped = m.counters("carteiro_operator_events_dropped_total", "Operator events that could not be published for a day.", "event")
	m.operatorEvents = m.counters("carteiro_operator_events_total", "Events that were made for environments' own webhooks.", "event")
	for _, t := range []string{
		carteiro.WebhookErrorEvent, carteiro.WebhookRecoveredEvent, carteiro.WebhookDisabledEvent, carteiro.DeliveryExhaustedEvent,
	} {
		m.operatorEvents.WithLabelValues(t)
		m.operatorDropped.WithLabelValues(t)
	}
	m.leasesLost = m.counter("carteiro_lease_losses_total", "Times that this node found its lease taken away.")
	m.lost = m.counter("carteiro_outcomes_lost_total", "Outcomes that could not be recorded because the lease was lost; those attempts are made again.")
	m.takenOver = m.counter("carteiro_attempts_taken_over_total", "Attempts that a lost node held and that were freed here.")
}

func (m *Metrics) declareStore() {
	took := m.histograms("carteiro_store_operation_seconds", "How long the store took, waiting for the commit included.", shortBuckets, "operation")
	failed := m.counters("carteiro_store_errors_total", "Operations of the store that failed by its own fault.", "operation")
	for v, name := range callNames {
		m.verbs[v] = callMetrics{took.WithLabelValues(name), failed.WithLabelValues(name)}
	}
	m.commitSize = m.histogram("carteiro_store_commit_operations", "Operations that shared one commit to disk.", countBuckets)
	m.commitTook = m.histogram("carteiro_store_commit_seconds", "How long a transaction took, its sync to disk included.", shortBuckets)
}

func (m *Metrics) declareAPI() {
	m.answers = m.counters("carteiro_http_requests_total", "Requests that were answered.", "method", "route", "class")
	m.answerTook = m.histograms("carteiro_http_request_seconds", "How long answering took.", shortBuckets, "method", "route")
	m.rateLimited = m.counter("carteiro_http_rate_limited_total", "Requests that were turned away with 429.")
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(g)
	return g
}

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Observer {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	m.registry.MustRegister(h)
	return h
}

func (m *Metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

// OperatorEventDropped counts an operator event that was given up.
func (m *Metrics) OperatorEventDropped(eventType string) {
	m.operatorDropped.WithLabelValues(eventType).Inc()
}
