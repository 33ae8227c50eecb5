package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/publish"
)

// Intake takes events in that come by another way than HTTP, by the same rules. It is safe for concurrent use.
type Intake struct{ s *server }

// NewIntake makes one. Of the configuration it needs what [New] needs to publish.
func NewIntake(c Config) *Intake { return &Intake{newServer(c)} }

// Message is an event as it came.
type Message struct {
	// Body is one event as POST /events/batch takes it, or a structured CloudEvent, or the data of a binary one.
	Body []byte
	// CloudEvent holds the headers of a CloudEvent, spelt as in HTTP (Content-Type, Ce-Id); nil for an event in our own form.
	CloudEvent http.Header
	// ID names the message to whoever sends it again; empty when nothing does. An event in our own form that has no
	// idempotency key of its own is made once under it.
	ID string
	// TraceParent is the trace context that came with the message. A CloudEvent's own goes before it, and what is no trace
	// context is ignored.
	TraceParent string
}

// Refusal says why an event was not taken in, and will not be when it comes again.
type Refusal struct{ err error }

// Error gives the reason in the words of the API.
func (r *Refusal) Error() string {
	var invalid *faults
	if !errors.As(r.err, &invalid) {
		return r.err.Error()
	}
	told := make([]string, len(invalid.list))
	for i, f := range invalid.list {
		told[i] = f.message
	}
	return strings.Join(told, " ")
}

// Take stores events of one environment and returns once they are durable. Each stands for itself: of each it says nil,
// also when it came before, or why it was refused. It fails as a whole when the store fails; then any of them may come again.
func (in *Intake) Take(ctx context.Context, environment carteiro.ID, messages []Message) ([]*Refusal, error) {
	refusals := make([]*Refusal, len(messages))
	items := make([]batchItem, len(messages))
	events := make([]publish.Event, 0, len(messages))
	index := make([]int, 0, len(messages))
	for i := range messages {
		items[i].raw = messages[i].Body
		if err := in.s.readMessage(&items[i], &messages[i], environment); err != nil {
			refusals[i] = in.refuse(err)
			continue
		}
		if item := &items[i]; item.event.TraceParent == "" && carteiro.ValidTraceParent(messages[i].TraceParent) {
			item.event.TraceParent = messages[i].TraceParent
		}
		events, index = append(events, items[i].event), append(index, i)
	}
	if len(events) == 0 {
		return refusals, nil
	}
	results, err := in.s.Publisher.Publish(ctx, environment, nil, events)
	if err != nil {
		return nil, err
	}
	for n, result := range results {
		i := index[n]
		if err := in.s.resultError(result.Err, items[i].kind); err != nil {
			refusals[i] = in.refuse(err)
		}
	}
	return refusals, nil
}

// refuse counts a refusal under the status that the API would have answered with.
func (in *Intake) refuse(err error) *Refusal {
	f, _ := failureOf(err, "")
	in.s.Observer.Rejected(f.status, 1)
	return &Refusal{err}
}

func (s *server) readMessage(item *batchItem, m *Message, environment carteiro.ID) error {
	if limit := s.MaxPayload + maxEnvelope; len(item.raw) > limit {
		return bodyTooLarge(limit)
	}
	if m.CloudEvent != nil {
		return s.readCloudEvent(item, m.CloudEvent, environment)
	}
	if err := s.readItem(item, environment); err != nil {
		return err
	}
	if item.event.Key == nil && m.ID != "" {
		key := fingerprint("message", m.ID, nil)
		item.event.Key = &publish.Key{Key: "message " + hex.EncodeToString(key[:]), Fingerprint: sha256.Sum256(m.Body)}
	}
	return nil
}
