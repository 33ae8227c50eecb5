package simulation_test

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// An endpoint moves: its webhook gets another URL, and the old one answers 410 from then on, also to what is on its way. What
// the old URL answers says nothing about the new one.

var gone = carteiro.Outcome{Reason: carteiro.ReasonHTTPStatus, HTTPStatus: 410, Error: "HTTP 410"}

// movedAway is what a receiver answers in the end to a request at a URL, where it would have answered o.
func (w *world) movedAway(d *carteiro.Delivery, url string, o *carteiro.Outcome) *carteiro.Outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	if current, known := w.saw.urls[d.WebhookID]; known && current != url && o.HTTPStatus != 0 {
		answer := gone
		o = &answer
	}
	if o.HTTPStatus == gone.HTTPStatus {
		w.saw.goneURLs[d.WebhookID.String()+url] = true
	}
	return o
}

// outdated returns the webhooks of which a call records nothing but what former URLs have answered, as they are.
func (w *world) outdated(p *store.Record) (hooks []*carteiro.Webhook) {
	w.mu.Lock()
	current := make(map[carteiro.ID]bool)
	var old []carteiro.ID
	for _, r := range p.Results {
		sends := w.saw.sends[r.Delivery.ID]
		if len(sends) > 0 && sends[len(sends)-1].url != w.saw.urls[r.Delivery.WebhookID] && !w.isOperators(r.Delivery.WebhookID) {
			old = append(old, r.Delivery.WebhookID)
		} else {
			current[r.Delivery.WebhookID] = true
		}
	}
	w.mu.Unlock()
	for _, id := range old {
		if hook, err := w.truth.GetWebhook(context.Background(), id); err == nil && !current[id] {
			hooks = append(hooks, hook)
		}
	}
	return hooks
}

// judgeOutdated sees that what former URLs have answered has changed nothing about the webhooks.
func (w *world) judgeOutdated(before []*carteiro.Webhook) {
	for _, was := range before {
		is, err := w.truth.GetWebhook(context.Background(), was.ID)
		switch {
		case err != nil:
			w.fault("a webhook cannot be read: %v", err)
		case is.DisabledBy != was.DisabledBy:
			w.fault("webhook %s was disabled by what another URL has answered", was.ID)
		case is.FailuresInARow != was.FailuresInARow || is.Circuit.Open() != was.Circuit.Open():
			w.fault("webhook %s has %d failures in a row, and had %d before another URL has answered", was.ID, is.FailuresInARow, was.FailuresInARow)
		}
	}
}

// judgeGone sees that webhooks that were disabled by a 410 have answered it at their URL.
func (w *world) judgeGone() {
	for _, hook := range w.hooks {
		is, err := w.truth.GetWebhook(context.Background(), hook.ID)
		if err != nil {
			w.fault("a webhook cannot be read: %v", err)
			continue
		}
		if is.DisabledBy == carteiro.DisabledByGone && !w.saw.goneURLs[hook.ID.String()+is.URL] {
			w.fault("webhook %s was disabled by a 410 at %s, where %s has not answered that", hook.ID, time.Since(w.began), is.URL)
		}
	}
}
