package api

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// eventJSON is an event as it is shown. What has no value is left out.
type eventJSON struct {
	ID                carteiro.ID          `json:"id"`
	Event             string               `json:"event"`
	AgentID           carteiro.ID          `json:"agent_id,omitzero"`
	AgentName         string               `json:"agent_name,omitempty"`
	CampaignID        carteiro.ID          `json:"campaign_id,omitzero"`
	CampaignName      string               `json:"campaign_name,omitempty"`
	EnvironmentID     carteiro.ID          `json:"environment_id,omitzero"` // of what the server tells operators
	EnvironmentName   string               `json:"environment_name,omitempty"`
	UndeliveredReason carteiro.Undelivered `json:"undelivered_reason,omitempty"`
	OccurredAt        timestamp            `json:"occurred_at,omitzero"`
	CreatedAt         timestamp            `json:"created_at"`
	// Of a single event.
	Payload    json.RawMessage `json:"payload,omitempty"`
	Deliveries *[]onWebhook    `json:"deliveries,omitempty"`
}

// onWebhook is how an event stands at a webhook.
type onWebhook struct {
	WebhookID   carteiro.ID `json:"webhook_id"`
	WebhookName string      `json:"webhook_name"`
	ownerIDs
	LogID      carteiro.ID     `json:"log_id"`
	Status     carteiro.Status `json:"status"`
	HTTPStatus int             `json:"http_status,omitempty"`
	Attempts   int             `json:"attempts"`
}

func showEvent(e *carteiro.Event) eventJSON {
	shown := eventJSON{
		ID: e.ID, Event: e.Type, CampaignID: e.CampaignID, CampaignName: e.CampaignName, UndeliveredReason: e.Undelivered,
		OccurredAt: timestamp(e.OccurredAt), CreatedAt: timestamp(e.AcceptedAt()), Payload: e.Payload,
	}
	switch e.OwnerKind {
	case carteiro.OwnerAgent:
		shown.AgentID, shown.AgentName = e.OwnerID, e.OwnerName
	case carteiro.OwnerCampaign:
		shown.CampaignID, shown.CampaignName = e.OwnerID, e.OwnerName
	case carteiro.OwnerEnvironment:
		shown.EnvironmentID, shown.EnvironmentName = e.OwnerID, e.OwnerName
	}
	return shown
}

func showEvents(events []*carteiro.Event) []eventJSON {
	shown := make([]eventJSON, len(events))
	for i, e := range events {
		shown[i] = showEvent(e)
	}
	return shown
}

func showDelivery(d *store.EventDelivery) onWebhook {
	return onWebhook{
		WebhookID: d.Webhook.ID, WebhookName: d.Webhook.Name, ownerIDs: ownerIDsOf(d.Webhook.OwnerKind, d.Webhook.OwnerID),
		LogID: d.LogID, Status: d.Status, HTTPStatus: d.HTTPStatus, Attempts: d.Attempts,
	}
}

func (s *server) listEvents(r *request) error {
	q := r.query()
	p := q.page(defaultLogs)
	list := q.eventFilter()
	list.EnvironmentID, list.Before = r.environment, q.cursor()
	list.Limit, list.Offset = p.PerPage, p.offset()
	if err := q.faults.err(); err != nil {
		return err
	}
	if !list.Before.IsZero() {
		p.CurrentPage, list.Offset = 1, 0
	}
	events, err := s.Store.ListEvents(r.Context(), list)
	if err != nil {
		return err
	}
	p.setTotal(events.Total)
	p.TotalIsLowerBound = events.TotalIsLowerBound
	if !events.Next.IsZero() {
		p.NextCursor = encodeCursor(events.Next)
	}
	return r.respond(http.StatusOK, answer{Data: showEvents(events.Events), Pagination: p})
}

// eventFilter reads the filters of the list of events. A campaign's are its own and those of its calls; an environment's
// those that the server made for its operators.
func (q *query) eventFilter() (p store.ListEvents) {
	before := ""
	for _, owner := range []struct {
		field string
		kind  carteiro.OwnerKind
	}{{fieldAgentID, carteiro.OwnerAgent}, {fieldCampaignID, carteiro.OwnerCampaign}, {fieldEnvironmentID, carteiro.OwnerEnvironment}} {
		id := q.id(owner.field)
		switch {
		case id.IsZero():
			continue
		case before != "":
			q.faults.add(owner.field, isNotAllowedWith, inWords(before))
		}
		before, p.OwnerKind, p.OwnerID, p.CallEvents = owner.field, owner.kind, id, owner.kind == carteiro.OwnerCampaign
	}
	if eventType := q.text(fieldEvent); eventType != "" {
		p.Types = []string{eventType}
	}
	p.From, p.To = q.time(fieldFrom), includeTo(q.time(fieldTo))
	p.Undelivered = q.boolean(fieldUndelivered)
	p.Reason = carteiro.Undelivered(q.values.Get(fieldReason))
	if p.Reason != "" && !slices.Contains(carteiro.UndeliveredReasons, p.Reason) {
		q.faults.add(fieldReason, isNotAmongTheSelection)
	}
	return p
}

func (s *server) getEvent(r *request) error {
	id, err := r.pathID(pathEvent, errEventNotFound)
	if err != nil {
		return err
	}
	stored, err := s.Store.GetEvent(r.Context(), store.EventRef{EnvironmentID: r.environment, ID: id})
	if err != nil {
		return missing(err, errEventNotFound)
	}
	shown := showEvent(stored.Event)
	deliveries := make([]onWebhook, len(stored.Deliveries))
	for i := range stored.Deliveries {
		deliveries[i] = showDelivery(&stored.Deliveries[i])
	}
	shown.Deliveries = &deliveries
	return r.respond(http.StatusOK, answer{Data: shown})
}
