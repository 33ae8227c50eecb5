package publish

import (
	"errors"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/payload"
)

// MaxRendered returns how many bytes templates may make of one event, over all webhooks, where payloads have at most maxPayload bytes:
// more than an ordinary number of webhooks makes that all repeat the largest payload.
func MaxRendered(maxPayload int) int {
	const least, factor = 16 << 20, 64
	return max(least, factor*maxPayload)
}

// ErrRenderedTooLarge says that the templates of the webhooks that want an event would make too much of it.
var ErrRenderedTooLarge = errors.New("templates make too much of the event")

// envelopeBytes is more than an envelope adds to a payload.
const envelopeBytes = 16 << 10

// exceedsRenderedLimit reports whether the templates of these webhooks would make too much of an event. A body without a template is stored
// once for all webhooks, one with a template for each attempt. The templates are compiled only if a cheap upper bound does not do.
func (p *Publisher) exceedsRenderedLimit(e *carteiro.Event, webhooks []*carteiro.Webhook) bool {
	if p.MaxRendered == 0 {
		return false
	}
	bound := 0
	for _, w := range webhooks {
		if template, ok := w.PayloadTemplates[e.Type]; ok {
			bound += payload.MaxRendered(template, len(e.Payload)+envelopeBytes)
		}
	}
	if bound <= p.MaxRendered {
		return false
	}
	size := 0
	for _, w := range webhooks {
		template, err := payload.Compile(w.PayloadTemplates[e.Type])
		if err != nil {
			continue // none, or one that makes nothing
		}
		body, _ := payload.Envelope{
			Event: e.Type, AgentID: e.OwnerID.String(), AgentName: e.OwnerName, CampaignID: e.CampaignID.String(), CampaignName: e.CampaignName,
			WebhookID: w.ID.String(), WebhookName: w.Name, OccurredAt: e.OccurredAt,
		}.Body(e.Payload)
		size += template.Size(body)
	}
	return size > p.MaxRendered
}
