package storetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

func (m *model) CleanDeleted(_ context.Context, p store.CleanDeleted) (cleaned store.CleanedDeleted, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, found := m.toClean(&p)
	if !found {
		return cleaned, nil
	}
	cleaned.WebhookID = w.ID
	for i := range m.jobs {
		if job := &m.jobs[i]; job.WebhookID == w.ID && !job.Status.Ended() {
			job.Status, job.UpdatedAt, job.EndedAt, job.PausedBy = carteiro.BulkCancelled, p.Now, p.Now, ""
		}
	}
	var pending []*modelAttempt
	open := 0
	for _, a := range m.attempts {
		if a.WebhookID == w.ID && a.Outcome == nil {
			if open++; a.lease == 0 {
				pending = append(pending, a)
			}
		}
	}
	slices.SortFunc(pending, func(a, b *modelAttempt) int { return cmp.Or(a.DueAt.Compare(b.DueAt), compareIDs(a.ID, b.ID)) })
	for _, a := range window(pending, 0, p.Limit) {
		a.Outcome = carteiro.WebhookDeletedOutcome(p.Now)
		m.recorded = append(m.recorded, modelRecord{m.events[a.EventID].EnvironmentID, a.Outcome})
		cleaned.Finished++
	}
	cleaned.More = cleaned.Finished == p.Limit
	m.cleaned[w.ID] = cleaned.Finished == open && w.DeletedAt.Before(p.SettledBefore)
	return cleaned, nil
}

func (m *model) toClean(p *store.CleanDeleted) (first carteiro.Webhook, found bool) {
	for id, w := range m.webhooks {
		if !w.Deleted() || m.cleaned[id] || p.WebhookID.IsZero() && compareIDs(id, p.After) <= 0 || !p.WebhookID.IsZero() && id != p.WebhookID {
			continue
		}
		if !found || compareIDs(id, first.ID) < 0 {
			first, found = w, true
		}
	}
	return first, found
}
