package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// chains judges the attempts of a page of events. It reads each webhook once.
type chains struct {
	store    store.Examinable
	webhooks map[carteiro.ID]*carteiro.Webhook
}

// webhook reads a webhook as it is now; nil when there is none.
func (c *chains) webhook(ctx context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	if w, known := c.webhooks[id]; known {
		return w, nil
	}
	w, err := c.store.GetWebhook(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	c.webhooks[id] = w
	return w, nil
}

// byWebhook gives an event's attempts at each of its webhooks, in the order of their numbers.
func byWebhook(e *store.ExaminedEvent) map[carteiro.ID][]store.ExaminedAttempt {
	at := make(map[carteiro.ID][]store.ExaminedAttempt)
	for _, a := range e.Attempts {
		at[a.WebhookID] = append(at[a.WebhookID], a)
	}
	for _, attempts := range at {
		slices.SortFunc(attempts, func(a, b store.ExaminedAttempt) int { return cmp.Compare(a.Number, b.Number) })
	}
	return at
}

// check gives what is wrong with a page of events.
func (c *chains) check(ctx context.Context, page []store.ExaminedEvent) (findings []Finding, err error) {
	for i := range page {
		e := &page[i]
		if e.Kept >= 0 && e.Kept != len(e.Attempts) {
			findings = append(findings, Finding{
				Check: EventCount, EventID: e.ID, Says: fmt.Sprintf("the event is said to have %d attempts, and has %d", e.Kept, len(e.Attempts)),
			})
		}
		for _, attempts := range byWebhook(e) {
			findings = append(findings, checkChain(e, attempts)...)
			abandoned, err := c.checkLast(ctx, e, &attempts[len(attempts)-1])
			if err != nil {
				return nil, err
			}
			findings = append(findings, abandoned...)
		}
	}
	return findings, nil
}

// checkChain gives what does not fit together in an event's attempts at a webhook.
func checkChain(e *store.ExaminedEvent, attempts []store.ExaminedAttempt) (findings []Finding) {
	find := func(check Check, a *store.ExaminedAttempt, says string, args ...any) {
		findings = append(findings, Finding{
			Check: check, EventID: e.ID, WebhookID: a.WebhookID, LogID: a.ID, Says: fmt.Sprintf(says, args...),
		})
	}
	for i := range attempts {
		a := &attempts[i]
		if a.Open && i < len(attempts)-1 {
			find(OpenNotLast, a, "attempt %d is open, and attempt %d has followed it", a.Number, attempts[len(attempts)-1].Number)
		}
		if i == 0 {
			continue // what came before may be older than the retention
		}
		before := &attempts[i-1]
		switch {
		case before.Number == a.Number:
			find(NumberTwice, a, "there are two attempts %d", a.Number)
		case before.Number+1 != a.Number:
			find(Gap, a, "attempt %d comes after attempt %d", a.Number, before.Number)
		case a.Number > a.ChainStart && before.Success:
			find(RetriedSuccess, a, "attempt %d is an automatic retry of a success", a.Number)
		case a.Number > a.ChainStart && a.PreviousID != before.ID:
			find(Predecessor, a, "attempt %d is not the retry of attempt %d", a.Number, before.Number)
		}
	}
	return findings
}

// settled is how long before an attempt was recorded a webhook must have been changed last for the attempt to have been judged
// by the settings of now: nodes remember webhooks for a second, and their clocks differ.
const settled = time.Minute

// checkLast finds the event that is neither delivered, nor waiting, nor done with: its last attempt has failed, the webhook's
// settings want another, have wanted it when this one was recorded, and there is none.
func (c *chains) checkLast(ctx context.Context, e *store.ExaminedEvent, last *store.ExaminedAttempt) ([]Finding, error) {
	if last.Open || last.Success || e.Test || last.HTTPStatus == http.StatusGone {
		return nil, nil
	}
	w, err := c.webhook(ctx, last.WebhookID)
	if err != nil || w == nil || !w.Live() || last.Number-last.ChainStart+1 > w.MaxRetries {
		return nil, err
	}
	log, err := c.store.GetLog(ctx, last.AttemptRef)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // it was purged a moment ago
	}
	if err != nil || log.Outcome == nil || !log.Outcome.FinishedAt.After(w.UpdatedAt.Add(settled)) {
		return nil, err
	}
	switch log.Outcome.Reason {
	case carteiro.ReasonWebhookDisabled, carteiro.ReasonWebhookDeleted:
		return nil, nil
	}
	return []Finding{{
		Check: Abandoned, EventID: e.ID, WebhookID: last.WebhookID, LogID: last.ID,
		Says: fmt.Sprintf("attempt %d has failed, the webhook wants %d retries, and none is open", last.Number, w.MaxRetries),
	}}, nil
}
