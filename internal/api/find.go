package api

import (
	"net/http"

	"carteiro"
	"carteiro/internal/store"
)

// foundShown is a webhook in the search by name.
type foundShown struct {
	WebhookID    carteiro.ID            `json:"webhook_id"`
	WebhookName  string                 `json:"webhook_name"`
	WebhookURL   string                 `json:"webhook_url"`
	Kind         string                 `json:"kind"`
	OwnerID      carteiro.ID            `json:"owner_id"`
	OwnerName    string                 `json:"owner_name"`
	Status       carteiro.WebhookStatus `json:"status"`
	StatusReason *statusReason          `json:"status_reason,omitempty"`
}

func (s *server) findWebhooks(r *request) error {
	q := r.query()
	p := q.page(defaultOwners)
	search := q.text(fieldSearch)
	if err := q.faults.err(); err != nil {
		return err
	}
	found, total, err := s.Store.FindWebhooks(r.Context(), store.FindWebhooks{
		EnvironmentID: r.environment, Search: search, Limit: p.PerPage, Offset: p.offset(),
	})
	if err != nil {
		return err
	}
	p.setTotal(total)
	shown := make([]foundShown, len(found))
	for i, w := range found {
		shown[i] = foundShown{
			WebhookID: w.ID, WebhookName: w.Name, WebhookURL: w.URL, Kind: w.OwnerKind.String(), OwnerID: w.OwnerID, OwnerName: w.OwnerName,
			Status: w.Status(), StatusReason: showStatusReason(w.Webhook),
		}
	}
	return r.answer(http.StatusOK, answer{Data: shown, Pagination: p})
}
