package api

import (
	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// foundJSON is a webhook in the search by name, with its owner's name, and with the names that rows had before they were
// webhook objects.
type foundJSON struct {
	webhookJSON
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
	l := r.newList(`{"success":true,"data":[`)
	for read := 0; read < p.PerPage; read += foundPageSize {
		limit := min(foundPageSize, p.PerPage-read)
		found, total, err := s.Store.FindWebhooks(r.Context(), store.FindWebhooks{
			EnvironmentID: r.environment, Search: search, Limit: limit, Offset: p.offset() + read,
		})
		p.setTotal(total)
		for i := 0; err == nil && i < len(found); i++ {
			err = l.add(showFound(&found[i]))
		}
		if err != nil || len(found) < limit {
			return l.end(err, `],"pagination":`, p, "}")
		}
	}
	return l.end(nil, `],"pagination":`, p, "}")
}

// foundPageSize is how many webhooks the search reads at once. Memory is reserved for so many.
const foundPageSize = 20

func showFound(w *store.FoundWebhook) foundJSON {
	return foundJSON{
		webhookJSON: showWebhook(w.Webhook), OwnerName: w.OwnerName,
		WebhookID: w.ID, WebhookName: w.Name, Kind: w.OwnerKind.String(), OwnerID: w.OwnerID,
	}
}
