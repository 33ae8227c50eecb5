package send_test

import (
	"errors"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/send"
)

// An attempt that is called off when the receiver is connected to sends nothing; the connection is there for the next one.
func TestAnAttemptThatIsCalledOffSendsNothing(t *testing.T) {
	url, got := receiver(t, ok)
	w := webhook(url)
	s := open(t)
	first := delivery(w, `{"n":1}`)
	first.MayBegin = func() bool { return false }
	if o := s.Send(t.Context(), send.Compile(w), first); o.Success || !errors.Is(o.NotSent, carteiro.ErrNotClear) {
		t.Errorf("outcome %+v", o)
	}
	second := delivery(w, `{"n":2}`)
	second.MayBegin = func() bool { return true }
	if o := s.Send(t.Context(), send.Compile(w), second); !o.Success || o.NotSent != nil {
		t.Fatalf("outcome %+v", o)
	}
	if id := got().Header.Get("Webhook-Id"); id != second.EventID.String() {
		t.Errorf("the receiver got %s first, want %s", id, second.EventID)
	}
}
