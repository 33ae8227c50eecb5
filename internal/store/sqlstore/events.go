package sqlstore

import (
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// WebhooksEverOf finds the webhooks of an owner, including deleted ones.
var WebhooksEverOf = NewQuery(`SELECT ` + WebhookColumns + ` FROM webhooks INDEXED BY webhooks_of
	WHERE environment_id = $1 AND owner_kind = $2 AND owner_id = $3`)

// WebhooksFor returns the webhooks that an event may have been sent to, including deleted ones, in the order of their ids.
func WebhooksFor(t Tx, e *carteiro.Event) (all []*carteiro.Webhook, err error) {
	for _, owner := range layout.OwnersFor(e) {
		webhooks, err := ReadWebhooks(t, WebhooksEverOf, owner.EnvironmentID, int64(owner.Kind), owner.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, webhooks...)
	}
	slices.SortFunc(all, func(a, b *carteiro.Webhook) int { return layout.CompareIDs(a.ID, b.ID) })
	return all, nil
}
