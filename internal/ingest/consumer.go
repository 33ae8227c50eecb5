package ingest

import (
	"context"
	"log/slog"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/config"
)

// Waits between tries, of a broker or a store that is away: doubling from the first to the last.
const (
	minBackoff = 250 * time.Millisecond
	maxBackoff = 15 * time.Second
)

// settleTimeout bounds the acknowledgement of what is stored, also when the server stops meanwhile.
const settleTimeout = 10 * time.Second

// consumer moves the messages of one source into the store.
type consumer struct {
	source      *config.Source
	environment carteiro.ID
	intake      Intake
	open        func(context.Context, *config.Source) (source, error)
	logger      *slog.Logger
	tally
}

// run connects, and reconnects after errors, until ctx ends. The pause between two connections grows until a batch is
// settled: a source that accepts connections and then fails is not reconnected to several times a second.
func (c *consumer) run(ctx context.Context) {
	pause := minBackoff
	for ctx.Err() == nil {
		s, err := c.open(ctx, c.source)
		if err == nil {
			c.logger.Info("source is connected", "place", c.source.Place())
			err = c.consume(ctx, s, func() { pause = minBackoff })
			s.close()
		}
		if ctx.Err() != nil {
			return
		}
		c.logger.Warn("source is away, to be tried again", "error", err, "after", pause)
		pause = wait(ctx, pause)
	}
}

// consume settles batch after batch until the broker fails or ctx ends.
func (c *consumer) consume(ctx context.Context, s source, progress func()) error {
	for {
		messages, err := s.receive(ctx)
		if err != nil {
			return err
		}
		if err := c.settle(ctx, s, messages); err != nil {
			return err
		}
		progress()
	}
}

// settle stores a batch, buries what is refused, and acknowledges all of it. After an error nothing is acknowledged.
func (c *consumer) settle(ctx context.Context, s source, messages []message) error {
	refusals, err := c.accept(ctx, messages)
	if err != nil {
		return err
	}
	// What is stored is acknowledged even if the server is to stop: it would only come again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	refused := 0
	for i, refusal := range refusals {
		if refusal == nil {
			continue
		}
		refused++
		if c.source.DeadLetter != "" {
			if err := s.deadLetter(ctx, &messages[i], refusal.Error()); err != nil {
				return err
			}
		}
		c.logger.Warn("message refused", "id", messages[i].id, "reason", refusal.Error(), "dead_letter", c.source.DeadLetter)
	}
	if err := s.acknowledge(ctx, messages); err != nil {
		return err
	}
	c.taken.Add(int64(len(messages) - refused))
	c.refused.Add(int64(refused))
	return nil
}

// accept stores a batch, and tries until the store takes it or ctx ends.
func (c *consumer) accept(ctx context.Context, messages []message) ([]*api.Refusal, error) {
	batch := make([]api.Message, len(messages))
	for i, m := range messages {
		batch[i] = api.Message{Body: m.body, ID: m.id, TraceParent: m.header.Get("Traceparent")}
		if c.source.Format == config.FormatCloudEvents {
			batch[i].CloudEvent = cloudHeader(m)
		}
	}
	for pause := minBackoff; ; {
		refusals, err := c.intake.Take(ctx, c.environment, batch)
		if err == nil {
			return refusals, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c.logger.Error("messages cannot be stored, to be tried again", "messages", len(messages), "error", err, "after", pause)
		pause = wait(ctx, pause)
	}
}

// cloudHeader gives a CloudEvent's header. A message that says nothing of its form is a structured event: brokers'
// tools seldom set a content type.
func cloudHeader(m message) map[string][]string {
	if len(m.header["Content-Type"]) == 0 && len(m.header["Ce-Specversion"]) == 0 {
		return map[string][]string{"Content-Type": {"application/cloudevents+json"}}
	}
	return m.header
}

// wait waits for the pause or ctx, and gives the next pause.
func wait(ctx context.Context, pause time.Duration) time.Duration {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return min(2*pause, maxBackoff)
}
