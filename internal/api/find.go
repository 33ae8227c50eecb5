package api

import (
	"net/http"

	"carteiro"
	"carteiro/internal/store"
)

// foundShown is a webhook in the search by name, with its owner's name, and with the names that rows had before they were
// webhook objects.
type foundShown struct {
	webhookShown
	OwnerName   string      `json:"owner_name"`
	WebhookID   carteiro.ID `json:"webhook_id"`
	WebhookName string      `json:"webhook_name"`
	Kind        string      `json:"kind"`
	OwnerID     carteiro.ID `json:"owner_id"`
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
			webhookShown: showWebhook(w.Webhook), OwnerName: w.OwnerName,
			WebhookID: w.ID, WebhookName: w.Name, Kind: w.OwnerKind.String(), OwnerID: w.OwnerID,
		}
	}
	return r.answer(http.StatusOK, answer{Data: shown, Pagination: p})
}
