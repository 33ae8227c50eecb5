package dispatch

import (
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

func TestTheErrorThatIsLoggedIsThatOfTheWebhooksLastFailure(t *testing.T) {
	one, other := carteiro.ID{1}, carteiro.ID{2}
	of := func(webhook carteiro.ID, why string) result {
		return result{Result: store.Result{
			Delivery: &carteiro.Delivery{Attempt: carteiro.Attempt{WebhookID: webhook}}, Outcome: &carteiro.Outcome{Success: why == "", Error: why},
		}}
	}
	batch := []result{of(one, ""), of(one, "first"), of(one, "last"), of(other, "another's"), of(one, "")}
	if got := lastError(batch, one); got != "last" {
		t.Errorf("it is %q", got)
	}
	if got := lastError(batch, carteiro.ID{3}); got != "" {
		t.Errorf("of a webhook without results it is %q", got)
	}
}
