//go:build !race

package send_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/send"
)

// TestAllocationsASend fails when an exchange allocates a tenth more than it did when the figure was written down:
// envelope, headers, signature, request, answer. What an event allocates beside that is held in internal/app.
func TestAllocationsASend(t *testing.T) {
	w := signed(sink(t))
	target, d := send.Compile(w), delivery(w, smallPayload)
	s := send.New(egress.New(true), "1.2.3")
	defer s.Close()
	var last *carteiro.Outcome
	got := testing.AllocsPerRun(1000, func() { last = s.Send(context.Background(), target, d) })
	if last.HTTPStatus != http.StatusOK {
		t.Fatal(last.Error, last.Detail)
	}
	const written = 24
	t.Logf("a send: %.0f allocations, written down %d", got, written)
	switch {
	case got > 1.1*written:
		t.Errorf("a send allocates %.0f times, more than a tenth above the %d written down", got, written)
	case got < 0.8*written:
		t.Errorf("a send allocates only %.0f times: write that down in place of %d", got, written)
	}
}
