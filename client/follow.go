package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// Follower is told what a webhook's log brings. Its members are called one at a time; each but Log may be nil.
type Follower struct {
	// Log takes an entry that is new or has changed, as it is then. Several changes in quick succession may come as one,
	// and after a cut an entry may come twice.
	Log func(Log)
	// Open hears that the stream is open, at first and again after each cut.
	Open func()
	// Cut hears why the stream was cut, and when it is tried again.
	Cut func(err error, wait time.Duration)
	// Missed hears that more has happened than the stream could tell: read the list again.
	Missed func()
}

// FollowLogs follows a webhook's log from now on until ctx ends, and goes on after each cut as [Client.Listen] does. Of
// the filter it heeds Status, Event, EventID and HTTPStatus. An entry that meets them no longer comes once more.
func (c *Client) FollowLogs(ctx context.Context, o Owner, webhookID string, filter LogFilter, f Follower) error {
	q := make(url.Values)
	setText(q, "status", filter.Status)
	setText(q, "event", filter.Event)
	setText(q, "event_id", filter.EventID)
	setText(q, "http_status", filter.HTTPStatus)
	s := stream{
		client: c, path: o.path("webhooks", webhookID, "logs", "stream"), query: q, event: "log",
		open: f.Open, missed: f.Missed, cut: f.Cut,
		tell: func(data []byte) error {
			var l Log
			if err := json.Unmarshal(data, &l); err != nil {
				return fmt.Errorf("decode an entry: %w", err)
			}
			f.Log(l)
			return nil
		},
	}
	return s.follow(ctx)
}
