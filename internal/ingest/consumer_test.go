package ingest

import (
	"context"
	"testing"

	"carteiro"
	"carteiro/internal/api"
	"carteiro/internal/config"
)

// heard is an intake that keeps what it is given.
type heard struct{ messages []api.Message }

func (h *heard) Take(_ context.Context, _ carteiro.ID, messages []api.Message) ([]*api.Refusal, error) {
	h.messages = messages
	return make([]*api.Refusal, len(messages)), nil
}

func TestTheTraceOfAMessageGoesWithIt(t *testing.T) {
	h := new(heard)
	c := consumer{source: new(config.Source), intake: h}
	var with, without message
	with.setHeader("traceparent", "00-1")
	if _, err := c.take(t.Context(), []message{with, without}); err != nil {
		t.Fatal(err)
	}
	if h.messages[0].TraceParent != "00-1" || h.messages[1].TraceParent != "" {
		t.Errorf("handed on %+v", h.messages)
	}
}
