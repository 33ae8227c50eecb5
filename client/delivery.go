package client

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Delivery is a request as a webhook's receiver gets it, signed at the moment it was streamed.
type Delivery struct {
	LogID     string            `json:"log_id"`
	EventID   string            `json:"event_id"`
	Event     string            `json:"event"`   // its type
	Attempt   int               `json:"attempt"` // from 1
	Trigger   string            `json:"trigger"` // automatic, manual, test or bulk
	CreatedAt time.Time         `json:"created_at"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"` // without those that carry a credential
	Body      []byte            `json:"body"`
	Error     string            `json:"error"` // why no request can be built; then there are neither headers nor body
}

// Listener is told what a stream of deliveries brings. Its members are called one at a time; each but Delivery may be
// nil.
type Listener struct {
	// Delivery takes a delivery; each comes once, in the order in which the server tells them.
	Delivery func(Delivery)
	// Open hears that the stream is open, at first and again after each cut.
	Open func()
	// Cut hears why the stream was cut, and when it is tried again.
	Cut func(err error, wait time.Duration)
	// Missed hears that more has happened than the stream could tell, so that some deliveries are left out.
	Missed func()
}

// rememberedDeliveries is how many deliveries a listener can tell apart from new ones: what a stream tells anew after a cut are
// some ten seconds.
const rememberedDeliveries = 20_000

// Listen streams the deliveries of a webhook until ctx ends. A stream that is cut is opened again, with growing waits,
// and goes on where it was cut: nothing is left out, and nothing comes twice. It fails when the first stream cannot be
// opened, or a later one is refused for good, as when the webhook is gone; and with ctx's error. It needs the scopes read
// and webhooks.
func (c *Client) Listen(ctx context.Context, o Owner, webhookID string, l Listener) error {
	heard := seenDeliveries{told: make(map[string]bool)}
	s := stream{
		client: c, path: o.path("webhooks", webhookID, "deliveries", "stream"), event: "delivery",
		open: l.Open, missed: l.Missed, cut: l.Cut,
		tell: func(data []byte) error {
			var d Delivery
			if err := json.Unmarshal(data, &d); err != nil {
				return fmt.Errorf("decode a delivery: %w", err)
			}
			if heard.first(d.LogID) {
				l.Delivery(d)
			}
			return nil
		},
	}
	return s.follow(ctx)
}

// seenDeliveries is the deliveries that were told.
type seenDeliveries struct {
	told  map[string]bool
	order []string // of what was told, the oldest first
}

// first says whether a delivery was not told yet, and takes it for told. It forgets the oldest when there are too many.
func (h *seenDeliveries) first(id string) bool {
	if h.told[id] {
		return false
	}
	h.told[id] = true
	h.order = append(h.order, id)
	if len(h.order) > rememberedDeliveries {
		delete(h.told, h.order[0])
		h.order = h.order[1:]
	}
	return true
}
