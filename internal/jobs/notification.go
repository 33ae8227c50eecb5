package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Times are as the API shows them: RFC 3339 in UTC with six fractional digits.
const timestampLayout = carteiro.TimestampLayout

type timestamp time.Time

// MarshalJSON implements json.Marshaler.
func (t timestamp) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(`"` + timestampLayout + `"`)), nil
}

// IsZero has a time that is none left out.
func (t timestamp) IsZero() bool { return time.Time(t).IsZero() }

// operatorEvent is an event's payload. What has no value is left out.
type operatorEvent struct {
	Webhook about `json:"webhook"`
	// Of webhook.error.
	Failures     int       `json:"failures_in_a_row,omitempty"`
	FailingSince timestamp `json:"failing_since,omitzero"`
	// Of webhook.recovered, and of webhook.disabled after too long in error.
	InErrorSince timestamp `json:"in_error_since,omitzero"`
	// Of webhook.disabled.
	Reason carteiro.DisabledBy `json:"reason,omitempty"`
	// Why the last attempt failed.
	LastError string        `json:"last_error,omitempty"`
	Delivery  *lastDelivery `json:"delivery,omitempty"`
}

// about is the webhook that it is told of. Of its URL no more than the host: the rest may hold a credential.
type about struct {
	ID           carteiro.ID `json:"id"`
	Name         string      `json:"name"`
	Host         string      `json:"host,omitempty"`
	AgentID      carteiro.ID `json:"agent_id,omitzero"`
	AgentName    string      `json:"agent_name,omitempty"`
	CampaignID   carteiro.ID `json:"campaign_id,omitzero"`
	CampaignName string      `json:"campaign_name,omitempty"`
}

// lastDelivery is the attempt that was the last of its event.
type lastDelivery struct {
	LogID      carteiro.ID `json:"log_id"`
	EventID    carteiro.ID `json:"event_id"`
	Event      string      `json:"event"`
	Attempt    int         `json:"attempt"`
	HTTPStatus int         `json:"http_status,omitempty"`
}

func (t *Notifier) payload(ctx context.Context, n *carteiro.Notification) ([]byte, error) {
	p := operatorEvent{Failures: n.Failures, Reason: n.DisabledBy, LastError: n.Error}
	if n.Type == carteiro.WebhookErrorEvent {
		p.FailingSince = timestamp(n.Since)
	} else {
		p.InErrorSince = timestamp(n.Since)
	}
	if last := n.Last; !last.ID.IsZero() {
		p.Delivery = &lastDelivery{LogID: last.ID, EventID: last.EventID, Event: last.EventType, Attempt: last.Number, HTTPStatus: last.HTTPStatus}
	}
	var err error
	if p.Webhook, err = t.about(ctx, n.WebhookID); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

func (t *Notifier) about(ctx context.Context, webhook carteiro.ID) (a about, err error) {
	w, err := t.Directory.Webhook(ctx, webhook)
	if err != nil {
		return a, err
	}
	a = about{ID: w.ID, Name: w.Name}
	if u, err := url.Parse(w.URL); err == nil {
		a.Host = u.Host
	}
	owner, err := t.Directory.Owner(ctx, store.OwnerRef{EnvironmentID: w.EnvironmentID, Kind: w.OwnerKind, ID: w.OwnerID})
	if err != nil && !errors.Is(err, store.ErrNotFound) { // one that is deleted has no name any more
		return a, err
	}
	if w.OwnerKind == carteiro.OwnerCampaign {
		a.CampaignID, a.CampaignName = w.OwnerID, owner.Name
	} else {
		a.AgentID, a.AgentName = w.OwnerID, owner.Name
	}
	return a, nil
}
