package layout

import (
	"bytes"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/headers"
)

// Exchange is what of an outcome is stored otherwise than it is.
type Exchange struct {
	// Status is StatusSuccess or StatusFailed.
	Status int64
	// RequestHeaders and ResponseHeaders are as the package headers writes them.
	RequestHeaders, ResponseHeaders []byte
	// RequestHead is the request's body without the SharedTail bytes at its end, which are those of the event's payload.
	RequestHead []byte
	SharedTail  int
}

// NewExchange encodes the outcome of a result.
func NewExchange(r *store.Result) Exchange {
	o := r.Outcome
	x := Exchange{
		Status:          StatusFailed,
		RequestHeaders:  headers.Encode(o.RequestHeaders),
		ResponseHeaders: headers.Encode(o.ResponseHeaders),
		RequestHead:     o.RequestBody,
	}
	if o.Success {
		x.Status = StatusSuccess
	}
	// What is said to be shared is compared once more: the history must be right even when its writer was not.
	if n := o.SharedTail; n > 0 && n <= len(o.RequestBody) && r.Delivery.Event != nil {
		head, tail := o.RequestBody[:len(o.RequestBody)-n], o.RequestBody[len(o.RequestBody)-n:]
		if bytes.HasSuffix(r.Delivery.Event.Payload, tail) {
			x.RequestHead, x.SharedTail = head, n
		}
	}
	return x
}

// ImportedExchange is [NewExchange] for what comes from another store. It shares with the event's payload what was shared
// there, where the same payload was compared.
func ImportedExchange(o *carteiro.Outcome) Exchange {
	shared := &carteiro.Event{Payload: o.RequestBody[len(o.RequestBody)-o.SharedTail:]}
	return NewExchange(&store.Result{Outcome: o, Delivery: &carteiro.Delivery{Event: shared}})
}
