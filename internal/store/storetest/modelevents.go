package storetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

func (m *model) ListEvents(_ context.Context, p store.ListEvents) (page store.EventPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	look := cmp.Or(p.Look, store.MaxLooked)
	all := m.seen(&p)
	slices.Reverse(all)
	page.TotalIsLowerBound = len(p.IDs) == 0 && len(all) > look
	if len(p.IDs) > 0 {
		look = len(all)
	}
	for _, e := range window(all, 0, look) {
		if eventMatches(&e, &p) {
			page.Total++
		}
	}
	if !p.Before.IsZero() {
		all = slices.DeleteFunc(all, func(e carteiro.Event) bool { return compareIDs(e.ID, p.Before) >= 0 })
	}
	var found []*carteiro.Event
	for _, e := range window(all, 0, look) {
		if eventMatches(&e, &p) {
			e.Payload, e.TraceParent = nil, ""
			found = append(found, &e)
		}
	}
	page.Events = window(found, p.Offset, p.Limit)
	switch {
	case len(found) > p.Offset+p.Limit:
		page.Next = page.Events[len(page.Events)-1].ID
	case len(all) > look:
		page.Next = all[look-1].ID
	}
	return page, nil
}

// seen gives the events that are gone through for a list, oldest first, whether they match or not.
func (m *model) seen(p *store.ListEvents) (all []carteiro.Event) {
	for _, e := range m.events {
		switch {
		case e.Test, e.EnvironmentID != p.EnvironmentID,
			!p.From.IsZero() && compareIDs(e.ID, carteiro.MinID(p.From)) < 0,
			!p.To.IsZero() && compareIDs(e.ID, carteiro.MinID(p.To)) >= 0,
			len(p.IDs) > 0 && !slices.Contains(p.IDs, e.ID),
			e.Undelivered == "" && (p.Undelivered != nil && *p.Undelivered || p.Undelivered == nil && p.Reason != ""):
			continue
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b carteiro.Event) int { return compareIDs(a.ID, b.ID) })
	return all
}

func eventMatches(e *carteiro.Event, p *store.ListEvents) bool {
	of := p.OwnerKind == 0 || e.OwnerKind == p.OwnerKind && e.OwnerID == p.OwnerID ||
		p.CallEvents && e.OwnerKind == carteiro.OwnerAgent && e.CampaignID == p.OwnerID
	return of && (len(p.Types) == 0 || slices.Contains(p.Types, e.Type)) && (p.Reason == "" || e.Undelivered == p.Reason) &&
		(p.Undelivered == nil || *p.Undelivered == (e.Undelivered != ""))
}

func (m *model) GetEvent(_ context.Context, ref store.EventRef) (stored store.StoredEvent, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, found := m.events[ref.ID]
	if !found || e.Test || e.EnvironmentID != ref.EnvironmentID {
		return stored, store.ErrNotFound
	}
	stored.Event = &e
	at := make(map[carteiro.ID]*store.EventDelivery)
	for _, a := range m.attempts {
		if a.EventID != ref.ID {
			continue
		}
		d := at[a.WebhookID]
		if d == nil {
			w := m.webhooks[a.WebhookID]
			d = &store.EventDelivery{Webhook: &w}
			at[a.WebhookID] = d
		}
		if d.Attempts++; compareIDs(d.LogID, a.ID) < 0 {
			d.LogID, d.Status, d.HTTPStatus = a.ID, m.read(a).Status, 0
			if a.Outcome != nil {
				d.HTTPStatus = a.Outcome.HTTPStatus
			}
		}
	}
	for _, d := range at {
		stored.Deliveries = append(stored.Deliveries, *d)
	}
	slices.SortFunc(stored.Deliveries, func(a, b store.EventDelivery) int { return compareIDs(a.Webhook.ID, b.Webhook.ID) })
	return stored, nil
}

// walkEvents takes a replay on.
func (m *model) walkEvents(job *carteiro.BulkRetry, p *store.StepBulkRetry, step *store.BulkStep) {
	w := m.webhooks[job.WebhookID]
	sought := store.Replayed(job, ownerOf(&w), m.owners[ownerOf(&w)].CreatedAt)
	ahead := slices.DeleteFunc(m.seen(&sought), func(e carteiro.Event) bool { return compareIDs(e.ID, job.Cursor) <= 0 })
	stride := cmp.Or(p.Stride, store.ReplayStride)
	if len(sought.IDs) > 0 {
		stride = len(ahead) + 1
	}
	strides := window(ahead, 0, stride)
	matching := slices.DeleteFunc(slices.Clone(strides), func(e carteiro.Event) bool { return !eventMatches(&e, &sought) })
	job.Status = carteiro.BulkRunning
	for _, e := range window(matching, 0, p.Look) {
		if step.Retried == len(p.NewIDs) {
			return
		}
		m.comeToEvent(job, &e, p, step)
		job.Cursor = e.ID
	}
	switch {
	case len(matching) >= p.Look:
	case len(strides) < stride:
		job.Status = carteiro.BulkDone
	default:
		job.Cursor = strides[len(strides)-1].ID
	}
}

func (m *model) comeToEvent(job *carteiro.BulkRetry, e *carteiro.Event, p *store.StepBulkRetry, step *store.BulkStep) {
	delivered, open, highest := m.eventAt(e.ID, job.WebhookID)
	switch {
	case delivered:
		job.Skipped.AlreadySucceeded++
	case open:
		job.Skipped.InProgress++
	case compareIDs(e.ID, carteiro.MinID(p.NotBefore)) < 0:
		job.Skipped.TooOld++
	default:
		next := &modelAttempt{Attempt: carteiro.Attempt{EventID: e.ID, EventType: e.Type, Number: highest + 1}}
		for _, a := range m.attempts {
			if a.EventID == e.ID && a.WebhookID == job.WebhookID && compareIDs(next.PreviousID, a.ID) < 0 {
				next.PreviousID = a.ID
			}
		}
		stored := m.events[e.ID]
		stored.Undelivered = ""
		m.events[e.ID] = stored
		m.openNext(job, p, step, next)
	}
}
