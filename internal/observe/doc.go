// Package observe reports what a server does: Prometheus metrics, OpenTelemetry traces, profiles, and a log handler that
// limits repeated outage messages.
//
// [Metrics] wraps the store, because every accepted, claimed and recorded event passes through it. The API reports its
// responses to it. Queue depths are read when Prometheus scrapes. docs/metrics.md describes every metric. No label takes a
// user-supplied value, so the number of series is bounded, and counting does not allocate.
//
// [Tracer] wraps the publisher and the sender. Accepting an event is one span and each attempt is a child of it. The store
// keeps the trace context with the event, so later attempts and those of other nodes belong to the same trace.
package observe
