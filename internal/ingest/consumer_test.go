package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/config"
)

// fakeSource is a broker in memory, connected. It gives what is not acknowledged again after each new connection.
type fakeSource struct {
	pending      []message
	opened       []time.Time
	closed       int
	failOpen     int // so many connections fail
	failBury     int
	acknowledged []string
	buried       map[string]string // reason by body
	given        bool
	onSettle     func(ctx context.Context) error // nil: succeeds
}

func (f *fakeSource) open(context.Context, *config.Source) (source, error) {
	f.opened = append(f.opened, time.Now())
	f.given = false
	if f.failOpen > 0 {
		f.failOpen--
		return nil, errors.New("connection refused")
	}
	return f, nil
}

func (f *fakeSource) receive(ctx context.Context) ([]message, error) {
	if len(f.pending) == 0 || f.given {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	f.given = true
	return slices.Clone(f.pending), nil
}

func (f *fakeSource) deadLetter(ctx context.Context, m *message, reason string) error {
	if f.failBury > 0 {
		f.failBury--
		return errors.New("dead-letter place is full")
	}
	if f.buried == nil {
		f.buried = make(map[string]string)
	}
	f.buried[string(m.body)] = reason
	return f.settle(ctx)
}

func (f *fakeSource) acknowledge(ctx context.Context, messages []message) error {
	if err := f.settle(ctx); err != nil {
		return err
	}
	for _, m := range messages {
		f.acknowledged = append(f.acknowledged, string(m.body))
	}
	f.pending = nil
	return nil
}

func (f *fakeSource) settle(ctx context.Context) error {
	if f.onSettle == nil {
		return ctx.Err()
	}
	return f.onSettle(ctx)
}

func (f *fakeSource) close() { f.closed++ }

// intakeFunc is an intake that is one function.
type intakeFunc func(ctx context.Context, messages []api.Message) ([]*api.Refusal, error)

func (f intakeFunc) Take(ctx context.Context, _ carteiro.ID, messages []api.Message) ([]*api.Refusal, error) {
	return f(ctx, messages)
}

// refusal is what the real intake says of a malformed message, with its reason.
func refusal(t *testing.T) (*api.Refusal, string) {
	t.Helper()
	w := newWorld(t)
	refusals, err := w.intake.Take(t.Context(), w.environments[0].ID, []api.Message{{Body: []byte("bad")}})
	must(t, err)
	return refusals[0], "The request body is not valid JSON."
}

// takeAll stores everything but the message "bad".
func takeAll(refused *api.Refusal) intakeFunc {
	return func(_ context.Context, messages []api.Message) ([]*api.Refusal, error) {
		refusals := make([]*api.Refusal, len(messages))
		for i, m := range messages {
			if string(m.Body) == "bad" {
				refusals[i] = refused
			}
		}
		return refusals, nil
	}
}

func bodies(texts ...string) (messages []message) {
	for _, text := range texts {
		messages = append(messages, message{body: []byte(text), id: "id of " + text})
	}
	return messages
}

// newConsumer makes a reader of the source with a dead-letter place.
func newConsumer(t *testing.T, f *fakeSource, intake Intake) *consumer {
	return &consumer{
		source: &config.Source{Name: "calls", DeadLetter: "dead"}, intake: intake, open: f.open,
		logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// runFor runs a consumer for so long in simulated time.
func runFor(t *testing.T, c *consumer, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	c.run(ctx)
}

func TestARejectedMessageIsAcknowledgedOnlyOnceItsDeadLetterIsWritten(t *testing.T) {
	refused, reason := refusal(t)
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSource{pending: bodies("good", "bad"), failBury: 2}
		f.onSettle = func(context.Context) error {
			if f.failBury > 0 {
				t.Error("acknowledged before the dead letter was written")
			}
			return nil
		}
		c := newConsumer(t, f, takeAll(refused))
		runFor(t, c, time.Hour)
		if want := []string{"good", "bad"}; !slices.Equal(f.acknowledged, want) || len(f.opened) != 3 || f.closed != 3 {
			t.Errorf("acknowledged %q over %d connections of which %d were closed, want %q over 3", f.acknowledged, len(f.opened), f.closed, want)
		}
		if want := map[string]string{"bad": reason}; !reflect.DeepEqual(f.buried, want) {
			t.Errorf("buried %q, want %q", f.buried, want)
		}
		if got := (Counts{c.taken.Load(), c.refused.Load()}); got != (Counts{Accepted: 1, Refused: 1}) {
			t.Errorf("counted %+v", got)
		}
	})
}

func TestWithoutADeadLetterPlaceARejectedMessageIsDropped(t *testing.T) {
	refused, _ := refusal(t)
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSource{pending: bodies("bad")}
		c := newConsumer(t, f, takeAll(refused))
		c.source.DeadLetter = ""
		runFor(t, c, time.Minute)
		if len(f.buried) != 0 || !slices.Equal(f.acknowledged, []string{"bad"}) {
			t.Errorf("buried %q, acknowledged %q", f.buried, f.acknowledged)
		}
	})
}

func TestWhatIsStoredIsSettledThoughTheServerStops(t *testing.T) {
	refused, _ := refusal(t)
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSource{pending: bodies("good", "bad")}
		ctx, stop := context.WithCancel(t.Context())
		c := newConsumer(t, f, intakeFunc(func(ctx context.Context, messages []api.Message) ([]*api.Refusal, error) {
			stop() // just as the store commits
			return takeAll(refused)(ctx, messages)
		}))
		c.run(ctx)
		if len(f.buried) != 1 || len(f.acknowledged) != 2 {
			t.Errorf("buried %q, acknowledged %q", f.buried, f.acknowledged)
		}
	})
}

func TestABrokerThatHangsHoldsUpTheStopForABoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSource{pending: bodies("good"), onSettle: func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Hour):
				return errors.New("nobody gave up on the acknowledgement")
			}
		}}
		ctx, stop := context.WithCancel(t.Context())
		c := newConsumer(t, f, intakeFunc(func(ctx context.Context, messages []api.Message) ([]*api.Refusal, error) {
			stop()
			return takeAll(nil)(ctx, messages)
		}))
		start := time.Now()
		c.run(ctx)
		if took := time.Since(start); took != settleTimeout {
			t.Errorf("stopped after %v, want %v", took, settleTimeout)
		}
		if c.taken.Load() != 0 {
			t.Error("counted a message that was not acknowledged")
		}
	})
}

// pausesOf are the pauses between connections.
func pausesOf(opened []time.Time) (pauses []time.Duration) {
	for i := range len(opened) - 1 {
		pauses = append(pauses, opened[i+1].Sub(opened[i]))
	}
	return pauses
}

func TestABrokerThatIsAwayIsTriedAgainMoreAndMoreRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSource{pending: bodies("good"), failOpen: 9}
		runFor(t, newConsumer(t, f, takeAll(nil)), time.Hour)
		if got, want := pausesOf(f.opened), []time.Duration{250e6, 500e6, 1e9, 2e9, 4e9, 8e9, 15e9, 15e9, 15e9}; !slices.Equal(got, want) {
			t.Errorf("tried again after %v, want %v", got, want)
		}
		if !slices.Equal(f.acknowledged, []string{"good"}) {
			t.Errorf("acknowledged %q", f.acknowledged)
		}
	})
}

// breaking connects every time and gives one message after each of the named connections; else it fails at once, as a
// source that the user may not read.
type breaking struct {
	*fakeSource
	works []int
}

func (b breaking) open(ctx context.Context, s *config.Source) (source, error) {
	_, err := b.fakeSource.open(ctx, s)
	return b, err
}

func (b breaking) receive(context.Context) ([]message, error) {
	if slices.Contains(b.works, len(b.opened)) && !b.given {
		b.given = true
		return bodies("good"), nil
	}
	return nil, errors.New("not allowed")
}

func TestASourceThatConnectsAndFailsIsTriedAgainMoreAndMoreRarelyUntilItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := breaking{new(fakeSource), []int{4}}
		c := newConsumer(t, f.fakeSource, takeAll(nil))
		c.open = f.open
		runFor(t, c, 3*time.Second)
		if got, want := pausesOf(f.opened), []time.Duration{250e6, 500e6, 1e9, 250e6, 500e6}; !slices.Equal(got, want) {
			t.Errorf("tried again after %v, want %v", got, want)
		}
		if f.closed != len(f.opened) || !slices.Equal(f.acknowledged, []string{"good"}) {
			t.Errorf("closed %d of %d connections, acknowledged %q", f.closed, len(f.opened), f.acknowledged)
		}
	})
}

func TestABatchIsStoredBeforeItIsAcknowledgedHoweverLongTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSource{pending: bodies("good")}
		var calls []time.Duration
		start := time.Now()
		c := newConsumer(t, f, intakeFunc(func(ctx context.Context, messages []api.Message) ([]*api.Refusal, error) {
			calls = append(calls, time.Since(start))
			if len(f.acknowledged) > 0 {
				t.Error("acknowledged before it was stored")
			}
			if len(calls) <= 4 {
				return nil, errors.New("disk full")
			}
			return takeAll(nil)(ctx, messages)
		}))
		runFor(t, c, time.Hour)
		if want := []time.Duration{0, 250e6, 750e6, 1750e6, 3750e6}; !slices.Equal(calls, want) {
			t.Errorf("asked the store after %v, want %v", calls, want)
		}
		if len(f.opened) != 1 || !slices.Equal(f.acknowledged, []string{"good"}) {
			t.Errorf("acknowledged %q over %d connections", f.acknowledged, len(f.opened))
		}
	})
}

func TestAStopDoesNotWaitForAStoreThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSource{pending: bodies("good")}
		c := newConsumer(t, f, intakeFunc(func(context.Context, []api.Message) ([]*api.Refusal, error) {
			return nil, errors.New("disk full")
		}))
		start := time.Now()
		runFor(t, c, 20*time.Second)
		if took := time.Since(start); took != 20*time.Second || len(f.acknowledged) != 0 {
			t.Errorf("stopped after %v with %q acknowledged", took, f.acknowledged)
		}
	})
}

func TestWhatAMessageSaysOfItselfGoesWithIt(t *testing.T) {
	structured := map[string][]string{"Content-Type": {"application/cloudevents+json"}}
	for name, test := range map[string]struct {
		format  string
		headers map[string]string
		want    api.Message
	}{
		"nothing":                 {config.FormatCarteiro, nil, api.Message{}},
		"a trace":                 {config.FormatCarteiro, map[string]string{"traceparent": "00-1"}, api.Message{TraceParent: "00-1"}},
		"a CloudEvent of no form": {config.FormatCloudEvents, map[string]string{"x": "y"}, api.Message{CloudEvent: structured}},
		"a structured CloudEvent": {config.FormatCloudEvents, map[string]string{"content-type": "application/cloudevents+json; charset=utf-8"},
			api.Message{CloudEvent: map[string][]string{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}}},
		"a binary CloudEvent": {config.FormatCloudEvents, map[string]string{"ce_specversion": "1.0", "cloudEvents:id": "7", "cloudEvents_type": "x"},
			api.Message{CloudEvent: map[string][]string{"Ce-Specversion": {"1.0"}, "Ce-Id": {"7"}, "Ce-Type": {"x"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := message{body: []byte("body"), id: "id"}
			for header, value := range test.headers {
				m.setHeader(header, value)
			}
			test.want.Body, test.want.ID = []byte("body"), "id"
			var got []api.Message
			c := newConsumer(t, new(fakeSource), intakeFunc(func(_ context.Context, messages []api.Message) ([]*api.Refusal, error) {
				got = messages
				return make([]*api.Refusal, 1), nil
			}))
			c.source.Format = test.format
			if _, err := c.accept(t.Context(), []message{m}); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint([]api.Message{test.want}) {
				t.Errorf("handed on %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestAStopIsNoTroubleToTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		c := newConsumer(t, &fakeSource{pending: bodies("good")}, takeAll(nil))
		c.logger = slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelWarn}))
		runFor(t, c, time.Minute)
		if told.Len() > 0 {
			t.Errorf("logged %s", &told)
		}
	})
}
