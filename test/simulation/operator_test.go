package simulation_test

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// operatorPlan is the receiver of environments' own webhooks.
var operatorPlan = webhookPlan{maxRetries: 2, timeout: 5 * time.Second, failures: 20, quickest: time.Millisecond, slowest: time.Second}

// registerOperators gives each environment a webhook of its own.
func (w *world) registerOperators(ids *carteiro.IDSource) {
	if !w.plan.operators {
		return
	}
	for tenant := range w.owners {
		own := (&carteiro.Environment{ID: w.owners[tenant].EnvironmentID, Name: "production", CreatedAt: w.began}).Owner()
		hook := &carteiro.Webhook{
			ID: ids.New(w.began), EnvironmentID: own.ID, OwnerKind: own.Kind, OwnerID: own.ID, Name: "operators", URL: "https://example.com/",
			Events:  []string{carteiro.WebhookErrorEvent, carteiro.WebhookRecoveredEvent, carteiro.WebhookDisabledEvent, carteiro.DeliveryExhaustedEvent},
			Enabled: true, MaxRetries: operatorPlan.maxRetries, Timeout: operatorPlan.timeout, HTTPMethod: "POST", CreatedAt: w.began, UpdatedAt: w.began,
		}
		_, _, err := w.truth.PutOwner(context.Background(), store.PutOwner{Owner: own})
		if err == nil {
			err = w.truth.CreateWebhook(context.Background(), store.CreateWebhook{Webhook: hook})
		}
		if err != nil {
			w.t.Fatal(err)
		}
		w.operators = append(w.operators, hook)
	}
}

func (w *world) isOperators(hook carteiro.ID) bool {
	return slices.ContainsFunc(w.operators, func(h *carteiro.Webhook) bool { return h.ID == hook })
}

// happening is what an environment is to be told.
type happening struct {
	eventType string
	webhook   carteiro.ID
	last      carteiro.ID // attempt, of an exhausted delivery
}

// happened notes what the truth has done to webhooks that are not the environments' own.
func (w *world) happened(p *store.Record, recorded []store.Recorded) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, r := range recorded {
		result := &p.Results[i]
		d := result.Delivery
		if r.Lost || w.isOperators(d.WebhookID) {
			continue
		}
		if hook, err := w.truth.GetWebhook(context.Background(), d.WebhookID); err != nil || hook.Deleted() {
			// Nothing is told of a deleted webhook. Whether it was deleted before its last result or just after is not seen here.
			w.saw.untold[d.WebhookID] = true
		}
		switch r.Circuit {
		case carteiro.CircuitOpened:
			w.saw.happened[happening{eventType: carteiro.WebhookErrorEvent, webhook: d.WebhookID}]++
		case carteiro.CircuitClosed:
			w.saw.happened[happening{eventType: carteiro.WebhookRecoveredEvent, webhook: d.WebhookID}]++
		case carteiro.CircuitUnchanged:
		}
		if result.Exhausted {
			w.saw.happened[happening{carteiro.DeliveryExhaustedEvent, d.WebhookID, d.ID}]++
		}
		if result.DisableWebhook {
			w.saw.gones[d.WebhookID]++
		}
	}
}

// disabled notes which webhooks were disabled because they had been failing for too long.
func (w *world) disabled(hooks []*carteiro.Webhook) {
	w.touched(idsOf(hooks)...)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, hook := range hooks {
		if !w.isOperators(hook.ID) {
			w.saw.happened[happening{eventType: carteiro.WebhookDisabledEvent, webhook: hook.ID}]++
		}
	}
}

func idsOf(hooks []*carteiro.Webhook) (ids []carteiro.ID) {
	for _, hook := range hooks {
		ids = append(ids, hook.ID)
	}
	return ids
}

// judgeOperators holds what environments were told against what has happened: each change once, whoever died meanwhile.
func (w *world) judgeOperators() {
	if len(w.operators) == 0 {
		return
	}
	left, err := w.truth.ListNotices(context.Background(), store.ListNotices{Limit: 10})
	if err != nil || len(left) > 0 {
		w.fault("%d notices are left two hours later; %v", len(left), err)
	}
	told, gone := make(map[happening]int), make(map[carteiro.ID]int)
	for _, hook := range w.operators {
		delivered := make(map[carteiro.ID][]*carteiro.Attempt)
		for _, a := range w.logs(hook.ID) {
			delivered[a.EventID] = append(delivered[a.EventID], a)
			w.judgeOutcome(a)
		}
		for event, attempts := range delivered {
			w.judgeChain(event, &operatorPlan, attempts)
		}
		for _, e := range w.operatorEvents(hook.EnvironmentID) {
			// Their own webhook may have been failing for too long, too: then the event waits to be sent by hand.
			if len(delivered[e.ID]) == 0 && (e.Undelivered != carteiro.WebhooksDisabled || w.disabledBy(hook.ID) != carteiro.DisabledByError) {
				w.fault("event %s of the server was made and not sent", e.ID)
			}
			h, reason := readHappening(e)
			if reason == carteiro.DisabledByGone {
				gone[h.webhook]++
			} else {
				told[h]++
			}
		}
	}
	for h, times := range told {
		if w.saw.happened[h] != times && !w.saw.untold[h.webhook] {
			w.fault("%s of webhook %s has happened %d times, and was told %d times", h.eventType, h.webhook, w.saw.happened[h], times)
		}
	}
	for h, times := range w.saw.happened {
		if told[h] == 0 && !w.saw.untold[h.webhook] {
			w.fault("%s of webhook %s has happened %d times, and was never told", h.eventType, h.webhook, times)
		}
	}
	for hook, times := range gone {
		if times > w.saw.gones[hook] {
			w.fault("webhook %s was told to be gone %d times, and has answered 410 %d times", hook, times, w.saw.gones[hook])
		}
	}
}

func (w *world) disabledBy(hook carteiro.ID) carteiro.DisabledBy {
	is, err := w.truth.GetWebhook(context.Background(), hook)
	if err != nil {
		w.fault("a webhook cannot be read: %v", err)
		return carteiro.DisabledByUser
	}
	return is.DisabledBy
}

func (w *world) operatorEvents(environment carteiro.ID) []*carteiro.Event {
	page, err := w.truth.ListEvents(context.Background(), store.ListEvents{
		EnvironmentID: environment, OwnerKind: carteiro.OwnerEnvironment, OwnerID: environment, Limit: 10_000,
	})
	if err != nil {
		w.fault("events cannot be read: %v", err)
	}
	for i, e := range page.Events {
		stored, err := w.truth.GetEvent(context.Background(), store.EventRef{EnvironmentID: environment, ID: e.ID})
		if err != nil {
			w.fault("event %s cannot be read: %v", e.ID, err)
			continue
		}
		page.Events[i] = stored.Event // with its payload
	}
	return page.Events
}

// readHappening reads an event as its receiver does.
func readHappening(e *carteiro.Event) (h happening, reason carteiro.DisabledBy) {
	var body struct {
		Webhook  struct{ ID carteiro.ID }
		Reason   carteiro.DisabledBy
		Delivery struct {
			LogID carteiro.ID `json:"log_id"`
		}
	}
	_ = json.Unmarshal(e.Payload, &body)
	return happening{e.Type, body.Webhook.ID, body.Delivery.LogID}, body.Reason
}

// allTold says whether there is nothing left that environments are to be told.
func (w *world) allTold() bool {
	left, err := w.truth.ListNotices(context.Background(), store.ListNotices{Limit: 1})
	if err != nil {
		w.fault("notices cannot be read: %v", err)
	}
	return len(left) == 0 && !slices.ContainsFunc(w.operators, w.hasOpen)
}
