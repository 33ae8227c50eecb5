// Package ingest takes events in from message brokers. Each source is read in batches; a batch is acknowledged once its
// events are durable, and what comes again is the same event: the broker's redelivery and the idempotency key together
// make it once.
package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/config"
)

// Intake takes events in; see [api.Intake.Take].
type Intake interface {
	Take(ctx context.Context, environment carteiro.ID, messages []api.Message) ([]*api.Refusal, error)
}

// Ingest reads all sources. New makes it, Run runs it.
type Ingest struct {
	consumers []*consumer
}

// New makes a reader of sources, each for the environment that it names by id or name. It connects to nothing, and fails
// when there is no such environment, or several of that name.
func New(sources []config.Source, environments []carteiro.Environment, intake Intake, logger *slog.Logger) (*Ingest, error) {
	in := new(Ingest)
	for i := range sources {
		s := &sources[i]
		environment, err := find(environments, s.Environment)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		in.consumers = append(in.consumers, &consumer{
			source: s, environment: environment, intake: intake, open: open,
			logger: logger.With("source", s.Name, "kind", s.Kind),
		})
	}
	return in, nil
}

func find(environments []carteiro.Environment, idOrName string) (carteiro.ID, error) {
	var found []carteiro.ID
	for _, e := range environments {
		if e.ID.String() == idOrName {
			return e.ID, nil
		}
		if e.Name == idOrName {
			found = append(found, e.ID)
		}
	}
	switch len(found) {
	case 0:
		return carteiro.ID{}, fmt.Errorf("there is no environment %q", idOrName)
	case 1:
		return found[0], nil
	default:
		return carteiro.ID{}, fmt.Errorf("%d environments are called %q: give the id", len(found), idOrName)
	}
}

// Run reads until ctx ends, and returns when what is being stored is stored and acknowledged.
func (in *Ingest) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, c := range in.consumers {
		running.Go(func() { c.run(ctx) })
	}
	running.Wait()
}

// Counts are what became of a source's messages since the start.
type Counts struct {
	Accepted int64 // stored, now or when they came before, and acknowledged
	Refused  int64 // acknowledged without being stored; buried if there is where
}

// Counts gives those of every source, by name.
func (in *Ingest) Counts() map[string]Counts {
	counts := make(map[string]Counts)
	for _, c := range in.consumers {
		counts[c.source.Name] = Counts{c.taken.Load(), c.refused.Load()}
	}
	return counts
}

// tally is what a consumer counts.
type tally struct{ taken, refused atomic.Int64 }
