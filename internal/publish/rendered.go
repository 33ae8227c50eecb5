package publish

import (
	"errors"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
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
// once for all webhooks, one with a template for each attempt. The templates are compiled only if a cheap upper bound does not do, one at a time, and memory is charged for it. It fails with the error of memory.
func (p *Publisher) exceedsRenderedLimit(memory *budget.Account, e *carteiro.Event, webhooks []*carteiro.Webhook) (bool, error) {
	if p.MaxRendered == 0 {
		return false, nil
	}
	bound := 0
	for _, w := range webhooks {
		if template, ok := w.PayloadTemplates[e.Type]; ok {
			bound += payload.MaxRendered(template, len(e.Payload)+envelopeBytes)
		}
	}
	if bound <= p.MaxRendered {
		return false, nil
	}
	size := 0
	for _, w := range webhooks {
		n, err := renderedSize(memory, e, w)
		if err != nil {
			return false, err
		}
		size += n
	}
	return size > p.MaxRendered, nil
}

// renderedSize returns how many bytes a webhook's template makes of an event; 0 without a template, or if it makes nothing. It charges
// what it takes to find out, until it returns.
func renderedSize(memory *budget.Account, e *carteiro.Event, w *carteiro.Webhook) (int, error) {
	text, ok := w.PayloadTemplates[e.Type]
	if !ok {
		return 0, nil
	}
	before := memory.Held()
	if err := memory.Grow(int64(payload.CompileMemory(text) + len(e.Payload) + envelopeBytes)); err != nil {
		return 0, err
	}
	defer func() { memory.Shrink(memory.Held() - before) }()
	template, err := payload.Compile(text)
	if err != nil {
		return 0, nil //nolint:nilerr // it makes nothing
	}
	body, _ := payload.Envelope{
		Event: e.Type, AgentID: e.OwnerID.String(), AgentName: e.OwnerName, CampaignID: e.CampaignID.String(), CampaignName: e.CampaignName,
		WebhookID: w.ID.String(), WebhookName: w.Name, OccurredAt: e.OccurredAt,
	}.Body(e.Payload)
	return template.Size(body), nil
}
