package layout

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/headers"
)

func TestABodySharesItsTailWithTheEventOnlyIfThatIsTheSame(t *testing.T) {
	body := []byte(`{"data":{"n":1}}`)
	for name, test := range map[string]struct {
		event *carteiro.Event
		tail  int
		want  int
	}{
		"the end of the payload": {&carteiro.Event{Payload: []byte(`xx{"n":1}}`)}, 8, 8},
		"all of it":              {&carteiro.Event{Payload: body}, len(body), len(body)},
		"nothing":                {&carteiro.Event{Payload: body}, 0, 0},
		"less than nothing":      {&carteiro.Event{Payload: body}, -1, 0},
		"more than there is":     {&carteiro.Event{Payload: body}, len(body) + 1, 0},
		"another end":            {&carteiro.Event{Payload: []byte(`{"n":2}}`)}, 8, 0},
		"no event":               {nil, 8, 0},
	} {
		o := &carteiro.Outcome{RequestBody: body, SharedTail: test.tail}
		x := NewExchange(&store.Result{Outcome: o, Delivery: &carteiro.Delivery{Event: test.event}})
		if x.SharedTail != test.want || !bytes.Equal(x.RequestHead, body[:len(body)-test.want]) {
			t.Errorf("%s: %d shared behind %q", name, x.SharedTail, x.RequestHead)
		}
	}
	if x := ImportedExchange(&carteiro.Outcome{RequestBody: body, SharedTail: 8}); x.SharedTail != 8 || string(x.RequestHead) != `{"data":` {
		t.Errorf("imported: %d shared behind %q", x.SharedTail, x.RequestHead)
	}
}

func TestAnExchangeHoldsItsHeadersAndHowItEnded(t *testing.T) {
	o := &carteiro.Outcome{RequestHeaders: http.Header{"X-Sent": {"1"}}, ResponseHeaders: http.Header{"X-Received": {"2"}}}
	x := ImportedExchange(o)
	if !bytes.Equal(x.RequestHeaders, headers.Encode(o.RequestHeaders)) || !bytes.Equal(x.ResponseHeaders, headers.Encode(o.ResponseHeaders)) ||
		bytes.Equal(x.RequestHeaders, x.ResponseHeaders) || x.Status != StatusFailed {
		t.Errorf("a failure: %+v", x)
	}
	o.Success = true
	if x := ImportedExchange(o); x.Status != StatusSuccess {
		t.Errorf("a success has the status %d", x.Status)
	}
}
