package observe

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/send"
)

// Tracer sends spans to a collector, in the background and in batches; what does not fit is dropped. A nil Tracer wraps
// nothing.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// NewTracer makes a tracer that sends to a collector over OTLP on HTTP. endpoint is its URL, such as http://localhost:4318;
// headers, timeouts and sampling are taken from the standard variables (OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER
// and so on). It fails when the endpoint is no URL. Nothing is sent yet.
func NewTracer(ctx context.Context, endpoint, version string, logger *slog.Logger) (*Tracer, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		named := ""
		if err == nil {
			named = fmt.Sprintf(", not %q", u.Redacted())
		}
		return nil, fmt.Errorf("the traces endpoint must be a URL such as http://localhost:4318%s", named)
	}
	// The library's own handler writes to standard error in a format of its own.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("traces were not delivered", "error", err) }))
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.JoinPath("v1", "traces").String()))
	if err != nil {
		return nil, fmt.Errorf("tracing to %s: %w", endpoint, err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", "carteiro"), attribute.String("service.version", version)),
		resource.WithFromEnv(), // last: whoever names the service otherwise wins
	)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return newTracerFrom(sdk.WithBatcher(exporter), sdk.WithResource(about)), nil
}

func newTracerFrom(options ...sdk.TracerProviderOption) *Tracer {
	provider := sdk.NewTracerProvider(options...)
	return &Tracer{provider: provider, tracer: provider.Tracer("carteiro")}
}

// Close sends what has not been sent, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Publisher gives a publisher each of whose calls is a span.
func (t *Tracer) Publisher(p api.Publisher) api.Publisher {
	if t == nil {
		return p
	}
	return tracedPublisher{p, t}
}

type tracedPublisher struct {
	api.Publisher
	t *Tracer
}

// Publish implements api.Publisher. Each context that events have come with is a span: most calls have one, those of brokers and
// of CloudEvents as many as events.
func (p tracedPublisher) Publish(ctx context.Context, environment carteiro.ID, key *publish.Key, events []publish.Event) ([]publish.Result, error) {
	begun := make(map[string]publishSpan, 1)
	for i := range events {
		e := &events[i]
		t, known := begun[e.TraceParent]
		if !known {
			spanCtx, span := p.t.tracer.Start(extract(ctx, e.TraceParent), "publish", trace.WithSpanKind(trace.SpanKindProducer))
			t = publishSpan{Span: span, own: inject(spanCtx), first: i}
		}
		t.events++
		begun[e.TraceParent] = t
		e.TraceParent = t.own
	}
	results, err := p.Publisher.Publish(ctx, environment, key, events)
	for _, t := range begun {
		if t.IsRecording() {
			t.describe(environment, events, results, err)
		}
		t.End()
	}
	return results, err
}

// publishSpan is the span in which events of one context are taken in.
type publishSpan struct {
	trace.Span
	own    string // its context, which those events get
	first  int    // of them
	events int
}

// describe says what came of it.
func (t publishSpan) describe(environment carteiro.ID, events []publish.Event, results []publish.Result, err error) {
	t.SetAttributes(attribute.String("carteiro.environment_id", environment.String()), attribute.Int("messaging.batch.message_count", t.events))
	if t.events == 1 && len(results) == len(events) {
		t.SetAttributes(attribute.String("carteiro.event_id", results[t.first].EventID.String()), attribute.String("carteiro.event_type", events[t.first].Type))
	}
	if err != nil {
		t.SetStatus(codes.Error, "the events were not stored")
	}
}

// Test implements api.Publisher.
func (p tracedPublisher) Test(ctx context.Context, w *carteiro.Webhook, sample publish.Event, names publish.Names) (*carteiro.Outcome, error) {
	spanCtx, span := p.t.tracer.Start(extract(ctx, sample.TraceParent), "test", trace.WithSpanKind(trace.SpanKindProducer))
	defer span.End()
	sample.TraceParent = inject(spanCtx)
	return p.Publisher.Test(ctx, w, sample, names)
}

// Sender gives a sender each of whose attempts is a span.
func (t *Tracer) Sender(s dispatch.Sender) dispatch.Sender {
	if t == nil {
		return s
	}
	return tracedSender{s, t}
}

type tracedSender struct {
	dispatch.Sender
	t *Tracer
}

// Send implements dispatch.Sender. The receiver is told the attempt's span.
func (s tracedSender) Send(ctx context.Context, target *send.Target, d *carteiro.Delivery) *carteiro.Outcome {
	spanCtx, span := s.t.tracer.Start(extract(context.Background(), d.Event.TraceParent), "attempt", trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	mine := *d
	mine.TraceParent = inject(spanCtx)
	outcome := s.Sender.Send(ctx, target, &mine)
	if !span.IsRecording() {
		return outcome
	}
	span.SetAttributes(
		attribute.String("carteiro.event_id", d.EventID.String()), attribute.String("carteiro.log_id", d.ID.String()),
		attribute.String("carteiro.webhook_id", d.WebhookID.String()), attribute.String("carteiro.event_type", d.EventType),
		attribute.Int("carteiro.attempt", d.Number), attribute.String("carteiro.trigger", string(d.Trigger)),
		attribute.String("http.request.method", outcome.RequestMethod),
	)
	if outcome.HTTPStatus != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", outcome.HTTPStatus))
	}
	if !outcome.Success {
		span.SetAttributes(attribute.String("error.type", string(outcome.Reason)))
		span.SetStatus(codes.Error, outcome.Error)
	}
	return outcome
}

const traceParentHeader = "traceparent"

var w3c propagation.TraceContext

func extract(ctx context.Context, parent string) context.Context {
	return w3c.Extract(ctx, propagation.MapCarrier{traceParentHeader: parent})
}

func inject(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return carrier[traceParentHeader]
}
