package api

import (
	"net/http"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/publish"
)

// testGrace is what a test may take beside the webhook's timeout: connecting, storing, answering.
const testGrace = time.Minute

// testJSON is the answer to a test that went well.
type testJSON struct {
	StatusCode   int   `json:"status_code"`
	ResponseTime int64 `json:"response_time"` // milliseconds
}

// testNow sends a test to the webhook and waits for what comes of it.
func (s *server) testNow(r *request, k *ownerRoutes) error {
	at, err := r.webhook(k)
	if err != nil {
		return err
	}
	if !at.webhook.Enabled {
		return testFailed(msgTestDisabled)
	}
	r.extendDeadline(at.webhook.Timeout + testGrace)
	synthetic := publish.Event{Owner: at.ref, Type: carteiro.TestEvent, Payload: []byte(`{}`)}
	outcome, err := s.Publisher.Test(r.Context(), at.webhook, synthetic, publish.Names{Owner: at.owner.Name})
	if err != nil {
		return err
	}
	if !outcome.Success {
		return testFailed(outcome.Error)
	}
	return r.respond(http.StatusOK, answer{Message: msgTestSent, Data: testJSON{
		outcome.HTTPStatus, outcome.Duration.Milliseconds(),
	}})
}

// testLater queues a synthetic event of a kind that the webhook subscribes to.
func (s *server) testLater(r *request, k *ownerRoutes) error {
	at, err := r.webhook(k)
	if err != nil {
		return err
	}
	event := at.webhook.Events[0]
	synthetic := publish.Event{Owner: at.ref, Type: event, Payload: publish.SamplePayload(carteiro.OwnerCampaign, event)}
	if err := s.Publisher.TestLater(r.Context(), at.webhook, synthetic, publish.Names{Owner: at.owner.Name}); err != nil {
		return err
	}
	return r.respond(http.StatusOK, answer{Message: msgTestDispatched})
}

// extendDeadline gives the answer more time than the server gives others.
func (r *request) extendDeadline(by time.Duration) {
	until := time.Now().Add(by)
	conn := http.NewResponseController(r.w)
	_ = conn.SetReadDeadline(until)  // where it cannot be set there is none, as in tests
	_ = conn.SetWriteDeadline(until) // likewise
}
