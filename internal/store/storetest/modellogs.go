package storetest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// The model's retries, and what is read and purged of the history.

func (m *model) Retry(_ context.Context, p store.Retry) (result store.RetryResult, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if result.Replay = m.before(p.Key, p.Now); result.Replay != nil {
		return result, nil
	}
	delivery, refused, err := m.wouldRetry(&p)
	switch {
	case err != nil:
		return result, err
	case refused != "":
		result.Refused = refused
	case p.Held && !m.live(p.Session):
		return result, store.ErrLeaseLost
	default:
		m.keep(p.Key)
		a := &modelAttempt{Attempt: delivery.Attempt}
		if p.Held {
			a.lease = p.Session.ID
		}
		m.attempts[store.AttemptRef{WebhookID: a.WebhookID, ID: a.ID}] = a
		result.Delivery = delivery
	}
	return result, nil
}

// wouldRetry says what a retry would make, and why it is refused, if it is.
func (m *model) wouldRetry(p *store.Retry) (d *carteiro.Delivery, refused carteiro.NotRetriable, err error) {
	w, found := m.webhooks[p.WebhookID]
	log := m.attempts[store.AttemptRef{WebhookID: p.WebhookID, ID: p.LogID}]
	if !found || w.Deleted() || ownerOf(&w) != p.OwnerRef || log == nil {
		return nil, "", store.ErrNotFound
	}
	delivered, open, highest := m.eventAt(log.EventID, p.WebhookID)
	switch {
	case delivered:
		refused = carteiro.AlreadySucceeded
	case open:
		refused = carteiro.InProgress
	case compareIDs(log.ID, carteiro.MinID(p.NotBefore)) < 0:
		refused = carteiro.TooOld
	case !w.Enabled:
		refused = carteiro.WebhookOff
	}
	event := m.events[log.EventID]
	return &carteiro.Delivery{Event: &event, Attempt: carteiro.Attempt{
		ID: p.NewID, WebhookID: p.WebhookID, EventID: log.EventID, EventType: log.EventType,
		Number: highest + 1, ChainStart: highest + 1, Trigger: p.Trigger, PreviousID: p.LogID,
		DueAt: p.Now, Status: carteiro.StatusPending,
	}}, refused, nil
}

func (m *model) PreviewRetry(_ context.Context, p store.PreviewRetry) (preview store.RetryPreview, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	preview.Delivery, preview.Refused, err = m.wouldRetry(&store.Retry{
		LogRef: p.LogRef, Now: p.Now, NotBefore: p.NotBefore, NewID: p.NewID, Trigger: carteiro.TriggerManual,
	})
	if err == nil {
		preview.Log = m.read(m.attempts[store.AttemptRef{WebhookID: p.WebhookID, ID: p.LogID}])
	}
	return preview, err
}

// eventAt says how an event stands at a webhook.
func (m *model) eventAt(event, webhook carteiro.ID) (delivered, open bool, highest int) {
	for _, a := range m.attempts {
		if a.EventID == event && a.WebhookID == webhook {
			delivered = delivered || a.Outcome != nil && a.Outcome.Success
			open = open || a.isOpen()
			highest = max(highest, a.Number)
		}
	}
	return delivered, open, highest
}

func (m *model) Purge(_ context.Context, p store.Purge) (more bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.keys, func(_ modelKey, key store.Key) bool { return !key.ExpiresAt.After(p.Now) })
	var old []store.AttemptRef
	for ref, a := range m.attempts {
		if !a.isOpen() && compareIDs(ref.ID, carteiro.MinID(p.Before)) < 0 {
			old = append(old, ref)
		}
	}
	for _, ref := range window(old, 0, p.Limit) {
		delete(m.attempts, ref)
	}
	maps.DeleteFunc(m.events, func(id carteiro.ID, _ carteiro.Event) bool {
		for _, a := range m.attempts {
			if a.EventID == id {
				return false
			}
		}
		return compareIDs(id, carteiro.MinID(p.Before)) < 0
	})
	m.tokens = slices.DeleteFunc(m.tokens, func(t carteiro.Token) bool { return t.Session && t.Expired(p.Now) })
	m.minutesFrom, m.hoursFrom = p.Now.Add(-store.MinutesKept).Truncate(time.Minute), p.Now.Add(-store.HoursKept).Truncate(time.Hour)
	m.jobs = slices.DeleteFunc(m.jobs, func(j carteiro.BulkRetry) bool { return j.Status.Ended() && j.EndedAt.Before(p.Before) })
	return len(old) > p.Limit, nil
}

func (m *model) GetLog(_ context.Context, ref store.AttemptRef) (*carteiro.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.attempts[ref]
	if a == nil {
		return nil, store.ErrNotFound
	}
	return m.read(a), nil
}

func (m *model) GetLogs(_ context.Context, webhook carteiro.ID, ids []carteiro.ID) (attempts []*carteiro.Attempt, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if a := m.attempts[store.AttemptRef{WebhookID: webhook, ID: id}]; a != nil {
			attempts = append(attempts, m.read(a))
		}
	}
	return attempts, nil
}

// briefly returns an attempt without headers and bodies, and the size of the bodies.
func briefly(a *carteiro.Attempt) (*carteiro.Attempt, int) {
	if a.Outcome == nil {
		return a, 0
	}
	brief, outcome := *a, *a.Outcome
	size := len(outcome.RequestBody) + len(outcome.ResponseBody)
	outcome.RequestHeaders, outcome.ResponseHeaders, outcome.RequestBody, outcome.ResponseBody, outcome.SharedTail = nil, nil, nil, nil, 0
	brief.Outcome = &outcome
	return &brief, size
}

// read returns an attempt as a reader sees it.
func (m *model) read(a *modelAttempt) *carteiro.Attempt { return a.read(m.openRetries(a.WebhookID)) }

// read does the same with the open retries of the attempt's webhook.
func (a *modelAttempt) read(retries map[carteiro.ID]bool) *carteiro.Attempt {
	seen := a.Attempt
	if !a.isOpen() {
		seen.Status = a.Outcome.Status()
	}
	if seen.Status == carteiro.StatusFailed && retries[a.ID] {
		seen.Status = carteiro.StatusRetrying
	}
	return &seen
}

// openRetries returns the attempts of a webhook whose automatic retry is open.
func (m *model) openRetries(webhook carteiro.ID) map[carteiro.ID]bool {
	retries := make(map[carteiro.ID]bool)
	for ref, a := range m.attempts {
		if ref.WebhookID == webhook && a.isOpen() && a.IsRetry() {
			retries[a.PreviousID] = true
		}
	}
	return retries
}

func (m *model) ListLogs(_ context.Context, p store.ListLogs) (page store.LogPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*carteiro.Attempt
	retries := m.openRetries(p.WebhookID)
	for ref, a := range m.attempts {
		if ref.WebhookID != p.WebhookID {
			continue
		}
		if seen := a.read(retries); matches(seen, &p) && (!p.NoTests || !m.events[a.EventID].Test) {
			page.Total++
			if p.Before.IsZero() || compareIDs(seen.ID, p.Before) < 0 {
				found = append(found, seen)
			}
		}
	}
	slices.SortFunc(found, func(a, b *carteiro.Attempt) int { return compareIDs(b.ID, a.ID) })
	page.Attempts = window(found, p.Offset, p.Limit)
	page.More = len(found) > p.Offset+p.Limit
	if p.Brief && len(page.Attempts) > 0 {
		page.Sizes = make([]int, len(page.Attempts))
		for i, a := range page.Attempts {
			page.Attempts[i], page.Sizes[i] = briefly(a)
		}
	}
	page.TotalIsLowerBound = p.IDs != nil && m.tooMany(p.WebhookID, *p.IDs)
	return page, nil
}

// tooMany says whether more entries or events are in a range than are looked at.
func (m *model) tooMany(webhook carteiro.ID, ids store.IDRange) bool {
	entries, events := 0, 0
	for ref := range m.attempts {
		if ref.WebhookID == webhook && inRange(ref.ID, ids) {
			entries++
		}
	}
	for id := range m.events {
		if inRange(id, ids) {
			events++
		}
	}
	return max(entries, events) > store.MaxFound
}

func matches(a *carteiro.Attempt, p *store.ListLogs) bool {
	return (p.Status == "" || a.Status == p.Status) &&
		(p.EventType == "" || a.EventType == p.EventType) &&
		(p.EventID.IsZero() || a.EventID == p.EventID) &&
		(p.HTTP == nil || a.Outcome != nil && p.HTTP.Has(a.Outcome.HTTPStatus)) &&
		(p.IDs == nil || inRange(a.ID, *p.IDs) || inRange(a.EventID, *p.IDs)) &&
		(p.From.IsZero() || compareIDs(a.ID, carteiro.MinID(p.From)) >= 0) &&
		(p.To.IsZero() || compareIDs(a.ID, carteiro.MinID(p.To)) < 0)
}

func inRange(id carteiro.ID, r store.IDRange) bool {
	return compareIDs(r.First, id) <= 0 && compareIDs(id, r.Last) <= 0
}
