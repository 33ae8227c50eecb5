package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// choosyStore records single results except one, and no batch that contains that one.
type choosyStore struct {
	store.Queue
	refuses  carteiro.ID
	recorded []carteiro.ID
}

// Record implements store.Queue.
func (s *choosyStore) Record(_ context.Context, p store.Record) ([]store.Recorded, error) {
	for _, r := range p.Results {
		if r.Delivery.ID == s.refuses {
			return nil, errors.New("refused")
		}
	}
	for _, r := range p.Results {
		s.recorded = append(s.recorded, r.Delivery.ID)
	}
	return make([]store.Recorded, len(p.Results)), nil
}

// An outcome that the store refuses in a batch is kept to be retried, and the others of the batch are recorded.
func TestARefusedOutcomeOfABatchIsKept(t *testing.T) {
	s := &choosyStore{refuses: carteiro.ID{2}}
	d := New(Config{IDs: new(carteiro.IDSource), Logger: slog.New(slog.DiscardHandler), Store: s})
	var batch []result
	for n := range byte(3) {
		batch = append(batch, result{Result: store.Result{
			Delivery: &carteiro.Delivery{Event: new(carteiro.Event), Attempt: carteiro.Attempt{ID: carteiro.ID{n + 1}, WebhookID: carteiro.ID{9}}},
			Outcome:  &carteiro.Outcome{Success: true},
		}})
	}
	d.recordBatch(batch)
	kept := d.refused.results
	if len(s.recorded) != 2 || len(kept) != 1 || kept[0].Delivery.ID != s.refuses || d.refusedCount != 1 {
		t.Errorf("%d recorded, %d kept, %d counted; want 2, and the refused one", len(s.recorded), len(kept), d.refusedCount)
	}
}
