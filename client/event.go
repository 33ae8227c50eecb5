package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Event is something that happened to an agent or a campaign.
type Event struct {
	Owner      Owner
	Type       string
	Payload    any       // must marshal to a JSON object; nil for an empty one
	OccurredAt time.Time // zero: when it is accepted
	CampaignID string    // of an agent's event: the campaign that the call belongs to; empty for none
	// IdempotencyKey makes it safe to publish the event again: within 24 hours the same key gives the same answer, and
	// no second event. 1 to 255 printable ASCII characters; empty for none.
	IdempotencyKey string
}

// eventBody is an event as it is sent. The ids of its owner and its key stand in it in a batch only.
type eventBody struct {
	AgentID        string    `json:"agent_id,omitzero"`
	CampaignID     string    `json:"campaign_id,omitzero"`
	Event          string    `json:"event"`
	Payload        any       `json:"payload"`
	OccurredAt     time.Time `json:"occurred_at,omitzero"`
	IdempotencyKey string    `json:"idempotency_key,omitzero"`
}

func (e Event) body() eventBody {
	b := eventBody{CampaignID: e.CampaignID, Event: e.Type, Payload: e.Payload, OccurredAt: e.OccurredAt}
	if b.Payload == nil {
		b.Payload = struct{}{}
	}
	return b
}

func (e Event) batchBody() eventBody {
	b := e.body()
	b.IdempotencyKey = e.IdempotencyKey
	switch e.Owner.kind {
	case agents:
		b.AgentID = e.Owner.id
	case campaigns:
		b.CampaignID = e.Owner.id
	case environment: // refused by the server, as every event without an owner
	}
	return b
}

// Accepted is an event that the server has on disk.
type Accepted struct {
	EventID    string `json:"event_id"`
	Deliveries int    `json:"deliveries"` // to how many webhooks it goes
}

// ErrEnvironmentOwner says that a call is not for [EnvironmentOwner]: the server alone makes events of an environment, and it
// is not deleted as an agent is.
var ErrEnvironmentOwner = errors.New("this can be done of an agent or a campaign, and not of the environment")

// Publish puts an event in, and returns once it is on the server's disk. It fails with [ErrEnvironmentOwner] for one of
// [EnvironmentOwner].
func (c *Client) Publish(ctx context.Context, e Event) (Accepted, error) {
	if e.Owner.kind == environment {
		return Accepted{}, ErrEnvironmentOwner
	}
	return get[Accepted](ctx, c, request{
		method: http.MethodPost, path: e.Owner.path("events"), body: e.body(), idempotencyKey: e.IdempotencyKey,
	})
}

// BatchResult is what became of one event of a batch.
type BatchResult struct {
	Index int `json:"index"` // of the event in the batch, from 0
	Accepted
	Err *Error `json:"-"` // why it was rejected; nil when it was accepted
}

// PublishBatch puts up to 1,000 events in at once, and returns once those accepted are on the server's disk: one result
// an event, in their order. A bad event does not spoil the others; the call fails only as a whole.
func (c *Client) PublishBatch(ctx context.Context, events []Event) ([]BatchResult, error) {
	bodies := make([]eventBody, len(events))
	for i, e := range events {
		bodies[i] = e.batchBody()
	}
	type result struct {
		BatchResult
		Error *struct {
			StatusCode int                 `json:"status_code"`
			Message    string              `json:"message"`
			Code       string              `json:"code"`
			Errors     map[string][]string `json:"errors"`
		} `json:"error"`
	}
	answer, err := get[struct {
		Results []result `json:"results"`
	}](ctx, c, request{method: http.MethodPost, path: basePath + "/events/batch", body: bodies})
	if err != nil {
		return nil, err
	}
	results := make([]BatchResult, len(answer.Results))
	for i, r := range answer.Results {
		results[i] = r.BatchResult
		if r.Error != nil {
			results[i].Err = &Error{StatusCode: r.Error.StatusCode, Message: r.Error.Message, Code: r.Error.Code, Errors: r.Error.Errors}
		}
	}
	return results, nil
}
