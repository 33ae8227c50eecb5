package observe_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/observe"
	"github.com/carteiro/carteiro/internal/store"
)

// awayStore is a store that does not answer.
type awayStore struct{ store.Store }

// Vitals implements store.Logs.
func (awayStore) Vitals(context.Context) (store.Vitals, error) {
	return store.Vitals{}, errors.New("away")
}

// A node that cannot record outcomes says so also while the database does not answer the scrape.
func TestPausedSendingAndRefusedOutcomesAreReported(t *testing.T) {
	var lanes observe.LaneState
	m := observe.NewMetrics("1.2.3")
	m.WatchState(func() observe.LaneState { return lanes }, awayStore{})
	for _, c := range []struct {
		lanes observe.LaneState
		want  []string
	}{
		{observe.LaneState{}, []string{"carteiro_outcomes_refused 0\n", "carteiro_sending_paused 0\n", "carteiro_egress_proxy_down 0\n"}},
		{observe.LaneState{Refused: 3, Paused: true}, []string{"carteiro_outcomes_refused 3\n", "carteiro_sending_paused 1\n"}},
		{observe.LaneState{ProxyDown: true}, []string{"carteiro_sending_paused 0\n", "carteiro_egress_proxy_down 1\n"}},
	} {
		lanes = c.lanes
		answer := httptest.NewRecorder()
		m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		for _, line := range c.want {
			if !strings.Contains(answer.Body.String(), "\n"+line) {
				t.Errorf("%+v: %q is missing", c.lanes, line)
			}
		}
	}
}
