package api

import (
	"net/http/httptest"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
)

// A response for which more than a share would be reserved stays charged while the client reads it.
func TestALargeReservationLeavesTheResponseCharged(t *testing.T) {
	memory := budget.New(200)
	r := &request{Request: httptest.NewRequest("GET", "/", nil), account: memory.Open(carteiro.ID{1})}
	if err := r.reserve(150); err != nil || memory.Used() != 100 {
		t.Fatalf("%v, %d bytes used; want the share, 100", err, memory.Used())
	}
	r.keep(10)
	if memory.Used() != 10 {
		t.Errorf("%d bytes used while the response is read, want 10", memory.Used())
	}
}
